"""Fuzz targets: 15 s each, 60 s for those whose sources changed, two at a time, 8 minutes in all."""

import concurrent.futures
import pathlib
import subprocess
import tempfile

SHORT_S, CHANGED_S, LONG_S, TOTAL_S = 15, 60, 300, 480
AT_ONCE = 2


def _git(root, *words):
    done = subprocess.run(["git", "-C", str(root), *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode().strip() if done.returncode == 0 else None


def changed_files(root):
    """Files that differ from what was landed last; None when that cannot be told."""
    base = _git(root, "merge-base", "HEAD", "origin/main")
    if base is None or base == _git(root, "rev-parse", "HEAD"):
        base = _git(root, "rev-parse", "HEAD~1")
    names = _git(root, "diff", "--name-only", base) if base else None
    return None if names is None else set(names.splitlines())


def _sources(build, target):
    """The files of this project that a target is made of, headers too where ninja has seen them."""
    done = subprocess.run(["ninja", "-C", str(build), "-t", "inputs", f"tests/fuzz/{target}"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    found = set()
    for line in done.stdout.decode().splitlines():
        path = (build / line.strip()).resolve()
        if path.is_relative_to(build.parent) and path.suffix in (".c", ".h"):
            found.add(str(path.relative_to(build.parent)))
    return found


def _seconds(context, build, target, changed):
    if context.long:
        return LONG_S
    if changed is None:
        return SHORT_S
    name = target.removeprefix("fuzz_")
    seeds = f"tests/fuzz/corpus/{name}/"
    touched = changed & _sources(build, target) or any(c.startswith(seeds) for c in changed)
    return CHANGED_S if touched else SHORT_S


def _run(context, build, target, seconds):
    name = target.removeprefix("fuzz_")
    here = context.root / "tests/fuzz"
    crashes = build / "crashes"
    crashes.mkdir(exist_ok=True)
    log = context.logs / f"{target}.log"
    with tempfile.TemporaryDirectory() as found:
        command = [build / "tests/fuzz" / target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                   "-print_final_stats=1", f"-artifact_prefix={crashes}/{name}-"]
        if (here / f"{name}.dict").exists():
            command.append(f"-dict={here / name}.dict")
        command.append(found)                               # new inputs go here, not into the project
        if (here / "corpus" / name).is_dir():
            command.append(here / "corpus" / name)
        code = context.run(target, command, log=log, timeout_s=seconds + 120)
    return target, seconds, log, code


def suite(context, result):
    build = context.root / "build-fuzz"
    targets = sorted(p.name for p in pathlib.Path(build / "tests/fuzz").glob("fuzz_*") if p.is_file())
    targets = [t for t in targets if context.filter in t]
    changed = changed_files(context.root)
    plan = {t: _seconds(context, build, t, changed) for t in targets}
    total = sum(plan.values()) / AT_ONCE
    if total > TOTAL_S and not context.long:
        plan = {t: max(5, int(s * TOTAL_S / total)) for t, s in plan.items()}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_run, context, build, t, s) for t, s in plan.items()]
        for job in concurrent.futures.as_completed(jobs):
            target, seconds, log, code = job.result()
            print(f"  {target} {seconds} s: {'ok' if code == 0 else f'ended with {code}'}", flush=True)
            result.add(target, code == 0)
            if code != 0:
                result.logs.append(log)
    return result
