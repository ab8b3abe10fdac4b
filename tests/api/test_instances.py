"""Two instances on one data directory, as behind a proxy: each serves what the other made, and takes it over."""
import os
import time

import pytest

from imago_server import Imago

LEASE_S = 15


@pytest.fixture
def pair(new_database, stores, tmp_path):
    """Two instances of one installation: one database, one Redis, one folder."""
    url = new_database()
    folder = tmp_path / "data"
    folder.mkdir()
    both = []
    for name in ("one", "two"):
        imago = Imago(url, stores["REDIS_URL"], data_dir=str(folder), IMAGO_DEMO="on")
        imago.log_path = str(tmp_path / f"{name}.log")
        both.append(imago)
    try:
        for imago in both:
            imago.start()
        yield both
    finally:
        for imago in both:
            imago.stop()


def instance_ids(imago):
    return [e["instance"] for e in imago.log_events() if e.get("event") == "lease.claimed"]


def test_each_serves_what_the_other_made(pair):
    one, two = pair
    assert instance_ids(one) and instance_ids(two) and instance_ids(one) != instance_ids(two)
    job = one.generate("a bridge").json()["job_id"]
    assert two.wait_for(job)["status"] == "COMPLETED"
    result = two.get(f"/api/images/result/{job}").json()
    link = result["images"][0]["url"].split(str(two.port), 1)[1]
    pictures = [imago.get(link) for imago in pair]
    assert [p.status for p in pictures] == [200, 200]
    assert pictures[0].body == pictures[1].body
    assert len(pictures[0].body) == result["images"][0]["size_bytes"]
    assert one.get("/api/v1/me").json()["credits"] == two.get("/api/v1/me").json()["credits"] == 999


def test_a_wish_to_cancel_reaches_the_instance_that_has_the_job(pair):
    one, two = pair
    jobs = [one.generate("a fleet", num_images=4).json()["job_id"] for _ in range(24)]
    answer = two.post(f"/api/v1/jobs/{jobs[-1]}/cancel")
    assert answer.status in (200, 202, 409), answer
    ends = {job: two.wait_for(job, 60)["status"] for job in jobs}
    assert set(list(ends.values())[:-1]) == {"COMPLETED"}
    assert ends[jobs[-1]] in ("CANCELLED", "COMPLETED")
    paid = sum(4 for status in ends.values() if status == "COMPLETED")
    assert two.get("/api/v1/me").json()["credits"] == 1000 - paid
    assert two.get("/api/v1/me").json()["held"] == 0


@pytest.mark.slow
def test_what_one_leaves_behind_the_other_ends(pair):
    one, two = pair
    jobs = [one.generate("a convoy", num_images=4).json()["job_id"] for _ in range(6)]
    one.kill()
    for job in jobs:
        assert two.wait_for(job, LEASE_S + 60)["status"] == "COMPLETED"
    assert two.get("/api/v1/me").json() | {"id": ""} == {
        "id": "", "name": "local", "role": "user", "credits": 1000 - 4 * 6, "held": 0, "prices": {"demo": 1}}


def test_a_restarted_one_takes_its_own_name_again(pair):
    one, two = pair
    former = instance_ids(one)
    one.kill()
    job = two.generate("a tower").json()["job_id"]
    began = time.monotonic()
    one.start()
    assert instance_ids(one) == former
    assert time.monotonic() - began < LEASE_S
    assert two.wait_for(job)["status"] == "COMPLETED"
    assert sorted(n for n in os.listdir(one.data_dir) if n.startswith("instance")) == ["instance", "instance.2"]
