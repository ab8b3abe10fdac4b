#!/usr/bin/python3
"""The .def tables: rows are unique, in range, and agree with what they point to.

stmts.def   each row has its file in sql/queries, each file its row; the parameter count is the
            highest $n in the text; one statement a file, with its contract on top
faults.def  slugs are unique and lower case, the HTTP status is one
metrics.def names follow Prometheus' rules, and something counts them
"""

import re

import source

ROW = re.compile(r"^[ \t]*([A-Z][A-Z_]*)\(", re.MULTILINE)
COLUMNS = {"FAULT": 5, "METRIC": 4, "STMT": 3}
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def _split(text):
    """Arguments of a row: text up to the closing bracket, split at commas outside brackets and strings."""
    depth, start, quoted, out = 0, 0, False, []
    for i, c in enumerate(text):
        if quoted:
            quoted = c != '"' or text[i - 1] == "\\"
        elif c == '"':
            quoted = True
        elif c in "([{":
            depth += 1
        elif c in ")]}" and depth:
            depth -= 1
        elif c == "," and not depth:
            out.append(text[start:i].strip())
            start = i + 1
        elif c == ")":
            out.append(text[start:i].strip())
            return out
    return None


def rows(text):
    text = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
    for match in ROW.finditer(text):
        yield source.line_of(text, match.start()), match.group(1), _split(text[match.end():])


def unquote(s):
    return s[1:-1] if len(s) > 1 and s[0] == s[-1] == '"' else s


def _unique(name, pairs, what):
    seen = {}
    for line, value in pairs:
        if value in seen:
            yield f"{name}:{line}: {what} {value} is already in line {seen[value]}"
        seen.setdefault(value, line)


def _statement(name, text):
    """Problems of one query file, and its number of parameters."""
    problems = []
    if not text.lstrip().startswith(("--", "/*")):
        problems.append(f"{name}: no contract on top")
    code = re.sub(r"--[^\n]*", "", COMMENT.sub("", text))
    code = re.sub(r"'(?:[^']|'')*'", "''", code).strip()
    if ";" in code.rstrip(";"):
        problems.append(f"{name}: more than one statement")
    if not code:
        problems.append(f"{name}: no statement")
    numbers = {int(n) for n in re.findall(r"\$(\d+)", code)}
    missing = set(range(1, max(numbers, default=0) + 1)) - numbers
    if missing:
        problems.append(f"{name}: parameter ${min(missing)} is not used")
    return problems, max(numbers, default=0)


def check_statements(root):
    problems, used = [], {}
    queries = {n: t for n, t in source.files(root, ".sql", under=("sql/queries/",))}
    code = "\n".join(t for _, t in source.files(root, ".c", ".h", under=("src/",)))
    for table, text in source.files(root, "stmts.def", under=("src/",)):
        listed = [(line, args) for line, kind, args in rows(text) if kind == "STMT" and args and len(args) == COLUMNS["STMT"]]
        problems += _unique(table, [(line, a[0]) for line, a in listed], "id")
        problems += _unique(table, [(line, a[1]) for line, a in listed if not a[0].endswith("_WAITING")], "file")
        for line, args in listed:
            query = "sql/queries/" + unquote(args[1])
            if query not in queries:
                problems.append(f"{table}:{line}: {query} is missing")
                continue
            used[query] = True
            more, count = _statement(query, queries[query])
            problems += more
            if str(count) != args[2]:
                problems.append(f"{table}:{line}: {args[0]} says {args[2]} parameters, {query} has {count}")
            if not re.search(r"\bSTMT_%s\b" % re.escape(args[0]), code):
                problems.append(f"{table}:{line}: STMT_{args[0]} is never called")
    problems += [f"{q}: no row in stmts.def" for q in queries if q not in used]
    return problems


def _check_fault(name, line, args):
    code, status, slug, retry, title = args
    if not 200 <= int(status) <= 599:
        yield f"{name}:{line}: status {status}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", unquote(slug)):
        yield f"{name}:{line}: slug {slug}"
    if not re.fullmatch(r"RETRY_[A-Z]+", retry):
        yield f"{name}:{line}: retry {retry}"
    if not unquote(title) or unquote(title).endswith("."):
        yield f"{name}:{line}: title of {code}"


def _check_metric(name, line, args):
    kind, metric, labels, help_text = args
    if not re.fullmatch(r"[a-z][a-z0-9_]*", metric):
        yield f"{name}:{line}: name {metric}"
    if (kind == "COUNTER") != metric.endswith("_total"):
        yield f"{name}:{line}: {metric}: counters and only they end with _total"
    if kind in ("SECONDS", "TURN") and not metric.endswith("_seconds"):
        yield f"{name}:{line}: {metric}: say the unit"
    if any(not re.fullmatch(r"[a-z][a-z_]*", l) for l in unquote(labels).split(",") if l):
        yield f"{name}:{line}: labels {labels}"
    if unquote(labels).count(",") > 1:
        yield f"{name}:{line}: {metric}: more than two labels"
    if len(unquote(help_text)) < 5:
        yield f"{name}:{line}: help of {metric}"


def check_rows(root):
    """Each table: rows of one kind have one length and an id of their own; then what each table promises."""
    problems = []
    code = "\n".join(t for _, t in source.files(root, ".c", ".h", under=("src/",)))
    for name, text in source.files(root, ".def", under=("src/", "tests/")):
        lengths, slugs, ids = dict(COLUMNS), [], []
        for line, kind, args in rows(text):
            if args is None:
                problems.append(f"{name}:{line}: the row does not end")
                continue
            if lengths.setdefault(kind, len(args)) != len(args):
                problems.append(f"{name}:{line}: {len(args)} columns, not {lengths[kind]}")
                continue
            if kind == "FAULT":
                problems += _check_fault(name, line, args)
                ids.append((line, args[0]))
                slugs.append((line, args[2]))
            elif kind == "METRIC":
                problems += _check_metric(name, line, args)
                ids.append((line, args[1]))
                if not re.search(r"metric_\w+\(\s*%s\b|METRIC_ID_%s\b" % (args[1], args[1]), code):
                    problems.append(f"{name}:{line}: {args[1]} is never counted")
            elif kind == "ROUTE":
                ids.append((line, args[0] + " " + unquote(args[1])))
            elif kind in ("STEP", "STMT"):
                ids.append((line, args[0]))
        problems += _unique(name, ids, "row")
        problems += _unique(name, slugs, "slug")
    return problems


def check(root):
    return check_statements(root) + check_rows(root)


if __name__ == "__main__":
    source.main(check)
