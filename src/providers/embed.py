#!/usr/bin/env python3
"""embed.py NAME INPUT OUTPUT - a file as a C array: `const unsigned char NAME[]` and `const size_t NAME_size`."""
import sys

name, source, target = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read()
lines = [", ".join(str(b) for b in data[i:i + 24]) + "," for i in range(0, len(data), 24)]
with open(target, "w", encoding="ascii") as f:
    f.write("#include <stddef.h>\n\n")
    f.write(f"extern const unsigned char {name}[];\nextern const size_t {name}_size;\n\n")
    f.write(f"const unsigned char {name}[] = {{\n" + "\n".join(lines) + "\n};\n")
    f.write(f"const size_t {name}_size = sizeof({name});\n")
