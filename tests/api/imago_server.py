"""An imago of one's own for a test: a fresh database, a data directory, any free port.

    with Imago(database_url, IMAGO_DEMO="on") as imago:
        status, headers, body = imago.get("/health")
        imago.post("/api/images/generate", {"prompt": "a cat"})

The process gets nothing of the test's environment but what is given here. Its log is JSON lines, kept in
imago.log_path; imago.kill() ends it with SIGKILL, imago.start() starts it again on the same data.
"""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_S = 30


def build_dir():
    return pathlib.Path(os.environ.get("IMAGO_BUILD", ROOT / "build"))


def program():
    return str(build_dir() / "src/app/imago")


class Answer:
    """status, headers (lower-case names), body; json() reads it."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Imago:
    def __init__(self, database_url, redis_url="", data_dir=None, **environment):
        self._own_dir = None if data_dir else tempfile.TemporaryDirectory(prefix="imago-test-")
        self.data_dir = data_dir or self._own_dir.name
        self.log_path = os.path.join(self.data_dir, "imago.log")
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "IMAGO_DATA_DIR": self.data_dir,
            "IMAGO_LISTEN": "127.0.0.1:0",
            "IMAGO_ANONYMOUS": "on",
            "IMAGO_PIXELS": str(build_dir() / "src/pixels/imago-pixels"),
            "IMAGO_LOG": "info,json",
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
            **{name: str(value) for name, value in environment.items()},
        }
        self.process = None
        self.port = 0

    # ---- life ----

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self._own_dir:
            self._own_dir.cleanup()

    def spawn(self):
        """Start it and return at once; its log grows from `self.log_from` on."""
        log = open(self.log_path, "ab")
        self.log_from = log.tell()
        self.process = subprocess.Popen([program(), "serve"], env=self.environment, cwd=self.data_dir,
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

    def start(self, ready_s=START_S):
        """Until it is ready. Returns how long that took."""
        began = time.monotonic()
        self.spawn()
        while time.monotonic() - began < ready_s:
            line = self.find_log("serve.ready")
            if line:
                self.port = line["port"]
                return time.monotonic() - began
            assert self.process.poll() is None, f"imago ended with {self.process.returncode}:\n{self.log_text()}"
            time.sleep(0.005)
        raise AssertionError(f"not ready after {ready_s} s:\n{self.log_text()}")

    def stop(self, within_s=40):
        """SIGTERM; it has to end by itself, with 0."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(within_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("did not end on SIGTERM:\n" + self.log_text()) from None
        code, self.process = self.process.returncode, None
        assert code == 0, f"ended with {code}:\n{self.log_text()}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def signal(self, number):
        self.process.send_signal(number)

    def threads(self):
        return os.listdir(f"/proc/{self.process.pid}/task")

    # ---- log ----

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()[-8000:]

    def log_events(self):
        """All events since the last start."""
        with open(self.log_path, "rb") as log:
            log.seek(self.log_from)
            for line in log.read().splitlines():
                try:
                    yield json.loads(line)
                except ValueError:
                    pass

    def find_log(self, event):
        return next((e for e in self.log_events() if e.get("event") == event), None)

    # ---- HTTP ----

    def connection(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(self, method, path, body=None, headers=None, connection=None):
        own = connection or self.connection()
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        try:
            own.request(method, path, body=body, headers=headers)
            answer = own.getresponse()
            data = answer.read()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, data)
        finally:
            if connection is None:
                own.close()

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    # ---- what tests do all the time ----

    def command(self, *arguments):
        """A command of imago's, with this server's settings; what it printed."""
        done = subprocess.run([program(), *map(str, arguments)], env=self.environment, cwd=self.data_dir,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout.strip()

    def user(self, name, credits=100):
        """A new user, as the header fields of whoever has its key."""
        return {"Authorization": "Bearer " + self.command("user", "create", name, "--credits", credits)}

    def sql(self, text, *values):
        """All rows of a statement on its database."""
        connection = psycopg2.connect(self.environment["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def made(self, prompt="a cat", headers=None, within_s=30, **fields):
        """A job that has been accepted and has completed: its result body."""
        answer = self.generate(prompt, headers=headers, **fields)
        assert answer.status == 202, answer
        job = answer.json()["job_id"]
        status = self.wait_for(job, within_s, headers)
        assert status["status"] == "COMPLETED", status
        return self.get(f"/api/images/result/{job}", headers=headers).json()

    def generate(self, prompt="a cat", connection=None, headers=None, **fields):
        return self.post("/api/images/generate", {"prompt": prompt, **fields}, connection=connection, headers=headers)

    def wait_for(self, job_id, within_s=30, headers=None):
        """The job's final status body."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            answer = self.get(f"/api/images/status/{job_id}", headers=headers)
            if answer.status == 200 and answer.json()["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                return answer.json()
            time.sleep(0.05)
        raise AssertionError(f"{job_id} has not ended: {answer}")

    def metric(self, name):
        """Sum over the series whose name and labels start with `name`."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(name):
                total += float(line.rsplit(" ", 1)[1])
        return total
