#!/usr/bin/env python3
"""embed.py OUTPUT CATALOG... - the built-in catalog, one file a provider, as one C array of text.

`const unsigned char catalog_json[]` and `const size_t catalog_json_size`.
"""
import json
import sys

target, *sources = sys.argv[1:]
models = []
for source in sources:
    with open(source, encoding="utf-8") as f:
        models += json.load(f)["models"]
data = json.dumps({"models": models}, ensure_ascii=False, indent=1).encode()
lines = [", ".join(str(b) for b in data[i:i + 24]) + "," for i in range(0, len(data), 24)]
with open(target, "w", encoding="ascii") as f:
    f.write("#include <stddef.h>\n\n")
    f.write("extern const unsigned char catalog_json[];\nextern const size_t catalog_json_size;\n\n")
    f.write("const unsigned char catalog_json[] = {\n" + "\n".join(lines) + "\n};\n")
    f.write("const size_t catalog_json_size = sizeof(catalog_json);\n")
