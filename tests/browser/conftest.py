"""The fixtures of tests/api serve here too, and the modules of its neighbours can be imported."""
import importlib.util
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
for folder in (HERE, os.path.join(TESTS, "api"), os.path.join(TESTS, "simulators")):
    sys.path.insert(0, folder)

_spec = importlib.util.spec_from_file_location("api_conftest", os.path.join(TESTS, "api", "conftest.py"))
_api = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_api)
stores, new_database = _api.stores, _api.new_database

from chromium import Chromium  # noqa: E402


@pytest.fixture(scope="session")
def chromium():
    with Chromium() as browser:
        yield browser
