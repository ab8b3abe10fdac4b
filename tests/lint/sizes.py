#!/usr/bin/python3
"""A file is one story of at most 700 lines, a function fits on a page: at most 80 lines, 5 levels.

A function is what lies between a "{" and a "}" in column 0, which the style guarantees.
"""

import re

import source

FILE_LINES = 700
FUNCTION_LINES = 80
INDENT_TABS = 6          # of a statement: the 5th level starts at 5 tabs
LINE_COLUMNS = 140


def _columns(line):
    return len(line.expandtabs(8))


def _functions(name, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start + 1 > FUNCTION_LINES:
                signature = " ".join(l.strip() for l in lines[max(0, start - 3):start - 1])
                yield f"{name}:{start}: function of {number - start + 1} lines: {signature[-60:]}"
            start = None
        elif start and re.match(r"\t{%d,}[^\t ]" % INDENT_TABS, line):
            yield f"{name}:{number}: {len(line) - len(line.lstrip(chr(9)))} levels deep"


def check(root):
    problems = []
    for name, text in source.files(root, ".c", ".h", ".py", ".js", ".mjs", under=("src/", "include/", "tests/", "examples/")):
        lines = text.splitlines()
        if len(lines) > FILE_LINES:
            problems.append(f"{name}: {len(lines)} lines, more than {FILE_LINES}")
        if name.endswith((".c", ".h")):
            problems += _functions(name, source.bare(text).splitlines())
            problems += [f"{name}:{n}: {_columns(l)} columns" for n, l in enumerate(lines, 1)
                         if _columns(l) > LINE_COLUMNS and '"' not in l]
        problems += [f"{name}:{n}: white space at the end" for n, l in enumerate(lines, 1) if l != l.rstrip()]
    return problems


if __name__ == "__main__":
    source.main(check)
