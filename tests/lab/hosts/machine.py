"""One host: its disk, its boot, its power-off."""

import json
import os
import subprocess
from pathlib import Path

from . import cgroups, mounts
from .names import LabError
from .network import is_linked

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make_disk(host):
    """The host's own disk: an overlay over its layers and the base. Outlives power-offs, not `down`."""
    mounts.overlay([*host.layers, host.base], host.dir, host.root)


def boot(host):
    """Starts the host and returns at once; see network.wait_for_sshd."""
    if is_running(host):
        raise LabError(f"{host.name} is running already")
    _mount_small_disks(host)
    command = [
        "systemd-nspawn", "--quiet", f"--directory={host.root}", "--register=no", "--keep-unit",
        f"--machine={host.lab.name}-{host.name}", f"--hostname={host.name}", "--resolv-conf=off", "--timezone=off",
        "--link-journal=no", "--console=pipe", f"--network-namespace-path=/run/netns/{host.namespace}",
        *(["--as-pid2", "/bin/sh", "-c", "mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e"] if host.light else ["--boot"]),
    ]
    # The process joins the host's control group before it becomes systemd-nspawn: all that comes after is inside.
    joins = [str(procs) for procs in cgroups.make(host.cgroup)]
    script = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit 1; shift; done; shift; exec "$@"'
    with open(host.dir / "console.log", "ab") as console:
        started = subprocess.Popen(["/bin/sh", "-c", script, "sh", *joins, "--", *command], stdin=subprocess.DEVNULL,
                                   stdout=console, stderr=console, start_new_session=True, cwd="/",
                                   env={"PATH": PATH, "LANG": "C.UTF-8"})
    (host.dir / "pid").write_text(f"{started.pid}\n")


def power_off(host):
    """Ends every process of the host at once, as pulling the plug does. The disk stays as it was."""
    cgroups.end(host.cgroup)


def is_running(host):
    return cgroups.init_of(host.cgroup) is not None


def state(host):
    """`up`, `cut` or `off`."""
    if not is_running(host):
        return "off"
    return "up" if is_linked(host) else "cut"


def inside(host, command):
    """The argv that runs a command as root inside the running host, whatever its network and sshd do."""
    init = cgroups.init_of(host.cgroup)
    if init is None:
        raise LabError(f"{host.name} is off; boot it first")
    return ["nsenter", "--target", str(init), "--all", "--root", "--wd", "--",
            "/usr/bin/env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb", *command]


def wait_for_systemd(hosts, seconds):
    """Waits until systemd has started everything. Returns what it says of each host (`running`, `degraded`, ...)."""
    waits = {}
    for host in hosts:
        command = inside(host, ["timeout", str(seconds), "systemctl", "is-system-running", "--wait"])
        waits[host.name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True)
    return {name: wait.communicate()[0].strip() for name, wait in waits.items()}


def console_tail(host, lines=15):
    try:
        said = (host.dir / "console.log").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no console)"
    return "\n".join(said[-lines:])


# --- small disks ---------------------------------------------------------------------------------------------------


def add_small_disk(host, path, size):
    """Mounts an empty disk of `size` at `path`, in the running host at once and again at each boot.

    What is on it outlives a power-off, as on a real disk.
    """
    if not path.startswith("/") or ".." in path.split("/"):
        raise LabError(f"`{path}`: give the absolute path of a directory on the host")
    on_disk = host.root / path.lstrip("/")
    if os.path.lexists(on_disk) and not on_disk.is_dir():
        raise LabError(f"{path} on {host.name} is not a directory")
    if mounts.below(on_disk):
        raise LabError(f"{path} on {host.name} is a disk of its own already")
    on_disk.mkdir(parents=True, exist_ok=True)
    disks = host.dir / "disks"
    source = disks / str(len(_small_disks(host)))
    mounts.small_disk(source, size, on_disk)
    source.with_suffix(".json").write_text(json.dumps({"path": path}))
    init = cgroups.init_of(host.cgroup)
    if init is not None:
        mounts.attach_inside(init, source, path)
    mounts.bind(source, on_disk)


def _small_disks(host):
    """Where each small disk of the host is mounted here, and the path it has there."""
    records = sorted(Path(host.dir / "disks").glob("*.json"))
    return [(record.with_suffix(""), json.loads(record.read_text())["path"]) for record in records]


def _mount_small_disks(host):
    for source, path in _small_disks(host):
        on_disk = host.root / path.lstrip("/")
        if not mounts.below(on_disk):
            mounts.bind(source, on_disk)
