"""The suites: each is a function (context) -> Result, in the order of the table at the end."""

import dataclasses
import json
import os
import pathlib
import shutil
import time
import xml.etree.ElementTree as ElementTree

import fuzz
import processes

PYTHON = "/usr/bin/python3"


@dataclasses.dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: list = dataclasses.field(default_factory=list)     # "name: reason"
    failures: list = dataclasses.field(default_factory=list)    # names
    logs: list = dataclasses.field(default_factory=list)

    def add(self, name, ok):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            self.failures.append(name)


@dataclasses.dataclass
class Context:
    root: pathlib.Path
    logs: pathlib.Path
    env: dict
    filter: str = ""
    long: bool = False
    echo: bool = False
    built: dict = dataclasses.field(default_factory=dict)       # build folder -> did it build

    def run(self, name, command, log=None, env=None, timeout_s=1800):
        return processes.run([str(c) for c in command], log or self.logs / f"{name}.log",
                             env={**self.env, **(env or {})}, cwd=self.root, timeout_s=timeout_s, echo=self.echo)


# ---- build ----
BUILDS = {
    "build": (["-Dbuildtype=release", "-Dtests=true"], {}),
    "build-asan": (["-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dtests=true",
                    "-Dwerror=true"], {}),
    "build-fuzz": (["-Dbuildtype=debugoptimized", "-Dfuzz=true", "-Dtests=false", "-Db_lundef=false", "-Dwerror=true"],
                   {"CC": "clang-14"}),
}
# The other folders build everything. The programs are here so that clang sees all files too.
TARGETS = {"build-fuzz": ["fuzzers", "src/app/imago", "src/pixels/imago-pixels"]}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def build(context, folder):
    """True when the folder is built; done once in a run."""
    if folder in context.built:
        return context.built[folder]
    options, env = BUILDS[folder]
    path = context.root / folder
    if (path / "build.ninja").exists():
        setup = ["meson", "configure", path, *options]
    else:
        shutil.rmtree(path, ignore_errors=True)             # a half-made folder cannot be configured
        setup = ["meson", "setup", path, context.root, *options]
    name = folder
    make = ["ninja", "-C", path, *TARGETS.get(folder, [])]
    ok = context.run(name, setup, env=env) == 0 and context.run(name, make, env=env) == 0
    context.built[folder] = ok
    return ok


def suite_build(context):
    result = Result(logs=[context.logs / f"{b}.log" for b in ("build", "build-asan")])
    for folder in ("build", "build-asan"):
        result.add(folder, build(context, folder))
    return result


# ---- pytest ----
def read_junit(path, result):
    try:
        tree = ElementTree.parse(path)
    except (OSError, ElementTree.ParseError):
        return 0
    count = 0
    for case in tree.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        skip = case.find("skipped")
        count += 1
        if skip is not None and skip.get("type") != "pytest.xfail":
            result.skipped.append(f"{name}: {skip.get('message')}")
        else:
            result.add(name, case.find("failure") is None and case.find("error") is None)
    return count


def pytest(context, name, folders, env=None, stores=False, extra=(), timeout_s=2400):
    result = Result(logs=[context.logs / f"{name}.log"])
    present = [f for f in folders if any((context.root / f).rglob("test_*.py"))]
    if not present:
        result.logs = []
        return result
    junit = context.logs / f"{name}.xml"
    command = [PYTHON, "-B", "-m", "pytest", "-q", "-rs", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={junit}", *extra, *present]
    if context.filter:
        command += ["-k", context.filter]
    if stores:
        command = [context.root / "tests/stores", "run", "--", *command]
    code = context.run(name, command, env=env, timeout_s=timeout_s)
    count = read_junit(junit, result)
    if code == 5 and context.filter:
        return result
    if code not in (0, 1) or (code == 1 and not result.failed) or not count:
        result.add(f"{name}: pytest ended with {code} after {count} tests", False)
    return result


def programs(context, folder):
    """What black-box tests need to know about a build."""
    path = context.root / folder
    env = {"IMAGO_BUILD": str(path), "IMAGO_BIN": str(path / "src/app/imago")}
    return {**env, **SANITIZER_ENV} if folder == "build-asan" else env


def black_box(context, name, folders, build_folder="build", **more):
    if not build(context, build_folder):
        result = Result(logs=[context.logs / f"{build_folder}.log"])
        result.add(f"{name}: {build_folder} is not built", False)
        return result
    return pytest(context, name, folders, env=programs(context, build_folder), **more)


# ---- meson's tests ----
def meson_tests(context, name, folder):
    result = Result(logs=[context.logs / f"{name}.log"])
    if not build(context, folder):
        result.logs = [context.logs / f"{folder}.log"]
        result.add(f"{name}: {folder} is not built", False)
        return result
    path = context.root / folder
    log = path / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", path, "--no-rebuild", "--print-errorlogs", "--num-processes", os.cpu_count() or 1]
    if folder == "build-asan":
        command += ["--timeout-multiplier", 4]
    stores = context.root / "tests/stores"
    if stores.exists():
        command = [stores, "run", "--", *command]
    code = context.run(name, command, env=SANITIZER_ENV)
    rows = []
    if log.exists():
        rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [r for r in rows if context.filter in r["name"]]
    for row in rows:
        if row["result"] == "SKIP":
            result.skipped.append(f"{row['name']}: says skipped")
        else:
            result.add(row["name"], row["result"] in ("OK", "EXPECTEDFAIL"))
    if code != 0 and not result.failed and not context.filter:
        result.add(f"{name}: meson test ended with {code}", False)
    return result


# ---- the suites ----
def suite_lint(context):
    result = pytest(context, "lint", ["tests/lint"])
    scripts = ["tests/run", ".ci/run", "examples/quickstart", "tests/lint/format.sh", "tests/install/smoke.sh"]
    checks = {"format": ["tests/lint/format.sh"], "shellcheck": ["shellcheck", *scripts]}
    for check, command in checks.items():
        if context.filter not in check:
            continue
        log = context.logs / f"lint-{check}.log"
        result.logs.append(log)
        result.add(check, context.run(check, command, log=log) == 0)
    return result


def suite_install(context):
    result = Result(logs=[context.logs / "install.log"])
    ok = build(context, "build") and context.run("install", ["tests/install/smoke.sh", context.root / "build"]) == 0
    result.add("install", ok)
    return result


def suite_fuzz(context):
    result = Result(logs=[context.logs / "build-fuzz.log"])
    if not build(context, "build-fuzz"):
        result.add("fuzz: build-fuzz is not built", False)
        return result
    return fuzz.suite(context, result)


SUITES = {
    "build": suite_build,
    "lint": suite_lint,
    "unit": lambda c: meson_tests(c, "unit", "build"),
    "unit-asan": lambda c: meson_tests(c, "unit-asan", "build-asan"),
    "install": suite_install,
    "api": lambda c: black_box(c, "api", ["tests/api"], stores=True),
    "api-asan": lambda c: black_box(c, "api-asan", ["tests/api"], "build-asan", stores=True, extra=["-m", "not slow"]),
    "faults": lambda c: black_box(c, "faults", ["tests/faults"], stores=True),
    "faults-asan": lambda c: black_box(c, "faults-asan", ["tests/faults"], "build-asan", stores=True, extra=["-m", "not slow"]),
    "browser": lambda c: black_box(c, "browser", ["tests/browser"], stores=True),
    "examples": lambda c: black_box(c, "examples", ["tests/examples"]),
    "fuzz": suite_fuzz,
}


def run_suite(context, name):
    started = time.monotonic()
    result = SUITES[name](context)
    left = processes.kill_leftovers()
    if left:
        result.add(f"{name}: processes left behind: " + "; ".join(w[:120] for w in left), False)
    if result.passed + result.failed == 0 and not context.filter:
        result.add(f"{name}: there were no tests", False)
    return result, time.monotonic() - started
