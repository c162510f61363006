"""What a plan (docs/plan.schema.json) says that its run will do, host by host, in the words in which looks.py tells what was done."""

import os
import re
import tarfile

SERVICE = re.compile(r".+ -> (running|stopped|restarted)")
CERTIFICATE = re.compile(r"(create|renew|issue) `([^`]+)\.crt`.*")


def service(action, summary):
    keys = set()
    for part in summary.split(", "):
        moved = SERVICE.fullmatch(part)
        if moved and moved[1] == "restarted":
            was_running = part.startswith("running ")
            keys |= {("service", f"{action['unit']} {word}") for word in ["stopped"] * was_running + ["running"]}
        elif moved:
            keys.add(("service", f"{action['unit']} {moved[1]}"))
        elif part in ("starts at boot", "no longer starts at boot"):
            keys.add(("boot", f"{action['unit']} {'disabled' if 'no longer' in part else 'enabled'}"))
        else:
            raise RuntimeError(f"the plan says `{part}` of a service, and named.py has no word for it")
    return keys


def certificates(action, summary):
    """Each pair by its certificate; what is replaced is kept aside under the same name."""
    if summary.startswith("issue every certificate again"):
        names = ["client"] + [f"{m['name']}/{end}" for m in action["members"] for end in ("server", "peer")]
        return {("control", "file", f"{d}/{name}.crt") for name in names for d in (action["dir"], action["aside"])}
    parts = [CERTIFICATE.fullmatch(p) for p in re.split(r", (?=(?:create|renew|issue|keep) `)", summary) if not p.startswith("keep")]
    made = {("control", "file", f"{action['dir']}/{p[2]}.crt") for p in parts}
    return made | {("control", "file", f"{action['aside']}/{p[2]}.crt") for p in parts if p[1] != "create"}


def authority(action, _):
    """The bundle, and the former one aside. The new key has a name of its own only until it issues."""
    places = [action["dir"]] + [action["aside"]] * (action["to"] == "add")
    return {("control", "file", f"{place}/ca.crt") for place in places}


def packages(action, summary):
    return {("package", part.split(" ")[0]) for part in summary.split(", ")}


def unpacked(action, source):
    """The programs that are in the archive, whose path on the control host `source` is."""
    with tarfile.open(source) as archive:
        inside = {os.path.basename(name) for name in archive.getnames()}
    return {("file", f"{action['bin_dir']}/{name}") for name in inside & {"etcd", "etcdctl", "etcdutl"}}


def listed_as(change):
    return ",".join(change["peer_urls"])


# A change of the cluster: what it names, as cluster.py tells it.
CHANGES = {
    "add-member": lambda c: {("cluster", word, listed_as(c)) for word in (["listed"] if c["learner"] else ["listed", "vote"])},
    "promote-member": lambda c: {("cluster", "vote", listed_as(c))},
    "remove-member": lambda c: {("cluster", "removed", listed_as(c))},
    "update-member": lambda c: {("cluster", "urls", f"{c['id']} {listed_as(c)}")},
    "move-leader": lambda c: {("cluster", "leader", f"not {c['from']}")},
    "compact": lambda _: {("cluster", "compacted", "history")},
    "defragment": lambda c: {(c["member"], "defragmented", "db")},
    "disarm-nospace": lambda c: {("cluster", "disarmed", c["member"])},
}


def handed_over(planned):
    """A member that leads is rewritten only after another leads; the action's summary says it."""
    first = planned["summary"].endswith("another leads first")
    return {("cluster", "leader", f"not {planned['action']['change']['member']}")} if first else set()


# An action's row: the changes that it names where the plan says `changes`. A new verb's actions need one each.
NAMES = {
    "user": lambda a, _: {("user", a["name"])},
    "directory": lambda a, _: {("dir", a["path"])},
    "write-file": lambda a, _: {("file", a["path"])},
    "upload": lambda a, _: {("file", a["dest"])},
    "install-packages": packages,
    "issue-certificates": certificates,
    "rotate-authority": authority,
    "service": service,
    "daemon-reload": lambda *_: {("reload", "systemd")},
    "archive-data-dir": lambda a, _: {("aside", a["aside"])},
    # Its receipt is in the action, `origin`.
    "restore-data-dir": lambda a, _: {("dir", a["data_dir"]), ("file", a["data_dir"] + ".runbook.json")},
    "change-cluster": lambda a, _: CHANGES[a["change"]["change"]](a["change"]),
    "save-snapshot": lambda a, _: {("control", "file", a["dest"]), ("control", "file", a["dest"] + ".json")},
}
# What takes away again what this run made.
TAKES_AWAY = {
    "remove-upload": lambda a: ("file", a["path"]),
    "remove-created": lambda a: ("dir" if a["directory"] else "file", a["path"]),
}
# What an action makes and removes by itself: (kind, path).
SCRATCH = {
    "trial-restore": lambda a: ("dir", a["scratch"]),
    # Beside the data dir, under a name that nobody knows before.
    "measure-disk": lambda a: ("file", os.path.dirname(a["data_dir"]) + "/.runbook-fsync"),
}


class Named:
    """A plan's changes: `changes` and `unknown` by (host, kind, object), `passing` for what the run makes and takes away again."""

    def __init__(self, plan):
        self.plan = plan
        self.changes, self.unknown, self.passing, self.scratch = set(), set(), set(), set()
        self.already = self.reads = 0
        # What goes aside where it is there: a key whose certificate is gone, say.
        self.kept = set()
        # Why it is not known: what of.
        self.reasons = {}
        self.sent = {}
        for host, planned in actions(plan):
            if planned["action"]["action"] == "upload":
                self.sent[host, planned["action"]["dest"]] = planned["action"]["source"]
            self._add(host, planned)

    def _add(self, host, planned):
        action, change = planned["action"], planned["change"]
        kind = action["action"]
        if kind in SCRATCH:
            self.scratch.add((host, *SCRATCH[kind](action)))
        self.kept |= {("control", "file", name.replace(action["dir"], action["aside"], 1)) for name in action.get("makes", ())}
        if change["change"] == "none":
            self.already += 1
        elif change["change"] == "reads":
            self.reads += 1
        elif change["change"] == "opaque":
            self.unknown.add((host, "shell", planned["summary"]))
        elif kind in TAKES_AWAY:
            key = (host, *TAKES_AWAY[kind](action))
            if key in self.changes:
                self.changes.discard(key)
                self.passing.add(key)
            else:
                self.changes.add(key)
        elif kind == "install-archive":
            self.changes |= {(host, *k) for k in unpacked(action, self.sent[host, action["archive"]])}
        elif kind not in NAMES:
            raise RuntimeError(f"named.py has no row for the action `{kind}`: say there which changes it names")
        elif change["change"] == "changes":
            keys = NAMES[kind](action, change["summary"])
            self.changes |= {at(host, k) for k in keys} | handed_over(planned)
        else:
            # It may come to nothing: then it is no broken word.
            keys = {"service": lambda a, _: {("service", f"{a['unit']} {w}") for w in ("running", "stopped")}}.get(kind, NAMES[kind])
            self.unknown |= {at(host, k) for k in keys(action, "")} | handed_over(planned)
            self.reasons.setdefault(change["why"], set()).add(f"{host}: {planned['summary']}")


def at(host, key):
    """On that host, if the key does not say where."""
    return key if len(key) == 3 else (host, *key)


def steps(plan):
    return [item for item in plan["items"] if item["item"] == "step" and not item["skipped"]]


def actions(plan):
    return [(work["host"], planned) for step in steps(plan) for work in step["work"] for planned in work["actions"]]


def outermost(keys):
    """Of things in one another only the one that holds the others: what was in it left no trace of its own."""
    paths = {(host, path) for host, _, path in keys}

    def inside(host, path):
        above = os.path.dirname(path)
        return above != path and ((host, above) in paths or inside(host, above))
    return {key for key in keys if not inside(key[0], key[2])}


def above(path):
    while path not in ("/", ""):
        path = os.path.dirname(path)
        yield path


HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@.*")


def patched(old, diff):
    """A text with a unified diff applied; every line of it must fit."""
    before, after, at = old.splitlines(keepends=True), [], 0
    for line in diff.splitlines(keepends=True)[2:]:
        hunk = HUNK.fullmatch(line.rstrip("\n"))
        if hunk:
            start = int(hunk[1]) - (hunk[2] != "0")
            after += before[at:start]
            at = start
        elif line.startswith("\\"):
            after[-1] = after[-1].rstrip("\n")
        else:
            if line[0] in " -":
                if before[at].rstrip("\n") != line[1:].rstrip("\n"):
                    raise ValueError(f"the diff says {line!r}, there stands {before[at]!r}")
                at += 1
            if line[0] in " +":
                after.append(line[1:])
    return "".join(after + before[at:])
