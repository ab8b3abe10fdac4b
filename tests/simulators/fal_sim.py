"""fal-sim for Python tests: start it, tell it what to do wrong, ask what it saw.

    with FalSim("--run-ms", "20") as sim:
        sim.config(next=[{"count": 1, "rules": "[[submit:503]]"}])
        ... FAL_QUEUE_URL=sim.url ...
        assert sim.stats()["submissions"] == 1

The rules are listed in fal_sim.h. The simulator ends with its standard input: it cannot be left behind.
"""
import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program():
    return os.path.join(os.environ.get("IMAGO_BUILD", ROOT / "build"), "tests/simulators/fal-sim")


class FalSim:
    def __init__(self, *options):
        self.process = subprocess.Popen([program(), "--stdin", *map(str, options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("port "), f"fal-sim did not start: {self.process.wait()}"
        self.port = int(line.split()[1])
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(10)
        self.process.stdout.close()
        assert code == 0, f"fal-sim ended with {code}"

    def call(self, method, path, body=None, headers=None):
        """(status, headers, body as bytes), for any status."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read()

    def _control(self, method, name, body=None):
        status, _, text = self.call(method, f"/__sim/{name}", body)
        assert status == 200, f"{name}: {status} {text.decode()}"
        return json.loads(text)

    def config(self, **changes):
        self._control("POST", "config", changes)

    def reset(self):
        self._control("POST", "reset", {})

    def stats(self):
        return self._control("GET", "stats")

    def requests(self, start=0):
        return self._control("GET", f"requests?from={start}")
