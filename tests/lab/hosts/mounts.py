"""Disks of hosts: overlays over the shared base, and small disks that fill up quickly."""

import ctypes
import os
from pathlib import Path

from .names import LabError
from .network import run

# Same numbers on every architecture (linux/syscalls since 5.2).
SYS_OPEN_TREE = 428
SYS_MOVE_MOUNT = 429
AT_FDCWD = -100
OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
CLONE_NEWNS = 0x00020000


def overlay(layers, writable, target):
    """Mounts `layers` (topmost first) at `target`; what is written there goes to the directory `writable`."""
    upper, work = writable / "upper", writable / "work"
    for directory in (upper, work, target):
        directory.mkdir(parents=True, exist_ok=True)
    # The root of the upper directory is the root of the host: what the base has, not this script's umask.
    upper.chmod(0o755)
    lower = ":".join(str(layer) for layer in layers)
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", target)
    # Private: what is mounted below is for the next boot and must not appear in the running host by itself.
    run("mount", "--make-private", target)


def small_disk(source, size, like):
    """A tmpfs of `size` (as mount's option, such as 64m) at `source`, its root owned as the directory `like` is."""
    source.mkdir(parents=True)
    was = like.stat()
    run("mount", "-t", "tmpfs", "-o", f"size={size},mode={was.st_mode & 0o7777:o},uid={was.st_uid},gid={was.st_gid}",
        "small", source)
    run("mount", "--make-private", source)


def bind(source, target):
    run("mount", "--bind", source, target)


def below(directory):
    """Mount points at or below a directory, deepest and latest first."""
    wanted = str(directory)
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point == wanted or point.startswith(wanted + "/"):
            points.append(point)
    return sorted(reversed(points), key=lambda point: -point.count("/"))


def unmount_below(directory):
    """Unmounts everything at or below a directory, whatever left it there."""
    for point in below(directory):
        run("umount", "--lazy", point)


def attach_inside(init, source, target):
    """Mounts `source` at the path `target` of the running host whose PID 1 is `init`.

    A mount made here does not reach a running host; so the mount is cloned, carried into the host's mount namespace
    by a child, and attached there.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _attach(init, source, target)
            code = 0
        except BaseException as why:  # noqa: BLE001 (a child must not return into its parent's code)
            os.write(2, f"lab: {why}\n".encode())
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise LabError(f"{target} could not be mounted inside the host")


def _attach(init, source, target):
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result, what):
        if result < 0:
            raise LabError(f"{what}: {os.strerror(ctypes.get_errno())}")
        return result

    tree = checked(libc.syscall(SYS_OPEN_TREE, AT_FDCWD, os.fsencode(source), OPEN_TREE_CLONE), "open_tree")
    namespace = os.open(f"/proc/{init}/ns/mnt", os.O_RDONLY)
    root = os.open(f"/proc/{init}/root", os.O_PATH)
    checked(libc.setns(namespace, CLONE_NEWNS), "setns")
    place = os.open(target.lstrip("/"), os.O_PATH, dir_fd=root)
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    checked(libc.syscall(SYS_MOVE_MOUNT, tree, b"", place, b"", flags), "move_mount")
