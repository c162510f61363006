"""What a lab and its hosts are called, and where their things are.

Everything a lab makes carries its name, so that `down` finds it again after a crash without any record of it.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("RUNBOOK_LAB_CACHE", "/var/cache/runbook-lab"))
LABS = Path(os.environ.get("RUNBOOK_LAB_DIR", "/var/tmp/runbook-lab"))

# 198.18.0.0/15 is set aside for benchmarks (RFC 2544). Labs share no network, so all use the same addresses.
SUBNET = "198.18.0"
CONTROLLER_ADDRESS = f"{SUBNET}.1"
FIRST_HOST = 11
MOST_HOSTS = 200


class LabError(Exception):
    """A fact the caller can act on; shown without a traceback."""


@dataclass(frozen=True)
class Lab:
    """One set of hosts. The name takes part in paths and in the names of namespaces and control groups."""

    name: str

    @staticmethod
    def named(name):
        # No dot: dots separate lab from host below, so that lab `a` is never taken for a part of lab `a.b`.
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", name):
            raise LabError(f"LAB={name!r}: use up to 20 of a-z, 0-9 and `-`")
        return Lab(name)

    @property
    def dir(self):
        return LABS / self.name

    @property
    def prefix(self):
        return f"rblab.{self.name}."

    @property
    def controller(self):
        """The network namespace of whoever drives the hosts."""
        return self.prefix + "controller"

    @property
    def key(self):
        return self.dir / "key"

    @property
    def known_hosts(self):
        return self.dir / "known_hosts"

    def hosts(self):
        """The hosts of the last `up`, in the order of their numbers."""
        found = self.dir.glob("hosts/*/host.json")
        return sorted((Host.load(self, f.parent.name) for f in found), key=lambda host: host.number)

    def host(self, name):
        if not (self.dir / "hosts" / name / "host.json").exists():
            known = ", ".join(host.name for host in self.hosts()) or "none: run `lab up` first"
            raise LabError(f"no host `{name}` in lab `{self.name}`; there are {known}")
        return Host.load(self, name)

    def require_up(self):
        if not self.hosts():
            raise LabError(f"lab `{self.name}` is not up; run `lab up` first")
        return self.hosts()


@dataclass(frozen=True)
class Host:
    """One machine. `layers` are directories laid over the base disk, topmost first."""

    lab: Lab
    number: int
    light: bool = False
    base: str = ""
    layers: tuple = ()

    @staticmethod
    def load(lab, name):
        record = json.loads((lab.dir / "hosts" / name / "host.json").read_text())
        return Host(lab, record["number"], record["light"], record["base"], tuple(record["layers"]))

    def save(self):
        record = {"number": self.number, "light": self.light, "base": self.base, "layers": list(self.layers)}
        (self.dir / "host.json").write_text(json.dumps(record))

    @property
    def name(self):
        return f"etcd{self.number}"

    @property
    def address(self):
        return f"{SUBNET}.{FIRST_HOST + self.number - 1}"

    @property
    def dir(self):
        return self.lab.dir / "hosts" / self.name

    @property
    def root(self):
        """Where the disk is mounted. Its contents outlive a power-off."""
        return self.dir / "root"

    @property
    def namespace(self):
        return self.lab.prefix + self.name

    @property
    def cgroup(self):
        return self.lab.prefix + self.name
