"""The bad-input matrix on a real server: each row refused as promised, and nothing changed by it. Rows 20 to 22, on
who asks for what, are in test_bad_access.py.

Every test is surrounded by two looks at the whole database; what differs fails it. The tests that have a
job accepted on purpose say so with the mark `changes`.
"""
import json
import os
import pathlib
import re
import tarfile
import time

import pytest

from contract import BASE62, CODES, Books, ask, assert_error, exchange, field, foreign_routes, raw, routes
from fal_sim import FalSim
from hostile import HOSTILE
from imago_server import Imago

GENERATE = "/api/images/generate"
BODY_LIMIT = 65536
STALL_S = 30
JSON = {"Content-Type": "application/json"}
CORPORA = pathlib.Path(os.environ.get("IMAGO_CORPORA", "/nonexistent"))


# ---- the server, and what must not change ----

@pytest.fixture(scope="module")
def imago(new_database, stores):
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on", IMAGO_LOCAL_CREDITS=5000) as server:
        yield server


@pytest.fixture(scope="module")
def picture(imago):
    """The result of a job of `local`."""
    return imago.made("a picture to ask for")


@pytest.fixture(scope="module")
def books(imago, picture):
    books = Books(imago.environment["DATABASE_URL"])
    yield books
    books.close()


@pytest.fixture(autouse=True)
def changes_nothing(request, books):
    before = books.read()
    yield
    if not request.node.get_closest_marker("changes"):
        assert books.read() == before, "a refused request has changed something"


changes = pytest.mark.changes


@pytest.fixture(scope="module", autouse=True)
def stalled(imago):
    """A body that never comes; row 17 looks at it in the end, when the others have passed the time."""
    with raw(imago) as client:
        client.send(post(b'{"prompt": "never', length=500))
        yield client, time.monotonic()


def post(body=b"", length=None, fields="", path=GENERATE):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{fields}"
    if "ransfer-Encoding" not in fields:
        head += f"Content-Length: {len(body) if length is None else length}\r\n"
    return head.encode() + b"\r\n" + body


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
def test_row_12_naughty_strings(new_database, stores):
    """Each is accepted and comes back as it was, from the running job and from the database."""
    with FalSim("--run-ms", 10) as sim, Imago(new_database(), stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url,
                                              IMAGO_LOCAL_CREDITS=5 * 1000) as imago:
        sent, connection = {}, imago.connection()
        for prompt in naughty():
            answer = imago.generate(prompt, connection=connection)
            if prompt.strip() == "":
                assert_error(answer, 400, "invalid_field")
                continue
            assert answer.status == 202, (prompt, answer)
            sent[answer.json()["job_id"]] = prompt
        assert len(sent) >= 10
        for job in sent:
            assert imago.wait_for(job)["status"] == "COMPLETED"
        found, cursor = {}, ""
        while cursor is not None:
            page = imago.get(f"/api/v1/jobs?limit=100{cursor}").json()
            found.update({item["job_id"]: item["prompt"] for item in page["items"]})
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        assert found == sent
        assert dict(imago.sql("select id, prompt from image_generation_jobs")) == sent
        for job, prompt in list(sent.items())[::12]:
            assert imago.get(f"/api/images/result/{job}").json()["images"][0]["description"] == prompt


@changes
def test_row_12_naughty_strings_drawn(imago):
    """The demo writes them into its pictures: a good part of them, all in a long run."""
    prompts = [prompt for prompt in naughty() if prompt.strip()]
    step = 1 if os.environ.get("IMAGO_TEST_LONG") or len(prompts) < 50 else 16
    jobs = [imago.generate(prompt, size="512x512").json()["job_id"] for prompt in prompts[::step]]
    for job, prompt in zip(jobs, prompts[::step]):
        assert imago.wait_for(job, within_s=120)["status"] == "COMPLETED", prompt


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
    for path in ("/api/v1/jobs/img_000000000000000000000000/cancel", "/sign-out"):
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


# ---- 23: ids ----

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
