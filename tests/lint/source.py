"""What the lints share: the files of the project, and C text without comments and strings."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(root, *suffixes, under=()):
    """Files with one of the suffixes, below the folders named in `under` (all folders when empty).

    In a checkout the files git knows and does not ignore; elsewhere (a tarball) what lies there.
    """
    root = pathlib.Path(root)
    try:
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        names = [n for n in listed.decode().split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
        names = [n for n in names
                 if not re.search(r"(^|/)(node_modules|__pycache__|\.[^/]+|build[^/]*)/", n)]
    for name in sorted(names):
        if not name.endswith(suffixes) or (under and not name.startswith(tuple(under))):
            continue
        path = root / name
        if path.is_file():
            yield name, path.read_text(encoding="utf-8", errors="replace")


def _blank(match):
    text = match.group(0)
    kept = text[0] if text[0] in "\"'" else ""
    body = re.sub(r"[^\n]", " ", text[len(kept):len(text) - len(kept)])
    return kept + body + kept


def bare(text):
    """The text with comments and the inside of literals blanked; lines and columns stay."""
    return _TOKEN.sub(_blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def main(check):
    problems = check(ROOT)
    for problem in problems:
        print(problem)
    raise SystemExit(1 if problems else 0)
