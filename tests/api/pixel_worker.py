"""imago-pixels as a server sees it: a SOCK_SEQPACKET socket at its descriptor 3; and a reader of its PNGs."""

import json
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import zlib


class Worker:
    """One worker process. `with Worker(program) as w: w.draw(prompt="…")`"""

    def __init__(self, program, *arguments, wrap=()):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket = ours
        self.socket.settimeout(60)
        number = theirs.fileno()
        self.process = subprocess.Popen(
            [*wrap, str(program), *arguments], close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.dup2(number, 3))
        theirs.close()
        self.hello = json.loads(self.socket.recv(1000) or b"null")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.wait(20)

    def ask(self, request, descriptor=None):
        """The answer to any bytes; None when the worker is gone."""
        socket.send_fds(self.socket, [request], [] if descriptor is None else [descriptor])
        answer = self.socket.recv(10000)
        return json.loads(answer) if answer else None

    def draw(self, **order):
        """(answer, bytes of the picture)"""
        request = {"op": "draw", "prompt": "", "width": 512, "height": 512, "format": "png", "seed": 1, "number": 1}
        request.update(order)
        with tempfile.TemporaryFile() as file:
            answer = self.ask(json.dumps(request).encode(), file.fileno())
            file.seek(0)
            return answer, file.read()


class Picture:
    """RGB pixels of an 8-bit PNG without interlace: what the worker writes."""

    def __init__(self, data):
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        at, packed = 8, b""
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + length]
            assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0], kind
            if kind == b"IHDR":
                self.width, self.height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
                assert (depth, colour, interlace) == (8, 2, 0)
            elif kind == b"IDAT":
                packed += body
            at += 12 + length
        self.rows = self._unfilter(zlib.decompress(packed))

    def _unfilter(self, raw):
        step, rows, above = self.width * 3, [], bytes(self.width * 3)
        for y in range(self.height):
            kind, line = raw[y * (step + 1)], bytearray(raw[y * (step + 1) + 1:(y + 1) * (step + 1)])
            if kind == 2:
                line = bytearray((a + b) & 255 for a, b in zip(line, above))
            elif kind == 1:
                for i in range(3, step):
                    line[i] = (line[i] + line[i - 3]) & 255
            else:
                assert kind == 0, f"filter {kind} is not among those that are asked for"
            above = bytes(line)
            rows.append(above)
        return rows

    def at(self, x, y):
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def small(self, side=16):
        """Mean colours of side x side fields: what one sees from afar."""
        fields = []
        for j in range(side):
            for i in range(side):
                xs = range(i * self.width // side, (i + 1) * self.width // side, 4)
                ys = range(j * self.height // side, (j + 1) * self.height // side, 4)
                points = [self.at(x, y) for y in ys for x in xs]
                fields += [sum(p[k] for p in points) / len(points) for k in range(3)]
        return fields


def luminance(rgb):
    """WCAG 2.2 relative luminance."""
    r, g, b = ((v / 255 / 12.92) if v / 255 <= 0.04045 else (((v / 255 + 0.055) / 1.055) ** 2.4) for v in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    high, low = max(a, b), min(a, b)
    return (high + 0.05) / (low + 0.05)


def find_worker():
    """The worker of the build that IMAGO_BUILD names, or of the newest build beside this source tree."""
    if os.environ.get("IMAGO_PIXELS"):
        return pathlib.Path(os.environ["IMAGO_PIXELS"])
    if os.environ.get("IMAGO_BUILD"):
        return pathlib.Path(os.environ["IMAGO_BUILD"]) / "src/pixels/imago-pixels"
    root = pathlib.Path(__file__).resolve().parents[2]
    found = sorted(root.glob("build*/src/pixels/imago-pixels"), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else None
