"""kill -9 in the middle of a load, again and again: nothing is lost, nothing is paid twice."""
import random
import time

from fal_sim import FalSim
from imago_server import Imago
from load import Load, query, wait_until_all_end
from test_load import PRICE, add_credits, ledger_sums

ROUNDS, JOBS, CONNECTIONS = 10, 400, 64


def in_submit(url):
    """Jobs whose provider call may have left: an open attempt and no handle."""
    return {row[0] for row in query(url, """
        select p.job_id from parts p join image_generation_jobs j on j.user_id = p.user_id and j.id = p.job_id
        where p.step = 'SUBMIT' and j.completed_at is null""")}


def statuses(url):
    return dict(query(url, "select id, status from image_generation_jobs"))


def test_ten_kills_lose_nothing(database, stores):
    random.seed(9)
    acknowledged, doubtful = set(), set()
    with FalSim("--run-ms", 300) as sim:
        imago = Imago(database, stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url)
        try:
            imago.start()
            add_credits(database, 100000)
            for n in range(ROUNDS):
                load = Load(imago, JOBS, CONNECTIONS, prompt=f"round {n} job {{}}").start()
                time.sleep(random.uniform(0.05, 0.6))
                imago.kill()
                load.stop()
                acknowledged |= set(load.accepted)
                doubtful |= in_submit(database)
                assert imago.start() < 10, "took too long to be ready again"
            counts = wait_until_all_end(database, 90)
            final = statuses(database)
            assert acknowledged and acknowledged <= set(final), "an acknowledged job is not there"
            unknown = {row[0] for row in query(database, """
                select id from image_generation_jobs where error_code = 'outcome_unknown'""")}
            assert unknown <= doubtful
            assert {job for job, status in final.items() if status != "COMPLETED"} == unknown, counts
            stats = sim.stats()
            assert stats["repeated"] == 0, "a job was submitted twice"
            completed = counts.get("COMPLETED", 0)
            assert stats["submissions"] <= completed + len(unknown)
            sums = ledger_sums(database)
            assert sums["hold"] == len(final) * PRICE
            assert sums["capture"] == completed * PRICE
            assert sums.get("release", 0) == len(unknown) * PRICE
            assert query(database, "select held from users where name = 'local'") == [(0,)]
            assert imago.metric("imago_jobs_taken_over_total") >= 0
        finally:
            if imago.process:
                imago.stop()


def test_a_queued_task_is_attached_again(database, stores):
    """Killed while the provider works: the new life asks for the result under the old id."""
    with FalSim("--run-ms", 3000) as sim:
        imago = Imago(database, stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url)
        try:
            imago.start()
            job = imago.generate("a long one").json()["job_id"]
            while query(database, "select step from parts where job_id = %s", job) != [("WAIT",)]:
                time.sleep(0.02)
            imago.kill()
            imago.start()
            assert imago.wait_for(job)["status"] == "COMPLETED"
            assert sim.stats()["submissions"] == 1
        finally:
            imago.stop()


def test_a_task_that_may_have_left_is_never_sent_again(database, stores):
    """Killed inside SUBMIT: the credits come back, the provider is not asked a second time."""
    with FalSim() as sim:
        imago = Imago(database, stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url)
        try:
            imago.start()
            job = imago.generate("[[submit:hang]]").json()["job_id"]
            while sim.stats()["submissions"] == 0:
                time.sleep(0.02)
            imago.kill()
            imago.start()
            assert imago.wait_for(job)["status"] == "FAILED"
            assert query(database, "select error_code, charged from image_generation_jobs where id = %s", job) == [
                ("outcome_unknown", 0)]
            assert imago.get("/api/v1/me").json()["credits"] == 1000
            assert sim.stats()["submissions"] == 1
        finally:
            imago.stop()


def test_the_demo_is_called_again(database, stores):
    imago = Imago(database, stores["REDIS_URL"], IMAGO_DEMO="on")
    try:
        imago.start()
        jobs = [imago.generate(f"picture {n}").json()["job_id"] for n in range(12)]
        imago.kill()
        imago.start()
        assert {imago.wait_for(job)["status"] for job in jobs} == {"COMPLETED"}
        assert imago.get("/api/v1/me").json()["credits"] == 1000 - len(jobs)
    finally:
        imago.stop()


def test_a_connection_closed_after_the_body_is_one_submission(database, stores):
    """libcurl sends a POST again by itself when a kept-alive connection dies; ours must not."""
    with FalSim("--run-ms", 10) as sim, \
            Imago(database, stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url) as imago:
        assert imago.wait_for(imago.generate("warms the connection up").json()["job_id"])["status"] == "COMPLETED"
        before = sim.stats()["submissions"]
        job = imago.generate("[[submit:close-after-body]]").json()["job_id"]
        assert imago.wait_for(job)["status"] == "FAILED"
        assert sim.stats()["submissions"] == before + 1
        assert imago.get(f"/api/v1/jobs/{job}").json()["error"]["code"] == "outcome_unknown"
