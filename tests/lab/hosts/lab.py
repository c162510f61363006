"""`up` and `down`: a whole lab."""

import os
import shutil
from pathlib import Path

from . import access, base, cgroups, machine, mounts, network
from .names import LABS, MOST_HOSTS, Host, LabError

TOOLS = {"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "ip": "iproute2", "nsenter": "util-linux",
         "ssh-keygen": "openssh-client"}
BOOT_SECONDS = 90
NSPAWN = Path("/run/systemd/nspawn")


def require_means():
    """Root and the programs; otherwise one message that says what to do."""
    if os.geteuid() != 0:
        raise LabError("needs root (namespaces, mounts): run it with sudo")
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        raise LabError(f"missing packages {' '.join(missing)}: run tests/setup/install.sh lab")


def lock(lab):
    """Held through `up` and `down` of one lab, so that two of them cannot meet."""
    return base.locked(LABS / f".{lab.name}.lock")


def up(lab, count, light=False, etcd=None, packages=None, peers=False):
    """Boots `count` fresh hosts and waits for them. What was left of a lab of this name is taken down first."""
    if not 1 <= count <= MOST_HOSTS:
        raise LabError(f"{count} hosts: between 1 and {MOST_HOSTS} are possible")
    layers = []
    if etcd:
        layers.append(str(base.etcd_layer(etcd)))
    if packages:
        layers.append(str(base.package_layer(packages)))
    tree = base.ensure(peers)
    cgroups.ensure_hierarchies()
    down(lab)
    try:
        hosts = [Host(lab, number, light, str(tree), tuple(layers)) for number in range(1, count + 1)]
        _prepare(lab, hosts)
        for host in hosts:
            machine.boot(host)
        wait(lab, hosts)
        (lab.dir / "inventory.ini").write_text(access.inventory(lab))
        (lab.dir / "ssh_config").write_text(access.ssh_config(lab))
    except BaseException:
        down(lab)
        raise
    return hosts


def _prepare(lab, hosts):
    lab.dir.mkdir(parents=True)
    lab.dir.chmod(0o700)
    access.make_keys(lab)
    network.make_controller(lab)
    names = access.hosts_file(hosts)
    for host in hosts:
        host.dir.mkdir(parents=True)
        host.save()
        network.make_host(host)
        machine.make_disk(host)
        access.give_identity(host, names)
    access.write_known_hosts(lab, hosts)


def wait(lab, hosts):
    """Waits for sshd and, on hosts that have it, until systemd has started everything."""
    silent = network.wait_for_sshd(lab, hosts, BOOT_SECONDS)
    if silent:
        first = next(host for host in hosts if host.name == silent[0])
        raise LabError(f"no sshd after {BOOT_SECONDS} s on {', '.join(silent)}; console of {first.name}:\n"
                       f"{machine.console_tail(first)}")
    said = machine.wait_for_systemd([host for host in hosts if not host.light], BOOT_SECONDS)
    odd = {name: state for name, state in said.items() if state not in ("running", "degraded")}
    if odd:
        raise LabError(f"systemd did not come up: {odd}")


def down(lab):
    """Ends and removes everything that carries the lab's name, with or without a record of it."""
    for group in cgroups.starting_with(lab.prefix):
        cgroups.end(group)
    _remove_locks(lab)
    mounts.unmount_below(lab.dir)
    for namespace in network.namespaces_starting_with(lab.prefix):
        network.remove_namespace(namespace)
    # systemd-nspawn makes one for each machine and leaves it.
    for directory in (NSPAWN / "propagate").glob(f"{lab.name}-etcd[0-9]*"):
        directory.rmdir()
    if mounts.below(lab.dir):
        raise LabError(f"still mounted: {', '.join(mounts.below(lab.dir))}")
    if lab.dir.exists():
        shutil.rmtree(lab.dir)


def _remove_locks(lab):
    """systemd-nspawn leaves a lock file for each disk that it has booted, named after the root's inode."""
    for root in lab.dir.glob("hosts/*/root"):
        try:
            inode = root.stat()
        except OSError:
            continue
        (NSPAWN / f"locks/inode-{inode.st_dev}:{inode.st_ino}").unlink(missing_ok=True)
