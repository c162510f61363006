"""The Debian tree that all hosts share, and the layers that may lie over it.

Built once and cached under a digest of its recipe; hosts never write to it.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from . import mounts
from .names import CACHE, LabError
from .network import run

HERE = Path(__file__).resolve().parent.parent
RECIPE = HERE / "base-recipe"
ETCD_VERSIONS = HERE / "etcd-versions"
SUITE = "bookworm"
PACKAGES = ("systemd systemd-sysv dbus openssh-server sudo iproute2 iputils-ping ca-certificates procps adduser "
            "init-system-helpers less").split()
# What a host needs to be driven by Ansible (python3) and by rsync. Our own hosts do without on purpose.
PEER_PACKAGES = ["python3", "rsync"]
OPTIONS = ["--variant=minbase", "--mode=root", "--aptopt=Acquire::Languages \"none\"",
           "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
           "--dpkgopt=path-exclude=/usr/share/locale/*"]


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(path):
    """One at a time, over all labs of this machine. The lock goes with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(peers=False):
    """The directory of the base; built where it is missing (20 to 30 seconds)."""
    packages = PACKAGES + (PEER_PACKAGES if peers else [])
    digest = hashlib.sha256(RECIPE.read_bytes() + "\0".join([SUITE, *packages, *OPTIONS]).encode()).hexdigest()[:12]
    base = CACHE / "base" / (digest + ("-peers" if peers else ""))
    if base.exists():
        return base
    with locked(CACHE / ".base-lock"):
        if not base.exists():
            _build(base, packages)
    return base


def _build(base, packages):
    for leftover in base.parent.glob(".build-*"):  # of a build that was interrupted: the lock is ours
        mounts.unmount_below(leftover)
        shutil.rmtree(leftover)
    base.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".build-", dir=base.parent))
    staging.chmod(0o755)
    tree = staging / "tree"
    say(f"building the base disk ({SUITE}, {len(packages)} packages besides the minimum)")
    mirror = run(str(HERE / "mirror")).strip()
    command = ["mmdebstrap", "--quiet", *OPTIONS, f"--include={','.join(packages)}",
               f"--customize-hook={RECIPE} \"$1\"", SUITE, str(tree), mirror]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(staging)
        raise LabError(f"the base could not be built from {mirror}:\n{done.stderr.strip()}")
    tree.rename(base)
    staging.rmdir()


def etcd_layer(version):
    """A layer with /usr/local/bin/etcd, etcdctl and, from 3.5, etcdutl."""
    return Path(_etcd_versions("path", version)) / "layer"


def etcd_archive(version):
    """A release-like archive on this machine, and its sha256."""
    archive = Path(_etcd_versions("archive", version))
    return archive, Path(f"{archive}.sha256").read_text().split()[0]


def package_layer(version):
    """A layer that makes Debian's etcd packages of a version installable by apt-get, without any network."""
    packages = Path(_etcd_versions("packages", version))
    if not packages.exists():
        raise LabError(f"etcd {version} does not come as Debian packages")
    layer = packages.parent / "package-layer"
    if not layer.exists():
        with locked(CACHE / ".base-lock"):
            if not layer.exists():
                _build_package_layer(packages, layer)
    return layer


def _build_package_layer(packages, layer):
    staging = layer.with_name(".package-layer")
    shutil.rmtree(staging, ignore_errors=True)
    pool = staging / "opt/lab-packages"
    pool.mkdir(parents=True)
    index = []
    for package in sorted(packages.glob("*.deb")):
        shutil.copy(package, pool)
        control = run("dpkg-deb", "--field", package).rstrip("\n")
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        index.append(f"{control}\nFilename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n")
    packages_index = "\n".join(index).encode()
    (pool / "Packages").write_bytes(packages_index)
    release = ("Suite: lab\nDate: Mon, 01 Jan 2024 00:00:00 UTC\n"
               f"SHA256:\n {hashlib.sha256(packages_index).hexdigest()} {len(packages_index)} Packages\n")
    (pool / "Release").write_text(release)
    # As `apt-get update` would leave it, so that `apt-get install` works at once.
    lists = staging / "var/lib/apt/lists"
    lists.mkdir(parents=True)
    (lists / "_opt_lab-packages_._Packages").symlink_to("/opt/lab-packages/./Packages")
    (lists / "_opt_lab-packages_._Release").write_text(release)
    sources = staging / "etc/apt/sources.list.d"
    sources.mkdir(parents=True)
    (sources / "lab.list").write_text("deb [trusted=yes] file:/opt/lab-packages ./\n")
    staging.rename(layer)


def _etcd_versions(*arguments):
    done = subprocess.run([str(ETCD_VERSIONS), *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"etcd {arguments[-1]} cannot be had (see above)")
    return done.stdout.strip()
