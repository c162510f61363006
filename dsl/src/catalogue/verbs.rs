//! Verbs: what each takes, does to the cluster, needs, and how it is undone.

use super::args::{BYTES, DURATION, INT, PATH, TEXT, after, at, maybe};
use super::{Argument, ArgumentType};

/// A verb of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// `install etcd`
    Install,
    /// `user NAME home PATH`
    User,
    /// `directory PATH mode M owner U`
    Directory,
    /// `template NAME to PATH mode M owner U`
    Template,
    /// `upload FILE to PATH mode M owner U`
    Upload,
    /// `remove-upload PATH`
    RemoveUpload,
    /// `issue-certificates days N renew WITHIN`
    IssueCertificates,
    /// `rotate-authority add|switch|drop`
    RotateAuthority,
    /// `install-certificates`
    InstallCertificates,
    /// `configure member state new|existing`
    Configure,
    /// `trust-peers`
    TrustPeers,
    /// `service NAME running|stopped|restarted`
    Service,
    /// `measure-disk`
    MeasureDisk,
    /// `trial-restore PATH`
    TrialRestore,
    /// `archive data-dir`
    Archive,
    /// `restore data-dir from PATH bump N`
    Restore,
    /// `save-snapshot to PATH`
    SaveSnapshot,
    /// `add-member as learner|voter`
    AddMember,
    /// `promote-member lag N`
    PromoteMember,
    /// `remove-member of TARGET`
    RemoveMember,
    /// `update-member`
    UpdateMember,
    /// `move-leader`
    MoveLeader,
    /// `compact keep N`
    Compact,
    /// `defragment above BYTES`
    Defragment,
    /// `disarm nospace`
    Disarm,
    /// `shell TEXT creates PATH | check TEXT | changes nothing`
    Shell,
}

/// What a verb does to the model of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads only.
    Reads,
    /// Changes files, packages or users on the host; members go on as they are.
    ChangesHost,
    /// A voter may stop.
    StopsVoter,
    /// A member starts.
    StartsMember,
    /// A data dir leaves its place.
    SetsDataAside,
    /// A data dir is replaced.
    ReplacesData,
    /// A member is listed that was not.
    AddsMember,
    /// A learner gets a vote.
    AddsVoter,
    /// A member is listed no longer.
    RemovesMember,
    /// Members call a member by another URL.
    RenamesPeer,
    /// Another member leads.
    MovesLeader,
    /// Old revisions can no longer be read.
    DropsHistory,
    /// A member answers nothing for a while.
    PausesMember,
    /// A member takes writes again.
    ClearsAlarm,
    /// Files appear on the control host.
    WritesControlHost,
    /// Nothing is known.
    Opaque,
}

/// A verb's row.
#[derive(Clone, Copy, Debug)]
pub struct VerbRow {
    /// Which.
    pub verb: Verb,
    /// As written.
    pub name: &'static str,
    /// Arguments.
    pub arguments: &'static [Argument],
    /// Effects.
    pub effects: &'static [Effect],
    /// Whether it can be taken back without an author's `undo`, and how, in words.
    pub undo: Option<&'static str>,
    /// One sentence.
    pub doc: &'static str,
    /// Example.
    pub example: &'static str,
}

const MODE: Argument = maybe(after(
    "mode",
    "mode",
    INT,
    "permission bits, in octal: `0644`",
));
const OWNER: Argument = maybe(after(
    "owner",
    "owner",
    ArgumentType::WordOrText,
    "owner's name",
));
const DATA_DIR: Argument = at(
    "what",
    ArgumentType::Word(&["data-dir"]),
    "the member's data dir",
);

/// Every verb, in the order of the reference.
pub static VERBS: &[VerbRow] = &[
    VerbRow {
        verb: Verb::Install,
        name: "install",
        arguments: &[at("what", ArgumentType::Word(&["etcd"]), "what to install")],
        effects: &[Effect::ChangesHost],
        undo: None,
        doc: "etcd's binaries stand on the host, from where the inventory's `etcd_install` says",
        example: "install etcd",
    },
    VerbRow {
        verb: Verb::User,
        name: "user",
        arguments: &[
            at("name", ArgumentType::WordOrText, "user and group"),
            maybe(after("home", "home", PATH, "home directory, not created")),
        ],
        effects: &[Effect::ChangesHost],
        undo: None,
        doc: "a system user and its group exist",
        example: "user etcd home \"/var/lib/etcd\"",
    },
    VerbRow {
        verb: Verb::Directory,
        name: "directory",
        arguments: &[at("path", PATH, "absolute path on the host"), MODE, OWNER],
        effects: &[Effect::ChangesHost],
        undo: Some("a directory that the run made is removed, if it is empty"),
        doc: "a directory exists with this access",
        example: "directory \"/etc/etcd\" mode 0755 owner etcd",
    },
    VerbRow {
        verb: Verb::Template,
        name: "template",
        arguments: &[
            at(
                "template",
                ArgumentType::Template,
                "template beside the runbook",
            ),
            after("to", "dest", PATH, "absolute path on the host"),
            MODE,
            OWNER,
        ],
        effects: &[Effect::ChangesHost],
        undo: Some("the file gets its former content back, or is removed where there was none"),
        doc: "a file holds a template's text, filled in for the host; an undefined name is an error",
        example: "template \"etcd.service.j2\" to \"/etc/systemd/system/{member.unit}.service\"",
    },
    VerbRow {
        verb: Verb::Upload,
        name: "upload",
        arguments: &[
            at("source", PATH, "file on this machine"),
            after("to", "dest", PATH, "absolute path on the host"),
            MODE,
            OWNER,
        ],
        effects: &[Effect::ChangesHost],
        undo: Some("the uploaded file is removed"),
        doc: "a file of this machine stands on the host; its SHA-256 is compared on both sides",
        example: "upload snapshot to \"/var/tmp/runbook-{run.id}/snapshot.db\" mode 0600",
    },
    VerbRow {
        verb: Verb::RemoveUpload,
        name: "remove-upload",
        arguments: &[at(
            "path",
            PATH,
            "absolute path on the host, uploaded by this run",
        )],
        effects: &[Effect::ChangesHost],
        undo: None,
        doc: "a file that this run uploaded is gone again",
        example: "remove-upload \"/var/tmp/runbook-{run.id}/snapshot.db\"",
    },
    VerbRow {
        verb: Verb::IssueCertificates,
        name: "issue-certificates",
        arguments: &[
            maybe(after(
                "days",
                "days",
                INT,
                "days that the certificates are valid, 365 by default",
            )),
            maybe(after(
                "renew",
                "renew",
                DURATION,
                "those that end within this time are issued again, with new keys; 1d by default",
            )),
        ],
        effects: &[Effect::WritesControlHost],
        undo: Some("certificates and keys that were issued again go back; new ones stay"),
        doc: "an authority and each member's server, peer and client certificates exist on this machine, all of the authority that issues; what is replaced is kept beside the directory, your own is never replaced",
        example: "issue-certificates days 365 renew 30d",
    },
    VerbRow {
        verb: Verb::RotateAuthority,
        name: "rotate-authority",
        arguments: &[at(
            "to",
            ArgumentType::Word(&["add", "switch", "drop"]),
            "`add`: a new authority is made and trusted beside the old one; `switch`: the new one issues from here on; `drop`: the old one is trusted no longer",
        )],
        effects: &[Effect::WritesControlHost],
        undo: Some("the former authority goes back, until `drop`"),
        doc: "the authority on this machine is replaced by another in three states; members learn of each by `install-certificates` and a restart",
        example: "rotate-authority add",
    },
    VerbRow {
        verb: Verb::InstallCertificates,
        name: "install-certificates",
        arguments: &[],
        effects: &[Effect::ChangesHost],
        undo: Some(
            "what the run issued again is replaced by what was there; files are removed where there were none",
        ),
        doc: "the member's certificates and keys stand on its host, the keys readable by its user alone",
        example: "install-certificates",
    },
    VerbRow {
        verb: Verb::Configure,
        name: "configure",
        arguments: &[
            at(
                "what",
                ArgumentType::Word(&["member"]),
                "the member of the host",
            ),
            after(
                "state",
                "state",
                ArgumentType::Word(&["new", "existing"]),
                "`new` bootstraps a cluster, `existing` joins one",
            ),
        ],
        effects: &[Effect::ChangesHost],
        undo: Some("the file gets its former content back, or is removed where there was none"),
        doc: "the member's environment file says what the inventory says, but for where peers reach it, which is what the cluster lists until `update-member` changes it; the token is made by the run and cannot be chosen",
        example: "configure member state existing",
    },
    VerbRow {
        verb: Verb::TrustPeers,
        name: "trust-peers",
        arguments: &[],
        effects: &[Effect::ChangesHost],
        undo: Some("the file gets its former content back"),
        doc: "the member's environment file names its peer certificates, so that from the next start on it reaches peers over https; where it listens stays as it is",
        example: "trust-peers",
    },
    VerbRow {
        verb: Verb::Service,
        name: "service",
        arguments: &[
            at(
                "name",
                ArgumentType::WordOrText,
                "unit; `etcd` is the member's unit, whatever its name",
            ),
            at(
                "state",
                ArgumentType::Word(&["running", "stopped", "restarted"]),
                "wanted state",
            ),
            maybe(at(
                "enabled",
                ArgumentType::Word(&["enabled", "disabled"]),
                "whether it starts at boot as well; as it was, where left out",
            )),
            maybe(after(
                "if",
                "if",
                ArgumentType::Word(&["changed"]),
                "`restarted` only where a line of this step before it changes something on the host; else `running`",
            )),
        ],
        effects: &[Effect::StopsVoter, Effect::StartsMember],
        undo: Some("the service goes back to the state and enablement it was found in"),
        doc: "a service is running, or stopped, or was restarted by this run",
        example: "service etcd running enabled",
    },
    VerbRow {
        verb: Verb::MeasureDisk,
        name: "measure-disk",
        arguments: &[],
        effects: &[Effect::Reads],
        undo: Some("nothing to undo: the file has no name any more before the first write"),
        doc: "small writes as etcd's log makes them are timed on the file system of the member's data dir, each brought to the disk; `fsync-within` judges them",
        example: "measure-disk",
    },
    VerbRow {
        verb: Verb::TrialRestore,
        name: "trial-restore",
        arguments: &[at("path", PATH, "snapshot on the host")],
        effects: &[Effect::Reads],
        undo: Some("nothing to undo: the scratch directory is removed by the verb itself"),
        doc: "the snapshot restores into a scratch directory on the data dir's file system, which is then removed",
        example: "trial-restore \"/var/tmp/runbook-{run.id}/snapshot.db\"",
    },
    VerbRow {
        verb: Verb::Archive,
        name: "archive",
        arguments: &[DATA_DIR],
        effects: &[Effect::SetsDataAside],
        undo: Some("the data dir is renamed back; what stood in its place is set aside"),
        doc: "the data dir is renamed aside on its own file system; nothing is deleted",
        example: "archive data-dir",
    },
    VerbRow {
        verb: Verb::Restore,
        name: "restore",
        arguments: &[
            DATA_DIR,
            after("from", "source", PATH, "snapshot on the host"),
            maybe(after(
                "bump",
                "bump",
                INT,
                "revisions to jump ahead, so that watchers notice; where the host's tools can",
            )),
            maybe(at(
                "alone",
                ArgumentType::Word(&["alone"]),
                "the new cluster is this one member; else all members of the inventory",
            )),
        ],
        effects: &[Effect::ReplacesData],
        undo: Some("the new data dir is set aside, by the undo of `archive`"),
        doc: "the data dir is made from a snapshot, for a new cluster with a token made by the run",
        example: "restore data-dir from \"/var/tmp/runbook-{run.id}/snapshot.db\" bump bump",
    },
    VerbRow {
        verb: Verb::SaveSnapshot,
        name: "save-snapshot",
        arguments: &[after("to", "dest", PATH, "file to write on this machine")],
        effects: &[Effect::WritesControlHost],
        undo: None,
        doc: "a snapshot of the step's one member, verified, stands on this machine with a manifest beside it",
        example: "save-snapshot to to",
    },
    VerbRow {
        verb: Verb::AddMember,
        name: "add-member",
        arguments: &[after(
            "as",
            "kind",
            ArgumentType::Word(&["learner", "voter"]),
            "`learner` has no vote until it is promoted; `voter` counts against quorum at once",
        )],
        effects: &[Effect::AddsMember],
        undo: Some("the member is removed again, found by its peer URL"),
        doc: "the host's member is listed by the cluster; its process is started by a `service` after it",
        example: "add-member as learner",
    },
    VerbRow {
        verb: Verb::PromoteMember,
        name: "promote-member",
        arguments: &[maybe(after(
            "lag",
            "lag",
            INT,
            "raft entries that it may be behind, 1_000 by default",
        ))],
        effects: &[Effect::AddsVoter],
        undo: Some("nothing of its own: the undo of `add-member` removes the member"),
        doc: "the host's learner has a vote, once it keeps up with the leader by an absolute bound",
        example: "promote-member lag 100",
    },
    VerbRow {
        verb: Verb::RemoveMember,
        name: "remove-member",
        arguments: &[maybe(after(
            "of",
            "of",
            ArgumentType::Target,
            "hosts whose members are removed, one after the other: dead ones are removed by a step on a living host; the step's own host where left out",
        ))],
        effects: &[Effect::RemovesMember],
        undo: None,
        doc: "a member is listed no longer; its process is stopped by a `service` after it",
        example: "remove-member of dead",
    },
    VerbRow {
        verb: Verb::UpdateMember,
        name: "update-member",
        arguments: &[],
        effects: &[Effect::RenamesPeer],
        undo: Some("the member gets its former peer URLs back"),
        doc: "the cluster lists the host's member under the peer URL that the inventory says",
        example: "update-member",
    },
    VerbRow {
        verb: Verb::MoveLeader,
        name: "move-leader",
        arguments: &[],
        effects: &[Effect::MovesLeader],
        undo: Some("nothing to undo: any voter may lead"),
        doc: "another voter leads, the one that is furthest ahead; nothing is done where the host's member does not lead",
        example: "move-leader",
    },
    VerbRow {
        verb: Verb::Compact,
        name: "compact",
        arguments: &[after(
            "keep",
            "keep",
            INT,
            "newest revisions whose history stays readable, at least 1",
        )],
        effects: &[Effect::DropsHistory],
        undo: None,
        doc: "history older than the newest revisions is dropped, in the whole cluster; under Kubernetes the API server does this",
        example: "compact keep 10_000",
    },
    VerbRow {
        verb: Verb::Defragment,
        name: "defragment",
        arguments: &[maybe(after(
            "above",
            "above",
            BYTES,
            "left out where less would be freed",
        ))],
        effects: &[Effect::MovesLeader, Effect::PausesMember],
        undo: Some("nothing to undo: the keys are the same"),
        doc: "the host's member rewrites its file without what is free in it, and answers nothing meanwhile; one that leads hands leadership over first, and keeps it where nothing is rewritten",
        example: "defragment above 64MiB",
    },
    VerbRow {
        verb: Verb::Disarm,
        name: "disarm",
        arguments: &[at(
            "alarm",
            ArgumentType::Word(&["nospace"]),
            "the alarm; CORRUPT is never disarmed",
        )],
        effects: &[Effect::ClearsAlarm],
        undo: None,
        doc: "the NOSPACE alarm of the host's member is taken back",
        example: "disarm nospace",
    },
    VerbRow {
        verb: Verb::Shell,
        name: "shell",
        arguments: &[
            at("script", TEXT, "program for `sh`"),
            maybe(after(
                "creates",
                "creates",
                PATH,
                "skipped where this path exists on the host",
            )),
            maybe(after(
                "check",
                "check",
                TEXT,
                "skipped where this program succeeds; it must change nothing",
            )),
            maybe(after(
                "changes",
                "changes",
                ArgumentType::Word(&["nothing"]),
                "the author's word that the script only reads",
            )),
        ],
        effects: &[Effect::Opaque],
        undo: None,
        doc: "a program of the author's own; it says what it changes, or the plan shows it as OPAQUE and the run asks first",
        example: "shell \"sysctl -w vm.swappiness=1\" check \"test $(sysctl -n vm.swappiness) = 1\"",
    },
];

impl Verb {
    /// Its row.
    pub fn row(self) -> &'static VerbRow {
        // INVARIANT: a test holds that every verb has a row.
        VERBS.iter().find(|r| r.verb == self).unwrap_or(&VERBS[0])
    }

    /// As written in a runbook.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The verb of this name.
    pub fn parse(name: &str) -> Option<Self> {
        VERBS.iter().find(|r| r.name == name).map(|r| r.verb)
    }
}
