"""The cluster by etcd's own tools, and what differs between two looks at it. Knows nothing of runbook's plans."""

import base64
import json

from scenario import PROBES


def answers(r):
    return json.loads(r.stdout) if r.returncode == 0 and r.stdout else None


def asked(lab, hosts, *words):
    """What those of these members that answer say; the others keep etcdctl from exiting with 0."""
    if not hosts or any(not (lab.dir / "pki/etcd" / f"client.{end}").exists() for end in ("crt", "key")):
        return []
    r = lab.ctl("endpoint", *words, "--dial-timeout=1s", "--command-timeout=3s", "-w", "json", hosts=hosts)
    return json.loads(r.stdout) if r.stdout.startswith("[") else []


def by_host(lab, said, endpoint="Endpoint"):
    named = {f"https://198.18.0.{10 + int(h[4:])}:2379": h for h in lab.hosts}
    return {named[s[endpoint]]: s for s in said}


def serves(health):
    """An alarm makes a member unhealthy for etcdctl, while it serves reads."""
    return health["health"] or "Active Alarm" in health.get("error", "")


def healthy(lab):
    return sum(h["health"] for h in asked(lab, [h for h in lab.members if h not in lab.unreachable], "health"))


def leaders(lab):
    """Ids of the members that those which can be asked follow; 0: one knows none."""
    hosts = [h for h in lab.members if h not in lab.unreachable]
    return {s["Status"].get("leader", 0) for s in asked(lab, hosts, "status")}


def keys(lab, host):
    """Every key of one member as it stores it, but for the probe's."""
    seen = answers(lab.ctl("get", "", "--prefix", "--consistency=s", "-w", "json", hosts=[host]))
    text = lambda kv, name: base64.b64decode(kv.get(name, "")).decode()
    return {text(kv, "key"): (text(kv, "value"), kv["create_revision"], kv["mod_revision"], kv["version"])
            for kv in (seen or {}).get("kvs", []) if not text(kv, "key").startswith(PROBES)}


class ClusterLook:
    """The cluster at one moment, as those members tell that answer."""

    def __init__(self, lab, looks):
        # etcdctl waits its whole time for each that cannot answer.
        up = [h for h in lab.members if h not in lab.unreachable and looks[h].runs("etcd")]
        self.statuses = {h: s["Status"] for h, s in by_host(lab, asked(lab, up, "status")).items()}
        up = sorted(self.statuses)
        self.ids = {f"{s['header']['cluster_id']:x}" for s in self.statuses.values()}
        self.hosts = {s["header"]["member_id"]: h for h, s in self.statuses.items()}
        self.revisions = {h: s["header"]["revision"] for h, s in self.statuses.items()}
        self.versions = {h: s["version"] for h, s in self.statuses.items()}
        self.leaders = {s.get("leader", 0) for s in self.statuses.values()}
        health = by_host(lab, asked(lab, up, "health"), "endpoint")
        self.health = {h: s["health"] for h, s in health.items()}
        self.serving = sum(serves(s) for s in health.values())
        self.keys = {h: keys(lab, h) for h in up}
        self.compacted = max((s["HashKV"].get("compact_revision", 0) for s in asked(lab, up, "hashkv")), default=0)
        quick = ("--dial-timeout=1s", "--command-timeout=2s")
        listed = answers(lab.ctl("member", "list", "-w", "json", *quick, hosts=up)) if self.serving else None
        # By id; none: nobody can tell.
        self.listed = {m["ID"]: m for m in listed["members"]} if listed else None
        told = lab.ctl("alarm", "list", *quick, hosts=up).stdout if self.serving else ""
        self.alarms = {(int(words[0].split(":")[1]), words[1].split(":")[1]) for line in told.splitlines() if (words := line.split())}

    @property
    def members(self):
        return None if self.listed is None else {m.get("name", ""): m["peerURLs"] for m in self.listed.values()}

    @property
    def voters(self):
        return None if self.listed is None else sum(not m.get("isLearner") for m in self.listed.values())

    @property
    def leader(self):
        """Where it runs, if all agree."""
        return self.hosts.get(next(iter(self.leaders))) if len(self.leaders) == 1 else None


def listed_as(member):
    return ",".join(member["peerURLs"])


def changes_of(before, after, anew=None):
    """What differs, each change once. `anew`: peer URLs of the members that a new cluster starts with, if it is another one than before."""
    if after.listed is None or (anew is None and before.listed is None):
        return set()
    was = {m["ID"]: m for m in (before.listed or {}).values()}
    if anew is not None:
        was = {id_: m for id_, m in after.listed.items() if listed_as(m) in anew}
    seen = {("removed", listed_as(was[id_])) for id_ in was.keys() - after.listed.keys()}
    for id_, member in after.listed.items():
        old, votes = was.get(id_), not member.get("isLearner")
        if old is None:
            seen.add(("listed", listed_as(member)))
        elif listed_as(old) != listed_as(member):
            seen.add(("urls", f"{id_:x} {listed_as(member)}"))
        if votes and (old is None or old.get("isLearner")):
            seen.add(("vote", listed_as(member)))
    if anew is None:
        if before.leader and before.leader != after.leader:
            seen.add(("leader", f"not {before.leader}"))
        if before.compacted != after.compacted:
            seen.add(("compacted", "history"))
        seen |= {("disarmed", before.hosts.get(id_, f"{id_:x}")) for id_, _ in before.alarms - after.alarms}
        seen |= {("armed", f"{kind} of {after.hosts.get(id_, f'{id_:x}')}") for id_, kind in after.alarms - before.alarms}
    return {("cluster", *key) for key in seen}
