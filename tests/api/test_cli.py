"""The command line against a real Postgres: what it writes, what it prints, what it refuses."""
import hashlib
import json
import re
import subprocess

import psycopg2
import pytest

from cli_client import Cli
from imago_server import ROOT, Imago, program
from sql_client import MIGRATIONS, Bench, Session, accept_params, job, new_id, read

KEY = re.compile(r'imago_sk_[0-9A-Za-z]{38}')
COMMANDS = re.findall(r'^COMMAND\("([^"]+)"', read(ROOT / 'src/app/commands.def'), re.M)


@pytest.fixture
def cli(sql_url, tmp_path):
    """On a database that has the tables; each test makes users of its own."""
    return Cli(sql_url, tmp_path)


@pytest.fixture(scope='module')
def sql_url(new_database):
    url = new_database()
    Cli(url).ok('migrate')
    return url


@pytest.fixture
def name():
    return new_id('user')


# ---- usage ----

def test_version():
    text = Cli().ok('--version')
    assert re.match(r'imago \d+\.\d+\.\d+ \(([0-9a-f]{12}(-dirty)?|tarball|unknown)\)\n', text)
    for library in ('libuv', 'llhttp', 'libcurl', 'libpq', 'hiredis', 'c-ares', 'jansson', 'OpenSSL', 'inih'):
        assert re.search(r'^%s \d+' % library, text, re.M), library
    assert Cli().ok('version') == text


def test_help_names_every_command_and_flag():
    text = Cli().ok('--help')
    for command in COMMANDS:
        assert f'  imago {command}' in text
        assert Cli().ok(*command.split(), '--help').startswith(f'usage: imago {command}')
    for flag in ('--config', '--listen', '--data-dir', '--log', '--version'):
        assert flag in text
    assert Cli().ok('-h') == text


@pytest.mark.parametrize('args, said', [
    ([], 'there is no command'),
    (['usr'], 'did you mean "user"?'),
    (['sevre'], 'did you mean "serve"?'),
    (['credit', 'add'], 'did you mean "credits"?'),
    (['user', 'crate', 'x'], 'did you mean "user create"?'),
    (['nonsense'], 'there is no command "nonsense"'),
    (['user'], 'not a whole command'),
    (['user', 'create'], 'something is missing'),
    (['user', 'create', 'a', 'b'], '"b" is too much'),
    (['user', 'list', '--jsn'], 'did you mean --json?'),
    (['user', 'list', '--json=1'], 'takes no value'),
    (['user', 'create', 'x', '--role'], 'takes a value'),
    (['user', 'list', '--json', '--json'], 'given twice'),
    (['--json', 'user', 'list'], 'before the command'),
    (['--listen'], 'takes a value'),
    (['migrate', '--', '--quiet'], '"--quiet" is too much'),
])
def test_wrong_usage_is_2(args, said):
    assert said in Cli().refused(*args, code=2)


def test_no_database():
    assert 'DATABASE_URL is not set' in Cli().refused('user', 'list')
    assert 'DATABASE_URL is not set' in Cli().refused('migrate')
    assert 'imago: ' in Cli('postgresql://nobody@/x?host=/nowhere').refused('user', 'list')
    secret = 'postgresql://u:sesame@h:port/d'
    assert 'sesame' not in Cli(secret).refused('user', 'list')


def test_no_tables(new_database):
    assert 'run `imago migrate`' in Cli(new_database()).refused('user', 'list')


def test_answer_that_cannot_be_written(cli):
    with open('/dev/full', 'w') as full:
        result = cli('user', 'list', stdout=full)
    assert result.returncode == 1 and 'could not be written' in result.stderr


# ---- migrate ----

def test_migrate_from_empty_and_again(new_database):
    cli = Cli(new_database())
    first = cli('migrate')
    assert first.returncode == 0
    assert re.findall(r'applied (\w+)', first.stderr) == [m.split('/')[-1][:-4] for m in MIGRATIONS]
    again = cli('migrate')
    assert again.returncode == 0 and again.stderr == ''
    assert again.stdout == f'the database is at version {len(MIGRATIONS)}\n'
    rows = Session(cli.environment['DATABASE_URL']).sql('select version, checksum from schema_migrations order by 1')
    assert rows == [(n, hashlib.sha256(read(path).encode()).hexdigest()) for n, path in enumerate(MIGRATIONS, 1)]


def test_four_migrate_at_once(new_database):
    cli = Cli(new_database())
    at_once = [subprocess.Popen([program(), 'migrate'], env=cli.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
               for _ in range(4)]
    said = [p.communicate(timeout=60)[1] for p in at_once]
    assert [p.returncode for p in at_once] == [0] * 4, said
    assert sum(s.count('applied') for s in said) == len(MIGRATIONS)


@pytest.mark.parametrize('change, said', [
    ("insert into schema_migrations (version, name, checksum) values (99, '0099_x', 'x')", 'this program knows'),
    ("update schema_migrations set checksum = repeat('0', 64) where version = 2", 'migration 0002_accounts was applied from another file'),
    ('delete from schema_migrations where version = 2', 'lacks migration 2'),
])
def test_migrate_refuses(new_database, change, said):
    url = new_database()
    cli = Cli(url)
    cli.ok('migrate')
    session = Session(url)
    session.sql(change)
    before = session.sql('select * from schema_migrations order by 1')
    assert said in cli.refused('migrate')
    assert said in cli.refused('migrate', '--quiet')
    assert session.sql('select * from schema_migrations order by 1') == before
    session.close()


def test_migrate_that_breaks_leaves_what_was_before(new_database):
    url = new_database()
    session = Session(url)
    session.sql('create table image_generation_jobs (x int)')
    assert 'migration 0003_jobs' in Cli(url).refused('migrate')
    assert session.one('select max(version) from schema_migrations') == 2
    session.sql('drop table image_generation_jobs')
    Cli(url).ok('migrate')
    session.close()


def test_migrate_where_nobody_answers():
    cli = Cli('postgresql://nobody@/x?host=/nowhere')
    assert cli.refused('migrate', code=3) != ''
    assert cli.refused('migrate', '--quiet', code=3) == ''


# ---- users and keys ----

def test_user_create_prints_the_key_alone(cli, sql_url, name):
    text = cli.ok('user', 'create', name, '--credits', 7)
    assert KEY.fullmatch(text.strip()) and text.endswith('\n') and text.count('\n') == 1
    session = Session(sql_url)
    hashed = hashlib.sha256(text.strip().encode()).hexdigest()
    assert session('user_by_key', hashed)[0][1:5] == (name, 'user', 7, 0)
    assert text.strip() not in str(session.sql('select * from api_keys'))
    session.close()
    assert [u['credits'] for u in cli.json('user', 'list')['users'] if u['name'] == name] == [7]
    assert name in cli.ok('user', 'list')


def test_admin(cli, name):
    cli.ok('user', 'create', name, '--role', 'admin')
    assert [u['role'] for u in cli.json('user', 'list')['users'] if u['name'] == name] == ['admin']


@pytest.mark.parametrize('args, code, said', [
    (['', ], 2, '1 to 64 characters'),
    (['x' * 65], 2, '1 to 64 characters'),
    ([' blank'], 2, 'blanks at its ends'),
    (['line\nbreak'], 2, 'control characters'),
    (['fine', '--role', 'king'], 2, 'user or admin'),
    (['fine', '--credits', '-1'], 2, 'whole number'),
    (['fine', '--credits', '1e3'], 2, 'whole number'),
])
def test_user_create_refuses(cli, args, code, said):
    before = cli.ok('user', 'list')
    assert said in cli.refused('user', 'create', *args, code=code)
    assert cli.ok('user', 'list') == before


def test_user_twice(cli, name):
    cli.ok('user', 'create', name)
    assert f'there is a user {name} already' in cli.refused('user', 'create', name)
    assert len(cli.json('key', 'list', name)['keys']) == 1


def test_keys(cli, sql_url, name):
    cli.ok('user', 'create', name)
    made = cli('key', 'create', name)
    assert made.returncode == 0 and KEY.fullmatch(made.stdout.strip())
    key_id = re.search(r'key_\w+', made.stderr).group()
    keys = cli.json('key', 'list', name)['keys']
    assert len(keys) == 2 and keys[1]['id'] == key_id and keys[1]['hint'].endswith(made.stdout.strip()[-4:])
    assert made.stdout.strip() not in cli.ok('key', 'list', name)
    assert 'revoked' in cli.ok('key', 'revoke', key_id)
    assert cli.json('key', 'list', name)['keys'][1]['revoked_at']
    session = Session(sql_url)
    assert session('user_by_key', hashlib.sha256(made.stdout.strip().encode()).hexdigest()) == []
    session.close()
    assert 'revoked already' in cli.refused('key', 'revoke', key_id)
    assert 'what is asked for is its id' in cli.refused('key', 'revoke', made.stdout.strip(), code=2)
    assert 'there is no user' in cli.refused('key', 'create', 'nobody-here')
    assert 'there is no user' in cli.refused('key', 'list', 'nobody-here')


# ---- credits ----

def test_credits(cli, name):
    cli.ok('user', 'create', name)
    assert cli.ok('credits', 'add', name, 5000) == f'{name} has 5000 credits\n'
    assert cli.ok('credits', 'add', name, -40, '--reason', 'a mistake') == f'{name} has 4960 credits\n'
    shown = cli.json('credits', 'show', name)
    assert (shown['credits'], shown['held']) == (4960, 0)
    assert [(e['kind'], e['amount'], e['balance'], e['reason']) for e in shown['ledger']] == [
        ('adjust', -40, 4960, 'a mistake'), ('topup', 5000, 5000, 'command line')]
    assert len(cli.json('credits', 'show', name, '--limit', 1)['ledger']) == 1
    assert f'{name} has 4960 credits' in cli.ok('credits', 'show', name)


@pytest.mark.parametrize('args, code, said', [
    (['-11'], 1, 'has 10 credits'),
    (['0'], 2, 'change nothing'),
    (['1.5'], 2, 'whole number'),
    (['ten'], 2, 'whole number'),
    (['9' * 30], 2, 'whole number'),
    (['5', '--reason', 'x' * 501], 2, 'at most 500 bytes'),
])
def test_credits_refused(cli, name, args, code, said):
    cli.ok('user', 'create', name, '--credits', 10)
    assert said in cli.refused('credits', 'add', name, *args, code=code)
    assert cli.json('credits', 'show', name)['credits'] == 10


def test_credits_of_nobody(cli):
    assert 'there is no user nobody-here' in cli.refused('credits', 'add', 'nobody-here', 5)
    assert 'there is no user nobody-here' in cli.refused('credits', 'show', 'nobody-here')


# ---- jobs ----

def stuck_jobs(sql_url, user, count, hours=33, **more):
    """Jobs that nobody owns, accepted long ago: seed 002's."""
    session = Session(sql_url)
    jobs = [job(user, step='ADMIT', **more) for _ in range(count)]
    for j in jobs:
        assert session('accept_waiting', *accept_params([j], None, None))[0][1] == 'ok'
    session.sql('update image_generation_jobs set created_at = now() - %s * interval \'1 hour\' where user_id = %s', hours, user)
    session.close()
    return [j['id'] for j in jobs]


@pytest.fixture
def stuck(cli, sql_url, name):
    cli.ok('user', 'create', name, '--credits', 100)
    session = Session(sql_url)
    user = session('user_by_name', name)[0][0]
    session.close()
    ids = stuck_jobs(sql_url, user, 5)
    yield ids
    cli.ok('reap')


def test_jobs_list_and_show(cli, stuck, name):
    jobs = cli.json('jobs', 'list', '--user', name)['jobs']
    assert sorted(j['job_id'] for j in jobs) == sorted(stuck)
    assert {j['status'] for j in jobs} == {'PENDING'} and {j['user'] for j in jobs} == {name}
    assert len(cli.json('jobs', 'list', '--limit', 2)['jobs']) == 2
    assert cli.json('jobs', 'list', '--user', name, '--status', 'COMPLETED')['jobs'] == []
    assert stuck[0] in cli.ok('jobs', 'list')
    shown = cli.json('jobs', 'show', stuck[0])
    assert shown['user'] == name and shown['job']['job_id'] == stuck[0]
    assert shown['job']['prompt'] == job(name)['prompt'] and shown['job']['attempts'] == []
    assert 'PENDING' in cli.ok('jobs', 'show', stuck[0])
    assert 'there is no job' in cli.refused('jobs', 'show', "img_' or 1=1--")
    assert 'a status is' in cli.refused('jobs', 'list', '--status', 'DONE', code=2)
    assert 'there is no user' in cli.refused('jobs', 'list', '--user', 'nobody-here')


def test_images_in_the_layout_of_seed_002(cli, stuck, name):
    assert cli.ok('images', name) == (f'📊 IMAGE STATISTICS OF USER {name}:\n'
                                      '   📝 Total: 0\n'
                                      '   🎨 Imagen4: 5 (all PENDING)\n'
                                      '   👤 Avatar: 0\n')
    counted = cli.json('images', name)
    assert (counted['total'], counted['imagen4'], counted['avatar'], counted['video']) == (0, 5, 0, 0)
    cli.ok('reap')
    assert '   🎨 Imagen4: 5 (all FAILED)\n' in cli.ok('images', name)
    assert 'there is no user' in cli.refused('images', 'nobody-here')
    assert len(stuck) == 5


def test_reap_gives_the_credits_back(cli, stuck, name):
    assert cli.json('credits', 'show', name)['credits'] == 75
    found = cli.json('reap', '--dry-run')['stuck']
    assert {j['job_id'] for j in found} >= set(stuck) and not any(j['owner_alive'] for j in found)
    assert all(j['age_seconds'] > 30 * 60 for j in found)
    assert cli.json('credits', 'show', name)['credits'] == 75
    assert cli.json('reap', '--dry-run', '--minutes', 60 * 34)['stuck'] == []
    ended = cli.json('reap')
    assert (ended['ended'], ended['credits_returned']) == (5, 25)
    shown = cli.json('credits', 'show', name)
    assert (shown['credits'], shown['held']) == (100, 0)
    assert cli.json('jobs', 'show', stuck[0])['job']['error_code'] == 'reaped'
    assert cli.ok('reap') == '0 jobs ended, 0 credits returned\n'
    assert cli.ok('reap', '--dry-run') == 'no job is stuck\n'


def test_young_jobs_are_left_alone(cli, sql_url, name):
    cli.ok('user', 'create', name, '--credits', 5)
    session = Session(sql_url)
    [young] = stuck_jobs(sql_url, session('user_by_name', name)[0][0], 1, hours=0.4)
    session.close()
    assert young not in cli.ok('reap', '--dry-run')
    cli.ok('reap')
    assert cli.json('jobs', 'show', young)['job']['status'] == 'PENDING'
    assert cli.json('reap', '--minutes', 20)['ended'] == 1


# ---- seed-gallery ----

PICTURES = {'Красивый закат над горами': '1:1', 'Кот играет с мячом': '3:4', 'Космический пейзаж': '16:9',
            'Цветущий сад весной': '1:1', 'Старинный замок': '3:4'}


def test_seed_gallery_without_a_server(cli, name):
    cli.ok('user', 'create', name, '--credits', 100)
    said = cli.refused('seed-gallery', '--user', name, env={'IMAGO_DEMO': 'on'})
    assert 'no server runs' in said
    assert cli.json('credits', 'show', name)['held'] == 0
    assert 'no provider is configured' in cli.refused('seed-gallery', '--user', name)


def test_seed_gallery(new_database, tmp_path):
    url = new_database()
    cli = Cli(url, tmp_path, IMAGO_DEMO='on')
    with Imago(url, IMAGO_DEMO='on') as imago:
        text = cli.ok('seed-gallery', '--wait')
        for prompt, ratio in PICTURES.items():
            assert re.search(r'COMPLETED +%s \(%s\)' % (prompt, ratio), text), text
        assert cli.ok('images', 'local').splitlines()[1:3] == ['   📝 Total: 5', '   🎨 Imagen4: 5 (all COMPLETED)']
        jobs = {j['job_id']: j for j in cli.json('jobs', 'list')['jobs']}
        for job_id in jobs:
            shown = cli.json('jobs', 'show', job_id)['job']
            ratio = PICTURES[shown['prompt']]
            assert shown['params']['aspect_ratio'] == ratio
            picture = shown['images'][0]
            wide, high = map(int, ratio.split(':'))
            assert abs(picture['width'] / picture['height'] - wide / high) < 0.05
            assert imago.get('/' + picture['key']).status == 200
        shown = cli.json('credits', 'show', 'local')
        assert shown['held'] == 0 and 1000 - shown['credits'] == sum(j['charged'] for j in jobs.values()) == 5

        cli.ok('user', 'create', 'poor', '--credits', 2)
        result = cli('seed-gallery', '--user', 'poor')
        assert result.returncode == 1 and '`imago credits add` gives more' in result.stderr
        assert cli.json('images', 'poor')['total'] == 2
        assert 'there is no user nobody-here' in cli.refused('seed-gallery', '--user', 'nobody-here')
        cli.ok('credits', 'add', 'poor', 10)
        assert len(cli.ok('seed-gallery', '--user', 'poor', '--no-wait').splitlines()) == 5


# ---- the command line and a running server ----

def test_key_made_here_opens_there(new_database, tmp_path):
    url = new_database()
    cli = Cli(url, tmp_path)
    with Imago(url, IMAGO_ANONYMOUS='off', IMAGO_DEMO='on') as imago:
        key = cli.ok('user', 'create', 'anna', '--credits', 3).strip()
        me = imago.get('/api/v1/me', headers={'Authorization': 'Bearer ' + key})
        assert me.status == 200 and me.json()['name'] == 'anna' and me.json()['credits'] == 3
        assert imago.get('/api/v1/me').status == 401
        assert cli.json('doctor', env={'IMAGO_DEMO': 'on'})['ok']


def test_nothing_here_breaks_the_invariants(sql_url):
    from sql_client import violations
    bench = Bench(sql_url)
    assert violations(bench) == {}
    bench.close()


def test_lists_read_json_too(cli):
    for command in (['user', 'list'], ['jobs', 'list'], ['reap', '--dry-run'], ['config', 'show'], ['config', 'check']):
        assert isinstance(json.loads(cli.ok(*command, '--json')), dict), command


def test_database_that_is_not_ours_is_left_alone(new_database):
    url = new_database()
    connection = psycopg2.connect(url)
    connection.autocommit = True
    connection.cursor().execute('create table users (shoe_size int)')
    connection.close()
    assert 'run `imago migrate`' in Cli(url).refused('user', 'list')
