"""fal's official JavaScript client against the simulator: what it sends, and what it makes of each answer.

The client is the judge: where it understands the simulator, the simulator speaks fal.
"""
import json
import pathlib
import re
import subprocess
import time

import pytest

from fal_sim import FalSim

HERE = pathlib.Path(__file__).resolve().parent
MODEL = "fal-ai/imagen4/preview"
KEY = "11111111-2222-3333-4444-555555555555:0123456789abcdef0123456789abcdef"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Client:
    def __init__(self, port):
        self.port = port
        self.node = subprocess.Popen(["node", str(HERE / "fal_client.mjs")], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, cwd=HERE)

    def __call__(self, call, *, model=MODEL, how="fetch", key=KEY, **options):
        command = {"port": self.port, "how": how, "key": key, "call": call, "model": model, "with": options}
        self.node.stdin.write(json.dumps(command) + "\n")
        self.node.stdin.flush()
        line = self.node.stdout.readline()
        assert line, "the client ended"
        return json.loads(line)

    def ok(self, call, **options):
        answer = self(call, **options)
        assert "ok" in answer, answer
        return answer["ok"]

    def error(self, call, **options):
        answer = self(call, **options)
        assert "error" in answer, answer
        return answer["error"]

    def close(self):
        self.node.stdin.close()
        self.node.wait(10)
        self.node.stdout.close()


@pytest.fixture(scope="module")
def world():
    with FalSim("--run-ms", "30") as sim:
        client = Client(sim.port)
        yield sim, client
        client.close()


@pytest.fixture
def sim(world):
    world[0].reset()
    world[0].config(delay_ms=0, run_ms=30, latency_ms=0, concurrency=0, retention_ms=3600000, key="")
    return world[0]


@pytest.fixture
def fal(world, sim):
    return world[1]


def until(ask, seconds=10):
    """What ask() says as soon as it says something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ask()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("it never happened")


def submit(fal, prompt, **options):
    return fal.ok("submit", input={"prompt": prompt}, **options)["request_id"]


def wait_until_completed(fal, request_id):
    def completed():
        status = fal.ok("status", requestId=request_id)
        return status if status["status"] == "COMPLETED" else None

    return until(completed)


# ---- what goes well ----

@pytest.mark.parametrize("how", ["fetch", "middleware"])
def test_submit(sim, fal, how):
    answer = fal.ok("submit", how=how, input={"prompt": "café au soleil", "aspect_ratio": "16:9", "num_images": 2})
    assert answer["status"] == "IN_QUEUE" and answer["queue_position"] == 0
    assert UUID.fullmatch(answer["request_id"])
    assert answer["status_url"].endswith(f"/fal-ai/imagen4/requests/{answer['request_id']}/status")
    seen = sim.requests()[-1]
    assert seen["method"] == "POST" and seen["path"] == f"/__queue.fal.run/{MODEL}" and seen["has_key"]
    assert json.loads(seen["body"]) == {"prompt": "café au soleil", "aspect_ratio": "16:9", "num_images": 2}
    headers = {k.lower(): v for k, v in seen["headers"].items()}
    assert headers["x-fal-queue-priority"] == "normal" and headers["content-type"] == "application/json"
    assert sim.stats()["prompts"] == {"café au soleil": 1}


def test_submit_with_webhook(sim, fal):
    fal.ok("submit", input={"prompt": "a cat"}, webhookUrl="https://example.com/hook?a=1&b=2")
    assert sim.requests()[-1]["query"] == "fal_webhook=https%3A%2F%2Fexample.com%2Fhook%3Fa%3D1%26b%3D2"


def test_subscribe_until_the_picture(sim, fal):
    sim.config(delay_ms=60, run_ms=60)
    answer = fal.ok("subscribe", input={"prompt": "a cat", "output_format": "webp", "seed": 7}, pollInterval=20, logs=True)
    data = answer["result"]["data"]
    assert data["seed"] == 7 and data["images"][0]["content_type"] == "image/webp"
    assert UUID.fullmatch(answer["result"]["requestId"])
    states = [u["status"] for u in answer["updates"]]
    assert list(dict.fromkeys(states)) == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    last = answer["updates"][-1]
    assert [entry["message"] for entry in last["logs"]] == ["loading the model", "drawing"]
    assert last["metrics"]["inference_time"] >= 0.05
    status, headers, body = sim.call("GET", data["images"][0]["url"].split(str(sim.port))[1])
    assert status == 200 and headers["Content-Type"] == "image/webp" and body[:4] == b"RIFF" and body[8:12] == b"WEBP"


def test_subscribe_by_stream(sim, fal):
    sim.config(delay_ms=60, run_ms=60)
    answer = fal.ok("subscribe", input={"prompt": "a cat"}, mode="streaming", logs=True)
    assert answer["result"]["data"]["images"]
    assert "COMPLETED" in [u["status"] for u in answer["updates"]]
    assert sim.stats()["streams"] == 1 and sim.stats()["status_polls"] <= 1


def test_stream_tells_each_change_once(sim, fal):
    sim.config(delay_ms=100, run_ms=100)
    request_id = submit(fal, "a cat")
    seen = fal.ok("stream", requestId=request_id, logs=True)
    assert [s["status"] for s in seen] == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]


def test_run_answers_with_the_result_itself(sim, fal):
    answer = fal.ok("run", input={"prompt": "a cat"})
    assert answer["data"]["images"] and sim.stats()["syncs"] == 1
    assert sim.requests()[-1]["path"] == f"/__fal.run/{MODEL}"


def test_later_calls_leave_the_sub_path_out(sim, fal):
    request_id = submit(fal, "a cat")
    wait_until_completed(fal, request_id)
    fal.ok("result", requestId=request_id)
    paths = {r["path"] for r in sim.requests()[1:]}
    assert paths == {f"/__queue.fal.run/fal-ai/imagen4/requests/{request_id}{end}" for end in ("/status", "")}
    for path in (f"/{MODEL}/requests/{request_id}/response", f"/fal-ai/imagen4/requests/{request_id}"):
        assert sim.call("GET", path, headers={"Authorization": f"Key {KEY}"})[0] == 200


def test_queue_positions(sim, fal):
    sim.config(concurrency=1, run_ms=3600000)
    ids = [submit(fal, f"cat {n}") for n in range(4)]
    states = [fal.ok("status", requestId=i) for i in ids]
    assert [s["status"] for s in states] == ["IN_PROGRESS"] + 3 * ["IN_QUEUE"]
    assert [s["queue_position"] for s in states[1:]] == [0, 1, 2]
    fal.ok("cancel", requestId=ids[1])
    assert fal.ok("status", requestId=ids[3])["queue_position"] == 1
    assert sim.stats()["max_running"] == 1


# ---- cancel ----

@pytest.mark.parametrize("state", ["queue:stay", "run:forever"])
def test_cancel(sim, fal, state):
    request_id = submit(fal, f"[[{state}]]")
    fal.ok("cancel", requestId=request_id)
    status = fal.ok("status", requestId=request_id)
    assert status["status"] == "COMPLETED" and status["error_type"] == "client_cancelled"
    assert fal.error("result", requestId=request_id)["status"] == 499
    assert sim.stats()["cancelled"] == 1


def test_cancel_too_late(sim, fal):
    request_id = submit(fal, "a cat")
    wait_until_completed(fal, request_id)
    error = fal.error("cancel", requestId=request_id)
    assert error["name"] == "ApiError" and error["status"] == 400
    assert error["body"] == {"status": "ALREADY_COMPLETED"}


# ---- failures ----

def test_refused_content(sim, fal):
    prompt = "a cat [[fail:content_policy]]"
    request_id = submit(fal, prompt)
    status = wait_until_completed(fal, request_id)
    assert status["error_type"] == "content_policy_violation" and "flagged" in status["error"]
    error = fal.error("result", requestId=request_id)
    assert error["name"] == "ValidationError" and error["status"] == 422
    assert error["requestId"] == request_id
    (field,) = error["fieldErrors"]
    assert field["type"] == "content_policy_violation" and field["loc"] == ["body", "prompt"] and field["input"] == prompt


def test_missing_prompt(sim, fal):
    request_id = fal.ok("submit", input={})["request_id"]
    wait_until_completed(fal, request_id)
    assert fal.error("result", requestId=request_id)["fieldErrors"][0]["type"] == "missing"


def test_detail_as_a_plain_string(sim, fal):
    request_id = submit(fal, "[[result:string]]")
    wait_until_completed(fal, request_id)
    error = fal.error("result", requestId=request_id)
    assert error["name"] == "ValidationError" and isinstance(error["body"]["detail"], str)


PLATFORM = [("runner_server_error", 500), ("client_disconnected", 499), ("bad_request", 400)]


@pytest.mark.parametrize("kind, code", PLATFORM)
def test_platform_errors(sim, fal, kind, code):
    request_id = submit(fal, f"[[fail:{kind}]]")
    wait_until_completed(fal, request_id)
    error = fal.error("result", requestId=request_id)
    assert error["name"] == "ApiError" and error["status"] == code and error["body"]["error_type"] == kind
    _, headers, _ = sim.call("GET", f"/fal-ai/imagen4/requests/{request_id}", headers={"Authorization": f"Key {KEY}"})
    assert headers["X-Fal-Error-Type"] == kind


def test_result_too_early(sim, fal):
    error = fal.error("result", requestId=submit(fal, "[[run:forever]]"))
    assert error["status"] == 400 and error["body"] == {"detail": "Request is still in progress"}


def test_unknown_and_expired(sim, fal):
    nobody = "00000000-0000-4000-8000-000000000000"
    assert fal.error("status", requestId=nobody)["body"] == {"status": "NOT_FOUND"}
    request_id = submit(fal, "a cat")
    wait_until_completed(fal, request_id)
    sim.config(retention_ms=0)
    assert fal.error("result", requestId=request_id)["status"] == 404


def test_keys(sim, fal):
    sim.config(key=KEY)
    fal.ok("submit", input={"prompt": "a cat"})
    wrong = fal.error("submit", key="id:secret", input={"prompt": "a cat"})
    assert wrong["status"] == 401 and wrong["body"] == {"detail": "No user found for Key ID and Secret"}
    malformed = fal.error("submit", key="only-an-id", input={"prompt": "a cat"})
    assert malformed["status"] == 401 and "Expected '<key_id>:<key_secret>'" in malformed["body"]["detail"]
    none = fal.error("submit", key=None, input={"prompt": "a cat"})
    assert none["status"] == 401 and sim.stats()["unauthorized"] == 3 and sim.stats()["submissions"] == 1


def test_exhausted_balance(sim, fal):
    error = fal.error("submit", input={"prompt": "[[submit:exhausted]]"})
    assert error["status"] == 403 and "Exhausted balance" in error["body"]["detail"]
    assert sim.stats()["submissions"] == 0


def test_client_retries_and_ignores_retry_after(sim, fal):
    request_id = submit(fal, "[[result:429 x1 after=7]]")
    wait_until_completed(fal, request_id)
    answer = fal("result", requestId=request_id)
    assert answer["ok"]["data"]["images"] and 700 <= answer["ms"] < 4000
    assert sim.stats()["results"] == 2


def test_status_recovers(sim, fal):
    request_id = submit(fal, "[[status:500 x1]]")
    assert fal.ok("status", requestId=request_id)["status"]
    assert sim.stats()["status_polls"] == 2


# ---- other models ----

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGMwTpsJAAICATNWh+JUAAAAAElFTkSuQmCC"


def boxes(data):
    """[(name, content)] of an MP4 or of a box in it; every length must be right."""
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        assert 8 <= size <= len(data), "a box of a wrong length"
        found.append((data[4:8].decode(), data[8:size]))
        data = data[size:]
    return found


@pytest.mark.parametrize("asked, size", [({}, (1280, 720)), ({"aspect_ratio": "9:16", "resolution": "1080p"}, (1080, 1920))])
def test_film(sim, fal, asked, size):
    data = fal.ok("subscribe", model="fal-ai/veo3.1", input={"prompt": "a cat walks", "duration": "8s", **asked}, pollInterval=20)["result"]["data"]
    assert set(data) == {"video"} and data["video"]["content_type"] == "video/mp4"
    status, headers, body = sim.call("GET", data["video"]["url"].removeprefix(sim.url))
    assert status == 200 and headers["Content-Type"] == "video/mp4"
    film = dict(boxes(body))
    assert list(film) == ["ftyp", "moov", "mdat"] and film["mdat"][:2] == b"\xff\xd8" and film["mdat"][-2:] == b"\xff\xd9"
    track = dict(boxes(dict(boxes(film["moov"]))["trak"]))
    assert tuple(int.from_bytes(track["tkhd"][at:at + 2], "big") for at in (76, 80)) == size
    table = dict(boxes(dict(boxes(dict(boxes(track["mdia"]))["minf"]))["stbl"]))
    at = int.from_bytes(table["stco"][8:12], "big")
    assert body[at:at + 2] == b"\xff\xd8" and int.from_bytes(table["stsz"][4:8], "big") == len(film["mdat"])


@pytest.mark.parametrize("model", ["fal-ai/esrgan", "fal-ai/clarity-upscaler", "fal-ai/birefnet/v2"])
def test_one_picture_of_another(sim, fal, model):
    data = fal.ok("subscribe", model=model, input={"image_url": PIXEL}, pollInterval=20)["result"]["data"]
    assert data["image"]["content_type"] == "image/png" and "images" not in data
    assert sim.call("GET", data["image"]["url"].removeprefix(sim.url))[2][:4] == b"\x89PNG"


WRONG = [
    ("fal-ai/flux/dev/image-to-image", {"prompt": "a cat"}, "missing"),
    ("fal-ai/flux/dev/image-to-image", {"prompt": "a cat", "image_url": PIXEL[:-2] + "*="}, "image_load_error"),
    ("fal-ai/flux-general/inpainting", {"prompt": "a cat", "image_url": PIXEL}, "missing"),
    ("fal-ai/nano-banana/edit", {"prompt": "a cat", "image_urls": []}, "missing"),
    ("fal-ai/esrgan", {"image_url": "/etc/passwd"}, "file_download_error"),
    ("fal-ai/veo3.1/image-to-video", {"prompt": "a cat"}, "missing"),
    ("fal-ai/flux-lora", {"prompt": "a cat", "loras": [{"scale": 1}]}, "missing"),
]


@pytest.mark.parametrize("model, given, kind", WRONG)
def test_what_a_model_must_be_given(sim, fal, model, given, kind):
    error = fal.error("subscribe", model=model, input=given, pollInterval=20)
    assert error["status"] == 422 and error["fieldErrors"][0]["type"] == kind


# ---- without the client: what it would hide ----

AUTH = {"Authorization": "Key id:secret", "Content-Type": "application/json"}


def post(sim, prompt, query=""):
    return sim.call("POST", f"/{MODEL}{query}", {"prompt": prompt}, AUTH)


def test_lost_answers_count_as_submissions(sim):
    for rule in ("close-after-body", "cut"):
        with pytest.raises(Exception):
            post(sim, f"[[submit:{rule}]]")
    with pytest.raises(Exception):
        post(sim, "[[submit:close]]")
    stats = sim.stats()
    assert stats["submits"] == 3 and stats["submissions"] == 2 and stats["refused"] == 1


def test_next_and_always(sim):
    sim.config(next=[{"count": 2, "rules": "[[submit:503 after=3]]"}], always="[[fail:internal_error]]")
    assert [post(sim, f"cat {n}")[0] for n in range(3)] == [503, 503, 200]
    until(lambda: sim.stats()["failed"] == 1)


def test_max_queue_length(sim):
    sim.config(concurrency=1, run_ms=3600000)
    codes = [post(sim, f"cat {n}", "?fal_max_queue_length=2")[0] for n in range(6)]
    assert codes == [200, 200, 200, 200, 429, 429]


def test_unknown_words_are_told(sim):
    for wrong in ({"rnu_ms": 1}, {"always": "[[fail:nothing]]"}, {"always": "[[image:404 twice]]"}, {"run_ms": "1"}, {"next": [{"count": 1}]}):
        assert sim.call("POST", "/__sim/config", wrong)[0] == 400, wrong


def picture(sim, rule, **body):
    answer = json.loads(sim.call("POST", f"/{MODEL}", {"prompt": rule, **body}, AUTH)[2])
    path = f"/fal-ai/imagen4/requests/{answer['request_id']}"

    def ready():
        status, _, text = sim.call("GET", path, headers=AUTH)
        return json.loads(text)["images"][0] if status == 200 else None

    return until(ready)


@pytest.mark.parametrize("rule, check", [
    ("404", lambda status, headers, body: status == 404),
    ("html", lambda status, headers, body: b"<html>" in body and headers["Content-Type"] == "image/png"),
    ("empty", lambda status, headers, body: body == b""),
    ("wrong-type", lambda status, headers, body: body[:2] == b"\xff\xd8" and headers["Content-Type"] == "image/png"),
    ("corrupt", lambda status, headers, body: body[:8] == b"\x89PNG\r\n\x1a\n"),
])
def test_bad_pictures(sim, rule, check):
    image = picture(sim, f"[[image:{rule}]]")
    assert check(*sim.call("GET", image["url"].removeprefix(sim.url)))


def test_truncated_once_then_whole(sim):
    image = picture(sim, "[[image:truncated x1]]")
    with pytest.raises(Exception):
        sim.call("GET", image["url"].removeprefix(sim.url))
    assert sim.call("GET", image["url"].removeprefix(sim.url))[2].endswith(b"IEND\xaeB`\x82")


def test_foreign_hosts(sim):
    assert picture(sim, "[[image:foreign-host]]")["url"].startswith("http://pictures.example/")
    assert picture(sim, "[[image:private-host]]")["url"].startswith("http://10.")
    assert picture(sim, "[[result:data-uri]]")["url"].startswith("data:image/png;base64,")


SIZES = [
    ({"aspect_ratio": "16:9"}, (1408, 768)),
    ({"aspect_ratio": "3:4"}, (896, 1280)),
    ({"aspect_ratio": "21:9"}, (1552, 672)),
    ({"aspect_ratio": "1:1", "resolution": "2K"}, (2048, 2048)),
    ({"image_size": "portrait_16_9"}, (576, 1024)),
    ({"image_size": {"width": 640, "height": 482}}, (640, 482)),
]


@pytest.mark.parametrize("asked, size", SIZES)
def test_sizes(sim, asked, size):
    image = picture(sim, "a cat", **asked)
    body = sim.call("GET", image["url"].removeprefix(sim.url))[2]
    assert (image["width"], image["height"]) == size
    assert (int.from_bytes(body[16:20], "big"), int.from_bytes(body[20:24], "big")) == size
