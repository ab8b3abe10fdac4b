#!/bin/bash
# The committed C files look as .clang-format says (version 14: others disagree in details).
#   format.sh        names the files that do not, and fails
#   format.sh --fix  rewrites them
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(command -v clang-format-14 || command -v clang-format) || { echo "clang-format is not installed" >&2; exit 1; }
mapfile -t files < <(git ls-files '*.c' '*.h')
[ ${#files[@]} -gt 0 ] || { echo "no C files" >&2; exit 1; }
if [ "${1:-}" = --fix ]; then
	exec "$tool" -i --style=file "${files[@]}"
fi
rc=0
for f in "${files[@]}"; do
	"$tool" --style=file "$f" | cmp -s - "$f" || { echo "$f: not formatted; run tests/lint/format.sh --fix"; rc=1; }
done
exit $rc
