"""tests/run: build, run the suites, say how it went in one line, leave nothing running."""

import argparse
import os
import pathlib
import shutil
import signal
import sys

import processes
import suites

ROOT = pathlib.Path(__file__).resolve().parents[2]
TAIL_LINES = 60


def arguments():
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="SUITE", help="one of: " + " ".join(suites.SUITES))
    parser.add_argument("--filter", default="", metavar="WORD", help="only tests whose name has this word (pytest: -k)")
    parser.add_argument("--long", action="store_true", help="long fuzzing and load (tests see IMAGO_TEST_LONG=1)")
    parser.add_argument("--no-install", action="store_true", help="install no Debian and no npm package")
    parser.add_argument("--verbose", action="store_true", help="show all output as it comes")
    given = parser.parse_args()
    wanted = [n for part in given.only for n in part.split(",")]
    unknown = [n for n in wanted if n not in suites.SUITES]
    if unknown:
        parser.error(f"no such suite: {' '.join(unknown)}; there are {' '.join(suites.SUITES)}")
    given.suites = [n for n in suites.SUITES if n in wanted] if wanted else list(suites.SUITES)
    return given


def environment(given):
    env = dict(os.environ)
    for name in list(env):              # a developer's own settings must not decide what the tests see
        if name.startswith(("IMAGO_", "FAL_", "PG")) or name in ("DATABASE_URL", "REDIS_URL"):
            del env[name]
    env["PATH"] = env.get("PATH", "") + ":/usr/sbin:/sbin"
    env["LC_ALL"] = "C.UTF-8"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["NODE_PATH"] = str(ROOT / "tests/node_modules")
    # sudo and root look at a checkout of somebody else's
    env.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0=str(ROOT))
    corpora = ROOT.parent / "shared/corpora"
    if corpora.is_dir():
        env["IMAGO_CORPORA"] = str(corpora)
    if given.long:
        env["IMAGO_TEST_LONG"] = "1"
    os.environ.clear()
    os.environ.update(env)
    return env


def report(name, result, seconds):
    print(f"{name:11} {result.passed} passed, {result.failed} failed, {len(result.skipped)} skipped ({seconds:.1f} s)", flush=True)
    for skip in result.skipped:
        print(f"  skipped {skip}")
    for failure in result.failures:
        print(f"  FAILED {failure}")
    if result.failed:
        for log in result.logs:
            if log.exists():
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                print(f"  ---- last lines of {log.relative_to(ROOT)}")
                print("\n".join("  | " + l for l in lines[-TAIL_LINES:]))
    sys.stdout.flush()


def main():
    given = arguments()
    env = environment(given)
    logs = ROOT / "build-logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True, exist_ok=True)
    context = suites.Context(root=ROOT, logs=logs, env=env, filter=given.filter, long=given.long, echo=given.verbose)

    processes.become_reaper()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)        # a shell's background job ignores it
    passed = failed = 0
    try:
        for name in given.suites:
            result, seconds = suites.run_suite(context, name)
            report(name, result, seconds)
            passed += result.passed
            failed += result.failed
    except KeyboardInterrupt:
        print("interrupted")
        failed += 1
    finally:
        processes.kill_leftovers(grace_s=0.5)
    if passed + failed == 0:
        print("nothing was run")
        failed = 1
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
