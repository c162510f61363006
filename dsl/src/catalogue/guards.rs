//! Guards: what each takes and says.

use super::Argument;

/// A guard of the language: one for one with `runbook_model::guard::Guard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GuardName {
    /// `reachable(hosts)`
    Reachable,
    /// `quorum-safe(members)`: stopping the hosts that the step works on at once leaves quorum
    QuorumSafe,
    /// `quorum-lost(members)`
    QuorumLost,
    /// `snapshot-verified(path, sha256?)`
    SnapshotVerified,
    /// `snapshot-fits(members, path)`
    SnapshotFits,
    /// `disk-free(hosts, bytes, path?)`
    DiskFree,
    /// `cluster-healthy(members)`
    ClusterHealthy,
    /// `same-hash(members)`
    SameHash,
    /// `all-stopped(members)`
    AllStopped,
    /// `data-dir-empty(members)`
    DataDirEmpty,
    /// `ports-free(members)`
    PortsFree,
    /// `clocks-agree(hosts)`
    ClocksAgree,
    /// `no-alarm(members)`
    NoAlarm,
    /// `cluster-formed(members)`
    ClusterFormed,
    /// `cluster-absent(members)`
    ClusterAbsent,
    /// `restored-from(members, path)`
    RestoredFrom,
    /// `tools-present(members, etcdctl ...)`
    ToolsPresent,
    /// `any-serving(members)`
    AnyServing,
    /// `revision-at-least(members, int)`
    RevisionAtLeast,
    /// `certs-valid(members, duration)`
    CertsValid,
    /// `writable(members)`: the run writes a key, reads it back everywhere, deletes it
    Writable,
}

/// A guard's row.
#[derive(Clone, Copy, Debug)]
pub struct GuardRow {
    /// Which.
    pub guard: GuardName,
    /// As written.
    pub name: &'static str,
    /// Arguments.
    pub arguments: &'static [Argument],
    /// One sentence: what holds when it holds.
    pub doc: &'static str,
    /// Example.
    pub example: &'static str,
}
