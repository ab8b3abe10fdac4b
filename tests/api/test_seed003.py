"""Seed 003 as its users have it: their clients unchanged on localhost:9006, every field, every text."""
import io
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import time
import urllib.request

import pytest
from PIL import Image

from contract import assert_error
from imago_server import Imago

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "examples/clients"
URL = "http://localhost:9006"
PORT_WAIT_S = 90
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TEXTS = {
    "fr": {"created": "Tâche de génération d'images créée avec succès", "completed": "1 image(s) générée(s) avec succès",
           "prompt": "Prompt requis", "count": "num_images doit être entre 1 et 4", "missing": "Tâche introuvable",
           "input": "input_image_url : ce modèle n'accepte pas d'image source"},
    "en": {"created": "Image generation job created", "completed": "1 image(s) generated",
           "prompt": "Prompt required", "count": "num_images must be between 1 and 4", "missing": "Job not found",
           "input": "input_image_url: this model takes no input image"},
}
MESSAGES = {"PENDING": "En attente de démarrage", "INITIALIZING": "Initialisation du modèle", "GENERATING": "Génération en cours...",
            "SAVING": "Sauvegarde des images", "COMPLETED": "1 image(s) générée(s) avec succès"}


def wait_until_free():
    """The clients know one port only; somebody's quickstart may be there."""
    end = time.monotonic() + PORT_WAIT_S
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        while True:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((address, 9006))
                    break
                except OSError:
                    assert time.monotonic() < end, "port 9006 is in use by another program: stop it"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def imago(new_database, stores):
    """As quickstart has it."""
    wait_until_free()
    with Imago(new_database(), stores["REDIS_URL"], IMAGO_LISTEN="127.0.0.1:9006,[::1]:9006", IMAGO_DEMO="on",
               IMAGO_CORS_ORIGINS="http://localhost:3000") as server:
        yield server


def run(*command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fetch(url):
    """Without any key: what a browser's <img> does."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.headers, answer.read()


def decoded(data):
    """The picture, every pixel of it read."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


# ---- the clients ----

def check_python_output(imago, output):
    assert "✅ Tâche créée : img_" in output and "📊 Statut : COMPLETED - 1 image(s) générée(s) avec succès" in output
    assert "- Format : PNG" in output and "- Dimensions : 1024x1024" in output and "- Modèle : " in output
    path = re.search(r"Chemin : \./(\S+)", output)[1]
    stored = pathlib.Path(imago.data_dir, path).read_bytes()
    headers, sent = fetch(re.search(r"URL : (\S+)", output)[1])
    assert sent == stored and headers["Content-Type"] == "image/png"
    assert decoded(sent).size == (1024, 1024)


def check_script_output(imago, output):
    result = json.loads(output)
    assert result["status"] == "COMPLETED"
    assert decoded(fetch(result["images"][0]["url"])[1]).size == (1024, 1024)
    assert pathlib.Path(imago.data_dir, result["images"][0]["file_path"]).is_file()


def test_python_client(imago):
    check_python_output(imago, run("/usr/bin/python3", CLIENTS / "seed003.py"))


def test_javascript_client(imago):
    check_script_output(imago, run("node", CLIENTS / "seed003.mjs", "Un chat sur la Lune"))


def document():
    """The user's own page, where it lies beside the corpora."""
    found = sorted(pathlib.Path(os.environ.get("IMAGO_CORPORA", "/nonexistent"), "../seeds").glob("003*.txt"))
    if not found:
        pytest.skip("the document is not here: IMAGO_CORPORA/../seeds")
    return found[0].read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", document(), re.S)


def test_python_of_the_document_itself(imago):
    code = next(b for b in blocks("python") if "requests.post" in b)
    check_python_output(imago, run("/usr/bin/python3", "-c", code))


def test_typescript_of_the_document_itself(imago):
    code = next(b for b in blocks("typescript") if "generateImage" in b)
    plain = code.replace("(prompt: string)", "(prompt)")
    assert plain != code
    check_script_output(imago, run("node", "-e", plain + "\ngenerateImage('Un phare').then(r => console.log(JSON.stringify(r)))"))


def test_curl_examples_of_the_document(imago):
    """All four. The apostrophe in the first one's prompt ends its shell string: it is escaped here."""
    commands = [b for b in blocks("bash") if b.startswith("curl") and "/api/images/" in b]
    assert len(commands) == 4
    job = None
    for number, text in enumerate(commands, 1):
        text = text.replace("dans l'espace", "dans l'\\''espace").replace("\\\n", " ").replace("img_abc123xyz", job or "")
        words = shlex.split(text)
        assert words[0] == "curl"
        body = json.loads(run("curl", "-sS", *words[1:]))
        if number == 1:
            job = body["job_id"]
            imago.wait_for(job)
        elif number == 2:
            assert (body["code"], body["error"]) == ("invalid_field", TEXTS["fr"]["input"])
        else:
            assert (body["job_id"], body["status"]) == (job, "COMPLETED")
    assert body["images"][0]["description"] == "Un chat astronaute flottant dans l'espace"


# ---- bodies ----

@pytest.mark.parametrize("language,header", [("fr", None), ("fr", "*"), ("fr", "fr"), ("fr", "fr-CA, en;q=0.5"), ("fr", "de"), ("en", "en"),
                                             ("en", "en-GB,en;q=0.9"), ("en", "de, en;q=0.3")])
def test_bodies_and_languages(imago, language, header):
    texts, headers = TEXTS[language], {"Accept-Language": header} if header else {}
    created = imago.generate("Un village", size="512x512", headers=headers)
    assert created.status == 202
    assert created.headers["content-type"] == "application/json; charset=utf-8"
    job = created.json()["job_id"]
    assert created.json() == {"job_id": job, "status": "PENDING", "message": texts["created"]}
    assert created.headers["location"] == f"/api/images/status/{job}"
    imago.wait_for(job)
    result = imago.get(f"/api/images/result/{job}", headers=headers).json()
    assert result["message"] == texts["completed"]
    for answer, status, text in (
            (imago.generate("", headers=headers), 400, texts["prompt"]),
            (imago.generate("Un village", num_images=5, headers=headers), 400, texts["count"]),
            (imago.generate("Un village", num_images=0, headers=headers), 400, texts["count"]),
            (imago.get("/api/images/status/img_abc123xyz", headers=headers), 404, texts["missing"]),
            (imago.get("/api/images/result/img_abc123xyz", headers=headers), 404, texts["missing"])):
        body = assert_error(answer, status, legacy=True)
        assert set(body) == {"error", "message", "code", "request_id"} and body["error"] == text
        assert answer.headers["content-language"] == language


def test_status_and_result(imago):
    job = imago.generate("Un coucher de soleil", num_images=1).json()["job_id"]
    seen, progress = [], -1
    while not seen or seen[-1] != "COMPLETED":
        body = imago.get(f"/api/images/status/{job}").json()
        assert {"job_id", "status", "message", "progress", "created_at", "updated_at"} <= set(body)
        assert body["job_id"] == job and body["message"] == MESSAGES[body["status"]]
        assert progress <= body["progress"] <= 100 and TIME.fullmatch(body["created_at"]) and TIME.fullmatch(body["updated_at"])
        assert body["created_at"] <= body["updated_at"]
        progress = body["progress"]
        if body["status"] != "COMPLETED":
            early = imago.get(f"/api/images/result/{job}")
            if early.status != 200:         # it may have ended in between
                error = assert_error(early, 409, "not_finished", legacy=True)
                assert error["job_id"] == job and error["status"] in MESSAGES
        if not seen or seen[-1] != body["status"]:
            seen.append(body["status"])
    assert progress == 100 and seen == sorted(seen, key=list(MESSAGES).index)
    result = imago.get(f"/api/images/result/{job}").json()
    assert set(result) == {"job_id", "status", "message", "images", "metadata"}
    image, metadata = result["images"][0], result["metadata"]
    assert set(image) == {"file_path", "url", "description", "format", "size_bytes", "dimensions"}
    assert set(metadata) == {"model_name", "version", "generation_time_seconds", "input_tokens", "output_size_bytes", "timestamp"}
    assert image["file_path"] == f"./generated_images/{job}/image_1.png"
    assert image["url"].startswith(f"http://127.0.0.1:9006/generated_images/{job}/image_1.png?")
    assert (image["description"], image["format"], image["dimensions"]) == ("Un coucher de soleil", "PNG", "1024x1024")
    stored = pathlib.Path(imago.data_dir, image["file_path"]).read_bytes()
    assert len(stored) == image["size_bytes"] == metadata["output_size_bytes"] and decoded(stored).size == (1024, 1024)
    assert metadata["model_name"] and metadata["version"] == "latest" and TIME.fullmatch(metadata["timestamp"])
    assert 0 < metadata["generation_time_seconds"] < 60 and metadata["input_tokens"] > 0


def test_a_failed_job(new_database, stores):
    from fal_sim import FalSim
    with FalSim("--run-ms", 10) as sim, Imago(new_database(), stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url) as imago:
        job = imago.generate("[[submit:key]]").json()["job_id"]
        status = imago.wait_for(job)
        assert (status["status"], status["message"]) == ("FAILED", "Échec de la génération")
        result = imago.get(f"/api/images/result/{job}").json()
        assert set(result) == {"job_id", "status", "message", "errors"}
        assert (result["status"], result["message"]) == ("FAILED", "Échec de la génération")
        assert result["errors"][0].startswith("Clé API du fournisseur invalide ou expirée")
        assert imago.get("/api/v1/me").json()["credits"] == 1000


def test_health(imago):
    answer = imago.get("/health")
    body = answer.json()
    assert body["status"] == "healthy" and body["features"]["image_generation"] is True
    assert {"book_generation", "blog_generation"} <= set(body["features"])
    assert answer.headers["cache-control"] == "no-store"
    assert imago.get("/health/live").status == imago.get("/health/ready").status == 200


# ---- what was asked for is what comes ----

SIZES = ("512x512", "1024x1024", "1792x1024")
KINDS = {"PNG": ("image/png", "png"), "JPEG": ("image/jpeg", "jpg"), "WEBP": ("image/webp", "webp")}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_formats_and_sizes(imago, kind, size):
    """Number of pictures: 1 to 4, spread over the nine."""
    count = 1 + (SIZES.index(size) + 2 * list(KINDS).index(kind)) % 4
    result = imago.made(f"Un jardin en {kind}", num_images=count, size=size, format=kind)
    assert result["message"] == f"{count} image(s) générée(s) avec succès"
    assert len(result["images"]) == count
    content_type, ending = KINDS[kind]
    pictures = set()
    for n, image in enumerate(result["images"], 1):
        assert image["file_path"] == f"./generated_images/{result['job_id']}/image_{n}.{ending}"
        assert (image["format"], image["dimensions"]) == (kind, size)
        headers, data = fetch(image["url"])
        picture = decoded(data)
        assert (picture.format, "x".join(map(str, picture.size))) == (kind, size)
        assert headers["Content-Type"] == content_type and int(headers["Content-Length"]) == len(data) == image["size_bytes"]
        assert pathlib.Path(imago.data_dir, image["file_path"]).read_bytes() == data
        pictures.add(data)
    assert len(pictures) == count, "the same picture twice"


@pytest.mark.parametrize("field,values", [("style", ["photorealistic", "artistic", "illustration", "3d-render"]),
                                          ("quality", ["standard", "high", "ultra"])])
def test_every_style_and_quality(imago, field, values):
    for value in values:
        assert imago.made("Une ville", size="512x512", **{field: value})["images"]


# ---- a page on localhost:3000 ----

def test_cors(imago):
    origin = {"Origin": "http://localhost:3000"}
    preflight = imago.call("OPTIONS", "/api/images/generate", headers={
        **origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
    assert preflight.status == 204 and preflight.body == b""
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert {"content-type", "authorization"} <= set(preflight.headers["access-control-allow-headers"].lower().split(", "))
    created = imago.generate("Une page", size="512x512", headers=origin)
    assert created.status == 202
    job = created.json()["job_id"]
    imago.wait_for(job)
    for answer in (created, imago.get(f"/api/images/status/{job}", headers=origin), imago.get(f"/api/images/result/{job}", headers=origin),
                   imago.generate("", headers=origin), imago.get("/api/images/status/x", headers=origin)):
        assert answer.headers["access-control-allow-origin"] == "http://localhost:3000", answer
        assert "Origin" in answer.headers["vary"]


def test_localhost_is_both_addresses(imago):
    for address in ("127.0.0.1", "[::1]", "localhost"):
        with urllib.request.urlopen(f"http://{address}:9006/health/live", timeout=10) as answer:
            assert answer.status == 200
