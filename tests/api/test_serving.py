"""The server as its operator has it: whom it serves, what it counts, reload, drain, no provider."""
import http.client
import math
import pathlib
import re
import signal
import socket
import threading
import time

import pytest
import redis

from contract import Books, assert_error
from edge_client import Client
from fal_sim import FalSim
from imago_server import Imago

DRAIN_S = 30


@pytest.fixture(scope="module")
def imago(new_database, stores):
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on", IMAGO_CORS_ORIGINS="http://localhost:3000, https://app.example.org",
               IMAGO_PUBLIC_URL="https://images.example.org") as server:
        yield server


@pytest.fixture(scope="module")
def user(imago):
    return imago.user("somebody")


@pytest.fixture
def books(imago):
    books = Books(imago.environment["DATABASE_URL"])
    yield books
    books.close()


def until(what, within_s=15):
    end = time.monotonic() + within_s
    while not (value := what()):
        assert time.monotonic() < end, "it has not come about"
        time.sleep(0.02)
    return value


# ---- G12: names ----

OURS = ["localhost", "LocalHost", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:9006", "localhost:80", "images.example.org",
        "Images.Example.Org:443"]
FOREIGN = ["evil.example", "localhost.evil.example", "evil.localhost", "127.0.0.2", "127.0.0.1.evil.example", "[::2]", "0.0.0.0", "localhost.",
           "images.example.org.evil.example", "xlocalhost", "192.168.1.1", "imago"]


@pytest.mark.parametrize("host", OURS)
def test_own_names(imago, host):
    assert imago.get("/api/v1/me", headers={"Host": host}).status == 200
    assert imago.get("/", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_name_is_not_served_without_a_key(imago, user, host, books):
    """A page that binds its own name to 127.0.0.1 must not work as `local`."""
    before = books.read()
    for method, path, body in (("GET", "/api/v1/me", None), ("GET", "/", None), ("GET", "/api/images/status/x", None),
                               ("POST", "/api/images/generate", {"prompt": "a cat"}), ("GET", "/api/v1/gallery", None)):
        assert_error(imago.call(method, path, body, headers={"Host": host}), 421, "misdirected")
        assert_error(imago.call(method, path, body, headers={"Host": host, "Cookie": "imago_session=x"}), 421, "misdirected")
    assert imago.get("/api/v1/me", headers={"Host": host, **user}).status == 200
    assert imago.get("/health/live", headers={"Host": host}).status == 200
    assert books.read() == before


def test_a_foreign_page_does_not_act_as_local(imago, books):
    before = books.read()
    for origin in ("http://evil.example", "null", "http://localhost:3001", "https://localhost:3000", "http://localhost:3000.evil.example"):
        for path, body, extra in (("/api/images/generate", {"prompt": "a cat"}, {}),
                                  ("/", b"prompt=a+cat", {"Content-Type": "application/x-www-form-urlencoded"})):
            answer = imago.post(path, body, headers={"Origin": origin, **extra})
            assert_error(answer, 403, "forbidden")
            assert "access-control-allow-origin" not in answer.headers
    for site in ("cross-site", "same-site"):
        assert_error(imago.generate(headers={"Sec-Fetch-Site": site}), 403, "forbidden")
    assert books.read() == before


# ---- cross-origin ----

@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://app.example.org"])
def test_cors_of_listed_pages(imago, origin):
    for path in ("/api/images/generate", "/api/v1/jobs", "/api/v1/me"):
        for method in ("GET", "POST", "DELETE"):
            answer = imago.call("OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method,
                                                          "Access-Control-Request-Headers": "authorization,content-type"})
            assert answer.status == 204 and answer.headers["access-control-allow-origin"] == origin
            assert method in answer.headers["access-control-allow-methods"]
            assert answer.headers["vary"] == "Origin" and "access-control-allow-credentials" not in answer.headers
    for answer in (imago.get("/api/v1/me", headers={"Origin": origin}), imago.get("/nope", headers={"Origin": origin})):
        assert answer.headers["access-control-allow-origin"] == origin and answer.headers["vary"] == "Origin"
        assert "Location" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["http://localhost:3001", "null", "http://evil.example", "http://LOCALHOST:3000", "http://localhost:3000/", "*", ""])
def test_cors_of_others(imago, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for answer in (imago.call("OPTIONS", "/api/images/generate", headers=headers), imago.get("/api/v1/me", headers={"Origin": origin})):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin", "a cache must not give this answer to a listed page"


def test_no_cors_by_default(new_database, stores):
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on") as plain:
        answer = plain.get("/api/v1/me", headers={"Origin": "http://localhost:3000"})
        assert answer.status == 200 and "access-control-allow-origin" not in answer.headers and "vary" not in answer.headers


# ---- what it counts ----

def parse_metrics(text):
    """{name: type}, {(name, labels): value}; the text format's own rules are checked on the way."""
    types, helps, values = {}, set(), {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helps.add(line.split(" ", 3)[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types and kind in ("counter", "gauge", "histogram")
            types[name] = kind
        else:
            match = re.fullmatch(r'([a-z_][a-z0-9_]*)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)', line)
            assert match, line
            name, labels, value = match.groups()
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in types or types.get(family) == "histogram", f"{name} has no TYPE before it"
            assert (name, labels) not in values, f"{line} twice"
            values[name, labels] = float(value)
            assert not math.isnan(values[name, labels])
            assert values[name, labels] >= 0
    assert set(types) == helps
    return types, values


def test_metrics(imago):
    for _ in range(3):
        imago.made("counted", size="512x512")
    answer = imago.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8" and answer.body.endswith(b"\n")
    types, values = parse_metrics(answer.body.decode())
    assert all(name.startswith("imago_") for name in types)
    assert all(name.endswith("_total") for name, kind in types.items() if kind == "counter")
    histograms = [name for name, kind in types.items() if kind == "histogram"]
    assert "imago_loop_turn_cpu_seconds" in histograms and "imago_http_request_duration_seconds" in histograms
    for name in histograms:
        series = {}
        for (full, labels), value in values.items():
            if full == name + "_bucket":
                others, le = re.fullmatch(r'(.*?),?le="([^"]+)"', labels).groups()
                series.setdefault(others, []).append((math.inf if le == "+Inf" else float(le), value))
        for others, buckets in series.items():
            assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets), "buckets must grow"
            assert buckets[-1] == (math.inf, values[name + "_count", others or None])
    assert values["imago_loop_turn_cpu_seconds_count", None] > 0
    assert sum(v for (n, labels), v in values.items() if n == "imago_jobs_finished_total" and "COMPLETED" in labels) >= 3
    assert values["imago_stored_images_total", 'provider="demo"'] >= 3
    assert values["imago_jobs_live", None] == 0
    for (name, labels), value in parse_metrics(imago.get("/metrics").body.decode())[1].items():
        if name.endswith(("_total", "_count")):
            assert value >= values.get((name, labels), 0), f"{name} went back"


def test_every_answer_has_an_id(imago):
    seen = [imago.get(path).headers["x-request-id"] for path in ("/", "/health", "/nope", "/api/v1/me", "/api/images/status/x") * 4]
    assert len(set(seen)) == len(seen) and all(re.fullmatch(r"[\w-]{8,40}", one) for one in seen)
    assert imago.get("/health", headers={"X-Request-Id": "mine-1234"}).headers["x-request-id"] == "mine-1234"
    for strange in ("x" * 200, "a b", "é", "<script>", "a\tb"):
        assert imago.get("/health", headers={"X-Request-Id": strange.encode()}).headers["x-request-id"] != strange
    log = pathlib.Path(imago.log_path).read_text()
    assert seen[0] in log and "a cat" not in log.replace("job", "")


# ---- no provider ----

def test_no_provider(new_database, stores):
    """Seed 002's fault: jobs that were accepted and never ran."""
    with Imago(new_database(), stores["REDIS_URL"]) as imago:
        books = Books(imago.environment["DATABASE_URL"])
        before = books.read()
        for model in ({}, {"model": "imagen4"}, {"model": "demo"}):
            french = assert_error(imago.generate("Un chat", **model), 503, "provider_not_configured", legacy=True)
            assert "FAL_KEY" in french["error"] and french["error"].startswith("Aucun fournisseur n'est configuré")
            english = assert_error(imago.generate("A cat", headers={"Accept-Language": "en"}, **model), 503, "provider_not_configured")
            assert english["error"].startswith("No provider is configured")
        body = assert_error(imago.generate("A cat", model="imagen"), 400, "invalid_field")
        assert "imagen4" in body["error"]
        page = imago.post("/", b"prompt=a+cat", headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert page.status == 503
        assert books.read() == before
        books.close()
        health = imago.get("/health").json()
        assert health["status"] == "degraded" and health["features"]["image_generation"] is False
        assert imago.get("/health/ready").status == 200
        assert imago.find_log("provider.none")


def test_models_and_who_has_them(imago, books):
    before = books.read()
    for model in ("imagen4", "flux", "nano-banana"):       # known, but only the demo is here
        assert_error(imago.generate("a cat", model=model), 503, "provider_not_configured", legacy=True)
    for model, nearest in (("dema", "demo"), ("imagen5", "imagen4"), ("nano-bananas", "nano-banana")):
        body = assert_error(imago.generate("a cat", model=model), 400, "invalid_field")
        assert f"vouliez-vous dire {nearest} ?" in body["error"]
    body = assert_error(imago.generate("a cat", model="something else entirely"), 400, "invalid_field")
    assert body["error"] == "Ce modèle est inconnu"
    assert books.read() == before
    assert imago.made("a cat", model="demo", size="512x512")["metadata"]["model_name"] == "demo"


# ---- reload ----

def dotenv(imago, **settings):
    pathlib.Path(imago.data_dir, ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def reload(imago):
    """SIGHUP; what it said."""
    count = len([e for e in imago.log_events() if e.get("event", "").startswith("reload.")])
    imago.signal(signal.SIGHUP)
    return until(lambda: [e for e in imago.log_events() if e.get("event", "").startswith("reload.")][count:])[0]["event"]


def test_reload(new_database, stores):
    """A key that comes later is used without a restart; settings that are wrong change nothing."""
    with FalSim("--run-ms", 10, "--key", "new:secret") as sim, Imago(new_database(), stores["REDIS_URL"]) as imago:
        assert_error(imago.generate("too early"), 503, "provider_not_configured")
        dotenv(imago, FAL_KEY="new:secret", FAL_QUEUE_URL=sim.url, IMAGO_CORS_ORIGINS="http://localhost:3000")
        assert reload(imago) == "reload.done"
        assert imago.made("with the new key")["images"]
        headers = {"Origin": "http://localhost:3000"}
        assert imago.get("/api/v1/me", headers=headers).headers["access-control-allow-origin"] == "http://localhost:3000"
        live = imago.generate("[[run:1500]]").json()["job_id"]
        for broken in ({"FAL_KEY": "new:secret", "FAL_API_KEY": "other:secret"}, {"FAL_QUEUE_URL": "not a URL", "FAL_KEY": "new:secret"},
                       {"IMAGO_DEMO": "perhaps"}, {"IMAGO_CORS_ORIGINS": "localhost"}, {"BATCH_MAX_RETRIES": "many"}):
            dotenv(imago, **broken)
            assert reload(imago) == "reload.refused", broken
            assert imago.made("with the old settings")["images"]
            assert imago.get("/api/v1/me", headers=headers).headers["access-control-allow-origin"] == "http://localhost:3000"
        assert "secret" not in imago.log_text()
        # a key that the provider does not take: jobs fail, and the next reload makes it good again
        dotenv(imago, FAL_KEY="wrong:secret", FAL_QUEUE_URL=sim.url)
        assert imago.wait_for(live)["status"] == "COMPLETED", "a reload has hurt a running job"
        assert reload(imago) == "reload.done"
        assert imago.wait_for(imago.generate("with a wrong key").json()["job_id"])["status"] == "FAILED"
        dotenv(imago, FAL_KEY="new:secret", FAL_QUEUE_URL=sim.url)
        assert reload(imago) == "reload.done"
        assert imago.made("and again")["images"]
        dotenv(imago, IMAGO_DEMO="on")
        assert reload(imago) == "reload.done"
        assert imago.made("drawn here now")["metadata"]["model_name"] == "demo"


# ---- drain ----

def keep_asking(imago, stop, seen, accepted):
    """One keep-alive client: a job, then its status, again and again, until it is told that the connection ends."""
    connection = imago.connection()
    try:
        while not stop.is_set():
            answer = imago.generate("under load [[run:1200]]", connection=connection)
            seen.append((answer.status, answer.headers.get("connection")))
            if answer.status == 202:
                accepted.append(answer.json()["job_id"])
            if answer.headers.get("connection") == "close":
                return
            answer = imago.get("/api/v1/me", connection=connection)
            seen.append((answer.status, answer.headers.get("connection")))
            if answer.headers.get("connection") == "close":
                return
    except (OSError, http.client.HTTPException):
        return      # an idle connection is closed at once; the next request finds it so
    finally:
        connection.close()


def test_sigterm_under_load(new_database, stores):
    database = new_database()
    with FalSim() as sim:
        imago = Imago(database, stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url, IMAGO_LOCAL_CREDITS=100000)
        imago.start()
        stop, seen, accepted = threading.Event(), [], []
        clients = [threading.Thread(target=keep_asking, args=(imago, stop, seen, accepted)) for _ in range(16)]
        for client in clients:
            client.start()
        until(lambda: len(accepted) >= 150)
        began = time.monotonic()
        imago.signal(signal.SIGTERM)
        assert imago.process.wait(DRAIN_S) == 0, imago.log_text()
        print(f"{len(accepted)} jobs accepted, ended {time.monotonic() - began:.2f} s after SIGTERM")
        stop.set()
        for client in clients:
            client.join()
        assert {status for status, _ in seen} == {200, 202}, "a keep-alive client was told otherwise"
        assert imago.find_log("serve.end") and not imago.find_log("serve.cut_off")
        with pytest.raises(OSError):
            imago.get("/health/live")
        imago.process = None
        imago.start()
        try:
            for job in accepted:
                assert imago.wait_for(job, 60)["status"] == "COMPLETED"
            assert imago.sql("select count(*) from image_generation_jobs where status <> 'COMPLETED'") == [(0,)]
            assert imago.sql("select held from users where name = 'local'") == [(0,)]
            stats = sim.stats()
            assert stats["submissions"] == imago.sql("select count(*) from image_generation_jobs")[0][0]
        finally:
            imago.stop()


def test_sigterm_while_a_request_comes_in(new_database, stores):
    """Half a request is there when the end begins: it is answered, then the connection ends."""
    imago = Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on")
    imago.start()
    body = b'{"prompt": "slowly typed", "size": "512x512"}'
    head = f"POST /api/images/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with Client(("127.0.0.1", imago.port)) as client, Client(("127.0.0.1", imago.port)) as idle:
        idle.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.answer().status == 200
        client.send(head.encode() + body[:10])
        until(lambda: imago.metric("imago_http_connections") >= 3)
        imago.signal(signal.SIGTERM)
        until(lambda: imago.find_log("serve.stop"))
        assert idle.is_closed(5), "an idle connection is not waited for"
        client.send(body[10:])
        answer = client.answer()
        assert answer.field("connection") == "close"
        assert answer.status == 202, answer
        assert client.is_closed()
    assert imago.process.wait(DRAIN_S) == 0
    imago.process = None
    imago.start()
    assert imago.sql("select count(*) from image_generation_jobs") == [(1,)]
    until(lambda: imago.sql("select status from image_generation_jobs") == [("COMPLETED",)])
    imago.stop()


def test_sigterm_with_a_client_that_does_not_read(new_database, stores):
    """Nobody can hold up the end for longer than the drain lasts."""
    imago = Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on", IMAGO_DRAIN="1")
    imago.start()
    with socket.create_connection(("127.0.0.1", imago.port)) as client:
        client.sendall(b"POST /api/images/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        time.sleep(0.1)
        imago.signal(signal.SIGTERM)
        assert imago.process.wait(10) == 0
    imago.process = None


def test_jobs_that_find_no_resting_place(new_database, stores):
    """The drain is over while a provider has not answered a submit: the server ends all the same, and in order."""
    with FalSim() as sim:
        imago = Imago(new_database(), stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url, IMAGO_DRAIN="0.5")
        imago.start()
        stuck = imago.generate("[[submit:hang]]").json()["job_id"]
        waiting = imago.generate("[[run:2000]]").json()["job_id"]
        until(lambda: sim.stats()["submissions"] == 2)
        imago.signal(signal.SIGTERM)
        assert imago.process.wait(10) == 0, imago.log_text()
        assert imago.find_log("serve.cut_off")
        imago.process = None
        imago.start()
        assert imago.wait_for(waiting)["status"] == "COMPLETED"
        assert imago.wait_for(stuck)["status"] == "FAILED"
        assert imago.get("/api/v1/me").json()["credits"] == 1000 - 5
        assert sim.stats()["submissions"] == 2
        imago.stop()


def test_a_status_of_yesterday(new_database, stores):
    """The end of a job may be committed, and the word of it lost on the way to the cache: nobody waits for long."""
    cache = redis.Redis(unix_socket_path=stores["REDIS_URL"].partition(":")[2])
    with FalSim("--run-ms", 10) as sim, Imago(new_database(), stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url) as imago:
        job = imago.generate("[[run:300]]").json()["job_id"]
        key = f"imago:job:{job}"
        until(lambda: cache.exists(key))
        stale, left = cache.get(key), cache.ttl(key)
        assert b'"GENERATING"' in stale or b'"PENDING"' in stale or b'"INITIALIZING"' in stale
        assert 0 <= left <= 5
        assert imago.wait_for(job)["status"] == "COMPLETED"
        until(lambda: cache.ttl(key) > 3000)
        imago.stop()
        cache.set(key, stale, px=500)
        imago.start()
        assert imago.wait_for(job, within_s=5)["status"] == "COMPLETED"


def test_two_signals(new_database, stores):
    """The second one does not wait for anybody. Jobs go on in the next life."""
    imago = Imago(new_database(), stores["REDIS_URL"], IMAGO_DEMO="on")
    imago.start()
    with Client(("127.0.0.1", imago.port)) as client:
        client.send("POST /api/images/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        jobs = [imago.generate(f"number {n}").json()["job_id"] for n in range(8)]
        imago.signal(signal.SIGTERM)
        until(lambda: imago.find_log("serve.stop"))
        imago.signal(signal.SIGTERM)
        assert imago.process.wait(5) == 0, imago.log_text()
    imago.process = None
    imago.start()
    for job in jobs:
        assert imago.wait_for(job)["status"] == "COMPLETED"
    imago.stop()
