"""ModelsLab through the public API: pictures, money, failures; and its key, which is in every body, nowhere else."""
import io
import re
import time

import pytest
from PIL import Image

from imago_server import Imago
from modelslab_sim import ModelsLabSim
from sim import Answer, Rules, Sim

KEY = "ml-SECRET-0123456789-abcdef"


class Thief(Sim):
    """A host that nobody of ours may ever talk to."""
    routes = [(method, r".*", lambda self, request: Answer(200, {"status": "success"})) for method in ("GET", "POST")]


@pytest.fixture(scope="module")
def world(new_database, stores):
    with Thief() as thief, ModelsLabSim(KEY, thief.url) as sim:
        with Imago(new_database(), stores["REDIS_URL"], STABLE_DIFFUSION_API_KEY=KEY, MODELSLAB_BASE_URL=sim.base,
                   IMAGO_LOG="debug,json") as imago:
            yield imago, sim
            with open(imago.log_path, encoding="utf-8", errors="replace") as log:
                text = log.read()
            assert "ml-SECRET" not in text and len(text) > 1000
        assert thief.requests == [], "a host that an answer named was contacted"


@pytest.fixture
def imago(world):
    return world[0]


@pytest.fixture
def sim(world):
    sim = world[1]
    sim.requests.clear()
    sim.fetches, sim.queue_max = 1, 100
    return sim


def submits(sim):
    return [r for r in sim.requests if "/fetch/" not in r.path and r.method == "POST"]


@pytest.fixture
def user(imago):
    return imago.user(f"u{time.monotonic_ns()}", credits=50)


def ended(imago, user, prompt, **fields):
    """The job as /api/v1/jobs shows it in the end."""
    answer = imago.generate(prompt, headers=user, size=fields.pop("size", "512x512"), **fields)
    assert answer.status == 202, answer
    job = answer.json()["job_id"]
    imago.wait_for(job, 60, user)
    return imago.get(f"/api/v1/jobs/{job}", headers=user).json()


def completed(imago, user, prompt, **fields):
    job = ended(imago, user, prompt, **fields)
    assert job["status"] == "COMPLETED", job
    return job


def failed(imago, user, prompt, code):
    """It ends so, costs nobody anything and leaves nothing."""
    job = ended(imago, user, prompt, model="sd-1.5")
    assert job["status"] == "FAILED" and job["error"]["code"] == code, job
    assert job["images"] == [] and job["credits"] == 0 and credits(imago, user) == 50
    assert KEY not in str(job)
    return job


def credits(imago, user):
    return imago.get("/api/v1/me", headers=user).json()["credits"]


# ---- pictures ----

@pytest.mark.parametrize("model, upstream", [("sd-1.5", "sd-1.5"), ("SDXL", "sdxl"), ("realistic-vision", "realistic-vision-51"),
                                             ("anime", "anything-v5"), ("dreamshaper", "dreamshaper-8")])
def test_each_model(imago, sim, user, model, upstream):
    job = completed(imago, user, "a cat in the snow", model=model)
    (sent,) = submits(sim)
    assert sent.path == "/api/v6/images/text2img" and sent.json["model_id"] == upstream
    assert sent.json["prompt"].startswith("a cat in the snow") and sent.json["samples"] == 1
    assert (sent.json["width"], sent.json["height"]) == (512, 512)
    assert (job["provider_id"], len(job["images"])) == ("stable_diffusion_default", 1)


def test_pictures_credits_and_cost(imago, sim, user):
    sim.fetches = 2
    job = completed(imago, user, "four cats", model="sd-1.5", num_images=4, seed=42, negative_prompt="dogs")
    (sent,) = submits(sim)
    assert sent.json["negative_prompt"] == "dogs" and sent.json["seed"] == 42 and sent.json["samples"] == 4
    assert sent.json["enhance_prompt"] is False and 1 <= sent.json["num_inference_steps"] <= 20
    assert job["credits"] == 4 and credits(imago, user) == 46 and job["cost"] == pytest.approx(4 * 0.0067)
    links = imago.get(f"/api/images/result/{job['job_id']}", headers=user).json()["images"]
    assert len(links) == len(job["images"]) == 4
    for link, stored in zip(links, job["images"]):
        address = link if isinstance(link, str) else link["url"]
        picture = Image.open(io.BytesIO(imago.get(re.sub(r"^https?://[^/]+", "", address)).body))
        picture.load()
        assert picture.size == (stored["width"], stored["height"]) == (512, 512)
        assert (picture.format, stored["content_type"]) == ("PNG", "image/png")


def test_wide_pictures_are_asked_for_within_the_bounds(imago, sim, user):
    completed(imago, user, "a wide cat", model="sdxl", size="1792x1024")
    (sent,) = submits(sim)
    assert (sent.json["width"], sent.json["height"]) == (1024, 584)


@pytest.mark.parametrize("rule", ["submit:done", "poll:text"])
def test_done_at_once_is_fetched_all_the_same(imago, sim, user, rule):
    completed(imago, user, f"a quick cat [[{rule}]]", model="sd-1.5")
    assert [r.path for r in sim.requests if "/fetch/" in r.path]


@pytest.mark.parametrize("rule", ["limit-200 x2", "overload x1", "500 x1", "502 x1"])
def test_what_passes_is_waited_for(imago, sim, user, rule):
    completed(imago, user, f"a patient cat [[poll:{rule}]]", model="sd-1.5")
    assert len(submits(sim)) == 1


# ---- failures ----

@pytest.mark.parametrize("rule, code", [
    ("submit:key-200", "provider_credentials"), ("submit:key", "provider_credentials"), ("submit:credits", "provider_credits"),
    ("submit:credits-200", "provider_credits"), ("submit:plan", "provider_credits"), ("submit:nsfw", "moderation_refused"),
    ("submit:model", "model_gone"), ("submit:misspelt", "model_gone"), ("submit:fields", "provider_bad_input"),
    ("submit:failed", "provider_task_failed"), ("poll:failed", "provider_task_failed"), ("poll:error", "provider_task_failed"),
    ("poll:nsfw", "moderation_refused"), ("poll:nsfw-picture", "moderation_refused"), ("poll:no-pictures", "provider_task_failed"),
    ("poll:forgotten", "provider_task_failed"), ("image:html", "bad_picture"), ("image:too-big", "bad_picture"),
])
def test_failures(imago, sim, user, rule, code):
    failed(imago, user, f"an unlucky cat [[{rule}]]", code)
    assert len(submits(sim)) == 1


@pytest.mark.parametrize("rule", ["close-after-body", "cut", "garbage", "nothing", "502", "504", "html"])
def test_an_unknown_outcome_is_never_sent_again(imago, sim, user, rule):
    failed(imago, user, f"a lost cat [[submit:{rule}]]", "outcome_unknown")
    assert len(submits(sim)) == 1


@pytest.mark.parametrize("rule", ["limit", "limit-200", "overload"])
def test_what_was_not_taken_is_tried_again(imago, sim, user, rule):
    sim.rules = Rules(f"[[submit:{rule} x1]]")
    completed(imago, user, "a cat in line", model="sd-1.5")
    assert len(submits(sim)) == 2 and len(sim.taken()) == 1


# ---- the key ----

def test_an_address_in_an_answer_is_not_followed(imago, sim, user):
    completed(imago, user, "a stolen cat [[submit:thief]]", model="sd-1.5")
    paths = [r.path for r in sim.requests if "/fetch/" in r.path]
    assert paths and all(path.startswith("/api/v6/images/fetch/") for path in paths)


def test_pictures_on_a_foreign_host_are_not_fetched(imago, sim, user):
    failed(imago, user, "a strange cat [[poll:foreign]]", "provider_task_failed")


def test_the_key_is_in_bodies_only(imago, sim, user):
    completed(imago, user, "a keyed cat", model="sd-1.5")
    for request in sim.requests:
        assert KEY not in request.path and KEY not in str(request.headers)
        assert request.method == "GET" or request.json["key"] == KEY
    for path in ("/metrics", "/api/v1/models", "/health"):
        assert KEY.encode() not in imago.get(path).body


def test_doctor_asks_for_the_balance(imago, sim):
    text = imago.command("doctor")
    assert KEY not in text
    assert [r.path for r in sim.requests] == ["/api/wallet_balance"], text
