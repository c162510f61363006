//! Everything observed at about one moment: what guards are evaluated on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cluster::{ClusterView, MemberQuery};
use crate::facts::{HostError, HostFacts, ProbeRequest};
use crate::host::{HostName, MemberSpec};

/// What must be observed to make a [`View`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Hosts to probe, each with what to ask.
    pub hosts: BTreeMap<HostName, ProbeRequest>,
    /// Members to ask for their status, by the host that carries each.
    pub members: BTreeMap<HostName, MemberSpec>,
    /// How to ask the members.
    pub query: MemberQuery,
    /// Snapshot files on the control host, with the SHA-256 expected of each, if any.
    pub snapshots: BTreeMap<String, Option<String>>,
}

impl Needs {
    /// Adds what `other` needs and this does not.
    pub fn merge(&mut self, other: Needs) {
        for (host, request) in other.hosts {
            self.hosts.entry(host).or_default().merge(&request);
        }
        self.members.extend(other.members);
        self.query.hash_at = self.query.hash_at.or(other.query.hash_at);
        self.query.timeout_ms = self.query.timeout_ms.max(other.query.timeout_ms);
        for (path, sha256) in other.snapshots {
            let known = self.snapshots.entry(path).or_default();
            *known = known.take().or(sha256);
        }
    }
}

/// Hosts, members and snapshots as just seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// What each host reported, or why it did not.
    pub hosts: BTreeMap<HostName, Result<HostFacts, HostError>>,
    /// The members that the inventory declares, by host.
    pub specs: BTreeMap<HostName, MemberSpec>,
    /// What each member says of itself.
    pub cluster: ClusterView,
    /// Snapshot files on the control host, by path as the runbook names them.
    pub snapshots: BTreeMap<String, SnapshotFacts>,
    /// Seconds since the epoch on the control host.
    pub now: i64,
    /// Files on the control host that the run itself will have made by then; in a prediction only.
    #[serde(skip)]
    pub made: std::collections::BTreeSet<String>,
    /// Result of a write-and-read-back probe, only where a run made one: what was seen, or why it failed.
    pub written: Option<Result<String, String>>,
}

impl View {
    /// Facts of a reached host.
    pub fn facts(&self, host: &HostName) -> Option<&HostFacts> {
        self.hosts.get(host).and_then(|r| r.as_ref().ok())
    }
}

/// What the snapshot reader found in a file on the control host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFacts {
    /// Why it is refused; empty: verified.
    pub refused: Vec<String>,
    /// Bytes of the file.
    pub size: u64,
    /// SHA-256 of the whole file, lower-case hex.
    pub sha256: String,
    /// The hash that etcd's status prints.
    pub hash: u32,
    /// Revision of the newest entry.
    pub revision: i64,
    /// Entries in all buckets, as 3.4 and 3.5 count them.
    pub total_keys: u64,
    /// Keys alive, as a member counts them.
    #[serde(default)]
    pub live_keys: u64,
    /// Whether the trailing SHA-256 is there.
    pub has_hash: bool,
    /// Lowest etcd minor that can read it, as `3.4`, where known.
    pub needs_version: Option<String>,
    /// Whether authentication is on in it.
    pub auth_enabled: bool,
}
