"""The main job under load, with the real Postgres and Redis and a simulated fal."""
import threading

from fal_sim import FalSim
from imago_server import Imago
from load import Load, query, wait_until_all_end

JOBS, CONNECTIONS = 1000, 64
START_CREDITS, PRICE = 1000, 5


def ledger_sums(url):
    return dict(query(url, "select kind, sum(amount)::bigint from ledger group by kind"))


def watch_threads(imago, seen, stop):
    while not stop.wait(0.02):
        seen.add(len(imago.threads()))


def test_a_thousand_jobs_at_64_connections(database, stores):
    with FalSim("--run-ms", 50) as sim, \
            Imago(database, stores["REDIS_URL"], FAL_KEY="id:secret", FAL_QUEUE_URL=sim.url) as imago:
        query(database, "select 1")
        add_credits(database, 5000)
        seen, stop = set(), threading.Event()
        watcher = threading.Thread(target=watch_threads, args=(imago, seen, stop))
        watcher.start()
        load = Load(imago, JOBS, CONNECTIONS).start().join()
        assert load.refused == [] and load.lost == []
        assert wait_until_all_end(database, 120) == {"COMPLETED": JOBS}
        stop.set()
        watcher.join()
        assert seen == {1}, "more than one thread"
        stats = sim.stats()
        assert stats["submissions"] == JOBS and stats["repeated"] == 0
        sums = ledger_sums(database)
        assert sums == {"topup": START_CREDITS + 5000, "hold": JOBS * PRICE, "capture": JOBS * PRICE}
        me = imago.get("/api/v1/me").json()
        assert (me["credits"], me["held"]) == (START_CREDITS + 5000 - JOBS * PRICE, 0)
        assert query(database, "select count(*) from images")[0][0] == JOBS
        result = imago.get("/api/images/result/" + next(iter(load.accepted))).json()
        assert result["images"][0]["dimensions"] == "1024x1024"


def add_credits(url, amount):
    query(url, """with u as (update users set credits = credits + %s, ledger_seq = ledger_seq + 1 where name = 'local' returning *)
                  insert into ledger (user_id, id, kind, amount, balance, held, reason)
                  select id, ledger_seq, 'topup', %s, credits, held, 'test' from u""", amount, amount)
