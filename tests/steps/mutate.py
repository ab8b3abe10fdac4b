#!/usr/bin/python3
"""Proof that the schedule test can fail: each cell of steps.def is edited, and the test has to notice.

    tests/steps/mutate.py BUILD_DIR [--jobs N] [--budget N] [CELL ...]

Flags are put and taken, each on_refused and on_fail names each other step of its block. Only engine.c is compiled again,
against an edited copy of the table in a scratch folder. A CELL is a part of a name as it is printed: "SUBMIT",
"flags", "ABORT on_fail". Not run by default: some hundred runs, those of edits that make no difference in full.
"""

import argparse
import concurrent.futures
import pathlib
import re
import shlex
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "src/core/steps.def"
FLAGS = ["PAID", "WHOLE", "SHIELDED", "PARKABLE"]
PART_STEPS = ["ADMIT", "ABORT", "OVER", "PARK"]
JOB_STEPS = ["SETTLE", "RELEASE", "NOTIFY", "PARK", "GONE"]
# cheap first: most edits are caught by one deviation
STAGES = [["--budget", "1"], ["--budget", "2"]]

ROW = re.compile(r"^STEP\((\w+),\s*\w+,\s*\d+,\s*\d+,\s*([\w|]+),\s*\w+,\s*(\w+),\s*(\w+)\)", re.MULTILINE)

# An edit that changes nothing that anybody could see, and why.
SAME = {
    "ADMIT on_fail ABORT": "without a handle an abort ends at once",
    "ATTEMPT on_fail ABORT": "without a handle an abort ends at once",
    "SUBMIT on_fail ABORT": "without a handle an abort ends at once",
    "CALL on_fail ABORT": "without a handle an abort ends at once",
    "ADMIT flags +PAID": "fails for want of an account only, which ends the part either way",
    "WAIT flags +PAID": "fails for want of an account only, which ends the part either way",
    **{f"{step} on_fail {target}": "it does not fail"
       for step in ("OVER", "NOTIFY", "PARK", "GONE") for target in PART_STEPS + JOB_STEPS},
}


def edits():
    """(name, text of the table) of each edit."""
    text = TABLE.read_text()
    for row in ROW.finditer(text):
        step, flags, refused, fail = row.groups()

        def with_cell(group, value):
            return text[:row.start(group)] + value + text[row.end(group):]

        held = [] if flags == "0" else flags.split("|")
        for flag in FLAGS:
            changed = [f for f in held if f != flag] if flag in held else held + [flag]
            if "SHIELDED" in changed and flag == "SHIELDED":
                changed = ["SHIELDED"]          # it stands alone, which the test checks
            sign = "-" if flag in held else "+"
            yield f"{step} flags {sign}{flag}", with_cell(2, "|".join(changed) or "0")
        targets = JOB_STEPS if step in JOB_STEPS and step != "PARK" else PART_STEPS
        for target in targets:
            if target != refused:
                yield f"{step} on_refused {target}", with_cell(3, target)
            if target == fail:
                continue
            # without PAID the two cells say the same, which the test checks: edited together
            both = text[:row.start(3)] + target + text[row.end(3):row.start(4)] + target + text[row.end(4):]
            yield f"{step} on_fail {target}", with_cell(4, target) if "PAID" in held else both


class Builder:
    """The commands of the build, taken apart: compile engine.c, link the test."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.objects = None
        subprocess.run(["ninja", "-C", str(self.build), "tests/steps/steps"], check=True, stdout=subprocess.DEVNULL)
        commands = subprocess.run(["ninja", "-C", str(self.build), "-t", "commands", "tests/steps/steps"], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout.splitlines()
        self.compile = next(shlex.split(c) for c in commands
                            if "tests/steps/steps.p" in c and c.rstrip().endswith("/src/core/engine.c"))
        self.link = shlex.split(commands[-1])
        self.object = self.compile[self.compile.index("-o") + 1]

    def make(self, folder, table):
        (folder / "core").mkdir()
        (folder / "core/steps.def").write_text(table)
        compile_ = list(self.compile)
        compile_[compile_.index("-o") + 1] = str(folder / "engine.o")
        for flag in ("-MF", "-MQ"):
            compile_[compile_.index(flag) + 1] = str(folder / "engine.d")
        subprocess.run([compile_[0], f"-I{folder}", "-w", *compile_[1:]], cwd=self.build, check=True)
        link = [str(folder / "engine.o") if word == self.object else word for word in self.link]
        link[link.index("-o") + 1] = str(folder / "steps")
        subprocess.run(link, cwd=self.build, check=True)
        return folder / "steps"


def judge(builder, name, table, stages):
    with tempfile.TemporaryDirectory(prefix="imago-mutate-") as scratch:
        program = builder.make(pathlib.Path(scratch), table)
        for stage in stages:
            try:
                run = subprocess.run([str(program), *stage], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     timeout=600, errors="replace")
            except subprocess.TimeoutExpired:
                return name, "caught", "it never ends"
            if run.returncode != 0:
                broken = [l for l in run.stdout.splitlines() if l.startswith(("BROKEN", "CHECK"))]
                return name, "caught", broken[-1] if broken else f"exit code {run.returncode}"
    return name, "same" if name in SAME else "MISSED", SAME.get(name, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--budget", type=int, default=2)
    parser.add_argument("cells", nargs="*")
    options = parser.parse_args()
    builder = Builder(options.build)
    stages = STAGES[:options.budget]
    chosen = [(n, t) for n, t in edits() if not options.cells or any(c in n for c in options.cells)]
    counts = {"caught": 0, "same": 0, "MISSED": 0}
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, verdict, why in pool.map(lambda e: judge(builder, *e, stages), chosen):
            counts[verdict] += 1
            print(f"{verdict:7} {name:28} {why}", flush=True)
    print(f"{len(chosen)} edits: {counts['caught']} caught, {counts['same']} make no difference, "
          f"{counts['MISSED']} missed; {time.monotonic() - begun:.0f} s")
    raise SystemExit(1 if counts["MISSED"] else 0)


if __name__ == "__main__":
    main()
