"""The HTTP edge as a black box: hostile bytes, limits, order, slow and vanishing clients."""
import json
import os
import re
import signal
import socket
import time

import pytest

from edge_client import Edge, WAIT_S, parse_answers
from hostile import HOSTILE

HELLO = b'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n'
SANITIZED = 'asan' in os.environ.get('IMAGO_BUILD', '')


def post(path, body=b'', fields=''):
    head = 'POST %s HTTP/1.1\r\nHost: a\r\n%s' % (path, fields)
    if 'ransfer-' not in fields and 'ontent-Length' not in fields:
        head += 'Content-Length: %d\r\n' % len(body)
    return head.encode() + b'\r\n' + body


@pytest.fixture(scope='module')
def file_bytes():
    return os.urandom(3_000_001)


@pytest.fixture(scope='module')
def edge(tmp_path_factory, file_bytes):
    path = tmp_path_factory.mktemp('edge') / 'file'
    path.write_bytes(file_bytes)
    server = Edge('--file', path)
    yield server
    server.stop()


@pytest.fixture
def short():
    """Limits short enough to wait for."""
    server = Edge('--head-ms', 300, '--stall-ms', 400, '--idle-ms', 600)
    yield server
    server.stop()


# ---- hostile bytes ----
def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 126
    assert len({raw for _, raw, _ in HOSTILE}) == len(HOSTILE)


@pytest.mark.parametrize('name,raw,statuses', HOSTILE, ids=[h[0] for h in HOSTILE])
def test_hostile_request_gets_one_answer_and_the_end(edge, name, raw, statuses):
    before = edge.stats()['handled']
    method = 'HEAD' if raw.startswith(b'HEAD') else 'GET'
    answers = edge.exchange(raw, [method])
    final = [a for a in answers if a.status >= 200]
    assert [a.status in statuses for a in final] == [True], answers
    assert all(a.status == 100 for a in answers[:-1])
    assert final[0].field('connection') == 'close' and final[0].complete
    assert final[0].field('content-type') == 'application/problem+json'
    assert json.loads(final[0].body)['status'] == final[0].status
    assert b'smuggled' not in final[0].body
    # a body that cannot be read was asked for by one handler; nothing else got so far
    assert edge.stats()['handled'] - before <= 2


@pytest.mark.parametrize('name,raw,statuses', [h for h in HOSTILE if len(h[1]) < 3000], ids=lambda v: v if isinstance(v, str) else '')
def test_hostile_request_byte_by_byte(edge, name, raw, statuses):
    whole = [a.stable() for a in edge.exchange(raw) if a.status >= 200]
    cut = [a.stable() for a in edge.exchange(raw, bytewise=True) if a.status >= 200]
    assert whole == cut


def test_answer_without_waiting_for_the_end(edge):
    """The refusal and the close come by themselves, not because the client ended."""
    for raw in (b'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', b'\x16\x03\x01', post('/echo', fields='Content-Length: 99999999\r\n')):
        with edge.client() as client:
            client.send(raw)
            answers = client.answers()
            assert len(answers) == 1 and answers[0].status in (400, 413)


def corpus():
    folder = os.environ.get('IMAGO_CORPORA')
    if not folder:
        return []
    with open(os.path.join(folder, 'llhttpmd.jsonl')) as f:
        return [row for row in map(json.loads, f) if row['type'].startswith('request')]


def corpus_variants(raw):
    """As it is; with a Host; and sent to a handler that reads bodies."""
    yield raw
    if 'host:' not in raw.lower() and '\r\n' in raw:
        hosted = raw.replace('\r\n', '\r\nHost: a\r\n', 1)
        yield hosted
        yield re.sub(r'^(POST|PUT) \S+', 'POST /echo', hosted)


@pytest.mark.skipif(not corpus(), reason='IMAGO_CORPORA is not set')
def test_corpus_whole_and_byte_by_byte(edge):
    tried = 0
    for row in corpus():
        for raw in corpus_variants(row['raw']):
            raw = raw.encode('latin-1', 'replace')
            methods = [m.decode() for m in re.findall(rb'(?:^|\r\n)([A-Z]+) /', raw)]
            whole = edge.exchange(raw, methods)
            cut = edge.exchange(raw, methods, bytewise=True)
            final = [a.stable() for a in whole if a.status >= 200]
            assert final == [a.stable() for a in cut if a.status >= 200], (row['id'], raw)
            errors = [i for i, a in enumerate(whole) if a.status >= 400 and a.field('connection') == 'close']
            assert errors in ([], [len(whole) - 1]), (row['id'], whole)
            tried += 1
    assert tried > 100
    assert edge.get('/hello').body == b'hello'


# ---- order and persistence ----
def test_pipelined_requests_are_answered_in_order(edge):
    requests, expected = b'', []
    for i in range(200):
        if i % 10 == 3:
            requests += b'GET /wait?ms=5 HTTP/1.1\r\nHost: a\r\n\r\n'
            expected.append(b'waited')
        elif i % 10 == 7:
            requests += post('/echo', b'body %d' % i)
            expected.append(b'body %d' % i)
        else:
            requests += b'GET /param/%d HTTP/1.1\r\nHost: a\r\n\r\n' % i
            expected.append(b'%d' % i)
    with edge.client() as client:
        client.send(requests)
        assert [client.answer().body for _ in expected] == expected


def test_next_request_waits_for_the_answer(edge):
    """While an answer is pending no other request is begun, and the server stops reading."""
    with edge.client() as client:
        before = edge.stats()['handled']
        client.socket.settimeout(0.1)
        client.send(b'GET /wait?ms=1500 HTTP/1.1\r\nHost: a\r\n\r\n')
        sent = 0
        start = time.monotonic()
        try:
            while time.monotonic() - start < 0.4:
                sent += client.socket.send(HELLO * 1000)
        except socket.timeout:
            pass
        assert edge.stats()['handled'] - before == 2       # the wait and this look at the counters
        assert sent > 0


def test_two_connections_do_not_wait_for_each_other(edge):
    with edge.client() as slow, edge.client() as quick:
        slow.send(b'GET /wait?ms=400 HTTP/1.1\r\nHost: a\r\n\r\n')
        start = time.monotonic()
        quick.send(HELLO)
        assert quick.answer().body == b'hello'
        assert time.monotonic() - start < 0.3
        assert slow.answer().body == b'waited'


@pytest.mark.parametrize('version,connection,kept', [
    ('1.1', None, True), ('1.1', 'close', False), ('1.1', 'keep-alive', True), ('1.1', 'Close', False),
    ('1.1', 'keep-alive, close', False), ('1.0', None, False), ('1.0', 'keep-alive', True), ('1.0', 'close', False)])
def test_connection_is_kept_as_asked(edge, version, connection, kept):
    field = 'Connection: %s\r\n' % connection if connection else ''
    with edge.client() as client:
        client.send('GET /hello HTTP/%s\r\nHost: a\r\n%s\r\n' % (version, field))
        answer = client.answer()
        assert answer.body == b'hello'
        said = answer.field('connection')
        assert said == (('keep-alive' if version == '1.0' else None) if kept else 'close')
        if kept:
            client.send(HELLO)
            assert client.answer().body == b'hello'
        else:
            assert client.is_closed()


def test_nothing_is_answered_after_close(edge):
    answers = edge.exchange(b'GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' + HELLO)
    assert len(answers) == 1


def test_upgrade_is_ignored(edge):
    for upgrade in ('h2c', 'websocket'):
        raw = post('/echo', b'abc', 'Upgrade: %s\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\nContent-Length: 3\r\n' % upgrade)
        answers = edge.exchange(raw + HELLO)
        assert [a.body for a in answers] == [b'abc', b'hello']


def test_methods_of_the_server_itself(edge):
    answers = edge.exchange(b'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n' + HELLO)
    assert [a.status for a in answers] == [204, 200]
    assert 'DELETE' in answers[0].field('allow')
    assert answers[0].field('content-length') is None
    trace = edge.exchange(b'TRACE /hello HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n')
    assert trace[0].status == 405 and trace[0].field('allow') and b'secret' not in trace[0].body


def test_unknown_path_and_method(edge):
    answers = edge.exchange(b'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n' + post('/hello') + HELLO)
    assert [a.status for a in answers] == [404, 405, 200]
    assert answers[1].field('allow') == 'GET, HEAD'


@pytest.mark.parametrize('target', ['//x', '/%2e', '/a/%2e%2e', '/%c0%ae', '/..', '/etc/passwd', '/%2Fetc', '/hello/', '/hello%2f'])
def test_odd_paths_reach_nothing(edge, target):
    assert edge.exchange(('GET %s HTTP/1.1\r\nHost: a\r\n\r\n' % target).encode())[0].status in (400, 404)


def test_parameter_is_decoded(edge):
    assert edge.get('/param/a%20b%C3%A9').body == 'a bé'.encode()


@pytest.mark.parametrize('path', ['/hello', '/file', '/stream?n=3&size=10', '/stream?n=3&size=10&plain=1', '/text?bytes=0', '/nothing'])
def test_head_is_get_without_a_body(edge, path):
    with edge.client() as client:
        client.send('GET %s HTTP/1.1\r\nHost: a\r\nX-Request-Id: same\r\n\r\n' % path)
        full = client.answer()
        client.send('HEAD %s HTTP/1.1\r\nHost: a\r\nX-Request-Id: same\r\n\r\n' % path)
        head = client.answer('HEAD')
        client.send(HELLO)
        assert client.answer().body == b'hello'
    without_date = [[f for f in a.fields if f[0] != 'date'] for a in (full, head)]
    assert without_date[0] == without_date[1] and full.status == head.status


def test_fields_of_every_answer(edge):
    for raw in (HELLO, b'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n', b'nonsense\r\n'):
        answer = edge.exchange(raw)[0]
        assert answer.field('x-content-type-options') == 'nosniff'
        assert re.fullmatch(r'[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT', answer.field('date'))
        assert answer.field('x-request-id')


def test_request_ids(edge):
    ids = set()
    for given, kept in (('abc.DEF_9-', True), ('x' * 36, True), ('x' * 37, False), ('a b', False), ('', False), ('<x>', False)):
        raw = b'GET /hello HTTP/1.1\r\nHost: a\r\nX-Request-Id: %s\r\n\r\n' % given.encode()
        got = edge.exchange(raw)[0].field('x-request-id')
        assert (got == given) == kept
        assert re.fullmatch(r'[A-Za-z0-9._-]{1,36}', got)
        ids.add(got)
    ids.update(edge.get('/hello').field('x-request-id') for _ in range(50))
    assert len(ids) == 56


# ---- bodies ----
@pytest.mark.parametrize('size', [0, 1, 1000, 65536, 65537, 1048576])
def test_body_comes_back(edge, size):
    body = os.urandom(size)
    chunked = b''.join(b'%x\r\n%s\r\n' % (len(body[i:i + 9999]), body[i:i + 9999]) for i in range(0, size, 9999)) + b'0\r\n\r\n'
    with edge.client() as client:
        client.send(post('/echo', body))
        assert client.answer().body == body
        client.send(post('/echo', chunked, 'Transfer-Encoding: chunked\r\n'))
        assert client.answer().body == body


def test_continue_comes_when_the_body_is_wanted(edge):
    with edge.client() as client:
        client.send(post('/echo', fields='Expect: 100-continue\r\nContent-Length: 5\r\n'))
        assert client.answer().status == 100
        client.send(b'hello')
        assert client.answer().body == b'hello'
        client.send(HELLO)
        assert client.answer().body == b'hello'


@pytest.mark.parametrize('raw,status', [
    (post('/echo', fields='Expect: 100-continue\r\nContent-Length: 1048577\r\n'), 413),
    (post('/nothing', fields='Expect: 100-continue\r\nContent-Length: 5\r\n'), 404),
    (post('/nothing', fields='Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n'), 404),
    (post('/echo', fields='Expect: magic\r\nContent-Length: 5\r\n'), 417)], ids=['large', 'unknown', 'unknown-chunked', 'magic'])
def test_no_continue_for_a_body_that_is_refused(edge, raw, status):
    with edge.client() as client:
        client.send(raw)
        assert [a.status for a in client.answers()] == [status]


def test_body_of_exactly_the_limit_and_one_more(edge):
    body = b'x' * 1048577
    with edge.client() as client:
        client.send(post('/echo', body[:-1]))
        assert client.answer().status == 200
        client.send(post('/echo', body))
        assert [a.status for a in client.answers()] == [413]
    sized = b'100000\r\n' + body[:-1] + b'\r\n'
    with edge.client() as client:
        client.send(post('/echo', sized + b'0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'))
        assert client.answer().status == 200
    with edge.client() as client:
        client.send(post('/echo', sized + b'1\r\n', 'Transfer-Encoding: chunked\r\n'))
        assert [a.status for a in client.answers()] == [413]


def test_refusal_reaches_a_client_that_keeps_sending(edge):
    """Closing at once would reset the connection and take the answer away."""
    with edge.client() as client:
        try:
            client.send(post('/echo', b'x' * 20_000_000, 'Content-Length: 20000000\r\n'))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert client.answers()[0].status == 413


def test_unread_small_body_is_skipped(edge):
    raw = post('/nothing', b'GET /smuggled HTTP/1.1\r\n\r\n') + HELLO
    answers = edge.exchange(raw)
    assert [a.status for a in answers] == [404, 200]
    assert edge.exchange(raw, bytewise=True)[1].body == b'hello'


def test_unread_large_body_ends_the_connection(edge):
    with edge.client() as client:
        client.send(post('/nothing', fields='Content-Length: 10000000\r\n'))
        answers = client.answers()
        assert [a.status for a in answers] == [404] and answers[0].field('connection') == 'close'


def test_trailers_change_nothing(edge):
    raw = post('/echo', b'3\r\nabc\r\n0\r\nContent-Length: 5\r\nAuthorization: x\r\n\r\n', 'Transfer-Encoding: chunked\r\n')
    assert [a.body for a in edge.exchange(raw + HELLO)] == [b'abc', b'hello']


def test_paused_body_stays_with_the_client():
    """A handler that rests must not make the server collect what comes meanwhile."""
    edge, size = Edge(), 30_000_000
    edge.get('/hello')
    before = edge.resident_kib()
    with edge.client() as client:
        client.send(post('/sink?pause_ms=400', fields='Content-Length: %d\r\n' % size))
        client.socket.settimeout(0.3)
        sent = 0
        try:
            while sent < size:
                sent += client.socket.send(b'x' * 100_000)
        except socket.timeout:
            pass
        assert sent < size
        if not SANITIZED:
            assert edge.resident_kib() - before < 2048
    edge.process.kill()                # what lies in the socket would be rested over for long
    edge.process.communicate()


def test_streamed_body_arrives_whole(edge):
    body = os.urandom(2_000_000)
    with edge.client() as client:
        client.send(post('/sink?pause_ms=1', body))
        assert client.answer().body == b'2000000'


# ---- answers ----
def test_stream(edge):
    with edge.client() as client:
        client.send(b'GET /stream?n=50&size=100000 HTTP/1.1\r\nHost: a\r\n\r\n')
        answer = client.answer()
        assert answer.field('transfer-encoding') == 'chunked' and answer.body == b'x' * 5_000_000
        client.send(b'GET /stream?n=50&size=1000&plain=1 HTTP/1.1\r\nHost: a\r\n\r\n')
        assert client.answer().field('content-length') == '50000'


def test_stream_to_10_ends_with_the_connection(edge):
    answer, = edge.exchange(b'GET /stream?n=50&size=1000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    assert answer.field('transfer-encoding') is None and answer.field('connection') == 'close'
    assert answer.body == b'x' * 50_000


def test_slow_reader_costs_no_memory(edge):
    before = edge.resident_kib()
    with edge.client(receive_buffer=4096) as client:
        client.send(b'GET /stream?n=1000&size=100000 HTTP/1.1\r\nHost: a\r\n\r\n')
        time.sleep(0.3)
        if not SANITIZED:
            assert edge.resident_kib() - before < 4096
        assert len(client.socket.recv(1000)) > 0


def test_large_answer_at_once(edge):
    assert edge.get('/text?bytes=16000000').body == b'y' * 16_000_000


def test_aborted_answer_looks_broken(edge):
    with edge.client() as client:
        client.send(b'GET /stream?n=50&size=1000&abort=1 HTTP/1.1\r\nHost: a\r\n\r\n')
        data = client.read_all()
        assert not data or not parse_answers(data)[0].complete


def test_file(edge, file_bytes):
    with edge.client() as client:
        client.send(b'GET /file HTTP/1.1\r\nHost: a\r\n\r\n' * 3)
        for _ in range(3):
            assert client.answer().body == file_bytes
    with edge.client(receive_buffer=4096) as slow:
        slow.send(b'GET /file HTTP/1.1\r\nHost: a\r\n\r\n')
        time.sleep(0.1)
        assert slow.answer().body == file_bytes


def test_file_that_is_shorter_than_promised(edge, file_bytes):
    with edge.client() as client:
        client.send(b'GET /file?more=10 HTTP/1.1\r\nHost: a\r\n\r\n')
        data = client.read_all()
        assert not data or not parse_answers(data)[0].complete


# ---- clients that are slow or gone ----
def test_slow_head_is_cut(short):
    with short.client() as client:
        start = time.monotonic()
        for byte in b'GET /hello HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy':
            try:
                client.send(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.02)
            if time.monotonic() - start > 0.6:
                break
        assert client.answers()[0].status == 408


def test_silent_client_is_cut(short):
    with short.client() as client:
        start = time.monotonic()
        assert client.read_all() == b''
        assert 0.4 < time.monotonic() - start < 3


@pytest.mark.parametrize('raw', [post('/echo', b'abc', 'Content-Length: 10\r\n'),
                                 post('/echo', b'5\r\nab', 'Transfer-Encoding: chunked\r\n'),
                                 post('/sink', b'abc', 'Content-Length: 10\r\n')], ids=['length', 'chunked', 'sink'])
def test_stalled_body_is_cut(short, raw):
    with short.client() as client:
        client.send(raw)
        assert [a.status for a in client.answers()] == [408]
    short.wait_for(lambda s: s['connections'] == 1, 'connections stay')


def test_client_that_does_not_read_is_cut(short):
    with short.client(receive_buffer=4096) as client:
        client.send(b'GET /text?bytes=16000000 HTTP/1.1\r\nHost: a\r\n\r\n')
        short.wait_for(lambda s: s['connections'] == 1, 'the slow reader stays')


def test_half_closed_client_still_gets_its_answer(edge):
    assert edge.exchange(b'GET /wait?ms=100 HTTP/1.1\r\nHost: a\r\n\r\n')[0].body == b'waited'


@pytest.mark.parametrize('raw', [b'GET /wait?ms=200 HTTP/1.1\r\nHost: a\r\n\r\n', b'GET /stream?n=10000&size=10000 HTTP/1.1\r\nHost: a\r\n\r\n',
                                 post('/sink?pause_ms=50', b'abc', 'Content-Length: 1000\r\n'), b'GET /file HTTP/1.1\r\nHost: a\r\n\r\n',
                                 b'GET /te', HELLO * 1000], ids=['wait', 'stream', 'sink', 'file', 'head', 'pipeline'])
@pytest.mark.parametrize('reset', [False, True], ids=['end', 'reset'])
def test_client_goes_away(edge, raw, reset):
    before = edge.stats()
    for _ in range(10):
        client = edge.client()
        client.send(raw)
        time.sleep(0.01)
        if reset:
            client.reset()
        client.socket.close()
    after = edge.wait_for(lambda s: s['connections'] == 1, 'connections stay')
    # each request that a handler got was finished; what asks for the counters is not finished yet
    assert after['finished'] - before['finished'] >= after['handled'] - before['handled']


# ---- descriptors, addresses, limits, the end ----
@pytest.mark.skipif(SANITIZED, reason='the sanitizer needs descriptors of its own')
def test_running_out_of_descriptors(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'z' * 3_000_000)
    edge = Edge('--file', path, prefix=['prlimit', '--nofile=40'])
    kept = edge.client()
    kept.send(HELLO)
    assert kept.answer().body == b'hello'
    crowd = []
    for _ in range(100):
        client = edge.client()
        client.socket.settimeout(0.5)
        crowd.append(client)
    busy = edge.cpu_s()
    for _ in range(10):
        kept.send(HELLO)
        assert kept.answer().body == b'hello'
        time.sleep(0.1)
    assert edge.cpu_s() - busy < 0.3, 'the loop spins'
    kept.send(b'GET /stats HTTP/1.1\r\nHost: a\r\n\r\n')
    assert json.loads(kept.answer().body)['no_descriptors'] > 0
    turned_away = sum(client.is_closed(0.01) for client in crowd)
    assert turned_away > 0
    for client in crowd:
        client.socket.close()
    kept.send(b'GET /file HTTP/1.1\r\nHost: a\r\n\r\n')
    assert kept.answer().status in (200, 503)
    assert edge.get('/hello').body == b'hello'
    kept.socket.close()
    edge.stop()


def test_connections_over_the_limit_are_closed():
    edge = Edge('--connections', 3)
    clients = [edge.client() for _ in range(3)]
    for client in clients:
        client.send(HELLO)
        assert client.answer().body == b'hello'
    with edge.client() as one_more:
        assert one_more.is_closed()
    clients[0].socket.close()
    deadline = time.monotonic() + WAIT_S
    while True:
        with edge.client() as client:
            try:
                client.send(HELLO)
                if client.answer().body == b'hello':
                    break
            except (AssertionError, OSError):
                assert time.monotonic() < deadline
    for client in clients:
        client.socket.close()
    edge.stop()


@pytest.mark.parametrize('listen', ['[::1]:0', 'unix:'])
def test_other_families(tmp_path, listen):
    if listen == 'unix:':
        listen += str(tmp_path / 's')
    edge = Edge(listen=listen)
    assert edge.get('/hello').body == b'hello'
    edge.stop()
    assert not (tmp_path / 's').exists()


def test_ending_finishes_what_was_begun():
    edge = Edge()
    idle, busy = edge.client(), edge.client()
    idle.send(HELLO)
    assert idle.answer().body == b'hello'
    busy.send(b'GET /wait?ms=500 HTTP/1.1\r\nHost: a\r\n\r\n')
    edge.wait_for(lambda s: s['handled'] >= 2, 'the request has not come')
    edge.process.send_signal(signal.SIGTERM)
    assert idle.is_closed()
    answer = busy.answer()
    assert answer.body == b'waited' and answer.field('connection') == 'close'
    assert busy.is_closed()
    assert edge.process.wait(WAIT_S) == 0
    edge.stop()


def test_one_thread(edge):
    for _ in range(3):
        edge.get('/file')
    if not SANITIZED:
        assert len(os.listdir('/proc/%d/task' % edge.process.pid)) == 1
