#!/bin/bash
# smoke.sh BUILD - install into an empty folder; what lies there must run and compile from there.
set -euo pipefail

build=$1
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT

fail() {
	echo "install: $*" >&2
	exit 1
}

DESTDIR=$dest meson install -C "$build" --no-rebuild --quiet >/dev/null
imago=$(find "$dest" -type f -name imago -perm -u+x)
[ -n "$imago" ] || fail "no imago"

version=$("$imago" --version) || fail "imago --version ended with $?"
echo "$version"
wanted=$(meson introspect --projectinfo "$build" | sed -n 's/.*"version": "\([^"]*\)", "descriptive_name": "imago".*/\1/p')
grep -q "imago $wanted" <<<"$version" || fail "imago --version does not say imago $wanted"
for library in libuv libcurl libpq llhttp; do
	grep -qi "$library" <<<"$version" || fail "imago --version does not name $library"
done

pixels=$(find "$dest" -type f -name imago-pixels -perm -u+x)
[ -n "$pixels" ] || fail "no imago-pixels"

readelf -d "$imago" | grep -qE 'BIND_NOW|Flags:.*NOW' || fail "imago is not linked with -z now"
if readelf -d "$imago" "$pixels" | grep -E 'RPATH|RUNPATH'; then
	fail "a path of the build machine is linked in"
fi
strip -o "$dest/stripped" "$imago"
size=$(stat -c %s "$dest/stripped")
echo "stripped: $size bytes"
[ "$size" -le 2097152 ] || fail "imago is larger than 2 MiB"

pc=$(find "$dest" -name imago.pc)
[ -n "$pc" ] || fail "no imago.pc"
flags=$(PKG_CONFIG_SYSROOT_DIR=$dest PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags imago)
for header in $(cd "$(dirname "$(find "$dest" -path '*/include/imago/provider.h')")" && ls); do
	# shellcheck disable=SC2086
	echo "#include <imago/$header>" | ${CC:-cc} -std=gnu11 -Wall -Wextra -Werror -fsyntax-only $flags -x c - ||
		fail "imago/$header does not compile by itself"
done
