"""The schema's own rules: what it refuses whoever writes, whether the invariant queries notice, and races."""
import os
import random
import threading

import psycopg2
import pytest

from sql_client import INVARIANTS, Bench, Session, attempt, end, job, migrate, settle_params, violations

# {U}, {J}: a user with 95 credits, 5 held, and its live job; {D}: a COMPLETED job of the same user, price 5. {S}: ledger_seq.
REFUSED = {
    'ledger_append_only': [
        "update ledger set reason = 'x' where user_id = '{U}'",
        "update ledger set balance = balance + 1 where user_id = '{U}' and id = 1",
        "delete from ledger where user_id = '{U}'",
        "delete from ledger where false",
        'truncate ledger',
    ],
    'users_credits': [
        "update users set credits = credits + 1 where id = '{U}'",
        "update users set held = held + 1 where id = '{U}'",
        "update users set credits = credits + 1, held = held - 1 where id = '{U}'",
        "update users set ledger_seq = ledger_seq - 1 where id = '{U}'",
        "update users set ledger_seq = ledger_seq + 1 where id = '{U}'",
        "insert into users (id, name, credits) values ('usr_x', 'x', 5)",
        "with u as (update users set credits = credits + 9, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 1, 'topup', 8, 98, 5)",
    ],
    'ledger_chain': [
        "insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 1, 'topup', 5, 95, 5)",     # not in users
        "insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 2, 'topup', 5, 95, 5)",
        "insert into ledger (user_id, id, kind, amount, balance, held) values ('usr_none', 1, 'topup', 5, 5, 0)",
        "with u as (update users set credits = credits + 9, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 1, 'topup', 8, 99, 5)",
        "with u as (update users set credits = credits - 5, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'hold', 5, 85, 5, 'img_x')",
        "with u as (update users set credits = credits + 5, ledger_seq = ledger_seq + 2 where id = '{U}') "             # a gap
        "insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 2, 'topup', 5, 95, 5)",
    ],
    'ledger_of_job': [
        "with u as (update users set credits = credits - 5, held = held + 5, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'hold', 5, 85, 10, 'img_none')",
        "with u as (update users set held = held - 5, ledger_seq = ledger_seq + 1 where id = '{U}') "                   # job not final
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'capture', 5, 90, 0, '{J}')",
        "with u as (update users set credits = credits + 5, held = held - 5, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'release', 5, 95, 0, '{J}')",
        "with u as (update users set credits = credits + 1, held = held - 1, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'release', 1, 91, 4, '{D}')",
        "with u as (update users set held = held - 5, ledger_seq = ledger_seq + 1 where id = '{U}'), "                  # captures too little
        "j as (update image_generation_jobs set status = 'COMPLETED', charged = 4, completed_at = now() where id = '{J}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'capture', 5, 90, 0, '{J}')",
    ],
    'ledger_once': [
        "with u as (update users set credits = credits - 5, held = held + 5, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'hold', 5, 85, 10, '{J}')",
        "with u as (update users set held = held - 5, ledger_seq = ledger_seq + 1 where id = '{U}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'capture', 5, 90, 0, '{D}')",
    ],
    'ledger_amount': ["insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 1, '%s', %d, 90, 5)" % row
                      for row in (('topup', 0), ('topup', -5), ('adjust', 0))],
    'ledger_job': ["insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'topup', 5, 95, 5, '{J}')",
                   "insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 1, 'hold', 5, 85, 10)"],
    'ledger_balance_check': ["insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 1, 'adjust', -91, -1, 5)"],
    'ledger_kind_check': ["insert into ledger (user_id, id, kind, amount, balance, held) values ('{U}', {S} + 1, 'gift', 1, 91, 5)"],
    'users_credits_check': ["update users set credits = -1 where id = '{U}'"],
    'users_role_check': ["update users set role = 'root' where id = '{U}'"],
    'users_name_check': ["update users set name = '' where id = '{U}'", "update users set name = repeat('x', 65) where id = '{U}'"],
    'users_keep': ["delete from users where id = '{U}'"],
    'api_keys_hash_check': ["insert into api_keys (id, user_id, hash) values ('k', '{U}', 'short')"],
    'api_keys_user_id_fkey': ["insert into api_keys (id, user_id, hash) values ('k', 'usr_none', decode(repeat('ab', 32), 'hex'))"],
    'jobs_closed_in_ledger': [
        "update image_generation_jobs set status = 'FAILED', charged = 0, completed_at = now() where id = '{J}'",
        "update image_generation_jobs set status = 'COMPLETED', charged = 5, completed_at = now() where id = '{J}'",
        "insert into image_generation_jobs (user_id, id, status, prompt, model, price, charged, deadline_at, completed_at) "
        "values ('{U}', 'img_x', 'FAILED', 'p', 'm', 5, 0, now(), now())",
        "with u as (update users set held = held - 4, ledger_seq = ledger_seq + 1 where id = '{U}'), "                  # no release
        "j as (update image_generation_jobs set status = 'COMPLETED', charged = 4, completed_at = now() where id = '{J}') "
        "insert into ledger (user_id, id, kind, amount, balance, held, job_id) values ('{U}', {S} + 1, 'capture', 4, 90, 1, '{J}')",
    ],
    'jobs_fixed': [
        "update image_generation_jobs set price = 4 where id = '{J}'",
        "update image_generation_jobs set status = 'FAILED', charged = 0 where id = '{D}'",
        "update image_generation_jobs set completed_at = null, charged = null, status = 'PENDING' where id = '{D}'",
        "update image_generation_jobs set id = 'img_y' where id = '{J}'",
        "update image_generation_jobs set images_stored = 0 where id = '{D}'",
    ],
    'image_generation_jobs_status_check': ["update image_generation_jobs set status = 'DONE' where id = '{J}'"],
    'image_generation_jobs_generation_type_check': ["update image_generation_jobs set generation_type = 'music' where id = '{J}'"],
    'jobs_final': ["update image_generation_jobs set status = 'FAILED' where id = '{J}'",
                   "update image_generation_jobs set completed_at = now(), charged = 0 where id = '{J}'"],
    'jobs_closed': ["update image_generation_jobs set charged = 0 where id = '{J}'"],
    'jobs_charged': ["update image_generation_jobs set charged = 6, status = 'COMPLETED', completed_at = now() where id = '{J}'"],
    'jobs_charged_for_pictures': ["update image_generation_jobs set charged = 5, status = 'FAILED', completed_at = now() where id = '{J}'"],
    'jobs_result': ["update image_generation_jobs set result_urls = '[]' where id = '{J}'"],
    'jobs_images': ["update image_generation_jobs set images_stored = 2 where id = '{J}'"],
    'jobs_owner': ["update image_generation_jobs set owner = null where id = '{J}'"],
    'image_generation_jobs_user_id_fkey': ["insert into image_generation_jobs (user_id, id, prompt, model, price, deadline_at) "
                                           "values ('usr_none', 'img_x', 'p', 'm', 0, now())"],
    'parts_step_check': ["update parts set step = 'NOWHERE' where job_id = '{J}'"],
    'parts_handle_check': ["update parts set handle = repeat('x', 2049) where job_id = '{J}'"],
    'parts_user_id_job_id_fkey': ["insert into parts (user_id, job_id, part, images) values ('{U}', 'img_none', 1, 1)",
                                  "delete from image_generation_jobs where id = '{J}'"],
    'attempts_outcome_check': ["update attempts set outcome = 'perhaps', ended_at = now() where job_id = '{J}'"],
    'attempts_ended': ["update attempts set outcome = 'ok' where job_id = '{J}'"],
    'attempts_pkey': ["insert into attempts (user_id, job_id, part, n, provider_id, model) values ('{U}', '{J}', 1, 1, 'p', 'm')"],
    'images_user_id_object_id_fkey': ["delete from objects where user_id = '{U}'"],
    'images_user_id_job_id_n_key': ["insert into images select user_id, 'pic_x', job_id, n, object_id from images where user_id = '{U}' limit 1"],
    'objects_key_key': ["insert into objects select user_id, 'obj_x', key, sha256, bytes, content_type from objects where user_id = '{U}' limit 1"],
}


@pytest.fixture(scope='module')
def scene(sql_url):
    bench = Bench(sql_url)
    user = bench.user(100)
    live, done = bench.taken(user), bench.taken(user)
    bench.settle([end(done)])
    assert bench.credits(user) == (90, 5)
    yield bench, {'U': user, 'J': live['id'], 'D': done['id'], 'S': str(bench.one('select ledger_seq from users where id = %s', user))}
    bench.close()


@pytest.mark.parametrize('rule, statement', [(r, s) for r, all in REFUSED.items() for s in all])
def test_refused_by_the_schema(scene, rule, statement):
    bench, names = scene
    for name, value in names.items():
        statement = statement.replace('{%s}' % name, value)
    bench.sql('begin')
    try:
        with pytest.raises(psycopg2.errors.IntegrityError) as caught:
            bench.cursor.execute(statement)
        assert caught.value.diag.constraint_name == rule
    finally:
        bench.sql('rollback')


# ---- the invariants notice ----

# What each invariant must see once the rules that forbid it are switched off. {F}: a FAILED job of price 5.
SPOILT = {
    '01': ["delete from ledger where user_id = '{U}' and id = 2", 'drop trigger ledger_check on ledger',
           'alter table users disable trigger users_check'],
    '02': ["delete from ledger where job_id = '{D}' and kind = 'capture'", "update ledger set amount = 4 where job_id = '{F}' and kind = 'release'",
           "update ledger set job_id = '{J}' where job_id = '{D}' and kind = 'capture'"],
    '03': ["alter table ledger drop constraint ledger_amount; update ledger set amount = 0 where job_id = '{J}'"],
    '04': ["update users set credits = credits + 1 where id = '{U}'", "update users set held = 0 where id = '{U}'",
           "update ledger set balance = 0 where user_id = '{U}'"],
    '05': ["alter table users drop constraint users_credits_check; update users set credits = -1 where id = '{U}'",
           'alter table ledger drop constraint ledger_held_check'],
    '06': ["delete from ledger where job_id = '{D}' and kind = 'hold'", "update ledger set amount = 6 where job_id = '{D}' and kind = 'capture'"],
    '07': ["update image_generation_jobs set charged = 4 where id = '{D}'", "update image_generation_jobs set images_stored = 0 where id = '{D}'"],
    '08': ["update image_generation_jobs set deadline_at = now() - interval '61 seconds' where id = '{J}'"],
    '09': ["update image_generation_jobs set num_images = 2 where id = '{D}'"],
    '10': ["delete from events where job_id = '{J}'", "delete from events where job_id = '{D}' and type = 'job.completed'",
           "update events set type = 'job.completed' where job_id = '{F}' and type = 'job.failed'",
           "insert into events (user_id, seq, type, job_id) values ('{U}', 99, 'job.failed', '{J}')"],
    '11': ["update users set credits = credits + 1 where id = '{U}'"],
    '12': ["update image_generation_jobs set price = 6 where id = '{J}'", "delete from ledger where job_id = '{J}'"],
    '13': ["update ledger set balance = balance + 1 where user_id = '{U}' and id = 3", "update ledger set held = 0 where user_id = '{U}' and id = 2"],
    '14': ["delete from attempts; delete from parts where job_id = '{D}'; insert into attempts (user_id, job_id, part, n, provider_id, model) "
           "values ('{U}', '{D}', 1, 1, 'p', 'm')", "delete from images", "update objects set state = 'deleting'",
           "update events set user_id = 'usr_none' where seq = 1", "update ledger set job_id = 'img_none' where job_id = '{J}'"],
    '15': ["update parts set images = 2 where job_id = '{J}'", "update parts set step = 'WAIT' where job_id = '{D}'",
           "update attempts set outcome = null, ended_at = null where job_id = '{D}'", "delete from attempts where job_id = '{J}'",
           "update parts set step = 'WAIT' where job_id = '{J}'",
           "insert into attempts (user_id, job_id, part, n, provider_id, model) values ('{U}', '{J}', 1, 2, 'p', 'm')"],
    '16': ["delete from events where seq = 2", "update users set event_seq = 50 where id = '{U}'"],
    '17': ["delete from images", "update image_generation_jobs set result_urls = '[]' where id = '{D}'"],
}


def test_every_invariant_has_a_spoiler():
    assert sorted(SPOILT) == [os.path.basename(p)[:2] for p in INVARIANTS]


@pytest.mark.parametrize('number, spoil', [(n, s) for n, all in SPOILT.items() for s in all])
def test_invariant_notices(new_database, stores, number, spoil, spoilable=[]):
    if not spoilable:
        url = new_database()
        migrate(url)
        bench = Bench(url)
        user = bench.user(100)
        live, done, failed = (bench.taken(user) for _ in range(3))
        bench.settle([end(done), end(failed, 'FAILED')])
        assert violations(bench) == {}
        bench.close()
        admin = Session(stores['ADMIN_URL'].replace('/postgres?', url[url.index('@') + 1:url.index('?')] + '?'))
        spoilable += [admin, {'U': user, 'J': live['id'], 'D': done['id'], 'F': failed['id']}]
    admin, names = spoilable
    for name, value in names.items():
        spoil = spoil.replace('{%s}' % name, value)
    admin.sql('begin')
    try:
        admin.sql("set local session_replication_role = replica")       # no triggers, no foreign keys
        admin.cursor.execute(spoil)
        assert number in {name[:2] for name in violations(admin)}
    finally:
        admin.sql('rollback')


# ---- races ----

def in_threads(count, work):
    """work(i) in `count` threads at once; what any of them raised is raised."""
    failed = []

    def run(i):
        try:
            work(i)
        except BaseException as error:          # noqa: B902
            failed.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


@pytest.mark.parametrize('statement', ['accept', 'accept_waiting'])
def test_credit_for_ten_buys_ten(db, sql_url, statement):
    user, ok, poor = db.user(10), [], []

    def work(i):
        bench = Bench(sql_url)
        for _ in range(25):
            j, outcome = job(user, price=1), 'locked'
            while outcome == 'locked':
                outcome = bench.accept([j], statement)[0][1]
            (ok if outcome == 'ok' else poor).append(j)
        bench.close()

    in_threads(8, work)
    assert (len(ok), len(poor)) == (10, 190)
    assert db.credits(user) == (0, 10)


def test_one_job_is_closed_once(db, sql_url):
    """Eight who settle, cancel and reap the same jobs: one of them closes each."""
    user = db.user(1000)
    jobs = [db.taken(user) for _ in range(40)]
    closed = []

    def work(i):
        bench = Session(sql_url)
        for j in random.Random(i).sample(jobs, len(jobs)):
            if i % 4 == 3:
                outcome = bench('reap_one', user, j['id'], 'test', 'test')[0][1]
            else:
                e = end(j, ['COMPLETED', 'FAILED', 'CANCELLED'][i % 3])
                outcome = bench('settle_waiting', *settle_params([e], db.me, db.epoch))[0][1]
            assert outcome in ('ok', 'already')
            if outcome == 'ok':
                closed.append(j['id'])
        bench.close()

    in_threads(8, work)
    assert sorted(closed) == sorted(j['id'] for j in jobs)
    assert db.credits(user)[1] == 0


@pytest.mark.slow
def test_random_work_keeps_every_invariant(db, sql_url):
    users = [db.user(60) for _ in range(5)]
    names = [db.one('select name from users where id = %s', u) for u in users]

    def accepted(bench, luck):
        batch = [job(luck.choice(users), luck.choice([0, 4, 8]), luck.choice(['ADMIT', 'SUBMIT', 'CALL']), images=4, parts=luck.choice([1, 2, 4]))
                 for _ in range(luck.randint(1, 12))]
        return [j for j, row in zip(batch, bench.accept(batch)) if row[1] == 'ok']

    def work(i):
        bench, luck, live = Bench(sql_url), random.Random(i), []
        for _ in range(60):
            act = luck.random()
            if act < 0.35 or not live:
                live += accepted(bench, luck)
            elif act < 0.55:
                attempt(bench, [(j, 1, 1, 'overloaded', 2, 'SUBMIT') for j in live if j['step'] != 'ADMIT'][:5] or
                        [(live[0], 1, 0, None, 1, 'CALL')])
            elif act < 0.85:
                chosen = luck.sample(live, min(len(live), luck.randint(1, 10)))
                for j in chosen:
                    if j['step'] == 'ADMIT':
                        attempt(bench, [(j, part + 1, 0, None, 1, 'CALL') for part in range(j['parts'])])
                ends = [end(j, luck.choice(['COMPLETED', 'COMPLETED', 'FAILED', 'CANCELLED'])) for j in chosen]
                over = {r[0] for r in bench.settle(ends) if r[1] in ('ok', 'already')}
                live = [j for j in live if j['id'] not in over]
            elif act < 0.9:
                j = luck.choice(live)
                bench('reap_one', j['user'], j['id'], 'test', 'test')
            elif act < 0.95:
                bench('cancel_wish', *(lambda j: (j['user'], j['id']))(luck.choice(live)))
            else:
                bench('credits_add', luck.choice(names), luck.choice([-20, 30]), 'test')
        bench.close()

    in_threads(6, work)
    assert violations(db) == {}
    assert db.one('select count(*) from image_generation_jobs where completed_at is not null') > 100
