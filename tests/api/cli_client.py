"""The imago command, run with nothing of the test's environment but what is given."""
import json
import os
import subprocess

from imago_server import build_dir, program


class Cli:
    """cli('user', 'list') -> CompletedProcess; cli.ok(...) -> standard output; cli.json(...) -> what --json says."""

    def __init__(self, database_url='', folder='/', **environment):
        self.folder = str(folder)
        self.environment = {'PATH': os.environ['PATH'], 'IMAGO_PIXELS': str(build_dir() / 'src/pixels/imago-pixels'),
                            **{n: v for n, v in os.environ.items() if n.endswith('SAN_OPTIONS')},
                            **({'DATABASE_URL': database_url} if database_url else {}), **environment}

    def __call__(self, *args, env=None, **more):
        more = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **more}
        return subprocess.run([program(), *map(str, args)], env={**self.environment, **(env or {})}, cwd=self.folder,
                              text=True, stdin=subprocess.DEVNULL, timeout=120, check=False, **more)

    def ok(self, *args, **more):
        result = self(*args, **more)
        assert result.returncode == 0, f'{args}: {result.returncode}\n{result.stdout}{result.stderr}'
        return result.stdout

    def refused(self, *args, code=1, **more):
        """What it says on standard error."""
        result = self(*args, **more)
        assert result.returncode == code, f'{args}: {result.returncode}\n{result.stdout}{result.stderr}'
        return result.stderr

    def json(self, *args, **more):
        return json.loads(self.ok(*args, '--json', **more))
