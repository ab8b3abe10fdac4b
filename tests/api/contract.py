"""The contract as tests need it: the table of routes, the shape of an error, all that a request may change."""
import json
import pathlib
import re
import typing

import psycopg2

from edge_client import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]

_ROW = re.compile(r'^ROUTE\((\w+),\s*"([^"]+)",\s*(\w+),\s*([^,]+),\s*(\d+),\s*\w+,\s*"([^"]+)"\)', re.M)
_ADMIN = ("/health", "/health/live", "/health/ready", "/metrics")
_SLUG = re.compile(r'^FAULT\(\w+,\s*(\d+),\s*"([^"]+)"', re.M)


class Route(typing.NamedTuple):
    method: str
    pattern: str
    access: str     # OPEN, USER, LINK, PAGE
    flags: str
    body_limit: int
    name: str

    def path(self, **parameters):
        return re.sub(r"\{(\w+)\}", lambda m: parameters[m[1]], self.pattern)


def routes():
    text = (ROOT / "src/api/routes.def").read_text()
    found = [Route(m, p, a, f.strip(), int(b), n) for m, p, a, f, b, n in _ROW.findall(text)]
    assert len(found) == len(re.findall(r"^ROUTE\(", text, re.M)), "a row of routes.def is not understood"
    return found + [Route("GET", path, "OPEN", "0", 0, path) for path in _ADMIN]


BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def foreign_routes():
    """Those that name a thing that belongs to somebody."""
    return [r for r in routes() if "{" in r.pattern and r.access != "OPEN"]


CODES = {slug: int(status) for status, slug in _SLUG.findall((ROOT / "src/base/faults.def").read_text())}


def field(answer, name):
    """A header field of an answer of either client."""
    return answer.headers.get(name) if hasattr(answer, "headers") else answer.field(name)


def assert_error(answer, status=None, code=None, legacy=None):
    """api.md section 7. `status` may be a tuple; `legacy`: seed 003's shape, or RFC 9457 (None: either).
    Returns the body."""
    allowed = status if isinstance(status, tuple) else (status,) if status else tuple(range(400, 600))
    assert answer.status in allowed, answer
    content_type = field(answer, "content-type")
    assert content_type in ("application/problem+json", "application/json; charset=utf-8"), answer
    is_legacy = content_type.startswith("application/json")
    assert legacy in (None, is_legacy), answer
    body = json.loads(answer.body)
    if is_legacy:
        assert body["error"] == body["message"] != "", answer
    else:
        assert body["status"] == answer.status and body["title"] and isinstance(body["retryable"], bool), answer
        assert body["type"].endswith(body["code"]), answer
    assert code in (None, body["code"]), answer
    assert CODES[body["code"]] == answer.status, answer
    assert body["request_id"] == field(answer, "x-request-id") != "", answer
    assert field(answer, "cache-control") == "no-store", answer
    if answer.status in (429, 503):
        assert int(field(answer, "retry-after")) >= 1, answer
    if answer.status == 401:
        assert field(answer, "www-authenticate") == "Bearer", answer
    if answer.status == 405:
        assert field(answer, "allow"), answer
    return body


class Books:
    """Everything that a request may change in the database, to be compared before and after."""

    def __init__(self, url):
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        tables = [row[0] for row in self._ask("select tablename from pg_tables where schemaname = 'public'")]
        self.tables = sorted(set(tables) - {"instances"})        # a running server renews its lease
        assert "users" in tables and "ledger" in tables and "image_generation_jobs" in tables

    def _ask(self, text):
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall()

    def read(self):
        """{table: (rows, checksum of all of them)}"""
        one = "select '{0}', count(*), md5(coalesce(string_agg(t::text, '' order by t::text), '')) from {0} t"
        return {row[0]: row[1:] for row in self._ask(" union all ".join(one.format(t) for t in self.tables))}

    def close(self):
        self.connection.close()


# ---- bytes as they are ----

def raw(server):
    return Client(("127.0.0.1", server.port))


def exchange(server, data, methods=()):
    """Send, half-close, read until the server closes: the final answers."""
    with raw(server) as client:
        client.send(data)
        client.end()
        return [a for a in client.answers(methods) if a.status >= 200]


def ask(server, head, method="GET"):
    with raw(server) as client:
        client.send(head)
        return client.answer(method)
