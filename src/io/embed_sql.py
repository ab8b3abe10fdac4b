#!/usr/bin/python3
"""Writes stmts.c: the rows of stmts.def with the text of their files in sql/queries.

usage: embed_sql.py stmts.def QUERIES_DIR OUT.c OUT.d

Only trailing white space is taken off. The number of parameters a row declares must be the
highest $n of its file; comments and quoted text do not count. A row X_WAITING has the text of its file
without "skip locked".
"""
import os
import re
import sys

ROW = re.compile(r'^\s*STMT\(\s*(\w+)\s*,\s*"?([\w./-]+)"?\s*,\s*(\d+)\s*\)', re.M)
COMMENT = re.compile(r'/\*.*?\*/', re.S)
NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.S)


def c_lines(text):
    lines = text.split('\n')
    for i, line in enumerate(lines):
        end = '' if i == len(lines) - 1 else '\\n'
        body = line.replace('\\', '\\\\').replace('"', '\\"').replace('\t', '\\t').replace('?', '\\?')
        yield '\t  "%s%s"' % (body, end)


def read_query(folder, name, params):
    path = os.path.join(folder, name)
    with open(path, encoding='utf-8') as f:
        text = '\n'.join(line.rstrip() for line in f.read().rstrip().split('\n'))
    used = [int(n) for n in re.findall(r'\$(\d+)', NOT_CODE.sub(' ', text))]
    if max(used, default=0) != params:
        sys.exit('%s: stmts.def says %d parameters, the text has %d' % (path, params, max(used, default=0)))
    return path, text


def main():
    table, folder, out, depfile = sys.argv[1:]
    with open(table, encoding='utf-8') as f:
        rows = ROW.findall(COMMENT.sub('', f.read()))
    paths, c = [], ['/* Made by embed_sql.py from stmts.def. */', '#include "io/pg.h"', '',
                    'const struct pg_statement stmt_texts[STMT_COUNT + 1] = {']
    for name, file, params in rows:
        path, text = read_query(folder, file, int(params))
        if name.endswith('_WAITING'):
            text = text.replace(' skip locked', '')
        paths.append(path)
        c += ['\t[STMT_%s] = { "%s",' % (name, name), *c_lines(text), '\t  , %s },' % params]
    c += ['\t[STMT_COUNT] = { 0, 0, 0 },', '};', '']
    with open(out, 'w', encoding='utf-8') as f:
        f.write('\n'.join(c))
    with open(depfile, 'w', encoding='utf-8') as f:
        f.write('%s: %s\n' % (out, ' '.join([table, *paths])))


if __name__ == '__main__':
    main()
