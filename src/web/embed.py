#!/usr/bin/python3
"""Embed the page's files: embed.py OUTPUT FILE... makes one C table of them all."""

import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def literal(data):
    """C string pieces of at most 64 bytes each; octal escapes never swallow the next digit."""
    lines = []
    for i in range(0, len(data), 64):
        text = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in data[i:i + 64])
        lines.append(f'\t\t  "{text}"')
    return "\n".join(lines) or '\t\t  ""'


def main():
    output, files = sys.argv[1], sorted(sys.argv[2:], key=os.path.basename)
    with open(output, "w", encoding="ascii") as out:
        out.write('#include "web/web.h"\n\nconst struct web_file web_files[] = {\n')
        for path in files:
            with open(path, "rb") as source:
                data = source.read()
            kind = TYPES[os.path.splitext(path)[1]]
            etag = hashlib.sha256(data).hexdigest()[:16]
            out.write(f'\t{{ "{os.path.basename(path)}", "{kind}",\n{literal(data)},\n\t\t  {len(data)}, "{etag}" }},\n')
        out.write("};\n\nconst size_t web_file_count = sizeof web_files / sizeof web_files[0];\n")


main()
