"""Jobs, gallery, account under /api/v1: what a client with a key sees of its own things."""
import re
import time

import pytest

from contract import CODES, Books, assert_error, routes
from fal_sim import FalSim
from imago_server import Imago

PRICE = 5           # imagen4
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


@pytest.fixture(scope="module")
def sim():
    with FalSim("--run-ms", 10) as sim:
        yield sim


@pytest.fixture(scope="module")
def imago(new_database, stores, sim):
    with Imago(new_database(), stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url, IMAGO_DEMO="on",
               IMAGO_ANONYMOUS="off") as server:
        yield server


@pytest.fixture
def user(imago, request):
    return imago.user(re.sub(r"\W", "-", request.node.name)[:60], credits=1000)


def until(what, within_s=15):
    """The first value that counts."""
    end = time.monotonic() + within_s
    while not (value := what()):
        assert time.monotonic() < end, "it has not come about"
        time.sleep(0.02)
    return value


def job_of(imago, user, prompt, **fields):
    answer = imago.generate(prompt, headers=user, **fields)
    assert answer.status == 202, answer
    return answer.json()["job_id"]


def working(imago, user, prompt="[[run:forever]]", **fields):
    """A job that the provider works at."""
    job = job_of(imago, user, prompt, **fields)
    until(lambda: imago.get(f"/api/v1/jobs/{job}", headers=user).json()["status"] == "GENERATING")
    return job


def cancel(imago, user, job):
    return imago.post(f"/api/v1/jobs/{job}/cancel", headers=user)


def me(imago, user):
    body = imago.get("/api/v1/me", headers=user).json()
    return body["credits"], body["held"]


def pages(imago, user, path):
    """All pages of a list, each as its items."""
    cursor, found = "", []
    while cursor is not None:
        body = imago.get(path + cursor, headers=user).json()
        found.append(body["items"])
        cursor = body["next_cursor"] and ("&cursor=" + body["next_cursor"])
        assert len(found) < 100
    return found


# ---- jobs ----

def test_a_job_from_start_to_end(imago, user):
    job = working(imago, user, "A lighthouse [[run:400]]", num_images=2, format="JPEG")
    body = imago.get(f"/api/v1/jobs/{job}", headers=user).json()
    assert (body["job_id"], body["status"], body["num_images"], body["images"]) == (job, "GENERATING", 2, [])
    assert body["credits"] == 2 * PRICE and body["completed_at"] is None and body["provider_id"]
    until(lambda: imago.get(f"/api/v1/jobs/{job}", headers=user).json()["status"] == "COMPLETED")
    body = imago.get(f"/api/v1/jobs/{job}", headers=user).json()
    assert {"job_id", "status", "prompt", "num_images", "provider_id", "model", "operation", "images", "cost", "credits", "created_at",
            "attempts"} <= set(body)
    assert (body["model"], body["operation"], body["generation_type"]) == ("imagen4", "text_to_image", "imagen4")
    assert TIME.fullmatch(body["created_at"]) and TIME.fullmatch(body["completed_at"]) and "error" not in body
    assert body["cost"] == pytest.approx(0.08) and body["credits"] == 2 * PRICE
    assert [image["n"] for image in body["images"]] == [1, 2]
    for image in body["images"]:
        assert re.fullmatch(r"pic_\w{24}", image["id"]) and (image["width"], image["height"]) == (1024, 1024)
        assert image["content_type"] == "image/jpeg" and image["bytes"] > 0
    assert len(body["attempts"]) == 1
    attempt = body["attempts"][0]
    assert {"provider_id", "model", "outcome", "started_at", "ended_at", "cost"} <= set(attempt)
    assert (attempt["outcome"], attempt["provider_id"], attempt["model"]) == ("ok", body["provider_id"], "imagen4")
    assert TIME.fullmatch(attempt["started_at"]) and attempt["started_at"] <= attempt["ended_at"]


def test_a_job_that_fails(imago, user):
    job = job_of(imago, user, "[[fail:content_policy_violation]]")
    body = until(lambda: (b := imago.get(f"/api/v1/jobs/{job}", headers=user).json())["status"] in ENDED and b)
    assert (body["status"], body["images"], body["credits"]) == ("FAILED", [], 0)
    assert body["error"]["code"] == "moderation_refused" and body["error"]["message"] and body["error"]["provider"]
    assert body["attempts"][-1]["outcome"] == "refused"
    assert me(imago, user) == (1000, 0)


def test_list_of_jobs(imago, user):
    made = [job_of(imago, user, f"number {n}", size="512x512") for n in range(7)]
    made += [job_of(imago, user, "[[fail:content_policy_violation]]")]
    for job in made:
        imago.wait_for(job, headers=user)
    listed = [item["job_id"] for page in pages(imago, user, "/api/v1/jobs?limit=3") for item in page]
    assert listed == made[::-1], "newest first, each once"
    assert [len(page) for page in pages(imago, user, "/api/v1/jobs?limit=3")] == [3, 3, 2]
    status = imago.get("/api/v1/jobs?status=FAILED", headers=user).json()
    assert ([item["job_id"] for item in status["items"]], status["next_cursor"]) == (made[-1:], None)
    assert len(imago.get("/api/v1/jobs?status=COMPLETED&type=imagen4", headers=user).json()["items"]) == 7
    assert imago.get("/api/v1/jobs?type=video", headers=user).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("query", ["status=DONE", "status=completed", "status=", "type=image", "type=", "limit=0", "limit=101", "limit=-1",
                                   "limit=x", "limit=1e2", "limit=", "limit=%zz", "limit=1000000000", "cursor=x", "cursor=",
                                   "cursor=%00", "cursor=1_img_0.aaaaaaaaaaaaaaaaaaaaaa", "cursor=" + "a" * 2000])
def test_list_parameters_that_are_wrong(imago, user, query):
    for path in ("/api/v1/jobs", "/api/v1/gallery", "/api/v1/me/ledger"):
        name = query.split("=")[0]
        if (name == "status" and not path.endswith("jobs")) or (name == "type" and path.endswith("ledger")):
            continue
        body = assert_error(imago.get(f"{path}?{query}", headers=user), 400, "invalid_field", legacy=False)
        assert body["errors"][0]["field"] == name and body["errors"][0]["message"]


def test_a_forged_cursor(imago, user):
    for n in range(3):
        imago.made(f"number {n}", headers=user, size="512x512")
    for path in ("/api/v1/jobs?limit=1", "/api/v1/gallery?limit=1", "/api/v1/me/ledger?limit=1"):
        good = imago.get(path, headers=user).json()["next_cursor"]
        assert len(imago.get(f"{path}&cursor={good}", headers=user).json()["items"]) == 1
        text, seal = good.split(".")
        for forged in (str(int(good[0]) % 9 + 1) + good[1:], good[:-1] + ("A" if good[-1] != "A" else "B"), good + "A", good[:-1], text,
                       f".{seal}", f"{text}0.{seal}", f"9{text}.{seal}"):
            assert_error(imago.get(f"{path}&cursor={forged}", headers=user), 400, "invalid_field")


# ---- cancel ----

def test_cancel_while_the_provider_works(imago, user, sim):
    job = working(imago, user)
    assert me(imago, user) == (1000 - PRICE, PRICE)
    before = sim.stats()["cancelled"]
    answer = cancel(imago, user, job)
    assert answer.status == 200, answer
    assert answer.json() == {"job_id": job, "status": "CANCELLED", "cancel_requested": True, "credits_returned": True}
    until(lambda: sim.stats()["cancelled"] == before + 1)
    assert me(imago, user) == (1000, 0)
    status = imago.get(f"/api/images/status/{job}", headers=user).json()
    assert (status["status"], status["message"]) == ("CANCELLED", "Génération annulée")
    kinds = [item["kind"] for item in imago.get("/api/v1/me/ledger", headers=user).json()["items"]]
    assert kinds == ["release", "hold", "topup"]


def test_cancel_again_is_the_same(imago, user):
    job = working(imago, user)
    first = cancel(imago, user, job)
    books = Books(imago.environment["DATABASE_URL"])
    before = books.read()
    for _ in range(3):
        again = cancel(imago, user, job)
        assert (again.status, again.json()) == (200, first.json())
    assert books.read() == before
    books.close()
    assert me(imago, user) == (1000, 0)


def test_cancel_at_once_from_many_sides(imago, user):
    job = working(imago, user)
    connections = [imago.connection() for _ in range(8)]
    for connection in connections:
        connection.request("POST", f"/api/v1/jobs/{job}/cancel", headers=user)
    answers = [connection.getresponse() for connection in connections]
    assert {answer.status for answer in answers} == {200}
    assert me(imago, user) == (1000, 0)
    assert [i["kind"] for i in imago.get("/api/v1/me/ledger", headers=user).json()["items"]].count("release") == 1


def test_cancel_what_has_completed(imago, user):
    job = imago.made("a quick one", headers=user)["job_id"]
    for _ in range(2):
        assert_error(cancel(imago, user, job), 409, "conflict", legacy=False)
    assert me(imago, user) == (1000 - PRICE, 0)
    assert imago.get(f"/api/v1/jobs/{job}", headers=user).json()["status"] == "COMPLETED"


def test_cancel_somebody_elses(imago, user):
    other = imago.user("owner-of-a-job")
    job = working(imago, other)
    assert_error(cancel(imago, user, job), 404, "not_found")
    assert_error(cancel(imago, user, "img_" + "0" * 24), 404, "not_found")
    assert imago.get(f"/api/v1/jobs/{job}", headers=other).json()["status"] == "GENERATING"
    assert cancel(imago, other, job).status == 200


def test_cancel_that_comes_too_late_at_the_provider(imago, user):
    """Its task goes on there; here the job has ended, and once."""
    job = working(imago, user, "[[run:forever]] [[cancel:too-late]]")
    answer = cancel(imago, user, job)
    assert answer.status in (200, 202), answer
    body = until(lambda: (b := imago.get(f"/api/v1/jobs/{job}", headers=user).json())["status"] in ENDED and b, 40)
    assert body["status"] == "CANCELLED" and me(imago, user) == (1000, 0)


# ---- gallery ----

@pytest.fixture(scope="module")
def collector(imago):
    """45 pictures of 13 jobs, five of them photos and two videos."""
    user = imago.user("collector", credits=1000)
    jobs = [job_of(imago, user, f"set {n}", num_images=4, size="512x512") for n in range(11)] + [job_of(imago, user, "one more")]
    for job in jobs:
        assert imago.wait_for(job, headers=user)["status"] == "COMPLETED"
    imago.sql("""update images set generation_type = case when id in (select id from images where user_id = i.user_id order by id limit 5)
                 then 'avatar' else 'video' end from (select id as user_id from users where name = 'collector') i
                 where images.user_id = i.user_id and images.id in
                 (select id from images where user_id = i.user_id order by id limit 7)""")
    return user, jobs


@pytest.mark.parametrize("limit", [1, 7, 9, 20, 45, 100])
def test_gallery_page_by_page(imago, collector, limit):
    user, jobs = collector
    found = pages(imago, user, f"/api/v1/gallery?limit={limit}")
    items = [item for page in found for item in page]
    assert len(items) == 45 and len({item["id"] for item in items}) == 45, "a gap or a repetition"
    assert all(len(page) == limit for page in found[:-1])
    assert [item["created_at"] for item in items] == sorted((item["created_at"] for item in items), reverse=True)
    assert {item["job_id"] for item in items} == set(jobs)


def test_gallery_items_and_counts(imago, collector):
    user, _ = collector
    body = imago.get("/api/v1/gallery", headers=user).json()
    assert body["counts"] == {"avatar": 5, "imagen4": 38, "video": 2, "all": 45} and body["unfinished"] == []
    assert len(body["items"]) == 20 and body["next_cursor"]
    item = body["items"][0]
    assert {"id", "job_id", "url", "prompt", "generation_type", "model", "content_type", "bytes", "width", "height", "created_at"} <= set(item)
    picture = imago.get("/" + item["url"].split("/", 3)[3])
    assert picture.status == 200 and len(picture.body) == item["bytes"]


@pytest.mark.parametrize("kind,count", [("avatar", 5), ("imagen4", 38), ("video", 2), ("all", 45)])
def test_gallery_by_type(imago, collector, kind, count):
    user, _ = collector
    items = [item for page in pages(imago, user, f"/api/v1/gallery?limit=3&type={kind}") for item in page]
    assert len({item["id"] for item in items}) == len(items) == count
    assert kind == "all" or {item["generation_type"] for item in items} == {kind}
    assert imago.get(f"/api/v1/gallery?type={kind}", headers=user).json()["counts"]["all"] == 45


def test_gallery_is_the_owners(imago, collector, user):
    body = imago.get("/api/v1/gallery", headers=user).json()
    assert (body["items"], body["next_cursor"], body["unfinished"]) == ([], None, [])
    assert body["counts"] == {"avatar": 0, "imagen4": 0, "video": 0, "all": 0}
    cursor = imago.get("/api/v1/gallery?limit=1", headers=collector[0]).json()["next_cursor"]
    assert imago.get(f"/api/v1/gallery?cursor={cursor}", headers=user).json()["items"] == []


def test_gallery_shows_what_is_being_made(imago, user):
    job = working(imago, user, "in the making [[run:forever]]", num_images=2)
    body = imago.get("/api/v1/gallery", headers=user).json()
    assert body["items"] == [] and [tile["job_id"] for tile in body["unfinished"]] == [job]
    tile = body["unfinished"][0]
    assert tile["prompt"].startswith("in the making") and (tile["num_images"], tile["generation_type"]) == (2, "imagen4")
    cancel(imago, user, job)
    assert imago.get("/api/v1/gallery", headers=user).json()["unfinished"] == []


# ---- account ----

def test_me(imago, user):
    body = imago.get("/api/v1/me", headers=user).json()
    assert {"id", "name", "role", "credits", "held", "prices"} <= set(body)
    assert re.fullmatch(r"usr_\w{24}", body["id"]) and (body["name"], body["role"]) == ("test_me", "user")
    assert (body["credits"], body["held"]) == (1000, 0)
    assert body["prices"]["imagen4"] == PRICE and body["prices"]["demo"] == 1
    assert all(isinstance(price, int) and price >= 0 for price in body["prices"].values())


def test_ledger(imago, user):
    done = imago.made("kept", headers=user, num_images=2)["job_id"]
    lost = job_of(imago, user, "[[fail:content_policy_violation]]")
    imago.wait_for(lost, headers=user)
    held = working(imago, user)
    items = imago.get("/api/v1/me/ledger", headers=user).json()["items"]
    assert [(i["kind"], i["amount"], i["balance"], i.get("job_id")) for i in items] == [
        ("hold", PRICE, 1000 - 3 * PRICE, held),
        ("release", PRICE, 1000 - 2 * PRICE, lost),
        ("hold", PRICE, 1000 - 3 * PRICE, lost),
        ("capture", 2 * PRICE, 1000 - 2 * PRICE, done),
        ("hold", 2 * PRICE, 1000 - 2 * PRICE, done),
        ("topup", 1000, 1000, None)]
    assert [i["id"] for i in items] == [6, 5, 4, 3, 2, 1] and all(TIME.fullmatch(i["created_at"]) for i in items)
    assert me(imago, user) == (1000 - 3 * PRICE, PRICE)
    assert [i["id"] for page in pages(imago, user, "/api/v1/me/ledger?limit=4") for i in page] == [6, 5, 4, 3, 2, 1]
    cancel(imago, user, held)


def test_not_enough_credits(imago):
    poor = imago.user("poor", credits=2 * PRICE - 1)
    body = assert_error(imago.generate("four", num_images=2, headers=poor), 402, "insufficient_credits", legacy=True)
    assert (body["balance"], body["price"]) == (2 * PRICE - 1, 2 * PRICE)
    assert imago.get("/api/v1/jobs", headers=poor).json()["items"] == [] and me(imago, poor) == (2 * PRICE - 1, 0)
    one = job_of(imago, poor, "one")
    assert_error(imago.generate("another", headers=poor), 402, "insufficient_credits")
    imago.wait_for(one, headers=poor)


# ---- looking changes nothing ----

def test_get_changes_nothing(imago, user):
    """Of the whole database: so no job of another test may be on its way."""
    result = imago.made("to be looked at", headers=user)
    until(lambda: imago.get("/health").json()["live_jobs"] == 0)
    job = result["job_id"]
    paths = [route.path(id=job, file="image_1.png") for route in routes() if route.method == "GET" and "/assets" not in route.pattern]
    books = Books(imago.environment["DATABASE_URL"])
    before = books.read()
    for path in paths:
        first, second = (imago.get(path, headers=user) for _ in range(2))
        status = 303 if path.startswith("/tiles/") else 200
        assert first.status == second.status == status, (path, first)
        if path not in ("/health", "/metrics", "/"):
            assert first.body == second.body, path
        assert imago.call("HEAD", path, headers=user).status == status
    assert books.read() == before
    books.close()


def test_errors_in_both_languages(imago, user):
    for language, title in (("en", "There is nothing here"), ("fr", "Il n'y a rien ici"), ("xx", "There is nothing here")):
        answer = imago.get("/api/v1/nothing", headers={**user, "Accept-Language": language})
        assert assert_error(answer, 404, "not_found", legacy=False)["title"] == title
        assert answer.headers["content-language"] == ("fr" if language == "fr" else "en")
    assert len(CODES) > 40
