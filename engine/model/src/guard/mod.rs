//! Guards: propositions about a cluster with three values. Pure.

mod etcd_servers;
mod evaluate;
mod hints;
mod members;
mod membership;
mod needs;
mod network;
mod restored;
mod sizing;
mod versions;

use serde::{Deserialize, Serialize};

pub use evaluate::evaluate;
pub use membership::{all_asked, listed};
pub use needs::{MEMBER_TIMEOUT_MS, member_probe, needs};

use crate::host::HostName;
use crate::sizing::SizeClass;

/// A guard with its arguments resolved. Names and documentation stand in the language's catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "guard", rename_all = "kebab-case")]
pub enum Guard {
    /// Every host answers over its connection and gains the rights it needs.
    Reachable {
        /// Hosts.
        hosts: Vec<HostName>,
    },
    /// Stopping any one of `stopping` (all at once, if several) leaves quorum among `members`.
    QuorumSafe {
        /// All members.
        members: Vec<HostName>,
        /// Those about to stop.
        stopping: Vec<HostName>,
    },
    /// The members cannot commit: fewer than quorum serve with a leader.
    QuorumLost {
        /// All members.
        members: Vec<HostName>,
    },
    /// The file passes every check of the snapshot reader, and has this SHA-256 where one is given.
    SnapshotVerified {
        /// Path on the control host.
        path: String,
        /// Expected SHA-256 of the whole file, lower-case hex.
        sha256: Option<String>,
    },
    /// Every member's etcd can read the snapshot and has a tool that can restore it.
    SnapshotFits {
        /// Members.
        members: Vec<HostName>,
        /// Path on the control host.
        path: String,
    },
    /// Every host has this much room at the path (its member's data dir where none is given).
    DiskFree {
        /// Hosts.
        hosts: Vec<HostName>,
        /// Bytes.
        bytes: u64,
        /// Absolute path on the hosts.
        path: Option<String>,
    },
    /// Each member serves, names itself as the inventory does, agrees on cluster id, membership and leader, has no alarm.
    ClusterHealthy {
        /// Members.
        members: Vec<HostName>,
    },
    /// All members give the same HashKV at one revision.
    SameHash {
        /// Members.
        members: Vec<HostName>,
    },
    /// No etcd process, no listener on its ports, unit inactive, on every host: proven, not assumed.
    AllStopped {
        /// Members.
        members: Vec<HostName>,
    },
    /// Every member's data dir is absent or empty.
    DataDirEmpty {
        /// Members.
        members: Vec<HostName>,
    },
    /// Client and peer ports are free on every host, or held by the member itself.
    PortsFree {
        /// Members.
        members: Vec<HostName>,
    },
    /// Clocks agree within a second with the control host and each other.
    ClocksAgree {
        /// Hosts.
        hosts: Vec<HostName>,
    },
    /// No alarm is active.
    NoAlarm {
        /// Members.
        members: Vec<HostName>,
    },
    /// The members run as one formed cluster that matches the inventory.
    ClusterFormed {
        /// Members.
        members: Vec<HostName>,
    },
    /// No member of a cluster lives or has data on any of these hosts.
    ClusterAbsent {
        /// Members.
        members: Vec<HostName>,
    },
    /// Every data dir was restored from this snapshot (by its receipt) and the cluster runs with the predicted id; who joined it since
    /// has its data.
    RestoredFrom {
        /// Members.
        members: Vec<HostName>,
        /// Path on the control host.
        path: String,
    },
    /// etcd, and what is named, is on every host.
    ToolsPresent {
        /// Members.
        members: Vec<HostName>,
        /// Tool names.
        tools: Vec<String>,
    },
    /// At least one of the members serves.
    AnyServing {
        /// Members.
        members: Vec<HostName>,
    },
    /// Every serving member's store is at least at this revision.
    RevisionAtLeast {
        /// Members.
        members: Vec<HostName>,
        /// Revision.
        revision: i64,
    },
    /// Certificates on hosts stay valid for this long.
    CertsValid {
        /// Members.
        members: Vec<HostName>,
        /// Seconds.
        within_s: u64,
    },
    /// Every member serves the certificate that stands for it on the control host.
    CertificatesServed {
        /// Members.
        members: Vec<HostName>,
    },
    /// Every member that the cluster lists is a started voter that serves, agrees and keeps up; no alarm, no learner left over.
    MembershipSettled {
        /// All members that the inventory knows.
        members: Vec<HostName>,
        /// Of those, the ones that are just being added or promoted, or that are to leave: nothing is asked of them.
        joining: Vec<HostName>,
    },
    /// Removing these members one after the other leaves quorum each time.
    RemovalSafe {
        /// All members.
        members: Vec<HostName>,
        /// Those about to be removed.
        leaving: Vec<HostName>,
    },
    /// The cluster lists none of these hosts' members.
    AllUnlisted {
        /// Those about to be added.
        joining: Vec<HostName>,
    },
    /// Of the members that answer none has a later revision than the chosen one.
    FurthestAhead {
        /// All members.
        members: Vec<HostName>,
        /// The one whose data is kept.
        chosen: Vec<HostName>,
    },
    /// The cluster lists exactly these members.
    InventoryMatches {
        /// Members.
        members: Vec<HostName>,
    },
    /// The author's or operator's choice: a value that was decided before the run.
    Chosen {
        /// As given.
        value: bool,
    },
    /// Every member serves and knows a leader, whatever alarms are active.
    AllServing {
        /// Members.
        members: Vec<HostName>,
    },
    /// No CORRUPT alarm is active.
    NoCorruption {
        /// Members.
        members: Vec<HostName>,
    },
    /// Every member runs this version.
    VersionRuns {
        /// Members.
        members: Vec<HostName>,
        /// As `3.5.16`.
        version: String,
    },
    /// Every member runs the same minor version: no upgrade is half-way.
    SameVersion {
        /// Members.
        members: Vec<HostName>,
    },
    /// The members may be brought from what they run to this version: one minor at a time, none that is known to be bad.
    Upgradable {
        /// Members.
        members: Vec<HostName>,
        /// As `3.5.16`.
        version: String,
    },
    /// A key written through any member reads back through every other.
    Writable {
        /// Members.
        members: Vec<HostName>,
    },
    /// Every host has what a cluster of this size wants.
    FitsSize {
        /// Members.
        members: Vec<HostName>,
        /// The size.
        size: SizeClass,
    },
    /// 99 of 100 writes that the run measured were on the disk this soon.
    FsyncWithin {
        /// Members.
        members: Vec<HostName>,
        /// Milliseconds.
        limit_ms: u64,
        /// The run that measures.
        run: String,
    },
    /// Every host's tool restores with a bumped revision, or nobody watches.
    RevisionBumps {
        /// Members.
        members: Vec<HostName>,
        /// Hosts whose API servers watch.
        watchers: Vec<HostName>,
        /// Revisions.
        bump: i64,
    },
    /// From every host TCP reaches every other one's peer port.
    PeersReachable {
        /// Members.
        members: Vec<HostName>,
    },
    /// Each API server's `--etcd-servers` names exactly the voters' client URLs, or those of the member on its own host.
    EtcdServersMatch {
        /// Hosts of the API servers.
        apis: Vec<HostName>,
        /// Members.
        members: Vec<HostName>,
    },
}

impl Guard {
    /// The guard for hosts about to be worked on: `quorum-safe` is asked of exactly these.
    pub fn for_batch(&self, batch: &[HostName]) -> Guard {
        match self {
            Guard::QuorumSafe { members, .. } => Guard::QuorumSafe {
                members: members.clone(),
                stopping: batch.to_vec(),
            },
            other => other.clone(),
        }
    }
}

/// What a guard says of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It holds; `observed` says by which values.
    Holds {
        /// As `3 of 3 members healthy, 1 may stop`.
        observed: String,
    },
    /// It does not.
    Violated {
        /// What was seen instead.
        observed: String,
        /// What to do about it, if one thing is clear.
        help: Option<String>,
    },
    /// It cannot be told. Never counts as holds.
    Unknown {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// Whether it holds.
    pub const fn holds(&self) -> bool {
        matches!(self, Verdict::Holds { .. })
    }

    /// The verdict of `not GUARD`: unknown stays unknown.
    pub fn negate(self) -> Self {
        match self {
            Verdict::Holds { observed } => Verdict::Violated {
                observed,
                help: None,
            },
            Verdict::Violated { observed, .. } => Verdict::Holds { observed },
            unknown @ Verdict::Unknown { .. } => unknown,
        }
    }

    /// The first line of the text: what follows it, if anything does, is a table.
    pub fn headline(&self) -> &str {
        self.text().lines().next().unwrap_or_default()
    }

    /// The lines below the first: a table of what was observed.
    pub fn table(&self) -> Option<&str> {
        self.text().split_once('\n').map(|(_, table)| table)
    }

    /// The observed values or the reason, whichever there is.
    pub fn text(&self) -> &str {
        match self {
            Verdict::Holds { observed } | Verdict::Violated { observed, .. } => observed,
            Verdict::Unknown { why } => why,
        }
    }
}
