"""What the simulated providers share: an HTTP server on a free port, rules for what goes wrong, a log of requests.

    class OpenAISim(Sim):
        def post_v1_images_generations(self, request): ...

A provider is a subclass with `routes`: [(method, regular expression of the path, function(self, request, *groups))].
What a function returns is the answer: Answer(status, body, headers), where body is bytes, a str, or something for json.dumps.

Rules. `[[stage:what]]` in a prompt, with ` xN` for the first N times only and ` after=S` where seconds make sense. The stages
and words that all providers know are in `spoil`; a provider adds its own and says so on its top.

  submit, poll, result:  CODE (an HTTP status, in the provider's own error shape) | hang | close | close-after-body | cut | slow | garbage |
                         html | empty | deep | bomb (gzip) | endless | nan
  image:                 CODE | truncated | wrong-type | html | empty | hang | slow | endless | bad-base64 | bad-padding | too-big

`sim.requests` holds what came in: dicts of method, path, headers (lower case), body (bytes), json (parsed, or None), taken: whether the
provider would count (and charge) it.
"""
import base64
import gzip
import http.server
import json
import re
import socket
import struct
import threading
import time
import zlib

RULE = re.compile(r"\[\[(\w+):([\w.-]+)(?: x(\d+))?(?: after=([\d.]+))?\]\]")
DRIP_S = 0.2


class Answer:
    def __init__(self, status=200, body=b"", headers=None):
        self.status, self.headers = status, dict(headers or {})
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            self.headers.setdefault("Content-Type", "application/json")
        self.body = body.encode() if isinstance(body, str) else body


class Spoilt(Exception):
    """Nothing more is to be sent on this connection."""


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.time = time.monotonic()
        self.taken = False
        try:
            self.json = json.loads(body) if body else None
        except ValueError:
            self.json = None


class Rules:
    def __init__(self, text=""):
        self.left = [[stage, what, int(times) if times else None, float(after) if after else None]
                     for stage, what, times, after in RULE.findall(text or "")]

    def take(self, stage):
        """(what, after) of the first rule of the stage that still applies, else (None, None)."""
        for rule in self.left:
            if rule[0] == stage and rule[2] != 0:
                if rule[2] is not None:
                    rule[2] -= 1
                return rule[1], rule[3]
        return None, None


def png(width=64, height=64, seed=0, noise=False):
    """A whole PNG; with noise it does not compress, so that its size is about 3 bytes a pixel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    if noise:
        state = (seed * 2654435761 + 1) & 0xFFFFFFFF
        block = bytearray()
        for _ in range(4096):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            block += struct.pack(">I", state)
        row = (bytes(block) * (width * 3 // len(block) + 1))[:width * 3]
        rows = b"".join(b"\0" + row[n % 251:] + row[:n % 251] for n in range(height))
        packed = zlib.compress(rows, 0)
    else:
        colour = bytes(((seed * 53 + 40) % 256, (seed * 97 + 90) % 256, (seed * 193 + 150) % 256))
        packed = zlib.compress(b"".join(b"\0" + colour * width for _ in range(height)), 6)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", packed) + chunk(b"IEND", b""))


class Sim:
    """with OpenAISim() as sim: ... sim.url ..."""
    routes = []

    def __init__(self):
        self.requests, self.lock = [], threading.Lock()
        self.rules = Rules()            # for every request, before those of its prompt
        sim = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self):
                sim._serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                pass                    # clients that go away are part of the tests

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # ---- for tests ----
    def taken(self):
        with self.lock:
            return [r for r in self.requests if r.taken]

    # ---- for providers ----
    def error(self, status, what):
        """An error in the provider's own shape; subclasses have their own."""
        return Answer(status, {"error": what})

    def take_rule(self, stage, rules):
        what, after = self.rules.take(stage)
        return (what, after) if what else rules.take(stage)

    def spoil(self, handler, stage, rules):
        """Before the provider has looked at the request. None: nothing is to go wrong here; an Answer; or Spoilt is raised."""
        what, after = self.take_rule(stage, rules)
        if what is None:
            return None
        if what.isdigit():
            answer = self.error(int(what), "asked for by a rule")
            if after is not None:
                answer.headers["Retry-After"] = str(int(after))
            return answer
        if what == "hang":
            self.stopping.wait(after or 600)
            raise Spoilt
        if what in ("close", "close-after-body"):
            handler.connection.shutdown(socket.SHUT_RDWR)
            raise Spoilt
        if what == "slow":
            self.stopping.wait(after or 1)
            return None
        if what == "garbage":
            return Answer(200, b'{"data":[\xff\xfe}', {"Content-Type": "application/json"})
        if what == "html":
            return Answer(200, "<html><h1>Bad gateway</h1></html>", {"Content-Type": "text/html"})
        if what == "empty":
            return Answer(200, b"", {"Content-Type": "application/json"})
        if what == "deep":
            return Answer(200, "[" * 100000, {"Content-Type": "application/json"})
        if what == "nan":
            return Answer(200, '{"data":NaN}', {"Content-Type": "application/json"})
        if what == "bomb":
            return Answer(200, gzip.compress(b"[" + b" " * (64 << 20) + b"]"),
                          {"Content-Type": "application/json", "Content-Encoding": "gzip"})
        if what == "cut":
            raise Spoilt(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"data":[')
        if what == "endless":
            return self.endless(handler, b'{"data":["', b"A" * 65536)
        raise AssertionError(f"no such rule: {stage}:{what}")

    def endless(self, handler, head, piece):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + head)
        while not self.stopping.is_set():
            handler.wfile.write(piece)
        raise Spoilt

    def picture(self, rules, width, height, seed=0, noise=False):
        """(bytes, spoilt base64 or None) of a picture, spoilt as the rules of stage `image` want."""
        data = png(width, height, seed, noise)
        what, _ = self.take_rule("image", rules)
        if what is None:
            return data, base64.b64encode(data).decode()
        if what == "truncated":
            data = data[:len(data) * 2 // 3]
        elif what == "wrong-type":
            data = b"%PDF-1.7\n" + b"x" * 1000
        elif what == "html":
            data = b"<html>not found</html>"
        elif what == "empty":
            data = b""
        elif what == "too-big":
            data = png(1, 1)[:16] + struct.pack(">II", 20000, 20000) + png(1, 1)[24:]
        text = base64.b64encode(data).decode()
        if what == "bad-base64":
            text = text[:40] + "*" + text[41:]
        if what == "bad-padding":
            text = text.rstrip("=") + "==="
        return data, text

    def _serve(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        request = Request(handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()}, body)
        request.handler = handler
        with self.lock:
            self.requests.append(request)
        try:
            answer = self._route(request)
            handler.send_response_only(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(answer.body)
        except Spoilt as spoilt:
            for rest in spoilt.args:
                handler.wfile.write(rest)
            handler.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def _route(self, request):
        path = request.path.split("?")[0]
        for method, pattern, function in self.routes:
            match = re.fullmatch(pattern, path)
            if match and request.method == method:
                return function(self, request, *match.groups())
        return self.error(404, "no such path")
