"""What scenarios on real hosts are written with: facts, a lab with its inventory, etcd's own tools to look with."""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
RUNBOOK = os.environ.get("RUNBOOK", str(TOP / "target/release/runbook"))
PROBES = "runbook/probe"

passed, failed = 0, []


def fact(text, holds, seen=""):
    """Records one fact."""
    global passed
    if holds:
        passed += 1
        print(f"ok    {text}", flush=True)
    else:
        failed.append(text)
        print(f"FAIL  {text}\n      {str(seen)[-3000:]}", flush=True)


class Lab:
    """Hosts of one scenario, and what runs against them."""

    def __init__(self, name, count, version, install="present"):
        self.name, self.version, self.install = name, version, install
        self.env = dict(os.environ, LAB=name, ETCDCTL_API="3", NO_COLOR="1", LC_ALL="C.UTF-8")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"runbook-{name}-"))
        self.env["RUNBOOK_STATE_DIR"] = str(self.dir / "state")
        kind = {"present": ["--etcd", version], "package": ["--packages", version], "archive": []}[install]
        self.lab("up", str(count), *kind)
        self.bin = subprocess.run([HERE / "etcd-versions", "path", version], check=True, capture_output=True,
                                  text=True).stdout.strip() + "/bin"
        chosen = ["--etcd-install", install] if install != "present" else []
        chosen += ["--etcd", version] if install == "archive" else []
        self.inventory = self.dir / "lab.inv"
        self.inventory.write_text(self.lab("inventory", *chosen).stdout)
        self.hosts = [f"etcd{n}" for n in range(1, count + 1)]
        # Those of `inventory`.
        self.members = self.hosts
        self.unreachable = set()
        # Runbooks of which a plan was made between two looks.
        self.planned = set()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None and os.environ.get("KEEP"):
            print(f"kept: LAB={self.name}, {self.dir}")
            return
        self.lab("down", check=False)

    def lab(self, *words, check=True):
        r = subprocess.run([HERE / "lab", *words], env=self.env, capture_output=True, text=True)
        if check and r.returncode:
            raise RuntimeError(f"lab {' '.join(words)}: {r.stdout}{r.stderr}")
        return r

    def inside(self, *words, **more):
        """Runs a command in the controller's network."""
        return subprocess.run([HERE / "lab", "run", *words], env=self.env, capture_output=True, text=True, **more)

    def runbook(self, *words, inventory=None):
        reaches = ("exec", "plan", "rehearse", "status", "resume", "rollback", "unlock")
        inv = ["-i", str(inventory or self.inventory)] if words[0] in reaches else []
        started = time.monotonic()
        r = self.inside(RUNBOOK, *words, *inv, stdin=subprocess.DEVNULL)
        r.took = time.monotonic() - started
        r.all = r.stdout + r.stderr
        return r

    def ctl(self, *words, hosts=None, **more):
        """etcdctl of the cluster's version, with the client certificate that deploy made."""
        ends = ",".join(f"https://198.18.0.{10 + int(h[4:])}:2379" for h in hosts or self.members)
        pki = self.dir / "pki/etcd"
        return self.inside(f"{self.bin}/etcdctl", f"--endpoints={ends}", f"--cacert={pki}/ca.crt",
                           f"--cert={pki}/client.crt", f"--key={pki}/client.key", *words, **more)

    def keys(self, host):
        """Every key of one member as it stores it: value, create and modification revision, version."""
        r = self.ctl("get", "", "--prefix", "-w", "json", hosts=[host])
        kvs = json.loads(r.stdout).get("kvs", [])
        text = lambda k, f: base64.b64decode(k.get(f, "")).decode()
        return {text(k, "key"): (text(k, "value"), k["create_revision"], k["mod_revision"], k["version"])
                for k in kvs if not text(k, "key").startswith(PROBES)}

    def hashes(self):
        r = self.ctl("endpoint", "hashkv", "--cluster", "-w", "json")
        return {h["HashKV"]["hash"] for h in json.loads(r.stdout)}

    def cluster_ids(self):
        r = self.ctl("endpoint", "status", "-w", "json")
        return {s["Status"]["header"]["cluster_id"] for s in json.loads(r.stdout)}

    def on(self, host, command):
        return self.lab("exec", host, "sh", "-c", command, check=False).stdout

    def use(self, inventory, members):
        """From now on this one, of these members."""
        self.inventory, self.members = inventory, members

    def fingerprint(self):
        """What must not change when nothing is to change: files that we write, units, start times of the members."""
        look = ("find /etc/etcd /etc/systemd/system /var/lib -path '*/member/*' -prune -o -path /var/lib/runbook -prune -o "
                "-path '/var/lib/systemd*' -prune -o -type f -printf '%p %i %m %u %s %T@\\n' | sort; "
                "systemctl show -p MainPID,ActiveState etcd; systemctl is-enabled etcd")
        return {h: self.on(h, look) for h in self.hosts}


def only(lab, hosts, **variables):
    """The inventory with these members alone, and further variables of the group."""
    lines = lab.inventory.read_text().splitlines()
    kept = [line for line in lines if not re.match(r"etcd\d+\b", line) or line.split()[0] in hosts]
    text = "\n".join(kept) + "\n"
    more = "".join(f"{name}={value}\n" for name, value in variables.items())
    if "[etcd:vars]\n" in text:
        text = text.replace("[etcd:vars]\n", "[etcd:vars]\n" + more)
    else:
        text += "\n[etcd:vars]\n" + more
    file = lab.dir / f"{'-'.join(hosts)}-{len(list(lab.dir.glob('*.inv')))}.inv"
    file.write_text(text)
    return file


def deployed(lab):
    """A cluster that runs, with the certificates that etcdctl is called with."""
    r = lab.runbook("exec", "deploy.etcdrb", "--yes", "--output", "plain")
    fact(f"deploy of {len(lab.hosts)} members exits 0 ({r.took:.1f} s)", r.returncode == 0, r.all)


def main(scenarios, usage):
    """Runs the scenarios named on the command line, all without a name; tells what held; the exit code."""
    names = sys.argv[1:] or list(scenarios)
    if names == ["--list"]:
        print("\n".join(scenarios))
        return 0
    if any(n not in scenarios for n in names):
        print(usage)
        return 64
    for name in names:
        count = _failures(name, scenarios[name])
        if count:
            # Hosts that boot, lose power and race for two cores: tried once more, and told.
            first = [failed.pop() for _ in range(count)]
            if _failures(name, scenarios[name]):
                failed.extend(first)
            else:
                print(f"FLAKY {name}: failed once with {first}", flush=True)
    print(f"\n{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


def _failures(name, scenario):
    """Runs a scenario; how many of its facts did not hold."""
    print(f"\n== {name}", flush=True)
    before = len(failed)
    try:
        scenario()
    except Exception as error:  # a scenario that breaks is a failure like any other, and the next one still runs
        fact(f"{name} ran to its end", False, repr(error))
    return len(failed) - before
