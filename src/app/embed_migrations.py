#!/usr/bin/python3
"""Writes migrations.c: the files of sql/migrations in order, with the SHA-256 of each.

usage: embed_migrations.py MIGRATIONS_DIR OUT.c OUT.d

NNNN_name.sql, numbered from 1 without a hole: what was released is never renumbered.
"""
import hashlib
import os
import re
import sys

NAME = re.compile(r'(\d{4})_([a-z0-9_]+)\.sql')


def c_lines(text):
    lines = text.split('\n')
    for i, line in enumerate(lines):
        end = '' if i == len(lines) - 1 else '\\n'
        body = line.replace('\\', '\\\\').replace('"', '\\"').replace('\t', '\\t').replace('?', '\\?')
        yield '\t  "%s%s"' % (body, end)


def main():
    folder, out, depfile = sys.argv[1:]
    names = sorted(n for n in os.listdir(folder) if n.endswith('.sql'))
    c = ['/* Made by embed_migrations.py. */', '#include "app/migrate.h"', '', 'const struct migration migrations[] = {']
    for number, name in enumerate(names, 1):
        match = NAME.fullmatch(name)
        if not match or int(match.group(1)) != number:
            sys.exit('%s: the migration after %d is %04d_name.sql' % (os.path.join(folder, name), number - 1, number))
        with open(os.path.join(folder, name), 'rb') as f:
            data = f.read()
        c += ['\t{ %d, "%s", "%s",' % (number, name[:-4], hashlib.sha256(data).hexdigest()),
              *c_lines(data.decode('utf-8')), '\t},']
    c += ['\t{ 0, 0, 0, 0 },', '};', 'const unsigned migration_count = %d;' % len(names), '']
    with open(out, 'w', encoding='utf-8') as f:
        f.write('\n'.join(c))
    with open(depfile, 'w', encoding='utf-8') as f:
        f.write('%s: %s\n' % (out, ' '.join([folder] + [os.path.join(folder, n) for n in names])))


if __name__ == '__main__':
    main()
