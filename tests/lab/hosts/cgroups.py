"""A control group of its own for each host.

Hosts that shared one would stop each other's services. It also is the surest list of a host's processes: it holds
those of a host whose `lab up` died, and never one of anybody else's.
"""

import os
import signal
import time
from pathlib import Path

from .names import LabError
from .network import run

ROOT = Path("/sys/fs/cgroup")
CGROUP2_MAGIC_FILE = "cgroup.controllers"


def ensure_hierarchies():
    """Mounts what systemd needs on a machine whose own init does without (seen in small virtual machines)."""
    if (ROOT / CGROUP2_MAGIC_FILE).exists() or not ROOT.is_dir():
        return
    for name, kind, options in (("systemd", "cgroup", "none,name=systemd"), ("unified", "cgroup2", "defaults")):
        if not (ROOT / name / "cgroup.procs").exists():
            (ROOT / name).mkdir(exist_ok=True)
            run("mount", "-t", kind, "-o", options, "cgroup", ROOT / name)


def hierarchies():
    """Where systemd inside a host looks: the unified hierarchy, beside the named one on a hybrid machine."""
    if (ROOT / CGROUP2_MAGIC_FILE).exists():
        return [ROOT]
    found = [ROOT / name for name in ("systemd", "unified") if (ROOT / name / "cgroup.procs").exists()]
    if not found:
        raise LabError(f"no cgroup hierarchy for systemd under {ROOT}: hosts cannot be booted here")
    return found


def make(name):
    """Makes the group and returns its `cgroup.procs` files."""
    groups = [hierarchy / name for hierarchy in hierarchies()]
    for group in groups:
        group.mkdir(exist_ok=True)
    return [group / "cgroup.procs" for group in groups]


def starting_with(prefix):
    """Names of all groups that begin so."""
    return sorted({path.name for hierarchy in hierarchies() for path in hierarchy.glob(prefix + "*") if path.is_dir()})


def pids(name):
    """Every process of the group and of the groups below it."""
    found = set()
    for hierarchy in hierarchies():
        # A booting host makes and removes groups all the time: os.walk passes over what went away, rglob does not.
        for directory, _, _ in os.walk(hierarchy / name):
            try:
                found.update(int(line) for line in Path(directory, "cgroup.procs").read_text().split())
            except OSError:
                continue  # the group below went away meanwhile
    found.discard(0)  # a process of another pid namespace
    return found


def init_of(name):
    """The host's PID 1 as seen from here, or None where nothing runs."""
    for pid in pids(name):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("NSpid:") and len(line.split()) > 2 and line.split()[-1] == "1":
                return pid
    return None


def end(name, seconds=10):
    """Ends every process of the group at once, as a power failure does, and removes the group."""
    groups = [hierarchy / name for hierarchy in hierarchies()]
    deadline = time.monotonic() + seconds
    while pids(name):
        for group in groups:
            if (group / "cgroup.kill").exists():
                (group / "cgroup.kill").write_text("1")
        for pid in pids(name):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if time.monotonic() > deadline:
            raise LabError(f"processes {sorted(pids(name))} of {name} would not end within {seconds} s")
        time.sleep(0.01)
    for group in groups:
        _remove(group, deadline)


def _remove(group, deadline):
    if not group.exists():
        return
    # Deepest first. A group stays busy for an instant after its last process has gone.
    for path in sorted((Path(d) for d, _, _ in os.walk(group)), key=lambda p: -len(p.parts)):
        while True:
            try:
                path.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError as why:
                if time.monotonic() > deadline:
                    raise LabError(f"control group {path} cannot be removed: {why.strerror}") from why
                time.sleep(0.01)
