"""What stands on hosts and on the control host, seen from outside, and what differs between two looks.

Knows nothing of runbook's plans. What it may know of runbook is where it keeps its books, and of hosts what one change brings with it
(a new user appears in four files): those tables are at the top, by exact path, so that a change anywhere else is found.
"""

import base64
import hashlib
import os
import re
import subprocess
from collections import namedtuple

from scenario import HERE

# Not looked at: the kernel's own, what a boot makes anew, and logs.
NOT_DISKS = ("/proc", "/sys", "/run", "/dev", "/var/log")
# Receipts and locks of runs, as docs/operations.md says.
BOOKS = "/var/lib/runbook"
# What useradd writes: `-` are its own copies of what was there before.
USER_FILES = {f"/etc/{name}{old}" for name in ("passwd", "group", "shadow", "gshadow") for old in ("", "-")}
# What apt, dpkg and debconf write beside a package's own files.
PACKAGE_TREES = ("/var/lib/dpkg/", "/var/cache/apt/", "/var/lib/apt/", "/var/lib/systemd/deb-systemd-helper-enabled/")
PACKAGE_FILES = {f"/var/cache/debconf/{name}.dat" for name in ("config", "passwords", "templates")}
# Where Debian's policy-rc.d stands for as long as packages are installed: with it their services are not started.
POLICY = "/usr/sbin"
# These are links to directories in /usr: dpkg names files by either.
MERGED = ("/bin/", "/sbin/", "/lib/", "/lib64/")
# A link in one of these is what `starts at boot` means.
BOOT_LINK = re.compile(r"/etc/systemd/system/[^/]+\.(?:wants|requires)/([^/]+)\.service")
# The same of an older time, which systemctl keeps for units that have a script there.
RC_LINK = re.compile(r"/etc/rc[0-6S]\.d/[SK]\d\d([^/]+)")

LOOK = r"""
find / \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /var/log \) -prune -o \
  -printf '%y\t%m\t%u\t%g\t%s\t%T@\t%C@\t%i\t%l\t%p\0'
printf '\0units\0'
systemctl show --all -p Id -p LoadState -p ActiveState -p MainPID -p ActiveEnterTimestampMonotonic -p NeedDaemonReload '*.service'
printf '\0'; systemctl show -p UnitsLoadTimestampMonotonic --value
printf '\0'; getent passwd
printf '\0'; getent group
printf '\0'; dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n'
printf '\0'; for path do [ ! -f "$path" ] || printf '%s\t%s\n' "$path" "$(base64 -w0 <"$path")"; done
"""

Entry = namedtuple("Entry", "kind mode owner group size written changed inode link")


def state(entry):
    """What counts as changed: of a directory neither its size nor when its inode was copied to the writable layer."""
    return entry._replace(size=0, changed=0) if entry and entry.kind == "d" else entry


class HostLook:
    """One host at one moment."""

    def __init__(self, raw):
        tree, rest = raw.split(b"\0\0units\0")
        self.files = {}
        for line in tree.split(b"\0"):
            *fields, path = line.decode("utf-8", "surrogateescape").split("\t", 9)
            self.files[path] = Entry(*fields)
        units, reloaded, users, groups, packages, texts = rest.split(b"\0")
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in units.decode().strip().split("\n\n")]
        self.units = {b["Id"].removesuffix(".service"): b for b in blocks if b.get("LoadState") == "loaded"}
        self.reloaded = reloaded.strip()
        named = lambda text: {line.split(":")[0]: line for line in text.decode().splitlines()}
        self.users, self.groups = named(users), named(groups)
        self.packages = dict(line.split(" ", 1) for line in packages.decode().splitlines())
        # Of the files that were asked for: never printed, some are keys.
        self.texts = {p: base64.b64decode(t) for p, t in (line.split("\t") for line in texts.decode().splitlines())}

    def runs(self, unit):
        return self.units.get(unit, {}).get("ActiveState") == "active"


def look(lab, paths=()):
    """All hosts at once. `paths`: files whose content is wanted too."""
    command = ["sh", "-c", LOOK, "look", *sorted(paths)]
    asked = {h: subprocess.Popen([HERE / "lab", "exec", h, *command], env=lab.env, stdout=subprocess.PIPE) for h in lab.hosts}
    return {h: HostLook(p.communicate()[0]) for h, p in asked.items()}


def look_here(directory, books):
    """The control host's working directory, without runbook's journal and what it keeps for itself."""
    found = {}
    for here, dirs, files in os.walk(directory):
        dirs[:] = [d for d in dirs if os.path.join(here, d) not in books]
        for name in dirs + files:
            path = os.path.join(here, name)
            at = os.lstat(path)
            # Content by its digest: it is small, and a clock's tick may be long.
            digest = hashlib.sha256(open(path, "rb").read()).hexdigest() if name in files else ""
            found[path] = (at.st_mode, at.st_uid, at.st_gid, at.st_ino, digest)
    return found


def made_here(before, after):
    return {("control", "file" if (after.get(p) or before[p])[4] else "dir", p)
            for p in before.keys() | after.keys() if before.get(p) != after.get(p)}


class Difference:
    """What differs on a host, each change once: `keys` are (kind, object); what a change brings with it is taken away with it."""

    def __init__(self, before, after, data_dir, package_files=lambda name: ()):
        self.before, self.after, self.data_dir = before, after, data_dir
        every = before.files.keys() | after.files.keys()
        self.paths = {p for p in every if state(before.files.get(p)) != state(after.files.get(p))}
        self.left = set(self.paths)
        self.keys = set()
        self._accounts()
        self._packages(package_files)
        self._boot()
        self._services()
        self._aside()
        self._data()
        self.left = {p for p in self.left if p != BOOKS and not p.startswith(BOOKS + "/")}
        self._rest()

    def _differing(self, attribute):
        a, b = getattr(self.before, attribute), getattr(self.after, attribute)
        return {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}

    def _accounts(self):
        users, groups = self._differing("users"), self._differing("groups")
        self.keys |= {("user", name) for name in users} | {("group", name) for name in groups - users}
        if users or groups:
            self.left -= USER_FILES

    def _packages(self, package_files):
        packages = self._differing("packages")
        self.keys |= {("package", name) for name in packages}
        for name in packages:
            self.left -= {"/usr" + p if p.startswith(MERGED) else p for p in package_files(name)}
        if packages:
            self.left = {p for p in self.left - PACKAGE_FILES if not p.startswith(PACKAGE_TREES)}
            if not self._other(POLICY):
                self.left.discard(POLICY)

    def _boot(self):
        for path in [p for p in self.left if BOOT_LINK.fullmatch(p)]:
            unit = BOOT_LINK.fullmatch(path)[1]
            self.left.discard(path)
            # A link that is another one than before was taken away and made again.
            self.keys |= {("boot", f"{unit} {word}") for word, look_ in (("disabled", self.before), ("enabled", self.after))
                          if path in look_.files}
        booted = {thing.split(" ")[0] for kind, thing in self.keys if kind == "boot"}
        self.left = {p for p in self.left if not (m := RC_LINK.fullmatch(p)) or m[1] not in booted}

    def _services(self):
        for unit in self.before.units.keys() | self.after.units.keys():
            was, is_ = self.before.runs(unit), self.after.runs(unit)
            same = all(self.before.units.get(unit, {}).get(k) == self.after.units.get(unit, {}).get(k)
                       for k in ("MainPID", "ActiveEnterTimestampMonotonic"))
            if was and not (is_ and same):
                self.keys.add(("service", f"{unit} stopped"))
            if is_ and not (was and same):
                self.keys.add(("service", f"{unit} running"))
        if self.before.reloaded != self.after.reloaded:
            self.keys.add(("reload", "systemd"))

    def _aside(self):
        """A directory under another name than before, with all that is in it; its receipt goes along."""
        names = {(e.inode, e.kind): p for p, e in self.before.files.items() if p in self.paths and self._gone(p)}
        for path in sorted(p for p in self.left if p not in self.before.files and self.after.files[p].kind == "d"):
            old = names.get((self.after.files[path].inode, "d"))
            if old is None or path not in self.left:
                continue
            self.keys.add(("aside", path))
            etcd_ran = old == self.data_dir and self.before.runs("etcd")
            for inner in [p for p in self.left if p == path or p.startswith(path + "/")]:
                was = self.before.files.get(old + inner[len(path):])
                # Nothing but a member that ran when the first look was taken may have written in it.
                if etcd_ran or was and (inner == path or was._replace(changed=0) == self.after.files[inner]._replace(changed=0)):
                    self.left -= {inner} | {p for p in [old + inner[len(path):]] if p not in self.after.files}
            self.left -= {p for p in self.left if p.startswith(old + "/") and etcd_ran and p not in self.after.files}
            if old not in self.after.files:
                self.left.discard(old)
            receipt, kept = old + ".runbook.json", path + ".runbook.json"
            if kept in self.left and self.after.files[kept].inode == getattr(self.before.files.get(receipt), "inode", None):
                self.left.discard(kept)
                self.left -= set() if receipt in self.after.files else {receipt}

    def _gone(self, path):
        """What stood there stands there no longer, whatever does now."""
        was, is_ = self.before.files.get(path), self.after.files.get(path)
        return was is not None and (is_ is None or is_.inode != was.inode)

    def _data(self):
        """A member's files are etcd's own while it runs, and at its start it tries with one whether it may write to its data dir; a data
        dir that is another one than before was made as a whole."""
        db = self.data_dir + "/member/snap/db"
        if not self._gone(self.data_dir) and db in self.after.files and self._gone(db):
            # Defragmentation writes another file and gives it this name.
            self.keys.add(("defragmented", "db"))
        fresh = self.data_dir in self.left and (self.data_dir not in self.before.files or self._gone(self.data_dir))
        if fresh or self.before.runs("etcd") or self.after.runs("etcd"):
            member = self.data_dir + "/member"
            self.left = {p for p in self.left if p != member and not p.startswith(member + "/")}
            if ("service", "etcd running") in self.keys and not self._other(self.data_dir):
                self.left.discard(self.data_dir)

    def _rest(self):
        kinds = {"d": "dir", "f": "file", "l": "link"}
        for path in self.left:
            was, is_ = self.before.files.get(path), self.after.files.get(path)
            kind = kinds.get((is_ or was).kind, "other")
            if kind == "dir" and not self._other(path):
                # Only that something in it came or went: that is told by itself, or it came and went between the looks.
                if not any(self._came_or_went(p) for p in self.paths if os.path.dirname(p) == path):
                    self.keys.add(("touched", path))
                continue
            self.keys.add((kind, path))

    def _other(self, path):
        """Whether a directory is there in another way than before, and not only with other things in it."""
        was, is_ = self.before.files.get(path), self.after.files.get(path)
        return not was or not is_ or state(was)._replace(written=0) != state(is_)._replace(written=0)

    def _came_or_went(self, path):
        # A link is never changed where it stands, but its number may be given out again.
        return path not in self.before.files or self._gone(path) or self.after.files[path].kind == "l"
