"""Schema and statements, against a private Postgres: what is refused, what is written, what is left alone."""
import glob
import os
import re
import subprocess
import threading
import time

import psycopg2
import pytest

from sql_client import (MIGRATIONS, QUERIES, Bench, Session, accept_params, attempt, end, everything, job, locked_by_other,
                        migrate, read, record, settle_params, statement_table)

# ---- files ----

def test_migrations_give_the_same_schema_each_time(new_database):
    def schema():
        url = new_database()
        migrate(url)
        dump = subprocess.run(['pg_dump', '--schema-only', '--no-owner', url], capture_output=True, text=True, check=True).stdout
        return re.sub(r'^\\(un)?restrict .*$', '', dump, flags=re.M)      # a random word

    assert schema() == schema()


@pytest.mark.parametrize('broken', range(len(MIGRATIONS)), ids=[os.path.basename(m) for m in MIGRATIONS])
def test_migration_that_breaks_leaves_nothing(new_database, broken):
    session = Session(new_database())
    for path in MIGRATIONS[:broken]:
        session.sql(read(path))
    with pytest.raises(psycopg2.Error):
        session.sql('begin;' + read(MIGRATIONS[broken]) + '; select 1 / 0')
    session.sql('rollback')
    for path in MIGRATIONS[broken:]:
        session.sql(read(path))
    session.close()


def test_migrations_are_numbered_without_a_gap():
    assert [os.path.basename(m)[:4] for m in MIGRATIONS] == ['%04d' % (i + 1) for i in range(len(MIGRATIONS))]


def test_table_agrees_with_files(sql_url):
    table = statement_table()
    assert set(table) == {os.path.basename(p) for p in glob.glob(QUERIES + '/*.sql')}
    session = Session(sql_url)
    for file, params in table.items():
        assert read(os.path.join(QUERIES, file)).startswith('-- %s: ' % file[:-4])
        session.prepare(file[:-4])
        found = session.one('select coalesce(cardinality(parameter_types), 0) from pg_prepared_statements where name = %s', file[:-4])
        assert found == params, file
    session.close()


# What is said of all rows has to look at all of them.
WHOLE_TABLES = {'instances_live': {'instances'}, 'users_list': {'users'}, 'jobs_list': {'users'}, 'job_owner': {'users'}}


@pytest.mark.parametrize('file', sorted(statement_table()))
def test_every_statement_has_indexes_for_all_it_reads(sql_url, file):
    """Reading a whole table is switched off: a plan that does so all the same found no index."""
    session = Session(sql_url)
    name, params = file[:-4], statement_table()[file]
    session.prepare(name)
    plan = '\n'.join(r[0] for r in session.sql('explain execute ' + name + ('(' + ','.join(['null'] * params) + ')' if params else '')))
    assert set(re.findall(r'Seq Scan on (\w+)', plan)) <= WHOLE_TABLES.get(name, set())
    assert ' Index Scan using image_generation_jobs_pkey' in plan or name not in ('attempt', 'record', 'settle')
    session.close()


def test_cost_report_of_seed_004_runs_as_written(db):
    user = db.user()
    jobs = [db.taken(user, images=2, price=10) for _ in range(2)]
    db.settle([end(jobs[0]), end(jobs[1], 'FAILED')])
    rows = db.sql("""
SELECT
    provider_id,
    COUNT(*) as total_images,
    SUM(cost) as total_cost,
    AVG(generation_time) as avg_time
FROM image_generation_jobs
WHERE created_at >= NOW() - INTERVAL '30 days'
GROUP BY provider_id;
""")
    assert [r[0] for r in rows] == ['fal'] and rows[0][1] >= 2 and rows[0][2] >= 0 and rows[0][3] == pytest.approx(1.5)


# ---- accept ----

def test_accept_writes_all_of_a_job(db):
    user = db.user(100)
    j = job(user, price=12, images=5, parts=2, step='SUBMIT', deadline_s=90)
    assert db.accept([j]) == [(j['id'], 'ok', 88, 12)]
    assert db.credits(user) == (88, 12)
    assert db.sql('select kind, amount, balance, held from ledger where job_id = %s', j['id']) == [('hold', 12, 88, 12)]
    row = db.sql("""select status, prompt, params->>'size', owner, epoch, price, charged, completed_at, cost, result_urls,
                           extract(epoch from deadline_at - created_at)::int
                    from image_generation_jobs where id = %s""", j['id'])[0]
    assert row == ('INITIALIZING', j['prompt'], '1024x1024', db.me, db.epoch, 12, None, None, 0, None, 90)
    assert db.sql('select part, images, step from parts where job_id = %s order by part', j['id']) == [(1, 2, 'SUBMIT'), (2, 3, 'SUBMIT')]
    assert db.sql('select part, n, outcome, estimated_micros, owner from attempts where job_id = %s order by part', j['id']) == \
        [(1, 1, None, 40000, db.me), (2, 1, None, 40000, db.me)]
    assert db.sql('select seq, type from events where user_id = %s', user) == [(1, 'job.accepted')]


@pytest.mark.parametrize('step, status, attempts', [('ADMIT', 'PENDING', 0), ('SUBMIT', 'INITIALIZING', 1), ('CALL', 'GENERATING', 1)])
def test_accept_by_first_step(db, step, status, attempts):
    j = db.taken(db.user(), step=step)
    assert db.status(j) == status
    assert db.one('select count(*) from attempts where job_id = %s', j['id']) == attempts


def test_accept_adds_prices_up_in_input_order(db):
    rich, poor = db.user(100), db.user(7)
    jobs = [job(poor, 5), job(rich, 60), job(poor, 5), job(rich, 40), job(poor, 2), job(rich, 1), job(rich, 0)]
    rows = db.accept(jobs)
    assert [r[0] for r in rows] == [j['id'] for j in jobs]
    # The second 5 does not fit, and refuses the 2 behind it that would: the caller asks for it alone.
    assert [r[1] for r in rows] == ['ok', 'ok', 'poor', 'ok', 'poor', 'poor', 'poor']
    assert [r[2] for r in rows] == [2, 40, 2, 0, 2, 0, 0]
    assert db.accept([jobs[4]])[0][1:3] == ('ok', 0) and db.accept([jobs[6]])[0][1:3] == ('ok', 0)
    assert db.credits(poor) == (0, 7) and db.credits(rich) == (0, 100)
    assert db.one('select count(*) from ledger where job_id = %s', jobs[6]['id']) == 0         # the free one
    assert db.sql('select seq from events where user_id = %s order by seq', rich) == [(1,), (2,), (3,)]


def test_accept_of_nobody(db):
    disabled = db.user()
    db.sql('update users set disabled_at = now() where id = %s', disabled)
    before = everything(db)
    assert [r[1:3] for r in db.accept([job('usr_nobody'), job(disabled)])] == [('no_user', None)] * 2
    assert everything(db) == before


@pytest.mark.parametrize('case', ['unknown', 'other epoch', 'over'])
def test_accept_without_lease_writes_nothing(db, case):
    user = db.user()
    owner, epoch = (db.me, db.epoch)
    if case == 'unknown':
        owner = 'never_started'
    elif case == 'other epoch':
        epoch += 1
    else:
        db.sql("update instances set until = now() - interval '1 second' where id = %s", db.me)
    before = everything(db)
    for statement in ('accept', 'accept_waiting'):
        rows = db(statement, *accept_params([job(user), job('usr_nobody')], owner, epoch))
        assert [r[1] for r in rows] == ['no_lease', 'no_lease']
    assert everything(db) == before


def test_accept_without_owner(db):
    j = job(db.user(), step='ADMIT')
    assert db('accept_waiting', *accept_params([j], None, None))[0][1] == 'ok'
    assert db.sql('select owner, epoch, status from image_generation_jobs where id = %s', j['id']) == [(None, None, 'PENDING')]


def test_accept_of_an_id_twice_fails_and_leaves_nothing(db):
    user = db.user()
    j = db.taken(user)
    before = everything(db)
    with pytest.raises(psycopg2.errors.UniqueViolation):
        db.accept([job(user), j])
    assert everything(db) == before


def test_accept_of_64_with_one_locked_and_one_overdrawn(db, sql_url):
    users = [db.user(5) for _ in range(64)]
    jobs = [job(u, price=50 if i == 40 else 5, step='SUBMIT') for i, u in enumerate(users)]
    db.accept([job('usr_nobody')])                              # prepared and planned
    other = locked_by_other(sql_url, users[7])
    started = time.monotonic()
    rows = db.accept(jobs)
    print('accept of 64, one locked, one overdrawn: %.1f ms' % ((time.monotonic() - started) * 1000))
    assert [r[1] for r in rows] == ['locked' if i == 7 else 'poor' if i == 40 else 'ok' for i in range(64)]
    assert rows[40][2] == 5 and rows[41][2] == 0
    other.sql('rollback')
    other.close()
    assert db.accept([jobs[7]])[0][1:3] == ('ok', 0)


def test_one_bad_row_fails_the_batch_and_only_that(db):
    """The caller runs the batch again, in halves: none of it may have been written."""
    users = [db.user() for _ in range(8)]
    jobs = [job(u) for u in users]
    jobs[3]['step'] = 'NO SUCH STEP'
    before = everything(db)
    with pytest.raises(psycopg2.errors.CheckViolation):
        db.accept(jobs)
    assert everything(db) == before
    assert set(db.outcomes(jobs[:3] + jobs[4:])) == {'ok'}


@pytest.mark.parametrize('statement', ['accept', 'settle'])
def test_waiting_sees_what_was_committed_meanwhile(db, sql_url, statement):
    """The row is read again once the lock is there: credits spent by the other session are not spent twice."""
    user = db.user(10)
    j = db.taken(user, price=5)
    other = Bench(sql_url)
    other.sql('begin')
    other_job = job(user, price=5)
    assert other.outcomes([other_job]) == ['ok']
    waiting = Session(sql_url)
    waiting.sql("set lock_timeout = '100ms'")
    call = {'accept': lambda s: s('accept_waiting', *accept_params([job(user, price=5)], db.me, db.epoch)),
            'settle': lambda s: s('settle_waiting', *settle_params([end(j, 'FAILED')], db.me, db.epoch))}[statement]
    with pytest.raises(psycopg2.errors.LockNotAvailable):
        call(waiting)
    waiting.sql("set lock_timeout = '5s'")
    committer = threading.Timer(0.3, lambda: other.sql('commit'))
    committer.start()
    row = call(waiting)[0]
    committer.join()
    assert row[1:3] == (('poor', 0) if statement == 'accept' else ('ok', 5))
    waiting.close()
    other.close()


def test_waiting_spends_what_came_meanwhile(db, sql_url):
    """The row as the statement first saw it would not bear the price: its constraints must not be asked about that."""
    user = db.user(0)
    other, waiting = Bench(sql_url), Bench(sql_url)
    other.sql('begin')
    other('credits_add', db.one('select name from users where id = %s', user), 12, 'just in time')
    committer = threading.Timer(0.3, lambda: other.sql('commit'))
    committer.start()
    assert waiting.accept([job(user, price=12)], 'accept_waiting')[0][1:3] == ('ok', 0)
    committer.join()
    waiting.close()
    other.close()


# ---- attempt, record ----

def test_attempt_ends_one_and_begins_the_next(db):
    j = db.taken(db.user(), step='SUBMIT')
    for _ in range(2):                                          # the second time nothing changes
        assert attempt(db, [(j, 1, 1, 'overloaded', 2, 'SUBMIT')]) == [True]
        assert db.sql('select n, outcome, ended_at is null, estimated_micros from attempts where job_id = %s order by n', j['id']) == \
            [(1, 'overloaded', False, 40000), (2, None, True, 7)]
    assert attempt(db, [(j, 1, 2, 'gone', 0, 'ADMIT')]) == [True] and db.status(j) == 'PENDING'
    assert attempt(db, [(j, 1, 2, 'ok', 3, 'CALL')]) == [True] and db.status(j) == 'GENERATING'
    assert db.sql('select outcome from attempts where job_id = %s order by n', j['id']) == [('overloaded',), ('gone',), (None,)]


def test_attempt_status_follows_the_part_that_is_furthest(db):
    j = db.taken(db.user(), images=2, parts=2, step='ADMIT')
    assert attempt(db, [(j, 1, 0, None, 1, 'SUBMIT')]) == [True] and db.status(j) == 'INITIALIZING'
    assert attempt(db, [(j, 2, 0, None, 1, 'CALL')]) == [True] and db.status(j) == 'GENERATING'
    assert attempt(db, [(j, 1, 1, 'refused', 0, 'FAILED'), (j, 2, 1, 'not_sent', 0, 'ADMIT')]) == [True, True]
    assert db.status(j) == 'PENDING'


def test_attempt_number_of_another_life_is_refused(db):
    j = db.taken(db.user(), step='SUBMIT')
    db.epoch = db('instance_start', db.me, 'test')[0][0]
    assert j['id'] in [r[1] for r in db('take_over', db.me, db.epoch, 100)]
    before = everything(db)
    assert attempt(db, [(j, 1, 0, None, 1, 'SUBMIT')]) == [False]       # attempt 1 may have been sent: its number is used up
    assert everything(db) == before
    assert attempt(db, [(j, 1, 1, 'unknown', 2, 'SUBMIT')]) == [True]


def test_record_keeps_the_handle_of_the_newest_attempt(db):
    j = db.taken(db.user(), step='SUBMIT')
    assert record(db, [(j, 1, 1), (j, 2, 1)]) == [True, False]
    assert db.sql('select step, handle, provider_request_id from parts where job_id = %s', j['id']) == [('WAIT', '{"request": 1}', 'req')]
    assert db.status(j) == 'GENERATING'
    assert attempt(db, [(j, 1, 1, 'gone', 2, 'SUBMIT')]) == [True]
    assert record(db, [(j, 1, 1)], handle='late') == [False]
    assert record(db, [(j, 1, 2)], handle='new') == [True] and record(db, [(j, 1, 2)], handle='new') == [True]


@pytest.mark.parametrize('write', [lambda db, j, **w: attempt(db, [(j, 1, 1, 'gone', 2, 'CALL')], **w),
                                   lambda db, j, **w: record(db, [(j, 1, 1)], **w)], ids=['attempt', 'record'])
def test_writes_need_owner_and_epoch_and_a_live_job(db, write):
    user = db.user()
    j, over, free = db.taken(user), db.taken(user), job(user, step='ADMIT')
    db('accept_waiting', *accept_params([free], None, None))
    db.settle([end(over)])
    before = everything(db)
    assert write(db, j, owner='other') == [False]
    assert write(db, j, epoch=db.epoch + 1) == [False]
    assert write(db, over) == [False]
    assert write(db, free) == [False]
    assert write(db, dict(j, id='img_unknown')) == [False]
    assert write(db, dict(j, user='usr_unknown')) == [False]
    assert everything(db) == before
    assert write(db, j) == [True]


# ---- settle ----

def test_settle_with_some_pictures(db):
    user = db.user(100)
    j = db.taken(user, price=20, images=4, parts=2)
    assert db.settle([end(j, stored=3)]) == [(j['id'], 'ok', 85, 'COMPLETED')]
    assert db.credits(user) == (85, 0)
    assert db.sql('select id, kind, amount, balance, held from ledger where job_id = %s order by id', j['id']) == \
        [(2, 'hold', 20, 80, 20), (3, 'capture', 15, 80, 5), (4, 'release', 5, 85, 0)]
    row = db.sql("""select status, charged, images_stored, cost, generation_time, result_urls, completed_at is not null, error_code
                    from image_generation_jobs where id = %s""", j['id'])[0]
    assert (row[0], row[1], row[2], float(row[3]), row[4]) == ('COMPLETED', 15, 3, 0.04, 1.5)
    assert row[5:] == (['/generated_images/%s/image_%d.png' % (j['id'], n) for n in (1, 2, 3)], True, None)
    assert db.sql('select part, outcome, settled_micros from attempts where job_id = %s order by part', j['id']) == \
        [(1, 'ok', 40000), (2, 'ok', 40000)]
    assert db.sql('select step from parts where job_id = %s', j['id']) == [('STORED',)] * 2
    assert db.sql("select payload from events where job_id = %s and type = 'job.completed'", j['id'])[0][0] == \
        {'job_id': j['id'], 'status': 'COMPLETED', 'images': 3, 'charged': 15}
    assert [r[0] for r in db.sql('select n from images where job_id = %s order by created_at desc', j['id'])] == [1, 2, 3]
    assert db.sql("select encode(sha256, 'hex'), bytes from objects where key like %s order by key", '%' + j['id'] + '%')[0] == ('ab' * 32, 1001)


@pytest.mark.parametrize('status', ['FAILED', 'CANCELLED'])
def test_settle_without_success_gives_all_back(db, status):
    user = db.user(100)
    j, free = db.taken(user, price=20), db.taken(user, price=0)
    assert [r[1:] for r in db.settle([end(j, status), end(free, status)])] == [('ok', 100, status)] * 2
    assert db.credits(user) == (100, 0)
    assert db.sql('select kind from ledger where job_id = %s order by id', j['id']) == [('hold',), ('release',)]
    assert db.sql('select result_urls, images_stored from image_generation_jobs where id = %s', j['id']) == [(None, 0)]
    assert db.sql('select step from parts where job_id = %s', j['id']) == [('FAILED',)]
    assert db.one('select type from events where job_id = %s order by seq desc limit 1', j['id']) == 'job.' + status.lower()


def test_settle_several_jobs_of_one_user(db):
    user = db.user(100)
    jobs = [db.taken(user, price=p, images=1) for p in (5, 7, 0, 11)]
    rows = db.settle([end(jobs[0]), end(jobs[1], 'FAILED'), end(jobs[2]), end(jobs[3])])
    assert [r[1:3] for r in rows] == [('ok', 84)] * 4
    assert db.sql("select kind, amount, balance, held from ledger where user_id = %s and kind in ('capture', 'release') order by id", user) == \
        [('capture', 5, 77, 18), ('release', 7, 84, 11), ('capture', 11, 84, 0)]


def test_settle_twice_is_already(db):
    j = db.taken(db.user())
    params = settle_params([end(j)], db.me, db.epoch)
    assert db('settle', *params)[0][1] == 'ok'
    before = everything(db)
    assert db('settle', *params) == [(j['id'], 'already', 95, 'COMPLETED')]
    assert db('settle_waiting', *settle_params([end(j, 'FAILED')], db.me, db.epoch))[0][1::2] == ('already', 'COMPLETED')
    assert everything(db) == before


def test_settle_that_is_stale_writes_nothing(db):
    j = db.taken(db.user())
    before = everything(db)
    for statement in ('settle', 'settle_waiting'):
        assert [r[1] for r in db.settle([end(dict(j, id='img_unknown')), end(dict(j, user='usr_unknown'))], statement)] == ['stale', 'stale']
        assert db(statement, *settle_params([end(j)], 'other', db.epoch))[0][1::2] == ('stale', None)
        assert db(statement, *settle_params([end(j)], db.me, db.epoch + 1))[0][1] == 'stale'
    assert everything(db) == before


def test_settle_of_64_mixed(db, sql_url):
    users = [db.user(5) for _ in range(64)]
    jobs = [job(u) for u in users]
    assert set(db.outcomes(jobs)) == {'ok'}
    db.settle([end(jobs[3], 'CANCELLED')])
    db.sql("update image_generation_jobs set owner = 'other' where id = %s", jobs[5]['id'])
    other = locked_by_other(sql_url, users[7])
    other.sql('select from image_generation_jobs where id = %s for update', jobs[9]['id'])
    started = time.monotonic()
    rows = db.settle([end(j) for j in jobs])
    print('settle of 64, one user and one job locked: %.1f ms' % ((time.monotonic() - started) * 1000))
    expected = {3: ('already', 'CANCELLED'), 5: ('stale', None), 7: ('locked', None), 9: ('locked', None)}
    assert [r[1::2] for r in rows] == [expected.get(i, ('ok', 'COMPLETED')) for i in range(64)]
    other.sql('rollback')
    other.close()
    assert [r[1] for r in db.settle([end(jobs[7]), end(jobs[9])])] == ['ok', 'ok']
    db('reap_one', users[5], jobs[5]['id'], 'test', 'test')


def test_settle_ends_attempts_nobody_listed_as_unknown(db):
    j = db.taken(db.user(), images=2, parts=2)
    params = settle_params([end(j, 'FAILED')], db.me, db.epoch)
    params[21:28] = [[j['id']], [1], [1], ['refused'], ['no'], [500], [0]]
    assert db('settle', *params)[0][1] == 'ok'
    assert db.sql('select part, outcome, reported_micros, settled_micros from attempts where job_id = %s order by part', j['id']) == \
        [(1, 'refused', 500, 0), (2, 'unknown', None, None)]


@pytest.mark.parametrize('spoil', [lambda e: e.update(charged=6), lambda e: e.update(status='FAILED'),
                                   lambda e: e.update(status='GENERATING'), lambda e: e.update(charged=-1),
                                   lambda e: e.update(charged=None), lambda e: e.update(stored=2)],
                         ids=['more than held', 'charged for nothing', 'not final', 'negative', 'not said', 'too many pictures'])
def test_settle_of_nonsense_fails_whole(db, spoil):
    j, good = db.taken(db.user()), db.taken(db.user())
    bad = end(j)
    spoil(bad)
    before = everything(db)
    with pytest.raises((psycopg2.errors.CheckViolation, psycopg2.errors.NotNullViolation)):
        db.settle([end(good), bad])
    assert everything(db) == before
