"""Statements around a job's life: leases, take-over, deadlines, wishes, what people read, the command line."""
import json
import threading

import psycopg2
import pytest

from sql_client import Bench, Session, accept_params, attempt, end, everything, job, new_id, record, settle_params


# ---- leases and take-over ----

def test_lease(db):
    me = new_id('instance')
    live = db.one('select count(*) from instances where until > now()')
    assert db('instance_start', me, 'v1') == [(1,)] and db('instance_start', me, 'v2') == [(2,)]
    assert db('instances_live') == [(live + 1,)]
    assert db('instance_beat', me, 1) == [] and db('instance_beat', me, 2) == [(2,)]
    assert 14 < db.one('select extract(epoch from until - now()) from instances where id = %s', me) <= 15
    assert db('instance_stop', me, 1) == [] and db('instance_stop', me, 2) == [(2,)]
    assert db('instances_live') == [(live,)]


def owned(db, owner, epoch=1, **more):
    """A job of somebody else."""
    j = db.taken(db.user(), **more)
    db.sql('update image_generation_jobs set owner = %s, epoch = %s where id = %s', owner, epoch, j['id'])
    return j


def test_take_over_takes_what_nobody_works_on(db):
    db.sql("insert into instances values ('gone', 4, now() - interval '1 second'), ('alive', 4, now() + interval '1 hour')")
    dead, lost, alive, mine = owned(db, 'gone', 4), owned(db, 'never_was', 1), owned(db, 'alive', 4), db.taken(db.user())
    final = db.taken(db.user())
    db.settle([end(final)])
    db.sql("update image_generation_jobs set owner = 'gone' where id = %s", final['id'])
    nobodys = job(db.user(), step='ADMIT')
    db('accept_waiting', *accept_params([nobodys], None, None))
    taken = db('take_over', db.me, db.epoch, 100)
    assert {dead['id'], lost['id'], nobodys['id']} <= {r[1] for r in taken}
    assert not {alive['id'], mine['id'], final['id']} & {r[1] for r in taken}
    assert db('take_over', db.me, db.epoch, 100) == []
    db.epoch = db('instance_start', db.me, '')[0][0]
    assert {mine['id'], dead['id']} <= {r[1] for r in db('take_over', db.me, db.epoch, 100)}
    assert db.settle([end(mine), end(dead)])[0][1] == 'ok'


@pytest.mark.parametrize('how', ['over', 'other epoch', 'unknown'])
def test_take_over_needs_a_lease(db, how):
    j = owned(db, 'long_gone')
    if how == 'over':
        db.sql("update instances set until = now() - interval '1 second' where id = %s", db.me)
    me, epoch = ('stranger', 1) if how == 'unknown' else (db.me, db.epoch + (how == 'other epoch'))
    assert db('take_over', me, epoch, 100) == []
    assert db.sql('select owner from image_generation_jobs where id = %s', j['id']) == [('long_gone',)]


def test_take_over_tells_all_that_is_needed_to_resume(db):
    j = owned(db, 'dead_one', images=3, parts=2, price=6, step='SUBMIT')
    db.sql("insert into instances values ('dead_one', 1, now() + interval '1 hour')")
    assert attempt(db, [(j, 1, 1, 'overloaded', 2, 'SUBMIT')], owner='dead_one', epoch=1) == [True]
    assert record(db, [(j, 1, 2)], owner='dead_one', epoch=1) == [True]
    db.sql("update parts set step = 'STORED', pictures = '[{\"n\": 1}]' where job_id = %s and part = 2", j['id'])
    db('cancel_wish', j['user'], j['id'])
    db.sql("update instances set until = now() - interval '1 second' where id = 'dead_one'")
    row = [r for r in db('take_over', db.me, db.epoch, 100) if r[1] == j['id']][0]
    assert row[0] == j['user'] and row[2:5] == ('GENERATING', 'text_to_image', j['prompt'])
    assert '"1024x1024"' in row[5] and row[6:11] == ('imagen4', 'fal', 'imagen4', 3, 6)
    assert row[11] - row[12] == pytest.approx(300e6, abs=100) and row[13:15] == (True, 'fal-ai/imagen4/preview')
    parts = json.loads(row[15])
    assert [(p['part'], p['images'], p['step'], p['handle'], p['pictures']) for p in parts] == \
        [(1, 1, 'WAIT', '{"request": 1}', None), (2, 2, 'STORED', None, [{'n': 1}])]
    assert [(a['n'], a['outcome'], a['estimated_micros']) for a in parts[0]['attempts']] == [(1, 'overloaded', 40000), (2, None, 7)]


def test_two_who_take_over_share_the_jobs(db, sql_url):
    jobs = {owned(db, 'left_alone')['id'] for _ in range(20)}
    other = Bench(sql_url)
    other.sql('begin')
    first = {r[1] for r in other('take_over', other.me, other.epoch, 8)} & jobs
    second = {r[1] for r in db('take_over', db.me, db.epoch, 100)} & jobs
    other.sql('commit')
    assert not first & second and first | second == jobs
    other.close()


# ---- deadlines, wishes, reaping ----

def test_overdue(db):
    late, doubtful, early = db.taken(db.user(), images=2, parts=2, step='SUBMIT'), db.taken(db.user()), db.taken(db.user())
    record(db, [(late, 1, 1)])
    for j, seconds in ((late, 20), (doubtful, 10), (early, 2)):
        db.sql('update image_generation_jobs set deadline_at = now() - %s * interval \'1 second\' where id = %s', seconds, j['id'])
    assert db('overdue', db.me, db.epoch, 10) == [(late['user'], late['id'], 'SUBMIT'), (doubtful['user'], doubtful['id'], 'CALL')]
    assert len(db('overdue', db.me, db.epoch, 1)) == 1 and db('overdue', db.me, db.epoch + 1, 10) == []
    db.settle([end(late, 'FAILED'), end(doubtful, 'FAILED'), end(early, 'FAILED')])
    assert db('overdue', db.me, db.epoch, 10) == []


def test_cancel_wish(db):
    j, over = db.taken(db.user()), db.taken(db.user())
    db.settle([end(over)])
    assert db('cancel_wish', j['user'], j['id']) == [('GENERATING', db.me, False)]
    assert db('cancel_wish', j['user'], j['id']) == [('GENERATING', db.me, True)]
    before = everything(db)
    assert db('cancel_wish', over['user'], over['id']) == [('COMPLETED', db.me, False)]
    assert db('cancel_wish', over['user'], j['id']) == []                 # somebody else's
    assert everything(db) == before
    assert db('cancel_wishes', db.me, 10) == [(j['user'], j['id'])]
    db.settle([end(j, 'CANCELLED')])
    assert db('cancel_wishes', db.me, 10) == []


def test_reap(db):
    j, fresh = db.taken(db.user(10), images=2, parts=2, price=4), db.taken(db.user())
    db.sql("update image_generation_jobs set created_at = now() - interval '31 minutes' where id = %s", j['id'])
    rows = [r for r in db('reap_list', 30, 1000) if r[1] in (j['id'], fresh['id'])]
    assert [(r[0], r[1], r[3], r[4], r[6], r[7]) for r in rows] == [(j['user'], j['id'], 'GENERATING', 'imagen4', db.me, True)]
    assert 1860 <= rows[0][5] < 1900
    assert db('reap_one', j['user'], j['id'], 'overdue', 'took too long') == [(j['id'], 'ok', 10, 4)]
    before = everything(db)
    assert db('reap_one', j['user'], j['id'], 'overdue', 'took too long') == [(j['id'], 'already', 10, 0)]
    assert db('reap_one', j['user'], 'img_unknown', 'x', 'x') == []
    assert db.settle([end(j)]) == [(j['id'], 'already', 10, 'FAILED')]
    assert everything(db) == before
    assert db.sql('select outcome from attempts where job_id = %s', j['id']) == [('unknown',)] * 2
    assert db.sql('select error_code, error_message from image_generation_jobs where id = %s', j['id']) == [('overdue', 'took too long')]


# ---- what people read ----

@pytest.fixture(scope='module')
def gallery(sql_url):
    """A user with 30 jobs of three types and four ends; a few of somebody else."""
    bench = Bench(sql_url)
    user, stranger = bench.user(1000), bench.user()
    jobs = []
    for i in range(30):
        j = bench.taken(user if i != 3 else stranger, images=2, price=2)
        bench.sql('update image_generation_jobs set generation_type = %s where id = %s', ['avatar', 'imagen4', 'video'][i % 3], j['id'])
        jobs.append(j)
    bench.settle([end(j, ['COMPLETED', 'COMPLETED', 'FAILED', 'CANCELLED', 'COMPLETED'][i % 5]) for i, j in enumerate(jobs[:28])])
    yield {'user': user, 'jobs': [j for j in jobs if j['user'] == user], 'stranger': jobs[3]}
    bench.close()


def pages(call, cursor, size):
    """All rows, page by page; cursor(row) -> what the next page starts after."""
    rows, after = [], (None, None)
    while True:
        page = call(after, size)
        rows += page
        if len(page) < size:
            return rows
        after = cursor(page[-1])


@pytest.mark.parametrize('size', [1, 7, 100])
def test_jobs_page(db, gallery, size):
    user, ids = gallery['user'], [j['id'] for j in gallery['jobs']][::-1]

    def ask(status, kind):
        rows = pages(lambda after, n: db('jobs_page', user, status, kind, *after, n), lambda r: (r[18], r[0]), size)
        return rows

    assert [r[0] for r in ask(None, None)] == ids
    failed = ask('FAILED', None)
    assert failed and {r[1] for r in failed} == {'FAILED'} and [r[0] for r in failed] == [i for i in ids if i in {r[0] for r in failed}]
    assert {r[8] for r in ask(None, 'video')} == {'video'}
    assert db('jobs_page', 'usr_nobody', None, None, None, None, 9) == []


def test_job_get(db, gallery):
    j = gallery['jobs'][0]
    row = db('job_get', j['user'], j['id'])[0]
    assert row[:3] == (j['id'], 'COMPLETED', 'text_to_image') and row[9:14] == (2, 2, 2, 2, 40000) and row[14] == 1.5
    images, attempts = (json.loads(row[i]) for i in (23, 24))
    assert [(i['n'], i['bytes'], i['width'], i['height'], i['sha256']) for i in images] == [(1, 1001, 1024, 768, 'ab' * 32), (2, 1002, 1024, 768, 'ab' * 32)]
    assert images[0]['key'] == 'generated_images/%s/image_1.png' % j['id']
    assert [(a['part'], a['n'], a['outcome'], a['cost_micros']) for a in attempts] == [(1, 1, 'ok', 40000)]
    assert db('job_get', gallery['stranger']['user'], j['id']) == []
    assert row[:23] + (row[23],) == db('jobs_page', j['user'], None, None, row[18] + 1, '', 1)[0]


@pytest.mark.parametrize('kind', [None, 'avatar', 'imagen4', 'video'])
@pytest.mark.parametrize('size', [1, 5, 100])
def test_gallery_page(db, gallery, kind, size):
    rows = pages(lambda after, n: db('gallery_page', gallery['user'], kind, *after, n), lambda r: (r[11], r[0]), size)
    expected = db.sql("""select id from images where user_id = %s and (%s is null or generation_type = %s)
                         order by created_at desc, id desc""", gallery['user'], kind, kind)
    assert [(r[0],) for r in rows] == expected and rows
    assert rows == sorted(rows, key=lambda r: (r[11], r[0]), reverse=True)
    counts = dict(zip(('avatar', 'imagen4', 'video', 'total', 'unfinished'), db('gallery_counts', gallery['user'])[0]))
    assert counts[kind or 'total'] == len(rows) and counts['unfinished'] == 2


def test_pictures(db, gallery):
    row = db('gallery_page', gallery['user'], None, None, None, 1)[0]
    assert db('image_by_key', row[3]) == [(gallery['user'], row[0], 'ab' * 32, row[4], 'image/png', 'stored')]
    assert db('image_by_key', 'generated_images/none/image_1.png') == []
    unfinished = db('gallery_unfinished', gallery['user'], 10)
    assert [r[0] for r in unfinished] == [j['id'] for j in gallery['jobs'][:-3:-1]] and unfinished[0][1:7:2] == ('GENERATING', 'video', 1024)
    stats = db('image_stats', gallery['user'])
    assert sum(r[2] for r in stats) == len(gallery['jobs'])
    assert sum(r[3] for r in stats) == db('gallery_counts', gallery['user'])[0][3]
    assert stats == sorted(stats)


def test_ledger_page(db, gallery):
    rows = []
    while True:
        page = db('ledger_page', gallery['user'], rows[-1][0] if rows else None, 7)
        rows += page
        if len(page) < 7:
            break
    newest = db.one('select ledger_seq from users where id = %s', gallery['user'])
    assert [r[0] for r in rows] == list(range(newest, 0, -1))
    assert rows[-1][1:5] == ('topup', 1000, 1000, None) and rows[-1][6] == 'starting balance'
    assert rows[0][3] == db('me', gallery['user'])[0][3]


# ---- the command line ----

def test_users_and_keys(db):
    name, hash = new_id('n'), new_id('h').encode().hex().ljust(64, '0')[:64]
    user = new_id('usr')
    assert db('user_create', user, name, 'admin', 7) == [(user, name, 'admin', 7, 0, None)]
    assert db('user_by_name', name) == db('me', user) == [(user, name, 'admin', 7, 0, None)]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        db('user_create', new_id('usr'), name, 'user', 7)
    assert db('user_create', new_id('usr'), name + '0', 'user', 0)[0][3] == 0
    key = new_id('key')
    assert db('key_create', key, name, hash, 'abcd') == [(key, user)] and db('key_create', key, 'no such', hash, '') == []
    assert db('user_by_key', hash) == [(user, name, 'admin', 7, 0, key)]
    assert db('user_by_key', 'ff' * 32) == []
    db.sql('update users set disabled_at = now() where id = %s', user)
    assert db('user_by_key', hash) == [] and db('me', user) == [] and db('user_by_name', name) == []
    db.sql('update users set disabled_at = null where id = %s', user)
    assert db('key_revoke', key) == [(key, user)] and db('key_revoke', key) == [] and db('user_by_key', hash) == []


def test_credits_add(db):
    user = db.user(10)
    name = db.one('select name from users where id = %s', user)
    db.taken(user, price=4)
    for amount, expected in ((5, (11, 'ok')), (-11, (0, 'ok')), (-1, (0, 'refused')), (0, (0, 'refused')),
                             (2**63 - 1, (2**63 - 1, 'ok')), (1, (2**63 - 1, 'refused')), (1 - 2**63, (0, 'ok'))):
        assert db('credits_add', name, amount, 'because') == [expected]
    assert db('credits_add', 'no such', 5, '') == []
    assert [r[1:3] + r[6:] for r in db('ledger_page', user, None, 4)][-1:] == [('topup', 5, 'because')]
    assert db.credits(user) == (0, 4)


def test_local_user_is_made_once(db, sql_url):
    rows, sessions = [], [Session(sql_url) for _ in range(8)]
    threads = [threading.Thread(target=lambda s=s: rows.append(s('user_ensure_local', new_id('usr'), 1000)[0])) for s in sessions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(rows) == 8 and len(set(rows)) == 1 and rows[0][1:] == ('local', 'user', 1000, 0, None)
    assert db('ledger_page', rows[0][0], None, 9)[0][1:4] == ('topup', 1000, 1000)
    db('credits_add', 'local', 1, 'more')
    assert db('user_ensure_local', new_id('usr'), 5)[0][3] == 1001
    for s in sessions:
        s.close()
