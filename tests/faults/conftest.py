"""The fixtures of tests/api serve here too."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("api", "simulators"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))

from api_fixtures import *  # noqa: E402,F401,F403
