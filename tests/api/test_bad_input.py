"""The bad-input matrix on a real server: each row refused as promised, and nothing changed by it.

Every test is surrounded by two looks at the whole database; what differs fails it. The tests that have a
job accepted on purpose say so with the mark `changes`.
"""
import json
import os
import pathlib
import re
import secrets
import statistics
import tarfile
import time
import zlib

import pytest

from contract import CODES, Books, assert_error, field, routes
from edge_client import Client
from fal_sim import FalSim
from hostile import HOSTILE
from imago_server import Imago

GENERATE = "/api/images/generate"
BODY_LIMIT = 65536
STALL_S = 30
JSON = {"Content-Type": "application/json"}
CORPORA = pathlib.Path(os.environ.get("IMAGO_CORPORA", "/nonexistent"))
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


# ---- two servers: one for whoever comes, one that wants keys ----

@pytest.fixture(scope="module")
def imago(new_database, stores):
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on", IMAGO_LOCAL_CREDITS=5000) as server:
        yield server


@pytest.fixture(scope="module")
def picture(imago):
    """The result of a job of `local`."""
    return imago.made("a picture to ask for")


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
def books(imago, guarded, picture, ann, bob):
    both = [Books(server.environment["DATABASE_URL"]) for server in (imago, guarded)]
    yield both
    for one in both:
        one.close()


@pytest.fixture(autouse=True)
def changes_nothing(request, books):
    before = [one.read() for one in books]
    yield
    if not request.node.get_closest_marker("changes"):
        assert [one.read() for one in books] == before, "a refused request has changed something"


changes = pytest.mark.changes


@pytest.fixture(scope="module", autouse=True)
def stalled(imago):
    """A body that never comes; row 17 looks at it in the end, when the others have passed the time."""
    with raw(imago) as client:
        client.send(post(b'{"prompt": "never', length=500))
        yield client, time.monotonic()


def raw(server):
    return Client(("127.0.0.1", server.port))


def post(body=b"", length=None, fields="", path=GENERATE):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}"
    if "ransfer-Encoding" not in fields:
        head += f"Content-Length: {len(body) if length is None else length}\r\n"
    return head.encode() + b"\r\n" + body


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


def send_json(server, text):
    return server.post(GENERATE, text if isinstance(text, bytes) else text.encode(), headers=JSON)


def refused_fields(server, name, **fields):
    answer = server.generate(**fields)
    body = assert_error(answer, 400, "invalid_field", legacy=True)
    assert name in body["message"] or (name == "prompt" and body["message"] == "Prompt requis"), body
    return body["message"]


# ---- 1 to 5: requests ----

def at_home(data):
    """A hostile request of the edge's tests, with names that mean something here."""
    data = data.replace(b"/hello", b"/health/live").replace(b"/echo", GENERATE.encode())
    return data.replace(b"Host: a\r\n", b"Host: localhost\r\nContent-Type: application/json\r\n", 1)


@pytest.mark.parametrize("name,data,statuses", HOSTILE, ids=[h[0] for h in HOSTILE])
def test_row_01_hostile_bytes(imago, name, data, statuses):
    answers = exchange(imago, at_home(data), ["HEAD" if data.startswith(b"HEAD") else "GET"])
    assert len(answers) == 1, answers
    assert_error(answers[0], statuses)
    assert field(answers[0], "connection") == "close" and answers[0].complete


def test_row_02_unknown_path(imago):
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        for path in ("/nope", "/api", "/api/v1", "/api/v1/jobs/", "/api/v1/jobs/a/b", "/health/", "/HEALTH"):
            answer = imago.call(method, path)
            assert answer.status == 404, (method, path, answer)
            if method != "HEAD":
                assert_error(answer, 404, "not_found", legacy=False)
    assert_error(imago.get("/api/images/nope"), 404, "not_found", legacy=True)


def test_row_02_known_path_wrong_method(imago):
    table = {}
    for route in routes():
        table.setdefault(route.pattern, set()).add(route.method)
    for pattern, methods in table.items():
        allowed = methods | ({"HEAD"} if "GET" in methods else set())
        path = re.sub(r"\{\w+\}", "x", pattern)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
            answer = imago.call(method, path)
            assert_error(answer, 405, "method_not_allowed", legacy=path.startswith("/api/images/"))
            assert set(answer.headers["allow"].split(", ")) == allowed, (method, path, answer.headers)


def test_row_03_head_is_get_without_the_body(imago, picture):
    job, file = picture["job_id"], picture["images"][0]["url"].split("/", 3)[3]
    paths = {
        "/api/images/status/{id}": f"/api/images/status/{job}",
        "/api/images/result/{id}": f"/api/images/result/{job}",
        "/generated_images/{id}/{file}": f"/{file}",
        "/api/v1/jobs/{id}": f"/api/v1/jobs/{job}",
        "/assets/{file}": "/assets/icon.svg",
        "/tiles/{id}": f"/tiles/{job}",
    }
    changing = {"date", "x-request-id"}
    moving = {"/metrics", "/health"}        # their bodies are of the moment
    for route in routes():
        if route.method != "GET":
            continue
        path = paths.get(route.pattern, route.pattern)
        request = f"{{}} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        get, head = (ask(imago, request.format(m), m) for m in ("GET", "HEAD"))
        redirects = path.startswith("/tiles/")
        assert get.status == head.status == (303 if redirects else 200), (path, get.status, head.status)
        left_out = changing | ({"content-length"} if path in moving else set())
        kept = [[f for f in answer.fields if f[0] not in left_out] for answer in (get, head)]
        assert kept[0] == kept[1], path
        assert bool(get.body) != redirects and not head.body and field(head, "content-length").isdigit()


def test_row_03_head_of_nothing(imago):
    for path, status in (("/nope", 404), (GENERATE, 405), ("/api/images/status/x", 404)):
        with raw(imago) as client:
            for _ in range(2):      # a body sent by mistake would be read as the next answer
                client.send(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.answer("HEAD").status == status


def test_row_04_methods_of_the_server(imago):
    star = ask(imago, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "OPTIONS")
    assert star.status == 204 and "GET" in field(star, "allow")
    for line in ("TRACE / HTTP/1.1", "TRACE /api/v1/me HTTP/1.1", "CONNECT localhost:80 HTTP/1.1"):
        answers = exchange(imago, f"{line}\r\nHost: localhost:80\r\n\r\n")
        assert [a.status for a in answers] == [405], line
        assert_error(answers[0], 405)
        assert b"Host:" not in answers[0].body
        assert field(answers[0], "connection") == "close"


def test_row_05_paths_that_would_leave(imago, picture):
    job = picture["job_id"]
    folder = f"/generated_images/{job}"
    for path in ("/../../etc/passwd", "/..", "/%2e%2e/%2e%2e/etc/passwd", "/%00", "/%c0%ae%c0%ae/etc/passwd", "/%zz", "/%",
                 "//x", "//etc/passwd", "/generated_images/../.encryption_key", "/generated_images/..%2f.encryption_key",
                 f"{folder}/../../.encryption_key", f"{folder}/..%2f..%2f.encryption_key", f"{folder}/%2e%2e%2f%2e%2e",
                 f"{folder}/image_1.png%00.txt", f"{folder}/.", f"{folder}//image_1.png", f"{folder}/image_1.png/",
                 f"{folder}\\image_1.png", "/assets/../src", "/assets/..%2fweb.c",
                 "/assets/page.html", "/assets//icon.svg", "/assets/%2fetc%2fpasswd", "/generated_images//etc/passwd"):
        answer = ask(imago, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert_error(answer, (400, 404))
        assert b"root:" not in answer.body and b"<" not in answer.body, path


# ---- 6 to 9: JSON ----

@pytest.mark.parametrize("content_type", [
    None, "text/plain", "application/json; charset=latin1", "application/json;charset=utf-16", "application/jsonp",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/problem+json", "json", ""])
def test_row_06_content_types(imago, content_type):
    fields = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    body = b'{"prompt": "a cat"}'
    head = f"POST {GENERATE} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    assert_error(ask(imago, head.encode() + body), 415, "unsupported_media_type", legacy=True)


@changes
@pytest.mark.parametrize("content_type", [
    "application/json; charset=utf-8", "application/json;charset=UTF-8", 'APPLICATION/JSON; charset="utf-8"', "application/json ;"])
def test_row_06_spellings_that_are_right(imago, content_type):
    answer = imago.post(GENERATE, b'{"prompt": "a cat", "size": "512x512"}', headers={"Content-Type": content_type})
    assert answer.status == 202, answer
    imago.wait_for(answer.json()["job_id"])


BAD_JSON = {
    "empty": b"", "blank": b"  \n", "brace": b"{", "truncated": b'{"prompt": "a c', "no_value": b'{"prompt":}',
    "trailing": b'{"prompt": "a cat"} x', "two": b'{"prompt": "a cat"}{"prompt": "a cat"}', "comma": b'{"prompt": "a cat",}',
    "bom": b'\xef\xbb\xbf{"prompt": "a cat"}', "utf16": '{"prompt": "a cat"}'.encode("utf-16"),
    "nan": b'{"prompt": "a cat", "num_images": NaN}', "infinity": b'{"prompt": "a cat", "num_images": -Infinity}',
    "1e999": b'{"prompt": "a cat", "num_images": 1e999}', "2_to_64": b'{"prompt": "a cat", "num_images": 18446744073709551616}',
    "doubled": b'{"prompt": "a cat", "prompt": "a dog"}', "single_quotes": b"{'prompt': 'a cat'}", "comment": b'{"prompt": "a"} // x',
    "leading_zero": b'{"prompt": "a cat", "num_images": 01}', "hex": b'{"prompt": "a cat", "num_images": 0x1}',
    "python": b'{"prompt": "a cat", "x": None}', "word": b"prompt",
    # row 9: strings
    "lone_surrogate": rb'{"prompt": "\ud800"}', "lone_low": rb'{"prompt": "\udc00"}', "reversed": rb'{"prompt": "\udc00\ud800"}',
    "cut_escape": rb'{"prompt": "\u12"}', "bad_escape": rb'{"prompt": "\x41"}', "raw_control": b'{"prompt": "a\x01b"}',
    "raw_newline": b'{"prompt": "a\nb"}', "nul": b'{"prompt": "a\x00b"}', "nul_escaped": rb'{"prompt": "a\u0000b"}',
    "nul_key": rb'{"prompt\u0000": "a"}', "nul_after": b'{"prompt": "a cat"}\x00', "overlong": b'{"prompt": "\xc0\xaf"}',
    "latin1": b'{"prompt": "caf\xe9"}', "cut_utf8": b'{"prompt": "\xe2\x82"}', "surrogate_utf8": b'{"prompt": "\xed\xa0\x80"}',
    "above_unicode": b'{"prompt": "\xf4\x90\x80\x80"}',
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_row_07_and_09_not_json(imago, name):
    body = assert_error(send_json(imago, BAD_JSON[name]), 400, "invalid_json", legacy=True)
    assert re.fullmatch(r"JSON invalide à l'octet \d+ : .+", body["message"]), body


@pytest.mark.parametrize("text", ["[]", '"a cat"', "null", "true", "12", '[{"prompt": "a cat"}]'])
def test_row_07_json_but_no_object(imago, text):
    assert assert_error(send_json(imago, text), 400, "invalid_json", legacy=True)["message"] == "Le corps doit être un objet JSON"


def test_row_07_no_secret_comes_back(imago):
    secret = "imago_sk_" + "z" * 38
    for text in ('{"prompt": "x", "api_key": "%s', '{"%s": 1,,}', '{"prompt": "x"} %s', '{"prompt": "\\u00 %s"}', "%s"):
        answer = send_json(imago, text % secret)
        assert_error(answer, 400)
        assert secret.encode() not in answer.body
    assert secret not in imago.log_text()


@pytest.mark.skipif(not (CORPORA / "JSONTestSuite.tar.xz").exists(), reason="IMAGO_CORPORA has no JSONTestSuite")
def test_row_07_all_that_must_not_parse(imago):
    seen = 0
    with tarfile.open(CORPORA / "JSONTestSuite.tar.xz") as suite:
        for member in suite:
            name = os.path.basename(member.name)
            if not name.startswith("n_") or not member.isfile():
                continue
            text = suite.extractfile(member).read()
            status, code = (413, "too_large") if len(text) > BODY_LIMIT else (400, "invalid_json")
            assert_error(send_json(imago, text), status, code, legacy=True)
            seen += 1
    assert seen >= 180


def test_row_08_nesting(imago):
    for text in ("[" * 100000, '{"a":' * 12000, "[" * 60000, '{"prompt":' + "[" * 64 + "]" * 64 + "}", "[" * 65 + "]" * 65):
        answer = send_json(imago, text)
        assert_error(answer, 413 if len(text) > BODY_LIMIT else 400)
        assert len(text) > BODY_LIMIT or answer.json()["code"] == "invalid_json"
    # 64 levels are JSON; here they are just no prompt
    refused_fields(imago, "prompt", prompt=json.loads("[" * 63 + "]" * 63))


# ---- 10 to 15: fields ----

@pytest.mark.parametrize("prompt", ["", " ", "\t\r\n ", "\u00a0\u2003\u3000\u2028", None, 5, 1.5, True, [], ["a cat"], {}])
def test_row_10_no_prompt(imago, prompt):
    assert refused_fields(imago, "prompt", prompt=prompt) == "Prompt requis"


def test_row_10_missing_prompt(imago):
    for body in ({}, {"num_images": 1}):
        assert assert_error(imago.post(GENERATE, body), 400, "invalid_field")["error"] == "Prompt requis"


def test_row_11_long_prompts(imago):
    for text in ("x" * 4001, "é" * 4001, "🐈" * 4001):
        refused_fields(imago, "prompt", prompt=text)
    assert_error(imago.generate("x" * 1048576), 413, "too_large", legacy=True)


@changes
@pytest.mark.parametrize("prompt", ["x" * 4000, "🐈" * 4000], ids=["ascii", "emoji"])
def test_row_11_the_longest_prompt(imago, prompt):
    assert imago.made(prompt, size="512x512")["images"][0]["description"] == prompt


def naughty():
    if (CORPORA / "blns.json").exists():
        return json.loads((CORPORA / "blns.json").read_text(encoding="utf-8"))
    return ["undefined", "'; drop table users; --", "<script>alert(1)</script>", "\u202eright to left", "\u200b", "   ", "",
            "👩\u200d👩\u200d👧\u200d👦", "Ω≈ç√∫", "\u0001\u0002\u007f\u0080", "％s%n", "𝕋𝕙𝕖", "\ufeff", "\\\"'`${x}"]


@changes
def test_row_12_naughty_strings(guarded, sim):
    """Each is accepted and comes back as it was, from the running job and from the database."""
    headers = guarded.user("naughty", credits=5 * 1000)
    sent = {}
    with_connection = guarded.connection()
    for prompt in naughty():
        answer = guarded.generate(prompt, connection=with_connection, headers=headers)
        if prompt.strip() == "":
            assert_error(answer, 400, "invalid_field")
            continue
        assert answer.status == 202, (prompt, answer)
        sent[answer.json()["job_id"]] = prompt
    assert len(sent) >= 10
    found, cursor = {}, ""
    for job in sent:
        guarded.wait_for(job, headers=headers)
    while cursor is not None:
        page = guarded.get(f"/api/v1/jobs?limit=100{cursor}", headers=headers).json()
        found.update({item["job_id"]: item["prompt"] for item in page["items"]})
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert found == sent
    assert dict(guarded.sql("select id, prompt from image_generation_jobs where id = any(%s)", list(sent))) == sent
    for job, prompt in list(sent.items())[:40]:
        result = guarded.get(f"/api/images/result/{job}", headers=headers).json()
        assert result["status"] == "COMPLETED" and result["images"][0]["description"] == prompt


@pytest.mark.parametrize("text", ["0", "5", "-1", "1.5", "1.0", '"2"', "1e9", "1e0", "9223372036854775808", "9223372036854775807",
                                  "-9223372036854775808", "true", "false", "[]", "{}", '""'])
def test_row_13_num_images(imago, text):
    answer = send_json(imago, '{"prompt": "a cat", "num_images": %s}' % text)
    body = assert_error(answer, 400, legacy=True)
    if body["code"] != "invalid_json":      # a number beyond 64 bits is refused by the parser
        assert (body["code"], body["error"]) == ("invalid_field", "num_images doit être entre 1 et 4")


@pytest.mark.parametrize("size", ["0x0", "99999x99999", "1024X1024", "1024x", "x1024", "1024", "", " 1024x1024", "1024x1024 ",
                                  "-1024x1024", "1024×1024", "1024x1024x1024", "1e3x1e3", 1024, [1024, 1024]])
def test_row_14_sizes(imago, size):
    refused_fields(imago, "size", size=size)


@pytest.mark.parametrize("name,values", [
    ("aspect_ratio", ["2:1:1", "1/1", "0:0", "16x9", "", 1]), ("format", ["png", "GIF", "PNG ", "", 1]),
    ("style", ["Photorealistic", "cubism", "", 1, []]), ("quality", ["best", "HIGH", "", 9]),
    ("seed", [-1, 4294967296, 1.5, "7", True]), ("negative_prompt", [1, [], {}]), ("model", [1, [], True]),
    ("input_image_url", [1, {}, "https://example.com/a.png"])])
def test_row_14_other_choices(imago, name, values):
    for value in values:
        refused_fields(imago, name, **{name: value})


def test_row_14_the_nearest_is_named(imago):
    for name, value, nearest in (("size", "1024X1024", "1024x1024"), ("format", "JPG", "JPEG"), ("quality", "hihg", "high"),
                                 ("style", "3d_render", "3d-render")):
        assert nearest in refused_fields(imago, name, **{name: value}).rsplit(".", 1)[-1]


@pytest.mark.parametrize("name", ["user_id", "credits", "price", "role", "job_id", "status", "charged", "provider_id", "__proto__",
                                  "Prompt", "num_image", "", "x" * 5000])
def test_row_15_unknown_fields(imago, name):
    body = assert_error(imago.generate(**{name: "local"}), 400, "unknown_field", legacy=True)
    assert name[:60] in body["message"] and len(body["message"]) < 300
    if name == "num_image":
        assert "num_images ?" in body["message"]


# ---- 16 to 19: bodies ----

def sized(n):
    """A body of n bytes that is right otherwise."""
    return b'{"prompt": "a cat", "size": "512x512"' + b" " * (n - 38) + b"}"


def test_row_16_one_byte_too_many(imago):
    assert len(sized(BODY_LIMIT + 1)) == BODY_LIMIT + 1
    with raw(imago) as client:              # before a byte of it is sent
        client.send(post(length=BODY_LIMIT + 1))
        assert_error(client.answer(), 413, "too_large", legacy=True)
        assert client.is_closed()
    with raw(imago) as client:              # at the byte, while the body goes on
        client.send(post(fields="Transfer-Encoding: chunked\r\n"))
        client.send(b"%x\r\n" % BODY_LIMIT + sized(BODY_LIMIT) + b"\r\n")
        client.send(b"1\r\n")
        assert_error(client.answer(), 413, "too_large", legacy=True)
        assert client.is_closed()
    for path in ("/api/v1/jobs/img_000000000000000000000000/cancel", "/sign-in"):
        assert_error(ask(imago, post(length=4097, path=path).replace(b"application/json", b"application/x-www-form-urlencoded")),
                     413, "too_large")


@changes
def test_row_16_the_largest_body(imago):
    whole = ask(imago, post(sized(BODY_LIMIT)))
    pieces = ask(imago, post(b"8000\r\n" + sized(BODY_LIMIT)[:0x8000] + b"\r\n8000\r\n" + sized(BODY_LIMIT)[0x8000:] + b"\r\n0\r\n\r\n",
                             fields="Transfer-Encoding: chunked\r\n"))
    for answer in (whole, pieces):
        assert answer.status == 202, answer
        imago.wait_for(json.loads(answer.body)["job_id"])


def test_row_17_a_body_cut_off(imago):
    body = b'{"prompt": "half of it"}'
    answers = exchange(imago, post(body, length=len(body) + 1))
    assert [a.status for a in answers] == [400]
    assert_error(answers[0], 400, "bad_request")
    for cut in (post(body, length=500), post(b"18\r\n" + body, fields="Transfer-Encoding: chunked\r\n")):
        with raw(imago) as client:
            client.send(cut)
            client.reset()
    assert imago.get("/health/live").status == 200


@changes
@pytest.mark.parametrize("leave", ["end", "reset"])
def test_row_18_a_client_that_does_not_wait(imago, leave):
    prompt = f"nobody waits for this, {leave}"
    client = raw(imago)
    client.send(post(json.dumps({"prompt": prompt, "size": "512x512"}).encode()))
    client.reset() if leave == "reset" else client.socket.close()
    end = time.monotonic() + 10
    while not (row := imago.sql("select id from image_generation_jobs where prompt = %s", prompt)):
        assert time.monotonic() < end, "the job was not accepted"
        time.sleep(0.02)
    assert imago.wait_for(row[0][0])["status"] == "COMPLETED"
    assert imago.get(f"/api/images/result/{row[0][0]}").json()["images"][0]["description"] == prompt
    end = time.monotonic() + 10
    while imago.metric("imago_http_connections") > 2:       # the one that asks, and the one that stalls
        assert time.monotonic() < end, "a connection was left behind"
        time.sleep(0.02)


def test_row_19_expectations(imago):
    with raw(imago) as client:
        client.send(post(length=BODY_LIMIT + 1, fields="Expect: 100-continue\r\n"))
        answers = client.answers()
    assert [a.status for a in answers] == [413], "a 100 for a body that is too large"
    assert_error(answers[0], 413, "too_large")
    for value in ("200-ok", "100-continue, x", "100", ""):
        answers = exchange(imago, post(b"{}", fields=f"Expect: {value}\r\n"))
        assert [a.status for a in answers] == [417], value
        assert_error(answers[0], 417, "expectation_failed")
    answers = exchange(imago, f"POST {GENERATE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                              "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    assert [a.status for a in answers] == [415]


@changes
def test_row_19_go_on(imago):
    body = b'{"prompt": "asked first", "size": "512x512"}'
    with raw(imago) as client:
        client.send(post(length=len(body), fields="Expect: 100-continue\r\n"))
        head = client.socket.recv(1000)
        assert head.startswith(b"HTTP/1.1 100 "), head
        client.send(body)
        answer = client.answer()
    assert answer.status == 202
    imago.wait_for(json.loads(answer.body)["job_id"])


# ---- 20 to 23: who asks, and for what ----

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


@changes
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


def foreign_routes():
    return [r for r in routes() if "{" in r.pattern and r.access != "OPEN"]


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


BAD_IDS = ["..", "%2e%2e", ".", "x", "1", "2", "0", "-1", "img_", "img_1", "img_" + "0" * 23, "img_" + "0" * 25, "IMG_" + "0" * 24,
           "batch_" + "0" * 24, "pic_" + "0" * 24, "img_" + "0" * 23 + "_", "img_" + "é" * 12, "a" * 7000, "'%20or%201=1--",
           "%27;drop%20table%20users;--", "img_%00" + "0" * 23, "%00", "img_" + "0" * 24 + "%20", "%F0%9F%90%88", "%ff", "null",
           "img_" + "0" * 24, "550e8400-e29b-41d4-a716-446655440000", "*", "%25", "%0d%0aX:%20y"]


@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda i: i[:30])
def test_row_23_ids_that_are_none(imago, bad):
    path = bad.encode("utf-8").decode("latin-1")
    broken = any(mark in bad for mark in ("%00", "%ff", "%2e", "é", "%0d")) or bad in (".", "..")
    for route in foreign_routes():
        target = route.path(id=path, file="image_1.png")
        head = f"{route.method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        answer = ask(imago, head.encode("latin-1"))
        body = assert_error(answer, (400, 404) if broken else 404)
        if answer.status == 404 and target.startswith("/api/images/"):
            assert body["error"] == "Tâche introuvable"


def test_row_23_ten_kilobytes(imago):
    for route in foreign_routes():
        assert_error(imago.call(route.method, route.path(id="a" * 10240, file="x")), 414, "uri_too_long")


def test_row_23_ids_cannot_be_guessed(imago):
    ids = [row[0] for row in imago.sql("select id from image_generation_jobs union select id from images union select id from users")]
    assert len(ids) > 20
    for one in ids:
        kind, text = one.split("_")
        assert kind in ("img", "pic", "usr") and len(text) == 24 and set(text) <= set(BASE62)      # 24 of 62: 142 bits
    assert len({one[4:12] for one in ids}) == len(ids), "they have a beginning in common"


# ---- 42 and 43: fields of the header ----

@pytest.mark.parametrize("value,status", [
    ("bytes=0-," * 2000 + "0-", 200), ("bytes=0-0,2-2,4-4", 200), ("bytes=9-1", 200), ("bytes=-", 200), ("bytes=", 200), ("bytes", 200),
    ("bytes=a-b", 200), ("bytes=1-2-3", 200), ("bytes=--1", 200), ("lines=0-1", 200), ("bytes = 0-1", 200), ("bytes=0x0-0x9", 200),
    ("bytes=+0-+1", 200), ("bytes=99999999-", 416), ("bytes=9223372036854775807-", 416), ("bytes=-0", 416),
    ("bytes=0-99999999999999999999999999", 200), ("bytes=99999999999999999999999999-", 200), ("bytes=0-18446744073709551615", 200)],
    ids=lambda v: str(v)[:40])
def test_row_42_ranges(imago, picture, value, status):
    image = picture["images"][0]
    path = "/" + image["url"].split("/", 3)[3]
    answer = imago.get(path, headers={"Range": value})
    assert answer.status == status, answer
    if status == 200:
        assert len(answer.body) == image["size_bytes"] and "content-range" not in answer.headers
        assert answer.headers["content-type"] == "image/png"
    else:
        assert_error(answer, 416, "range_not_satisfiable")
        assert answer.headers["content-range"] == f"bytes */{image['size_bytes']}"


@pytest.mark.parametrize("name,values", [
    ("If-None-Match", ["", "x", '"', '""', '"x', 'W/"x"', "é", '"' + "0" * 64 + '"', ",,,", '"a","b"', "\t*x", "0" * 3000]),
    ("If-Modified-Since", ["", "x", "0", "Thu, 99 Nov 9999 99:99:99 GMT", "Thu, 01 Jan 2099 00:00:00 GMT", "é", "-1"]),
    ("If-Match", ["", '"x"']), ("If-Unmodified-Since", ["x", "Thu, 01 Jan 1970 00:00:00 GMT"]),
    ("If-Range", ['"x"', "x", "Thu, 01 Jan 1970 00:00:00 GMT"]),
    ("Accept", ["", "x", "text/html"]), ("Accept-Language", ["", "x", "*", ";;q=,", "é", "fr" * 1000]), ("Cookie", ["=", ";;;", "imago_session=x.y"])])
def test_row_43_conditions_that_mean_nothing(imago, picture, name, values):
    path = "/" + picture["images"][0]["url"].split("/", 3)[3]
    for value in values:
        for target in (path, "/", "/assets/icon.svg", "/api/v1/me"):
            answer = imago.get(target, headers={name: value.encode("utf-8")})
            assert answer.status == 200 and answer.body, (name, value, target, answer)


# ---- last, because it has to wait ----

def test_row_17_a_body_that_stalls(imago, stalled):
    client, began = stalled
    left = STALL_S - (time.monotonic() - began)
    client.socket.settimeout(max(left, 0) + 10)
    assert_error(client.answer(), 408, "request_timeout", legacy=True)
    assert time.monotonic() - began > STALL_S - 1
    assert client.is_closed()
    assert CODES["request_timeout"] == 408
