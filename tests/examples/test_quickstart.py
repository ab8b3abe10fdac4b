"""examples/quickstart from a checkout: starts, serves, stops, starts again, whatever happened before."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_S = 300           # the first one may build


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processes_naming(text):
    """Command lines and working folders of processes that have to do with a folder."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = pathlib.Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace")
            environ = pathlib.Path(f"/proc/{name}/environ").read_bytes().decode(errors="replace")
            if words and (text in words or f"IMAGO_DATA_DIR={text}" in environ):
                found[int(name)] = words.replace("\0", " ")
    return found


def wait_until(what, seconds=15.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Quickstart:
    def __init__(self, folder, port=None, env=None):
        self.dir, self.port = folder, port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.out = open(f"{folder}.out", "w+b")
        self.process = subprocess.Popen(
            [ROOT / "examples/quickstart", "--dir", folder, "--port", str(self.port), "--no-install"],
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})

    def output(self):
        return pathlib.Path(self.out.name).read_text(encoding="utf-8", errors="replace")

    def ready(self):
        wait_until(lambda: f"ready {self.url}\n" in self.output() or self.process.poll() is not None, START_S)
        assert self.process.poll() is None, self.output()
        assert requests.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        return self

    def pid(self, name):
        return int(pathlib.Path(self.dir, "state", f"{name}.pid").read_text(encoding="ascii").split()[0])

    def shell(self, command):
        done = subprocess.run(["bash", "-c", f"source {self.dir}/env && {command}"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        assert done.returncode == 0, done.stdout.decode()
        return done.stdout.decode().strip()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@pytest.fixture(name="folder")
def make_folder():
    """A folder that the user postgres can reach too, as a checkout usually is."""
    top = tempfile.mkdtemp(prefix="quickstart-")
    os.chmod(top, 0o755)
    yield f"{top}/imago"
    for pid in processes_naming(top):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(name="start")
def make_start(folder):
    started = []

    def start(**more):
        started.append(Quickstart(folder, **more))
        return started[-1]
    yield start
    for q in started:
        if q.process.poll() is None:
            q.stop()
        q.out.close()


def make_picture(q):
    answer = requests.post(f"{q.url}/api/images/generate", json={"prompt": "a lighthouse at dawn"}, timeout=10)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]
    wait_until(lambda: requests.get(f"{q.url}/api/images/status/{job}", timeout=5).json()["status"] == "COMPLETED", 30)
    return job


def test_a_picture_and_a_second_start(start, folder):
    q = start().ready()
    job = make_picture(q)
    assert "curl " in q.output()
    picture = requests.get(f"{q.url}/api/images/result/{job}", timeout=5).json()["images"][0]["url"]
    assert requests.get(picture, timeout=5).headers["Content-Type"].startswith("image/")
    assert q.shell("""psql "$DATABASE_URL" -Atc "select count(*) from image_generation_jobs where status = 'COMPLETED'" """) == "1"
    assert q.shell("psql -Atc 'select count(*) from users'") == "1"
    assert "imago" in q.shell("imago --version")
    assert len(os.listdir(f"/proc/{q.pid('imago')}/task")) == 1
    assert q.stop() == 0
    assert not processes_naming(folder)

    again = start().ready()
    status = requests.get(f"{again.url}/api/images/status/{job}", timeout=5).json()
    assert status["status"] == "COMPLETED"
    assert again.stop(signal.SIGINT) == 0
    assert not processes_naming(folder)


def test_stores_have_no_tcp_port(start):
    q = start().ready()
    for name in ("postgres", "redis"):
        inodes = set()
        for fd in pathlib.Path(f"/proc/{q.pid(name)}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(fd))
        listening = set()
        for table in ("tcp", "tcp6"):
            with contextlib.suppress(OSError):
                for line in pathlib.Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
                    listening.add(f"socket:[{line.split()[9]}]")
        assert not inodes & listening


@pytest.mark.parametrize("what", ["quickstart", "all"])
def test_after_kill(start, folder, what):
    q = start().ready()
    job = make_picture(q)
    pids = [q.pid(n) for n in ("imago", "redis", "postgres")]
    if what == "all":
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    q.process.kill()
    q.process.wait(timeout=10)
    wait_until(lambda: not processes_naming(folder), 45)

    again = start().ready()
    assert requests.get(f"{again.url}/api/images/status/{job}", timeout=5).json()["status"] == "COMPLETED"
    assert again.stop() == 0


def test_frozen_leftovers_are_stopped(start):
    q = start().ready()
    pids = [q.pid(n) for n in ("imago", "redis", "postgres")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    q.process.kill()
    q.process.wait(timeout=10)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        # a pid file that points to somebody else's process: same pid, other start time
        pathlib.Path(q.dir, "state/redis.pid").write_text(f"{stranger.pid} 1\n", encoding="ascii")
        again = start()
        time.sleep(0.5)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        again.ready()
        assert stranger.poll() is None
        assert again.stop() == 0
    finally:
        stranger.kill()
        stranger.wait()


def test_ends_when_imago_dies(start, folder):
    q = start().ready()
    os.kill(q.pid("imago"), signal.SIGKILL)
    assert q.process.wait(timeout=60) != 0
    assert not processes_naming(folder)


def test_second_one_is_refused(start, folder):
    q = start().ready()
    other = start()
    assert other.process.wait(timeout=20) != 0
    assert "already runs" in other.output()
    elsewhere = Quickstart(folder + "2", port=q.port)
    assert elsewhere.process.wait(timeout=60) != 0
    assert "--port" in elsewhere.output()
    elsewhere.out.close()
    assert requests.get(f"{q.url}/health/live", timeout=5).status_code == 200


def test_deep_and_closed_folders():
    """Too long for a socket's path, and closed to the user postgres."""
    top = tempfile.mkdtemp(prefix="quickstart-")            # 0700
    folder = f"{top}/{'deep' * 30}"
    q = Quickstart(folder)
    try:
        q.ready()
        make_picture(q)
        assert q.stop() == 0
        assert not processes_naming(folder)
    finally:
        if q.process.poll() is None:
            q.stop(signal.SIGKILL)
        q.out.close()
        database = os.path.realpath(f"{folder}/postgres")
        shutil.rmtree(database, ignore_errors=True)
        shutil.rmtree(top, ignore_errors=True)


def test_environment_is_passed_on(start):
    q = start(env={"IMAGO_CORS_ORIGINS": "http://localhost:4000", "FAL_QUEUE_URL": "http://127.0.0.1:1"}).ready()
    environ = pathlib.Path(f"/proc/{q.pid('imago')}/environ").read_bytes().split(b"\0")
    assert b"FAL_QUEUE_URL=http://127.0.0.1:1" in environ
    assert b"IMAGO_CORS_ORIGINS=http://localhost:4000" in environ
    assert b"IMAGO_ANONYMOUS=on" in environ
