"""Run a command so that nothing of it is left afterwards.

Each command leads a process group of its own. Daemons that leave the group are re-parented to this
process (it is their subreaper), so whatever still has us as an ancestor after a command was left behind.
"""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36

_running = []


def become_reaper():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _parents():
    """pid -> (parent, command line) of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                stat = f.read()
            with open(f"/proc/{name}/cmdline", "rb") as f:
                words = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2:].split()
        if fields[0] != "Z":
            found[int(name)] = (int(fields[1]), words or stat)
    return found


def descendants():
    parents = _parents()
    mine, found = {os.getpid()}, {}
    while True:
        more = {pid: words for pid, (parent, words) in parents.items() if parent in mine and pid not in mine}
        if not more:
            return found
        found.update(more)
        mine |= set(more)


def reap():
    """Collect orphans that ended; not the children that subprocess still waits for."""
    waited = {p.pid for p in _running}
    for pid in list(_children()):
        if pid not in waited:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def _children():
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def _signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def kill_leftovers(grace_s=3.0):
    """Stop every process that we started, directly or not. The command lines of those that had to be stopped."""
    end = time.monotonic() + grace_s
    left = descendants()
    while left and time.monotonic() < end:          # what is on its way out may go
        time.sleep(0.05)
        reap()
        left = descendants()
    _signal(left, signal.SIGTERM)
    end = time.monotonic() + 5
    while descendants() and time.monotonic() < end:
        time.sleep(0.05)
        reap()
    _signal(descendants(), signal.SIGKILL)
    reap()
    return list(left.values())


def run(command, log, env=None, cwd=None, timeout_s=1800, echo=False):
    """Exit code of the command, its output in the file `log`; -1000 when it had to be stopped."""
    out = None if echo else open(log, "ab")
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT if out else None,
                                   env=env, cwd=cwd, start_new_session=True)
        _running.append(process)
        try:
            return process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            if out:
                out.write(f"\nstopped after {timeout_s} s\n".encode())
            return -1000
        finally:
            stop(process)
            _running.remove(process)
    finally:
        if out:
            out.close()


def stop(process):
    if process.poll() is not None:
        return
    for number, wait_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass
        try:
            process.wait(timeout=wait_s)
            return
        except subprocess.TimeoutExpired:
            continue
