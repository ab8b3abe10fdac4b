"""A Chromium for Python tests; what it can do is in browser.mjs.

    with Chromium() as browser:
        status = browser.open(url="http://...", theme="dark", width=360)
        browser.click(on="button")
        assert browser.audit()["problems"] == []
"""
import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class Chromium:
    def __init__(self):
        self.node = subprocess.Popen(["node", str(HERE / "browser.mjs")], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, cwd=HERE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.node.stdin.close()
        code = self.node.wait(20)
        self.node.stdout.close()
        assert code == 0, f"the browser's driver ended with {code}"

    def _call(self, call, **options):
        self.node.stdin.write(json.dumps({"call": call, **options}) + "\n")
        self.node.stdin.flush()
        line = self.node.stdout.readline()
        assert line, f"the browser's driver ended in {call}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["ok"]

    def __getattr__(self, call):
        return lambda **options: self._call(call, **options)
