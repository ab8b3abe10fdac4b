"""SIGHUP and the catalog: new prices at once, the old ones for jobs that were accepted with them."""
import json
import pathlib
import signal
import time

from fal_sim import FalSim
from imago_server import ROOT, Imago


def reload(imago, times=1):
    """Each SIGHUP's answer."""
    said = []
    for _ in range(times):
        before = len([e for e in imago.log_events() if e.get("event", "").startswith("reload.")])
        imago.signal(signal.SIGHUP)
        end = time.monotonic() + 10
        while len(said) < times and time.monotonic() < end:
            new = [e["event"] for e in imago.log_events() if e.get("event", "").startswith("reload.")][before:]
            if new:
                said.append(new[0])
                break
            time.sleep(0.01)
    return said


def write_catalog(path, **prices):
    """The built-in one with other prices."""
    files = sorted((ROOT / "src/providers/catalog").glob("*.json"))
    catalog = {"models": [row for file in files for row in json.loads(file.read_text())["models"]]}
    for row in catalog["models"]:
        row["credits"] = prices.get(row["name"].replace("-", "_"), row["credits"])
    path.write_text(json.dumps(catalog))


def test_a_new_catalog(new_database, tmp_path):
    file = tmp_path / "catalog.json"
    write_catalog(file, imagen4=5)
    with FalSim("--run-ms", 10) as sim, Imago(new_database(), IMAGO_CATALOG=file, FAL_KEY="a:b", FAL_QUEUE_URL=sim.url) as imago:
        slow = imago.generate("[[run:3000]]").json()["job_id"]
        write_catalog(file, imagen4=7, flux_dev=11)
        assert reload(imago) == ["reload.done"]
        prices = imago.get("/api/v1/me").json()["prices"]
        assert (prices["imagen4"], prices["flux-dev"]) == (7, 11)
        new = imago.made("at the new price")
        assert imago.get(f"/api/v1/jobs/{new['job_id']}").json()["credits"] == 7
        # one mistake: nothing changes
        file.write_text(file.read_text().replace('"credits": 11', '"credits": -1'))
        assert reload(imago) == ["reload.refused"]
        assert imago.get("/api/v1/me").json()["prices"] == prices
        write_catalog(file, imagen4=9)
        assert imago.wait_for(slow)["status"] == "COMPLETED"
        assert imago.get(f"/api/v1/jobs/{slow}").json()["credits"] == 5
        assert imago.get("/api/v1/me").json()["credits"] == 1000 - 7 - 5


def test_former_catalogs_are_bounded_and_given_up(new_database, tmp_path):
    with FalSim("--run-ms", 10) as sim, Imago(new_database(), FAL_KEY="a:b", FAL_QUEUE_URL=sim.url) as imago:
        assert reload(imago, 40) == ["reload.done"] * 40
        slow = [imago.generate("[[run:4000]]").json()["job_id"]]
        said = reload(imago, 1)
        for _ in range(17):
            slow.append(imago.generate("[[run:4000]]").json()["job_id"])
            said += reload(imago, 1)
        assert said[:16] == ["reload.done"] * 16 and "reload.refused" in said, said
        assert all(imago.wait_for(job)["status"] == "COMPLETED" for job in slow)
        assert reload(imago) == ["reload.done"]
