"""Each lint is quiet on the project, and loud on what it is there to find."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import calls  # noqa: E402
import docs  # noqa: E402
import includes  # noqa: E402
import sizes  # noqa: E402
import source  # noqa: E402
import tables  # noqa: E402


@pytest.mark.parametrize("lint", [includes, calls, sizes, tables, docs], ids=lambda m: m.__name__)
def test_project_is_clean(lint):
    problems = lint.check(source.ROOT)
    assert not problems, "\n" + "\n".join(problems)


def test_there_is_something_to_look_at():
    assert sum(1 for _ in source.files(source.ROOT, ".c", under=("src/",))) > 10


# lint, file, text, a word of the complaint (None: it is fine)
PLANTED = [
    (includes, "src/http/a.c", '#include "http/http.h"\n#include "core/job.h"\n', "may not look"),
    (includes, "src/base/a.c", '#include "loop/loop.h"\n', "may not look"),
    (includes, "src/io/a.c", '#include "http/http.h"\n', "may not look"),
    (includes, "src/api/a.c", '#include "io/pg.h"\n', "may not look"),
    (includes, "src/core/a.c", '#include "loop/loop_priv.h"\n', "private"),
    (includes, "src/core/a.c", '#include "core/core_priv.h"\n', None),
    (includes, "src/core/a.c", '/* #include "api/api.h" */\n', None),
    (includes, "src/core/a.c", "#include <libpq-fe.h>\n", "belongs"),
    (includes, "src/io/pg_call.c", "#include <libpq-fe.h>\n", None),
    (includes, "src/io/names.c", "#include <curl/curl.h>\n", "belongs"),
    (includes, "src/app/a.c", "#include <pthread.h>\n", "not a header"),
    (includes, "src/core/a.c", "#include <zlib.h>\n", "not a header"),
    (includes, "src/core/a.c", "#include <sys/stat.h>\n", None),
    (includes, "include/imago/a.h", '#include "base/str.h"\n', "imago/ only"),
    (calls, "src/core/a.c", "void f(void)\n{\n\tp = malloc(3);\n}\n", "memory comes from base"),
    (calls, "src/base/a.c", "void f(void)\n{\n\tp = malloc(3);\n}\n", None),
    (calls, "src/core/a.c", 'const char *s = "malloc(3)";\n', None),
    (calls, "src/core/a.c", "void f(void)\n{\n\tops->free(x);\n}\n", None),
    (calls, "src/io/a.c", "void f(void)\n{\n\tuv_fs_read(l, r, 1, b, 1, 0, cb);\n}\n", "thread pool"),
    (calls, "src/io/outbound.c", "\tcurl_easy_setopt(h, CURLOPT_POSTFIELDS, p);\n", "twice"),
    (calls, "src/io/pg.c", "\tPQcancel(c, b, 1);\n", "blocks"),
    (calls, "src/io/a.c", "/* TO" "DO later */\n", "finish it"),
    (sizes, "src/core/a.c", "int x;\n" * 701, "lines"),
    (sizes, "src/core/a.c", "void f(void)\n{\n" + "\tx();\n" * 79 + "}\n", "function of 81"),
    (sizes, "src/core/a.c", "void f(void)\n{\n" + "\tx();\n" * 78 + "}\n", None),
    (sizes, "src/core/a.c", "void f(void)\n{\n\t\t\t\t\t\t\tx();\n}\n", "levels deep"),
    (tables, "src/base/faults.def", 'FAULT(A, 400, "a", RETRY_NO, "T")\nFAULT(B, 400, "a", RETRY_NO, "T")\n', "already"),
    (tables, "src/base/faults.def", 'FAULT(A, 40, "a", RETRY_NO, "T")\n', "status"),
    (tables, "src/base/faults.def", 'FAULT(A, 400, "a", RETRY_NO)\nFAULT(B, 400, "b", RETRY_NO, "T")\n', "columns"),
    (tables, "src/base/metrics.def", 'METRIC(COUNTER, things, "", "Things seen")\n', "_total"),
    (tables, "src/base/metrics.def", 'METRIC(GAUGE, things, "", "Things seen")\n', "never counted"),
    (tables, "src/io/stmts.def", 'STMT(A, "a.sql", 1)\n', "is missing"),
    (tables, "sql/queries/b.sql", "-- b\nSELECT 1\n", "no row"),
    (docs, "README.md", "[here](src/none.md)\n", "not there"),
    (docs, "README.md", "see `core/none.c`\n", "not there"),
    (docs, "README.md", "see `README.md` and `build/a/b.c`\n", None),
    (docs, "README.md", "set `IMAGO_NONE`\n", "no setting"),
    (docs, "README.md", "say `imago nothing`\n", "no command"),
    (docs, "src/README.md", "| `http` | the edge | loop, base |\n", None),
    (docs, "src/README.md", "| `http` | the edge | io, loop, base |\n", "may use base, loop"),
]


@pytest.mark.parametrize("lint,name,text,complaint", PLANTED, ids=[f"{p[0].__name__}-{i}" for i, p in enumerate(PLANTED)])
def test_planted(tmp_path, lint, name, text, complaint):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    problems = lint.check(tmp_path)
    if complaint is None:
        assert problems == []
    else:
        assert any(complaint in p for p in problems), problems


@pytest.mark.parametrize("query,complaint", [
    ("-- one\nSELECT $1::text\n", None),
    ("-- two; and a word\nSELECT $1::text, ';';\n", None),
    ("SELECT $1::text\n", "no contract"),
    ("-- two\nSELECT $1::text; SELECT 2\n", "more than one"),
    ("-- other\nSELECT $2::text\n", "not used"),
    ("-- none\nSELECT 1\n", "says 1"),
])
def test_planted_query(tmp_path, query, complaint):
    for folder in ("src/io", "src/core", "sql/queries"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src/io/stmts.def").write_text('STMT(A, "a.sql", 1)\n')
    (tmp_path / "src/core/a.c").write_text("int x = STMT_A;\n")
    (tmp_path / "sql/queries/a.sql").write_text(query)
    problems = tables.check(tmp_path)
    assert (problems == []) if complaint is None else any(complaint in p for p in problems), problems
