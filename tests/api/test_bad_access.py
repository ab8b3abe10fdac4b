"""The bad-input matrix, rows 20 to 22: who asks for what. Between two looks at the whole database, as in test_bad_input.py."""
import pathlib
import secrets
import statistics
import time
import zlib

import pytest

from contract import BASE62, Books, assert_error, exchange, foreign_routes, routes
from fal_sim import FalSim
from imago_server import Imago

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def sim():
    with FalSim("--run-ms", 10) as sim:
        yield sim


@pytest.fixture(scope="module")
def guarded(new_database, stores, sim):
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_ANONYMOUS="off", FAL_KEY="id:secret",
               FAL_QUEUE_URL=sim.url) as server:
        yield server


@pytest.fixture(scope="module")
def ann(guarded):
    """Header fields, a job that has completed, one that goes on and on."""
    headers = guarded.user("ann")
    done = guarded.made("ann's own words", headers=headers)
    live = guarded.generate("ann's other words [[run:forever]]", headers=headers).json()["job_id"]
    while guarded.get(f"/api/images/status/{live}", headers=headers).json()["status"] != "GENERATING":
        time.sleep(0.02)
    return headers, done, live


@pytest.fixture(scope="module")
def bob(guarded):
    return guarded.user("bob")


@pytest.fixture(scope="module")
def books(guarded, ann, bob):
    books = Books(guarded.environment["DATABASE_URL"])
    yield books
    books.close()


@pytest.fixture(autouse=True)
def changes_nothing(request, books):
    before = books.read()
    yield
    if not request.node.get_closest_marker("changes"):
        assert books.read() == before, "a refused request has changed something"


def some_key(text=None):
    """A key of the right form that is nobody's."""
    text = text or "imago_sk_" + "".join(secrets.choice(BASE62) for _ in range(32))
    checksum, number = "", zlib.crc32(text.encode())
    for _ in range(6):
        checksum, number = BASE62[number % 62] + checksum, number // 62
    return text + checksum


@pytest.mark.parametrize("value", [
    None, "", "Bearer", "Bearer ", "Bearer x", "Basic bG9jYWw6eA==", "imago_sk_x", "bearer", "Bearer imago_sk_" + "0" * 38,
    "Bearer " + "x" * 20000, "Bearer é", "Key x"])
def test_row_20_no_key_that_counts(guarded, value):
    headers = {} if value is None else {"Authorization": value.encode("latin-1")}
    for route in routes():
        if route.access in ("OPEN", "PAGE"):
            continue
        path = route.path(id="img_" + "0" * 24, file="image_1.png")
        answer = guarded.call(route.method, path, headers={**headers, **JSON}, body=b"{}" if route.method == "POST" else None)
        assert_error(answer, 401, "unauthorized", legacy=path.startswith("/api/images/"))


@pytest.mark.changes
def test_row_20_unknown_and_disabled(guarded, ann):
    gone = guarded.user("gone")
    guarded.sql("update users set disabled_at = now() where name = 'gone'")
    for headers in (gone, {"Authorization": "Bearer " + some_key()}, {"Authorization": ann[0]["Authorization"][:-1] + "~"}):
        assert_error(guarded.get("/api/v1/me", headers=headers), 401, "unauthorized", legacy=False)


def test_row_20_a_key_twice_and_a_key_of_a_megabyte(guarded, ann):
    key = ann[0]["Authorization"]
    for second in (key, "Bearer x"):
        answers = exchange(guarded, f"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nAuthorization: {second}\r\n\r\n")
        assert [a.status for a in answers] == [400]
        assert_error(answers[0], 400, "bad_request")
    answers = exchange(guarded, "GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + "k" * 1048576 + "\r\n\r\n")
    assert [a.status for a in answers] == [431]
    assert_error(answers[0], 431, "headers_too_large")


def test_row_20_unknown_keys_take_equally_long(guarded, ann):
    """A key that begins as a real one does is not told apart by time from one that is all wrong."""
    real = ann[0]["Authorization"].split()[1]
    near = [some_key(real[:9 + 31 - i // 62 % 8] + BASE62[i % 62] + real[9 + 32 - i // 62 % 8:41]) for i in range(120)]
    near = [key for key in dict.fromkeys(near) if key != real][:80]
    spent = {"near": [], "far": []}
    connection = guarded.connection()
    for key in near:
        for kind, text in (("near", key), ("far", some_key())):
            began = time.perf_counter()
            answer = guarded.get("/api/v1/me", headers={"Authorization": "Bearer " + text}, connection=connection)
            spent[kind].append(time.perf_counter() - began)
            assert answer.status == 401
    medians = {kind: statistics.median(times) for kind, times in spent.items()}
    assert abs(medians["near"] - medians["far"]) < max(0.002, 0.5 * max(medians.values())), medians


@pytest.mark.parametrize("query", ["api_key={}", "key={}", "token={}", "access_token={}", "apikey={}", "x={}", "a=1&limit={}",
                                   "x=imago%5Fsk%5F{tail}", "{}"])
def test_row_21_a_key_in_the_address(guarded, ann, query):
    key = ann[0]["Authorization"].split()[1]
    query = query.format(key, tail=key[9:])
    for path in ("/api/v1/me", "/api/v1/jobs", "/", "/health", f"/api/images/status/{ann[2]}", "/nope"):
        for headers in ({}, ann[0]):
            answer = guarded.get(f"{path}?{query}", headers=headers)
            assert_error(answer, 400, "key_in_url")
            assert key.encode() not in answer.body and key[9:].encode() not in answer.body
    assert key[9:] not in pathlib.Path(guarded.log_path).read_text()


@pytest.mark.parametrize("route", foreign_routes(), ids=lambda r: f"{r.method} {r.pattern}")
def test_row_22_what_is_not_mine_is_not_there(guarded, ann, bob, route):
    headers, done, live = ann
    image = guarded.get(f"/api/v1/jobs/{done['job_id']}", headers=headers).json()["images"][0]["id"]
    for one in (done["job_id"], live, image):
        path = route.path(id=one, file="image_1.png")
        body = b"{}" if route.method in ("POST", "PUT", "PATCH") else None
        for extra in ({}, {"Range": "bytes=0-"}, {"If-None-Match": "*"}):
            answer = guarded.call(route.method, path, body, headers={**bob, **JSON, **extra})
            assert_error(answer, 404, "not_found")
            assert b"ann's" not in answer.body
            never = guarded.call(route.method, route.path(id="img_" + "0" * 24, file="image_1.png"), body, headers={**bob, **JSON, **extra})
            same = [{k: v for k, v in a.json().items() if k != "request_id"} for a in (answer, never)]
            assert same[0] == same[1], "a foreign thing can be told from one that never was"


def test_row_22_lists_have_only_mine(guarded, ann, bob):
    for route in routes():
        if "{" in route.pattern or route.method != "GET" or route.access not in ("USER", "PAGE", "LINK"):
            continue
        for query in ("", "?limit=100", "?type=imagen4", "?user_id=ann", "?q=ann"):
            answer = guarded.get(route.pattern + query, headers=bob)
            assert answer.status == 200, answer
            for word in ("ann's", ann[1]["job_id"], ann[2]):
                assert word.encode() not in answer.body, (route, query)


def test_row_22_a_cursor_of_hers_shows_mine(guarded, ann, bob):
    cursor = guarded.get("/api/v1/jobs?limit=1", headers=ann[0]).json()["next_cursor"]
    assert cursor
    assert guarded.get(f"/api/v1/jobs?cursor={cursor}", headers=bob).json()["items"] == []
