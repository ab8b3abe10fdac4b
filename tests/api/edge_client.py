"""Starts edge_server and talks to it over raw sockets: bytes in, answers out."""
import os
import re
import signal
import socket
import struct
import subprocess
import time

BUILD = os.environ.get('IMAGO_BUILD', 'build')
SERVER = os.path.join(BUILD, 'tests/api/edge_server')
WAIT_S = 20


class Answer:
    def __init__(self, status, fields, body, complete):
        self.status, self.fields, self.body, self.complete = status, fields, body, complete

    def field(self, name):
        """Its value, or None; twice is an error."""
        values = [v for k, v in self.fields if k == name.lower()]
        assert len(values) <= 1, '%s comes %d times' % (name, len(values))
        return values[0] if values else None

    def stable(self):
        """What must be the same each time the same bytes are sent."""
        changing = ('date', 'x-request-id')
        body = re.sub(rb'"request_id":"[^"]*"', b'', self.body)
        return self.status, [f for f in self.fields if f[0] not in changing], body

    def __repr__(self):
        return '%d %r %r' % (self.status, self.fields, self.body[:200])


def _chunks(data, at):
    """(body, end or None when it is cut off)"""
    body = b''
    while True:
        end = data.find(b'\r\n', at)
        if end < 0:
            return body, None
        size = int(data[at:end], 16)
        at = end + 2
        if len(data) < at + size + 2:
            return body + data[at:at + size], None
        body += data[at:at + size]
        assert data[at + size:at + size + 2] == b'\r\n'
        at += size + 2
        if size == 0:
            return body, at


def parse_answers(data, methods=()):
    """All answers in data, 1xx included; methods: of the requests, for HEAD."""
    answers, at, final = [], 0, 0
    while at < len(data):
        end = data.find(b'\r\n\r\n', at)
        assert end >= 0, 'half a head: %r' % data[at:at + 200]
        lines = data[at:end].split(b'\r\n')
        status = re.fullmatch(rb'HTTP/1\.1 (\d\d\d) [A-Za-z -]+', lines[0])
        assert status, 'not an answer: %r' % lines[0][:200]
        status = int(status[1])
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(b':')
            assert colon and re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name), line
            fields.append((name.decode().lower(), value.strip().decode()))
        at = end + 4
        method = methods[final] if final < len(methods) else 'GET'
        answer = Answer(status, fields, b'', True)
        answers.append(answer)
        if status < 200:
            continue
        final += 1
        if method == 'HEAD' or status in (204, 304):
            continue
        if answer.field('transfer-encoding'):
            assert answer.field('transfer-encoding') == 'chunked' and answer.field('content-length') is None
            answer.body, next_at = _chunks(data, at)
            answer.complete = next_at is not None
            at = next_at if next_at is not None else len(data)
        elif answer.field('content-length') is not None:
            size = int(answer.field('content-length'))
            answer.body = data[at:at + size]
            answer.complete = len(answer.body) == size
            at += size
        else:
            answer.body, at = data[at:], len(data)
    return answers


class Client:
    """One connection."""

    def __init__(self, target, receive_buffer=0):
        family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET6 if ':' in target[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(target)
        self.rest = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def send_bytewise(self, data):
        """Byte by byte; ends quietly when the server has closed, as it may after an answer."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            try:
                self.socket.send(data[i:i + 1])
            except (BrokenPipeError, ConnectionResetError):
                return

    def end(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        """Close so that the server sees a reset, not an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()

    def read_all(self):
        """Until the server closes."""
        data, self.rest = self.rest, b''
        while True:
            try:
                piece = self.socket.recv(1 << 20)
            except ConnectionResetError:
                return data
            if not piece:
                return data
            data += piece

    def answers(self, methods=()):
        return parse_answers(self.read_all(), methods)

    def answer(self, method='GET'):
        """The next final answer on a connection that stays open."""
        while True:
            found = None
            if b'\r\n\r\n' in self.rest:
                head_end = self.rest.index(b'\r\n\r\n') + 4
                head = parse_answers(self.rest[:head_end], ['HEAD'])[0]
                length = head.field('content-length')
                if head.status < 200 or head.status in (204, 304) or method == 'HEAD':
                    found = head, head_end
                elif length is not None and len(self.rest) >= head_end + int(length):
                    head.body = self.rest[head_end:head_end + int(length)]
                    found = head, head_end + int(length)
                elif length is None:
                    body, end = _chunks(self.rest, head_end)
                    head.body = body
                    found = (head, end) if end is not None else None
            if found:
                self.rest = self.rest[found[1]:]
                return found[0]
            piece = self.socket.recv(1 << 20)
            assert piece, 'closed; so far %r' % self.rest[:300]
            self.rest += piece

    def is_closed(self, within_s=WAIT_S):
        self.socket.settimeout(within_s)
        try:
            return self.socket.recv(1) == b''
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


class Edge:
    """A running edge_server."""

    def __init__(self, *options, listen='127.0.0.1:0', prefix=()):
        self.process = subprocess.Popen([*prefix, SERVER, '--listen', listen, *map(str, options)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith('port '), self.process.stderr.read()
        host = listen.rpartition(':')[0].strip('[]')
        self.target = listen[5:] if listen.startswith('unix:') else (host, int(line.split()[1]))

    def client(self, **more):
        return Client(self.target, **more)

    def exchange(self, raw, methods=(), bytewise=False):
        """Send, half-close, read until the server closes."""
        with self.client() as client:
            if bytewise:
                client.send_bytewise(raw)
            else:
                client.send(raw)
            client.end()
            return client.answers(methods)

    def get(self, path):
        with self.client() as client:
            client.send('GET %s HTTP/1.1\r\nHost: a\r\n\r\n' % path)
            return client.answer()

    def stats(self):
        import json
        return json.loads(self.get('/stats').body)

    def wait_for(self, condition, what):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            stats = self.stats()
            if condition(stats):
                return stats
            time.sleep(0.02)
        raise AssertionError('%s: %r' % (what, stats))

    def resident_kib(self):
        with open('/proc/%d/status' % self.process.pid) as f:
            return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])

    def cpu_s(self):
        with open('/proc/%d/stat' % self.process.pid) as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def stop(self):
        """Ends it in order; a crash, a leak or a sanitizer's word fails the test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            _, error = self.process.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert self.process.returncode == 0, error
