"""The fixtures of tests/api serve here too, and the modules of its neighbours can be imported."""
import importlib.util
import os
import sys

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for folder in ("api", "simulators"):
    sys.path.insert(0, os.path.join(TESTS, folder))

_spec = importlib.util.spec_from_file_location("api_conftest", os.path.join(TESTS, "api", "conftest.py"))
_api = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_api)
stores, new_database = _api.stores, _api.new_database


@pytest.fixture
def database(new_database):
    return new_database()
