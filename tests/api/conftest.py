"""Fixtures of the black-box tests: private stores, and a fresh database for whoever asks."""
import os
import subprocess
import sys
import uuid

import psycopg2
import pytest

from sql_client import Bench, migrate, violations

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'simulators'))
STORES = os.path.join(os.path.dirname(HERE), 'stores')


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: left out where the programs run with sanitizers')
    config.addinivalue_line('markers', 'changes: of the bad-input tests, one that has a job accepted on purpose')


@pytest.fixture(scope='session')
def stores():
    """{DATABASE_URL, ADMIN_URL, REDIS_URL}: those we run in (`tests/stores run`), else some of our own."""
    if 'ADMIN_URL' in os.environ and 'DATABASE_URL' in os.environ:
        yield dict(os.environ)
        return
    process = subprocess.Popen([sys.executable, STORES], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        found = {}
        while not {'REDIS_URL', 'DATABASE_URL', 'ADMIN_URL', 'STORES_DIR'} <= set(found):
            line = process.stdout.readline()
            assert line, 'tests/stores ended with %s' % process.wait()
            name, _, value = line.rstrip('\n').partition('=')
            found[name] = value
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope='session')
def new_database(stores):
    """Makes an empty database of the ordinary role's: new_database() -> its URL."""
    admin = psycopg2.connect(stores['ADMIN_URL'])
    admin.autocommit = True
    made = []

    def make():
        name = 'test_' + uuid.uuid4().hex[:12]
        with admin.cursor() as cursor:
            cursor.execute('create database %s owner imago' % name)
        made.append(name)
        return stores['DATABASE_URL'].replace('@/imago?', '@/%s?' % name)

    yield make
    if 'STORES_DIR' not in stores:          # those of tests/stores go with their server, and each drop is a checkpoint
        with admin.cursor() as cursor:
            for name in made:
                cursor.execute('drop database if exists %s with (force)' % name)
    admin.close()


@pytest.fixture(scope='module')
def sql_url(new_database):
    """A database with the schema in place, for the tests of one file."""
    url = new_database()
    migrate(url)
    return url


@pytest.fixture
def db(sql_url):
    """A session of a running instance in it. Whatever a test did, the invariants hold in the end."""
    bench = Bench(sql_url)
    yield bench
    assert violations(bench) == {}
    bench.close()
