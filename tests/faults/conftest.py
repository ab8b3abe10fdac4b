"""The fixtures of tests/api serve here too, and the modules of its neighbours can be imported."""
import importlib.util
import os
import sys
import uuid

import psycopg2
import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for folder in ("api", "simulators"):
    sys.path.insert(0, os.path.join(TESTS, folder))

_spec = importlib.util.spec_from_file_location("api_conftest", os.path.join(TESTS, "api", "conftest.py"))
_api = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_api)
stores = _api.stores


def admin(url, sql):
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


@pytest.fixture
def database(stores):
    """An empty database. Connected to afresh each time: some tests kill the server."""
    name = "test_" + uuid.uuid4().hex[:12]
    admin(stores["ADMIN_URL"], f"create database {name} owner imago")
    yield stores["DATABASE_URL"].replace("@/imago?", f"@/{name}?")
    admin(stores["ADMIN_URL"], f"drop database if exists {name} with (force)")
