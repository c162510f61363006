"""Keys, known hosts, inventories: how a controller reaches the hosts."""

import uuid

from . import base
from .network import run

USERS = ("ops", "nopass")
INSTALL_WAYS = ("present", "package", "archive")


def make_keys(lab):
    """The key pair that opens every host of the lab."""
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab-{lab.name}", "-f", lab.key)


def give_identity(host, names):
    """Writes machine id, name, host key and authorized keys onto the host's disk. `names` is its /etc/hosts."""
    root = host.root
    (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    (root / "etc/hostname").write_text(host.name + "\n")
    (root / "etc/hosts").write_text(names)
    key = root / "etc/ssh/ssh_host_ed25519_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", key)
    allowed = host.lab.key.with_suffix(".pub").read_text()
    for user in USERS:
        home = root / "home" / user
        file = home / ".ssh/authorized_keys"
        file.write_text(allowed)
        file.chmod(0o600)
        owner = home.stat()
        run("chown", f"{owner.st_uid}:{owner.st_gid}", file)


def hosts_file(hosts):
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", *(f"{host.address} {host.name}" for host in hosts)]
    return "\n".join(lines) + "\n"


def write_known_hosts(lab, hosts):
    lines = []
    for host in hosts:
        kind, key = (host.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
        lines.append(f"{host.address},{host.name} {kind} {key}\n")
    lab.known_hosts.write_text("".join(lines))


def ssh_options(lab):
    """Options that keep the lab's keys apart from the user's own files."""
    return ["-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"]


def ssh_config(lab, user="ops"):
    """A configuration file for ssh, scp and rsync that knows the hosts by name."""
    lines = ["Host etcd*", f"  User {user}", f"  IdentityFile {lab.key}"]
    lines += [f"  {option.replace('=', ' ', 1)}" for option in ssh_options(lab) if option != "-o"]
    lines += ["  BatchMode yes"]
    for host in lab.require_up():
        lines += [f"Host {host.name}", f"  HostName {host.address}", f"  HostKeyAlias {host.name}"]
    return "\n".join(lines) + "\n"


def inventory(lab, user="ops", etcd_install=None, version=None):
    """An Ansible INI inventory of the running hosts, all in group etcd."""
    lines = ["[etcd]"]
    lines += [f"{host.name} ansible_host={host.address}" for host in lab.require_up()]
    lines += ["", "[etcd:vars]", f"ansible_user={user}", f"ansible_ssh_private_key_file={lab.key}",
              f"ansible_ssh_common_args='{' '.join(ssh_options(lab))}'", "ansible_become=true"]
    if etcd_install:
        lines.append(f"etcd_install={etcd_install}")
    if etcd_install == "archive":
        archive, digest = base.etcd_archive(version)
        lines += [f"etcd_archive={archive}", f"etcd_archive_sha256={digest}"]
    return "\n".join(lines) + "\n"
