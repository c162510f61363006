"""Network namespaces: one a host, one for the controller, which holds the bridge between them.

No namespace has a link or a route to the machine's own network, so nothing can leak out of a lab.
"""

import ctypes
import os
import socket
import subprocess
import time
from pathlib import Path

from .names import CONTROLLER_ADDRESS, LabError

NAMESPACES = Path("/run/netns")
BRIDGE = "lab"


def run(*command, stdin=None):
    """Runs a command; its complaint becomes a LabError."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(map(str, command))}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def make_controller(lab):
    """The controller's namespace with the bridge. No forwarding: hosts reach each other over the bridge alone."""
    run("ip", "netns", "add", lab.controller)
    run("ip", "-n", lab.controller, "-batch", "-", stdin=(
        "link set lo up\n"
        f"link add {BRIDGE} type bridge\n"
        f"addr add {CONTROLLER_ADDRESS}/24 dev {BRIDGE}\n"
        f"link set {BRIDGE} up\n"
    ))


def make_host(host):
    """The host's namespace, its link to the bridge, its address."""
    run("ip", "netns", "add", host.namespace)
    run("ip", "-n", host.lab.controller, "-batch", "-", stdin=(
        f"link add {host.name} type veth peer name eth0 netns {host.namespace}\n"
        f"link set {host.name} master {BRIDGE} up\n"
    ))
    run("ip", "-n", host.namespace, "-batch", "-", stdin=(
        "link set lo up\n"
        f"addr add {host.address}/24 dev eth0\n"
        "link set eth0 up\n"
    ))


def namespaces_starting_with(prefix):
    return sorted(path.name for path in NAMESPACES.glob(prefix + "*"))


def remove_namespace(name):
    run("ip", "netns", "delete", name)


def set_link(host, state):
    """`down` pulls the host's cable at the bridge, `up` puts it back."""
    run("ip", "-n", host.lab.controller, "link", "set", host.name, state)


def is_linked(host):
    return "state DOWN" not in run("ip", "-n", host.lab.controller, "-o", "link", "show", host.name)


def enter(namespace):
    """Moves this process into a network namespace. Mounts and /sys stay, so that `lab` works from inside too."""
    descriptor = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_descriptor(descriptor)
    finally:
        os.close(descriptor)


def enter_descriptor(descriptor):
    """Moves this process into the network namespace that an open file stands for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, 0x40000000) != 0:  # CLONE_NEWNET
        raise LabError(f"cannot enter a network namespace: {os.strerror(ctypes.get_errno())}")


def wait_for_sshd(lab, hosts, seconds):
    """Waits until every host's sshd greets. Returns the names of those that did not in time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # In a child: entering a namespace cannot be taken back.
        os.close(reader)
        try:
            enter(lab.controller)
            silent = _silent(hosts, seconds)
            os.write(writer, " ".join(silent).encode())
            os._exit(0)
        except BaseException as why:  # noqa: BLE001 (a child must not return into its parent's code)
            os.write(writer, f"error: {why}".encode())
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise LabError(f"waiting for the hosts failed: {said}")
    return said.split()


def _silent(hosts, seconds):
    deadline = time.monotonic() + seconds
    waiting = {host.name: host.address for host in hosts}
    while waiting and time.monotonic() < deadline:
        for name, address in list(waiting.items()):
            if _greets(address):
                del waiting[name]
        if waiting:
            time.sleep(0.03)
    return list(waiting)


def _greets(address):
    try:
        with socket.create_connection((address, 22), timeout=0.5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
