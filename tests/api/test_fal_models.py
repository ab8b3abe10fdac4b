"""fal's other models through the public API: LoRA avatars, newer picture models, films."""
import io
import json
import re
import time

import pytest
from PIL import Image

from fal_sim import FalSim
from imago_server import Imago

KEY = "id-1:secret-1"
FILMS = {"models": [{
    "name": "film", "provider": "fal", "upstream": "fal-ai/veo3.1", "generation_type": "video", "operations": ["text_to_image"],
    "credits": 400, "cost_micros": 3200000,
    "params": {"aspect_ratios": ["16:9", "9:16"], "size": "aspect_ratio", "resolutions": {"720p": 1048576, "1080p": 2073600}, "seed": True,
               "extra": {"duration": "8s", "generate_audio": True, "safety_tolerance": "4"}},
}]}


@pytest.fixture(scope="module")
def sim():
    with FalSim("--run-ms", "30") as sim:
        yield sim


@pytest.fixture(scope="module")
def imago(new_database, stores, sim):
    with Imago(new_database(), stores["REDIS_URL"], FAL_KEY=KEY, FAL_QUEUE_URL=sim.url) as server:
        yield server


@pytest.fixture(scope="module")
def cinema(new_database, stores, sim, tmp_path_factory):
    """With a catalog of its own, in which a film is made from words by the one call that there has always been."""
    catalog = tmp_path_factory.mktemp("catalog") / "films.json"
    catalog.write_text(json.dumps(FILMS))
    with Imago(new_database(), stores["REDIS_URL"], FAL_KEY=KEY, FAL_QUEUE_URL=sim.url, IMAGO_CATALOG=str(catalog)) as server:
        yield server


def ended(server, prompt, credits=1000, **fields):
    user = server.user(f"u{time.monotonic_ns()}", credits=credits)
    answer = server.generate(prompt, headers=user, **fields)
    assert answer.status == 202, answer
    job = answer.json()["job_id"]
    server.wait_for(job, 60, user)
    return server.get(f"/api/v1/jobs/{job}", headers=user).json(), user


def bytes_of(server, job, user):
    links = server.get(f"/api/images/result/{job['job_id']}", headers=user).json()["images"]
    return [server.get(re.sub(r"^https?://[^/]+", "", link if isinstance(link, str) else link["url"])) for link in links]


def sent(sim, prompt):
    """The body of the one submit whose prompt begins so."""
    (body,) = [json.loads(r["body"]) for r in sim.requests() if r["method"] == "POST" and prompt in r["body"] and "/__sim/" not in r["path"]]
    return body


@pytest.mark.parametrize("model, kind, credits, cost", [("flux-lora", "avatar", 4, 0.035), ("avatar", "avatar", 4, 0.035),
                                                        ("nano-banana-2", "imagen4", 10, 0.08), ("nano-banana-pro", "imagen4", 19, 0.15)])
def test_pictures(imago, sim, model, kind, credits, cost):
    prompt = f"a portrait by {model}"
    job, user = ended(imago, prompt, model=model, size="1024x1024", format="PNG")
    assert job["status"] == "COMPLETED" and job["generation_type"] == kind, job
    assert job["credits"] == credits and job["cost"] == pytest.approx(cost)
    (answer,) = bytes_of(imago, job, user)
    picture = Image.open(io.BytesIO(answer.body))
    picture.load()
    assert picture.size == (1024, 1024) and picture.format == "PNG"
    assert "loras" not in sent(sim, prompt)
    listed = imago.get(f"/api/v1/gallery?type={kind}", headers=user).json()["items"]
    assert [item["job_id"] for item in listed] == [job["job_id"]]


def test_what_needs_a_picture_is_refused_before_anything_is_spent(imago, sim):
    user = imago.user("hopeful", credits=1000)
    before = sim.stats()["submits"]
    for model in ("flux-dev-image", "flux-inpaint", "esrgan", "clarity-upscaler", "birefnet", "nano-banana-edit", "veo3.1-image"):
        answer = imago.generate("a cat", headers=user, model=model)
        assert answer.status == 400, (model, answer)
    assert imago.get("/api/v1/me", headers=user).json()["credits"] == 1000 and sim.stats()["submits"] == before


@pytest.mark.parametrize("ratio, size", [("16:9", (1280, 720)), ("9:16", (720, 1280))])
def test_film(cinema, sim, ratio, size):
    prompt = f"a cat walks, {ratio}"
    job, user = ended(cinema, prompt, model="film", aspect_ratio=ratio, quality="standard")
    assert job["status"] == "COMPLETED" and job["generation_type"] == "video", job
    (film,) = job["images"]
    assert (film["width"], film["height"]) == size and film["content_type"] == "video/mp4"
    assert job["credits"] == 400 and job["cost"] == pytest.approx(3.2)
    (answer,) = bytes_of(cinema, job, user)
    assert answer.headers["content-type"] == "video/mp4" and answer.body[4:12] == b"ftypisom" and len(answer.body) == film["bytes"]
    body = sent(sim, prompt)
    assert body["aspect_ratio"] == ratio and body["duration"] == "8s" and "num_images" not in body and "output_format" not in body
    listed = cinema.get("/api/v1/gallery?type=video", headers=user).json()["items"]
    assert [item["job_id"] for item in listed] == [job["job_id"]]


@pytest.mark.parametrize("rule", ["truncated", "html", "empty"])
def test_half_a_film_is_none(cinema, rule):
    job, user = ended(cinema, f"a torn film [[image:{rule}]]", model="film")
    assert job["status"] == "FAILED" and job["images"] == [] and job["credits"] == 0, job
    assert cinema.get("/api/v1/me", headers=user).json()["credits"] == 1000
