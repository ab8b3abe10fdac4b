"""doctor, config and what a start refuses: seed 002's fault has to be seen at once."""
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from cli_client import Cli
from imago_server import ROOT, Imago, build_dir, program

sys.path.insert(0, str(ROOT / 'tests/simulators'))
from fal_sim import FalSim                       # noqa: E402

KEY, OTHER = 'id-1234:sesame-open', 'id-1234:sesame-shut'


@pytest.fixture(scope='module')
def migrated(new_database):
    url = new_database()
    Cli(url).ok('migrate')
    return url


@pytest.fixture
def healthy(migrated, stores, tmp_path):
    return Cli(migrated, tmp_path, REDIS_URL=stores['REDIS_URL'], IMAGO_DATA_DIR=str(tmp_path), IMAGO_DEMO='on')


def checks(cli, code, **env):
    """{name: [(verdict, text, advice)]}"""
    result = cli('doctor', '--json', env=env)
    assert result.returncode == code, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report['ok'] == (code == 0)
    assert 'sesame' not in result.stdout + result.stderr
    found = {}
    for c in report['checks']:
        found.setdefault(c['name'], []).append((c['verdict'], c['text'], c.get('advice', '')))
    return found


# ---- doctor ----

def test_doctor_finds_all_well(healthy, tmp_path):
    found = checks(healthy, 0)
    assert {v for lines in found.values() for v, _, _ in lines} <= {'ok', 'warn'}
    for name in ('settings', 'descriptors', 'postgres', 'clock', 'tables', 'statements', 'jobs', 'servers', 'redis', 'data folder',
                 'disk', 'key file', 'pixels', 'catalog', 'provider'):
        assert name in found, name
    assert 'demo_default' in found['provider'][0][1]
    assert [f for _, _, files in os.walk(tmp_path) for f in files] == [], 'something was left behind'
    text = healthy.ok('doctor')
    assert re.search(r'^ok    postgres +reached as imago', text, re.M) and re.search(r'\d+ ok, \d+ to look at, 0 wrong\n$', text)


def test_doctor_says_which_variable_gave_the_key(healthy):
    with FalSim('--key', KEY) as sim:
        for variables, source in (({'FAL_KEY': KEY}, 'FAL_KEY'), ({'FAL_API_KEY': KEY}, 'FAL_API_KEY'),
                                  ({'FAL_AI_API_KEY': KEY}, 'FAL_AI_API_KEY'),
                                  ({'FAL_KEY_ID': KEY.split(':')[0], 'FAL_KEY_SECRET': KEY.split(':')[1]}, 'FAL_KEY_ID+FAL_KEY_SECRET')):
            found = checks(healthy, 0, FAL_QUEUE_URL=sim.url, **variables)
            assert source in found['fal key'][0][1]
            assert found['provider'][0][:2] == ('ok', f'fal_default accepts the key from {source}')
        assert sim.stats()['submissions'] == 0


def test_doctor_sees_a_key_that_is_not_accepted(healthy):
    with FalSim('--key', KEY) as sim:
        found = checks(healthy, 1, FAL_QUEUE_URL=sim.url, FAL_API_KEY=OTHER)
    verdict, text, advice = found['provider'][0]
    assert verdict == 'fail' and 'key from FAL_API_KEY' in text and 'does not accept this key' in advice


def test_doctor_sees_a_provider_that_is_not_there(healthy):
    found = checks(healthy, 1, FAL_QUEUE_URL='http://127.0.0.1:9', FAL_KEY=KEY)
    assert found['provider'][0][0] == 'fail' and 'is not reached' in found['provider'][0][1]


def test_doctor_names_both_of_two_keys(healthy):
    found = checks(healthy, 1, FAL_KEY=KEY, FAL_API_KEY=OTHER)
    assert ('fail', 'FAL_KEY (environment) and FAL_API_KEY (environment) hold different keys: keep one of them') in \
        [line[:2] for line in found['settings']]


@pytest.mark.parametrize('env, name, verdict, part', [
    ({'FAL_KYE': KEY}, 'settings', 'warn', 'Did you mean FAL_KEY?'),
    ({'IMAGO_ENV': 'production'}, 'public URL', 'warn', 'not set'),
    ({'IMAGO_ANONYMOUS': 'public'}, 'anonymous', 'warn', 'everybody'),
    ({'REDIS_URL': 'unix:/nowhere/redis.sock'}, 'redis', 'warn', 'not reached'),
    ({'IMAGO_DATA_DIR': '/nowhere/at/all'}, 'data folder', 'warn', 'not there yet'),
])
def test_doctor_warns(healthy, env, name, verdict, part):
    found = checks(healthy, 0, **env)
    assert any(v == verdict and part in text for v, text, _ in found[name]), found[name]


@pytest.mark.parametrize('env, name, part', [
    ({'DATABASE_URL': ''}, 'postgres', 'DATABASE_URL is not set'),
    ({'DATABASE_URL': 'postgresql://u:sesame@/x?host=/nowhere'}, 'postgres', ''),
    ({'DATABASE_URL': 'not a url with sesame'}, 'settings', 'not a Postgres URL'),
    ({'IMAGO_DATA_DIR': '/proc'}, 'data folder', '/proc'),
    ({'IMAGO_PIXELS': '/nowhere/imago-pixels'}, 'pixels', 'cannot be run'),
    ({'IMAGO_PIXELS': '/bin/false'}, 'pixels', '/bin/false'),
    ({'IMAGO_CATALOG': '/nowhere/catalog.json'}, 'catalog', 'cannot be read'),
    ({'IMAGO_DEMO': 'off'}, 'provider', 'none is configured'),
    ({'IMAGO_LISTEN': 'here'}, 'settings', 'is not an address'),
    ({'IMAGO_DNS': 'what?'}, 'names', ''),
])
def test_doctor_fails(healthy, env, name, part):
    found = checks(healthy, 1, **env)
    assert any(v == 'fail' and part in text for v, text, _ in found[name]), found


def test_doctor_reads_the_key_file(healthy, tmp_path):
    path = tmp_path / '.encryption_key'
    path.write_text('0' * 64)
    path.chmod(0o400)
    assert checks(healthy, 0)['key file'][0][0] == 'ok'
    path.chmod(0o444)
    assert 'can be read by others' in checks(healthy, 1)['key file'][0][1]


def test_doctor_on_a_new_database(new_database, tmp_path):
    cli = Cli(new_database(), tmp_path, IMAGO_DEMO='on')
    found = checks(cli, 0)
    assert found['tables'][0][0] == 'warn' and '`imago migrate`' in found['tables'][0][2]


# ---- config ----

def test_config_shows_values_and_where_they_come_from(tmp_path):
    (tmp_path / '.env').write_text('# seed 002\nexport FAL_API_KEY="%s"\nIMAGO_LINK_TTL=12h\n' % KEY)
    (tmp_path / 'imago.conf').write_text('listen = 127.0.0.1:1\nmax_jobs = 7\n')
    cli = Cli(folder=tmp_path, DATABASE_URL='postgresql://u:sesame@/d', IMAGO_LISTEN='127.0.0.1:2')
    text = cli.ok('config', 'show', '--config', 'imago.conf', '--data-dir', '/x')
    assert 'sesame' not in text
    rows = {line.split()[0]: line.split() for line in text.splitlines()}
    assert rows['listen'][1:] == ['127.0.0.1:2', 'environment', 'IMAGO_LISTEN']
    assert rows['link_ttl'][1:] == ['12h', '.env:3', 'IMAGO_LINK_TTL']
    assert rows['max_jobs'][1:] == ['7', 'imago.conf:2']
    assert rows['data_dir'][1:] == ['/x', 'command', 'line', '--data-dir']
    assert rows['fal.api_key'][1:] == ['set', '.env:2', 'FAL_API_KEY']
    assert rows['fal.key'][1:] == ['not', 'set', 'default']

    shown = cli.json('config', 'show', '--config', 'imago.conf')
    by_name = {s['name']: s for s in shown['settings']}
    assert by_name['database_url']['set'] is True and 'value' not in by_name['database_url']
    assert by_name['max_jobs']['origin'] == 'imago.conf:2'
    assert shown['fal_key_from'] == 'FAL_API_KEY' and shown['problems'] == []


def test_config_check(tmp_path):
    assert Cli(folder=tmp_path).ok('config', 'check') == 'the settings can be used\n'
    (tmp_path / 'imago.conf').write_text('lisen = 127.0.0.1:1\n')
    cli = Cli(folder=tmp_path)
    result = cli('config', 'check', '--config=imago.conf')
    assert result.returncode == 1 and 'did you mean "listen"?' in result.stdout
    report = json.loads(cli('config', 'check', '--json', env={'IMAGO_CONFIG': 'imago.conf'}).stdout)
    assert report['ok'] is False and report['problems'][0]['severity'] == 'error'


# ---- what a start refuses ----

@pytest.mark.parametrize('env, parts', [
    ({'FAL_KEY': KEY, 'FAL_AI_API_KEY': OTHER}, ['FAL_KEY', 'FAL_AI_API_KEY', 'different keys']),
    ({'IMAGO_ANONYMOUS': 'on', 'IMAGO_LISTEN': '0.0.0.0:0'}, ['IMAGO_ANONYMOUS', 'others can reach']),
    ({'FAL_KEY': 'nonsense'}, ['FAL_KEY', 'shape']),
    ({'DATABASE_URL': ''}, ['DATABASE_URL is not set']),
    ({'IMAGO_CONFIG': '/nowhere'}, ['/nowhere']),
    ({'IMAGO_LISTEN': 'x', 'IMAGO_MAX_JOBS': 'y'}, ['IMAGO_LISTEN', 'IMAGO_MAX_JOBS']),
])
def test_serve_refuses(healthy, env, parts):
    said = healthy.refused('serve', env={'IMAGO_LISTEN': '127.0.0.1:0', **env})
    assert all(part in said for part in parts) and 'sesame' not in said


def test_server_that_breaks_leaves_a_report_and_no_core(migrated):
    if 'asan' in build_dir().name or any(n.endswith('SAN_OPTIONS') for n in os.environ):
        pytest.skip('the sanitizer writes its own report')
    imago = Imago(migrated, IMAGO_DEMO='on')
    imago.start()
    with open(f'/proc/{imago.process.pid}/limits') as limits:
        assert re.search(r'Max core file size +0 +0', limits.read())
    imago.signal(signal.SIGSEGV)
    assert imago.process.wait(10) == -signal.SIGSEGV
    imago.process = None
    assert 'imago: SIGSEGV' in imago.log_text()
    assert re.search(r'imago \S+ \(\S+\), backtrace:\n.*imago\(', imago.log_text(), re.S)
    assert os.listdir(imago.data_dir) and not [f for f in os.listdir(imago.data_dir) if f.startswith('core')]


def test_pipe_that_closes_is_no_signal(healthy):
    process = subprocess.Popen([program(), 'config', 'show'], env=healthy.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               cwd=healthy.folder)
    process.stdout.close()
    time.sleep(0.1)
    process.stderr.read()
    process.stderr.close()
    assert process.wait(10) in (0, 1)            # 0: it was quicker than the close
