"""One case of fidelity: a plan, its run, and how far the one is what the other did. Compares; looks.py looks, named.py reads the plan."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import time
from dataclasses import dataclass, field

from looks import BOOKS, Difference, look, look_here, made_here
from cluster import ClusterLook, changes_of
from named import Named, above, actions, outermost, patched, steps
from scenario import PROBES, RUNBOOK

DATA = "/var/lib/etcd"


@dataclass
class Case:
    """A runbook from a state. `refused`: the plan's exit code where nothing may be done."""

    runbook: str
    state: str
    prepare: object = lambda lab: None
    words: object = lambda lab: []
    refused: int = 0


def until(holds, limit=60):
    end = time.monotonic() + limit
    while not (seen := holds()):
        if time.monotonic() > end:
            raise RuntimeError(f"{limit} s passed in vain")
        time.sleep(0.05)
    return seen


def idle(lab):
    """Nothing that a run left to go on by itself runs on any host: receipts' programs, systemd's late reload."""
    look_ = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q -e '/[p]rogram[.]' -e '[s]leep 2 ' || echo idle"
    until(lambda: all(lab.on(h, look_) for h in lab.hosts))


# --- what must agree ------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    named: int = 0
    made: int = 0
    unnamed: set = field(default_factory=set)
    not_made: set = field(default_factory=set)
    unknown: int = 0
    reasons: dict = field(default_factory=dict)
    already: int = 0
    said: int = 0
    wrong: list = field(default_factory=list)

    def text(self):
        share = 100 if not self.named else self.made * 100 / self.named
        share = f"{share:.0f}" if share in (0, 100) else f"{min(share, 99.9):.1f}"
        return (f"{self.made} of {self.named} changes named and made ({share} %), {len(self.unnamed)} unnamed, {len(self.not_made)} not made, "
                f"{self.unknown} declared unknown; {self.already} actions already so; "
                f"{self.said - len(self.wrong)} of {self.said} predictions came true")

    def is_whole(self):
        return not (self.unnamed or self.not_made or self.wrong) and self.made == self.named

    def add(self, other):
        for name in ("named", "made", "unknown", "already", "said"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for why, what in other.reasons.items():
            self.reasons[why] = self.reasons.get(why, set()) | what
        self.unnamed |= other.unnamed
        self.not_made |= other.not_made
        self.wrong += other.wrong

    def say(self, what, holds, seen=""):
        """A prediction of the plan's."""
        self.said += 1
        if not holds:
            self.wrong.append(f"{what}: {str(seen)[:600]}")


def compared(lab, named, before, after, elsewhere):
    """Named and made, both ways. `before`, `after`: looks at the hosts; `elsewhere`: changes of the cluster and on the control host."""
    tally = Tally(already=named.already, unknown=len(named.unknown), reasons=named.reasons)
    differences = {h: Difference(before[h], after[h], DATA, lambda name, h=h: lab.on(h, f"dpkg -L {name}").split("\n"))
                   for h in lab.hosts}
    made = {(h, *key) for h, d in differences.items() for key in d.keys} | elsewhere
    passing = outermost(named.passing)
    # Made and taken away again: the directory that it stood in was written to, and it is gone.
    was_there = {(h, kind, p) for h, kind, p in passing
                 if p not in after[h].files and os.path.dirname(p) in differences[h].paths}
    promised = named.changes | passing
    short_lived = passing | named.scratch
    made -= {(h, "touched", os.path.dirname(p)) for h, _, p in short_lived}
    done = (promised & made) | was_there
    tally.named, tally.made = len(promised), len(done)
    tally.not_made = promised - done
    foreseen = promised | named.unknown | named.kept
    tally.unnamed = {key for key in made - foreseen if not implied(key, foreseen, before, after)}
    return tally


def implied(key, promised, before, after):
    """What the plan's words bring with them: directories above, 0755 and root's; a key beside its certificate; a reload by a change of what
    starts at boot; another leader by a stop of the one that leads."""
    host, kind, thing = key
    if kind == "leader":
        return (thing.removeprefix("not "), "service", "etcd stopped") in promised
    if kind == "dir" and host != "control":
        entry = after[host].files.get(thing)
        return thing not in before[host].files and (entry.mode, entry.owner) == ("755", "root") and any(
            h == host and thing in above(p) for h, k, p in promised if k in ("dir", "file"))
    if kind == "dir":
        return any(h == "control" and thing in above(p) for h, _, p in promised)
    if kind == "file" and host == "control":
        return thing.endswith(".key") and (host, kind, thing[:-4] + ".crt") in promised
    return key == (host, "reload", "systemd") and any(h == host and k == "boot" for h, k, _ in promised)


def receipt(plan, host, action):
    """What a restore leaves beside its data dir; of a snapshot that the run itself took it says what its manifest says."""
    origin = dict(action["origin"])
    if not origin["snapshot_sha256"]:
        sent = (p["action"] for h, p in actions(plan) if h == host and p["action"]["action"] == "upload")
        source = next(a["source"] for a in sent if a["dest"] == action["snapshot"])
        manifest = json.loads(pathlib.Path(source + ".json").read_text())
        origin |= {"snapshot_sha256": manifest["sha256"], "revision": manifest["revision"] + (action["bump"] or 0)}
    return origin


def contents(lab, tally, plan, before, after):
    """Files hold what the plan shows; each diff leads from what stood there to what it says."""
    texts = {(h, p): text for h in lab.hosts for p, text in before[h].texts.items()}
    last = {}
    for host, planned in actions(plan):
        action, diff = planned["action"], planned["change"].get("diff")
        if action["action"] == "write-file":
            at = (host, action["path"])
            if diff:
                try:
                    then = patched(texts.get(at, b"").decode(), diff)
                except (ValueError, IndexError) as error:
                    then = repr(error)
                tally.say(f"the diff of {at} leads to its content", then.rstrip("\n") == action["content"].rstrip("\n"), then)
            texts[at] = action["content"].encode()
            last[at] = (hashlib.sha256(texts[at]).hexdigest(), action["access"])
        elif action["action"] == "upload":
            here = pathlib.Path(action["source"])
            last[host, action["dest"]] = (action["sha256"] or hashlib.sha256(here.read_bytes()).hexdigest(), action["access"])
        elif action["action"] == "restore-data-dir":
            last[host, action["data_dir"] + ".runbook.json"] = (None, receipt(plan, host, action))
        elif action["action"] == "remove-upload":
            last.pop((host, action["path"]), None)
            tally.say(f"{action['path']} is gone from {host}", action["path"] not in after[host].files)
    for (host, path), (sha256, access) in last.items():
        text, entry = after[host].texts.get(path), after[host].files.get(path)
        if sha256 is None:
            tally.say(f"{path} on {host} is the receipt that the plan and its snapshot make", text and json.loads(text) == access, text)
            continue
        tally.say(f"{path} on {host} holds what the plan says", text is not None and hashlib.sha256(text).hexdigest() == sha256, entry)
        wanted = (f"{access['mode']:o}", access["owner"] or "root")
        tally.say(f"{path} on {host} has the plan's mode and owner", entry and (entry.mode, entry.owner) == wanted, (entry, wanted))


# A guard's row: whether it is true, by etcd's own tools. `ensure` with another guard needs one.
GUARDS = {
    "reachable": lambda lab, g, c: all(lab.lab("ssh", h, "sudo -n true", check=False).returncode == 0 for h in g["hosts"]),
    "certificates-served": lambda lab, g, c: all(served(lab, h) == standing(lab, h) for h in g["members"]),
    "cluster-healthy": lambda lab, g, c: all(c.health.get(h) for h in g["members"]) and len(c.leaders) == 1 and 0 not in c.leaders,
    "cluster-formed": lambda lab, g, c: c.members is not None and len(c.members) == len(g["members"]),
    "writable": lambda lab, g, c: lab.ctl("put", PROBES + "/fidelity", "x", hosts=g["members"]).returncode == 0,
    "same-hash": lambda lab, g, c: len(lab.hashes()) == 1,
    "membership-settled": lambda lab, g, c: len(c.leaders) == 1 and not c.alarms and all(
        not m.get("isLearner") and m.get("name") and c.health.get(c.hosts.get(id_)) for id_, m in c.listed.items()),
    "all-serving": lambda lab, g, c: all(c.statuses.get(h, {}).get("leader") for h in g["members"]),
    "no-alarm": lambda lab, g, c: not c.alarms and all(h in c.statuses for h in g["members"]),
    "version-runs": lambda lab, g, c: {c.versions.get(h) for h in g["members"]} == {g["version"]},
    "revision-at-least": lambda lab, g, c: all(c.revisions.get(h, -1) >= g["revision"] for h in g["members"]),
    "peers-reachable": lambda lab, g, c: all(connects(lab, a, b) for a in g["members"] for b in g["members"] if a != b),
    "etcd-servers-match": lambda lab, g, c: all(
        given(lab, h) in ({"https://127.0.0.1:2379"} if h in g["members"] else None,
                          {url for m in c.listed.values() for url in m["clientURLs"]}) for h in g["apis"]),
    "snapshot-verified": lambda lab, g, c: lab.inside(f"{lab.bin}/etcdctl", "snapshot", "status", g["path"]).returncode == 0,
}


def connects(lab, host, other):
    """Whether a connection to the other one's peer port comes through: somebody answers, or its kernel refuses."""
    tried = f'IO::Socket::INET->new(PeerAddr => "198.18.0.{10 + int(other[4:])}:2380", Timeout => 2)'
    return lab.on(host, f"perl -MIO::Socket::INET -MErrno=ECONNREFUSED -e 'print \"open\" if {tried} || $! == ECONNREFUSED'") == "open"


def given(lab, host):
    """The endpoints that stand in an API server's manifest or unit."""
    look_ = "cat /etc/kubernetes/manifests/kube-apiserver.yaml 2>/dev/null || systemctl cat kube-apiserver"
    found = re.search(r"--etcd-servers[ =](\S+)", lab.on(host, look_))
    return set(found[1].split(",")) if found else set()


def served(lab, host):
    """Serial of the certificate that a member shows whoever connects."""
    address = f"198.18.0.{10 + int(host[4:])}:2379"
    shown = f"openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -serial"
    return lab.inside("sh", "-c", shown).stdout.strip()


def standing(lab, host):
    """Serial of the one that stands on the control host."""
    return lab.inside("openssl", "x509", "-noout", "-serial", "-in", str(lab.dir / f"pki/etcd/{host}/server.crt")).stdout.strip()


def ensured(lab, tally, plan, cluster):
    """Every `ensure` is true in the end, and where the plan says which cluster it will be, it is that one."""
    guards = [item for item in plan["items"] if item["item"] == "ensure"] + [g for s in steps(plan) for g in s["ensures"]]
    for guard in guards:
        verdict = guard["verdict"]
        row = GUARDS.get(guard["guard"]["guard"])
        if row is None:
            raise RuntimeError(f"fidelity has no row for the guard `{guard['guard']['guard']}`: say in GUARDS how to see that it is true")
        true = row(lab, guard["guard"], cluster)
        tally.say(f"ensure {guard['text']}, predicted {verdict['verdict']}, is true", true and verdict["verdict"] != "violated", verdict)
        told = re.search(r"cluster ([0-9a-f]+)", verdict.get("observed", ""))
        if told:
            tally.say("the cluster id is the predicted one", cluster.ids == {told[1]}, (cluster.ids, told[1]))


def anew(plan):
    """Name and peer URL of each member of the cluster that the plan makes anew; none: it makes none."""
    restores = [p["action"]["initial_cluster"] for _, p in actions(plan) if p["action"]["action"] == "restore-data-dir"]
    forms = [p["action"]["content"] for _, p in actions(plan)
             if "ETCD_INITIAL_CLUSTER_STATE=new" in p["action"].get("content", "") and p["change"]["change"] == "changes"]
    initial = restores + re.findall(r"^ETCD_INITIAL_CLUSTER=(.*)$", "\n".join(forms), re.M)
    return dict(m.split("=", 1) for m in initial[0].split(",")) if initial else None


def clusters(lab, tally, plan, before, after):
    """Id, names, revision and keys: as the plan says where it makes a cluster anew, else as they were."""
    restores = {h: p["action"] for h, p in actions(plan) if p["action"]["action"] == "restore-data-dir"}
    members = anew(plan)
    changes = [(p["action"]["change"], p["change"]) for _, p in actions(plan) if p["action"]["action"] == "change-cluster"]
    names = set(before.members or ()) if members is None else set(members)
    for change, planned in changes:
        if planned["change"] == "changes" and change["change"] == "add-member":
            names.add(change["name"])
        elif planned["change"] == "changes" and change["change"] == "remove-member":
            names.discard(change["name"])
    if members is not None:
        tally.say("it is a new cluster", len(after.ids) == 1 and not after.ids & before.ids, (before.ids, after.ids))
    elif before.serving:
        tally.say("the cluster stays the same one", after.ids == before.ids, after.ids)
    if members is not None or before.serving:
        tally.say("the members are those that the plan leaves", set(after.members or ()) == names, (names, after.members))
    for host, action in restores.items():
        restored(lab, tally, host, action, before, after)
    if not restores and before.keys:
        kept(tally, plan, before, after)
    for change, planned in changes:
        promised = re.search(r"history before revision (\d+), as of now", planned.get("summary", ""))
        if promised:
            # The write probes of other ensures may have come before.
            passed = after.compacted - int(promised[1])
            tally.say("history is dropped to where the plan says", 0 <= passed <= 8, (after.compacted, promised[1]))
    run = steps(plan)
    quorum = run[-1]["quorum_after"] if run else plan["quorum_before"]
    was = {"voters": before.voters or len(lab.members), "healthy": before.serving}
    tally.say("quorum before is as it was", plan["quorum_before"] == was, (plan["quorum_before"], was))
    now = {"voters": after.voters or len(lab.members), "healthy": after.serving}
    tally.say("quorum after is as predicted", quorum == now, (quorum, now))


def restored(lab, tally, host, action, before, after):
    origin = action["origin"]
    tally.say(f"{host} serves the restored cluster", f"{after.statuses[host]['header']['cluster_id']:x}" == origin["cluster_id"], after.ids)
    # Only the write probe has come since, and what later members came with: a few revisions.
    # Of a snapshot that the run itself saves nothing was known: then it is the newest revision by then.
    known = origin["revision"] if origin["snapshot_sha256"] else max(before.revisions.values()) + (action["bump"] or 0)
    passed = after.revisions[host] - known
    tally.say(f"{host} goes on from the predicted revision", 0 <= passed <= 8, (after.revisions[host], known, origin))
    tally.say(f"{host} holds the snapshot's keys", after.keys[host] == lab.saved_keys, after.keys[host])


def kept(tally, plan, before, after):
    newest = max(before.revisions, key=before.revisions.get)
    for host, seen in after.keys.items():
        tally.say(f"the keys of {host} stay", seen == before.keys[newest], seen)
    probed = any(g["guard"]["guard"] == "writable" for s in steps(plan) for g in s["ensures"]) or any(
        i["item"] == "ensure" and i["guard"]["guard"] == "writable" for i in plan["items"])
    if not probed:
        tally.say("nothing was written to the cluster", max(after.revisions.values()) == before.revisions[newest], after.revisions)


def reported(lab, tally, plan):
    """The run's own word, action by action, is the plan's."""
    journal = lab.dir / "state/runs" / plan["run"] / "journal.jsonl"
    ended = [e for e in map(lambda l: json.loads(l)["event"], journal.read_text().splitlines()) if e["event"] == "work-ended"]
    for step in steps(plan):
        for work in step["work"]:
            told = [e["outcomes"] for e in ended if (e["step"], e["host"]) == (step["number"], work["host"])]
            if not told:
                kinds = {p["change"]["change"] for p in work["actions"]}
                tally.say(f"{work['host']}, step {step['number']}: nothing was to be done, and nothing was sent", kinds <= {"none"}, kinds)
                continue
            for planned, outcome in zip(work["actions"], told[-1], strict=True):
                kind = planned["change"]["change"]
                if kind in ("changes", "none"):
                    tally.say(f"{work['host']}, step {step['number']}: the run tells of `{planned['summary']}` what the plan said",
                              outcome.get("changed") is (kind == "changes"), (planned["change"], outcome))


# --- a case ---------------------------------------------------------------------------------------------------------


class Measured:
    """One case: planned, looked at, carried out, looked at."""

    def __init__(self, lab, case, between=lambda: None, edit=lambda plan: plan):
        self.lab, self.case = lab, case
        case.prepare(lab)
        idle(lab)
        words = case.words(lab)
        file = lab.dir / f"{case.runbook}-{time.monotonic_ns()}.plan"
        # What planning does is looked at once for each runbook on these hosts: a look at whole disks is most of a case's time.
        first = None if case.runbook in lab.planned else self.looks()
        lab.planned.add(case.runbook)
        r = lab.runbook("plan", f"{case.runbook}.etcdrb", "-o", str(file), "--format", "json", *words)
        self.code = r.returncode
        if case.refused:
            # A refused plan may have been made, and be carried out: nothing may come of it.
            self.plan = {"items": []}
            self.run = lab.inside(RUNBOOK, "exec", f"{case.runbook}.etcdrb", "-i", str(lab.inventory), "--yes", *words, stdin=subprocess.DEVNULL)
        elif self.code:
            raise RuntimeError(f"plan exits {self.code}: {r.all}")
        else:
            self.plan = edit(json.loads(r.stdout))
        wanted = [p["action"].get("path") or p["action"].get("dest") or p["action"]["data_dir"] + ".runbook.json"
                  for _, p in actions(self.plan) if p["action"]["action"] in ("write-file", "upload", "restore-data-dir")]
        self.before = self.looks(wanted)
        self.planning = None if first is None else (
            [Difference(first[0][h], self.before[0][h], DATA) for h in lab.hosts],
            made_here(first[1], self.before[1]) - {("control", "file", str(file))})
        if not case.refused:
            self.cluster = ClusterLook(lab, self.before[0]), None
            between()
            self.run = lab.inside(RUNBOOK, "exec", str(file), "--yes", "--output", "plain", stdin=subprocess.DEVNULL)
        self.after = self.looks(wanted)
        if not case.refused:
            self.cluster = self.cluster[0], ClusterLook(lab, self.after[0])

    def looks(self, paths=()):
        return look(self.lab, paths), look_here(self.lab.dir, {str(self.lab.dir / "state")})

    def tally(self):
        named = Named(self.plan)
        elsewhere = made_here(self.before[1], self.after[1])
        if not self.case.refused:
            members = anew(self.plan)
            elsewhere |= changes_of(*self.cluster, None if members is None else set(members.values()))
        return compared(self.lab, named, self.before[0], self.after[0], elsewhere)

    def judged(self):
        tally = self.tally()
        if self.planning:
            hosts, here = self.planning
            tally.say("planning changed nothing", not here and not any(d.keys for d in hosts), (here, [d.keys for d in hosts]))
        if self.case.refused:
            tally.say(f"refused with {self.case.refused}", self.code == self.run.returncode == self.case.refused, self.run.stdout + self.run.stderr)
            return tally
        tally.say("the run exits 0", self.run.returncode == 0, self.run.stdout + self.run.stderr)
        if self.run.returncode == 0:
            contents(self.lab, tally, self.plan, self.before[0], self.after[0])
            clusters(self.lab, tally, self.plan, *self.cluster)
            ensured(self.lab, tally, self.plan, self.cluster[1])
            if not self.plan["converged"]:
                reported(self.lab, tally, self.plan)
        left = [h for h in self.lab.hosts if any(p.startswith(BOOKS + "/") and p.endswith("/lock") for p in self.after[0][h].files)]
        tally.say("no lock is left", not left, left)
        return tally
