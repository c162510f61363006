//! Guards: what each takes and says.

use super::args::{BOOL, BYTES, DURATION, INT, PATH, SHA256, TEXT, VERSION, at, maybe};
use super::{Argument, ArgumentType};

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
    /// `certificates-served(members)`
    CertificatesServed,
    /// `membership-settled(members, leaving?)`
    MembershipSettled,
    /// `removal-safe(members, leaving)`
    RemovalSafe,
    /// `all-unlisted(joining)`
    AllUnlisted,
    /// `furthest-ahead(members, chosen)`
    FurthestAhead,
    /// `inventory-matches(members)`
    InventoryMatches,
    /// `chosen(bool)`
    Chosen,
    /// `all-serving(members)`
    AllServing,
    /// `no-corruption(members)`
    NoCorruption,
    /// `version-runs(members, version)`
    VersionRuns,
    /// `same-version(members)`
    SameVersion,
    /// `upgradable(members, version)`
    Upgradable,
    /// `writable(members)`: the run writes a key, reads it back everywhere, deletes it
    Writable,
    /// `fits-size(members, size)`
    FitsSize,
    /// `fsync-within(members, duration)`
    FsyncWithin,
    /// `revision-bumps(members, watchers, bump)`
    RevisionBumps,
    /// `peers-reachable(members)`
    PeersReachable,
    /// `etcd-servers-match(apis, members)`
    EtcdServersMatch,
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

const MEMBERS_ARG: Argument = at("members", ArgumentType::Target, "the cluster's members");
const HOSTS_ARG: Argument = at("hosts", ArgumentType::Target, "the hosts");
const PATH_ARG: Argument = at("path", PATH, "snapshot file on this machine");

const MEMBERS: &[Argument] = &[MEMBERS_ARG];
const HOSTS: &[Argument] = &[HOSTS_ARG];
const SNAPSHOT: &[Argument] = &[
    PATH_ARG,
    maybe(at("sha256", SHA256, "expected SHA-256 of the whole file")),
];
const MEMBERS_SNAPSHOT: &[Argument] = &[MEMBERS_ARG, PATH_ARG];
const DISK: &[Argument] = &[
    HOSTS_ARG,
    at("bytes", BYTES, "room that must be free"),
    maybe(at("path", PATH, "absolute path on the hosts")),
];
const TOOLS: &[Argument] = &[
    MEMBERS_ARG,
    at(
        "tools",
        ArgumentType::Words(&["etcd", "etcdctl", "etcdutl"]),
        "one tool, or a list of tools in brackets",
    ),
];
const REVISION: &[Argument] = &[MEMBERS_ARG, at("revision", INT, "lowest revision")];
const CERTIFICATES: &[Argument] = &[MEMBERS_ARG, at("within", DURATION, "how long from now")];

const SETTLED: &[Argument] = &[
    MEMBERS_ARG,
    maybe(at(
        "leaving",
        ArgumentType::Target,
        "those about to be removed, of which nothing is asked",
    )),
];
const REMOVAL: &[Argument] = &[
    MEMBERS_ARG,
    at("leaving", ArgumentType::Target, "those to be removed"),
];

const JOINING: &[Argument] = &[at("joining", ArgumentType::Target, "those to be added")];
const AHEAD: &[Argument] = &[
    MEMBERS_ARG,
    at("chosen", ArgumentType::Target, "the one whose data is kept"),
];

const TO_VERSION: &[Argument] = &[MEMBERS_ARG, at("version", VERSION, "a version, as 3.5.16")];
const SIZE: &[Argument] = &[
    MEMBERS_ARG,
    at("size", TEXT, "`small`, `medium`, `large` or `xlarge`"),
];
const FSYNC: &[Argument] = &[
    MEMBERS_ARG,
    at("within", DURATION, "longest that 99 of 100 writes may take"),
];
const BUMPS: &[Argument] = &[
    MEMBERS_ARG,
    at(
        "watchers",
        ArgumentType::Target,
        "hosts whose API servers watch the cluster; may be none",
    ),
    at("bump", INT, "revisions to jump ahead"),
];
const ETCD_SERVERS: &[Argument] = &[
    at(
        "apis",
        ArgumentType::Target,
        "hosts of the API servers; may be none",
    ),
    MEMBERS_ARG,
];
const CHOICE: &[Argument] = &[at("value", BOOL, "a parameter, or an expression of them")];

const fn row(
    guard: GuardName,
    name: &'static str,
    arguments: &'static [Argument],
    doc: &'static str,
    example: &'static str,
) -> GuardRow {
    GuardRow {
        guard,
        name,
        arguments,
        doc,
        example,
    }
}

/// Every guard, in the order of the reference.
pub static GUARDS: &[GuardRow] = &[
    row(
        GuardName::Reachable,
        "reachable",
        HOSTS,
        "every host answers over its connection and gains the rights it needs",
        "require reachable(members)",
    ),
    row(
        GuardName::QuorumSafe,
        "quorum-safe",
        MEMBERS,
        "stopping the hosts that the step works on at once leaves quorum among the members",
        "require quorum-safe(members)",
    ),
    row(
        GuardName::QuorumLost,
        "quorum-lost",
        MEMBERS,
        "so many members are proven dead that the rest is no quorum; one that does not answer, or runs without a leader, is not",
        "require quorum-lost(members)",
    ),
    row(
        GuardName::SnapshotVerified,
        "snapshot-verified",
        SNAPSHOT,
        "the file passes every check of the snapshot reader: size, trailing hash, b-tree, and the expected SHA-256 where one is given",
        "require snapshot-verified(snapshot, sha256)",
    ),
    row(
        GuardName::SnapshotFits,
        "snapshot-fits",
        MEMBERS_SNAPSHOT,
        "every member's etcd can read the snapshot and its host has a tool that restores it",
        "require snapshot-fits(members, snapshot)",
    ),
    row(
        GuardName::DiskFree,
        "disk-free",
        DISK,
        "every host has this much room at the path, by default at its member's data dir",
        "require disk-free(members, 3 * snap.size)",
    ),
    row(
        GuardName::ClusterHealthy,
        "cluster-healthy",
        MEMBERS,
        "every member serves, all agree on cluster id, membership and leader, and no alarm is active",
        "ensure cluster-healthy(members) within 1m",
    ),
    row(
        GuardName::SameHash,
        "same-hash",
        MEMBERS,
        "all members give the same hash of their keys at one revision",
        "ensure same-hash(members) within 1m",
    ),
    row(
        GuardName::AllStopped,
        "all-stopped",
        MEMBERS,
        "on every host no etcd process lives, its ports have no listener and its unit is inactive: proven, not assumed",
        "require all-stopped(members)",
    ),
    row(
        GuardName::DataDirEmpty,
        "data-dir-empty",
        MEMBERS,
        "every member's data dir is absent or empty",
        "require data-dir-empty(members)",
    ),
    row(
        GuardName::PortsFree,
        "ports-free",
        MEMBERS,
        "client and peer ports are free on every host, or held by the member itself",
        "require ports-free(members)",
    ),
    row(
        GuardName::ClocksAgree,
        "clocks-agree",
        HOSTS,
        "the hosts' clocks agree within a second with this machine and with each other",
        "require clocks-agree(members)",
    ),
    row(
        GuardName::NoAlarm,
        "no-alarm",
        MEMBERS,
        "no member has an alarm",
        "require no-alarm(members)",
    ),
    row(
        GuardName::ClusterFormed,
        "cluster-formed",
        MEMBERS,
        "the members run as one formed cluster that matches the inventory",
        "step \"Bootstrap\" on members when not cluster-formed(members) { ... }",
    ),
    row(
        GuardName::ClusterAbsent,
        "cluster-absent",
        MEMBERS,
        "on none of the hosts a member lives or has data",
        "require cluster-absent(members)",
    ),
    row(
        GuardName::RestoredFrom,
        "restored-from",
        MEMBERS_SNAPSHOT,
        "every data dir was restored from this snapshot, or its member joined the cluster that was, and that cluster runs with the predicted id",
        "done when restored-from(members, snapshot)",
    ),
    row(
        GuardName::ToolsPresent,
        "tools-present",
        TOOLS,
        "etcd and the tools named are on every host",
        "require tools-present(members, [etcdctl, etcdutl])",
    ),
    row(
        GuardName::AnyServing,
        "any-serving",
        MEMBERS,
        "at least one of the members serves",
        "require any-serving(members)",
    ),
    row(
        GuardName::RevisionAtLeast,
        "revision-at-least",
        REVISION,
        "every serving member's store has reached this revision",
        "ensure revision-at-least(members, snap.revision)",
    ),
    row(
        GuardName::CertsValid,
        "certs-valid",
        CERTIFICATES,
        "the certificates on the hosts stay valid for this long",
        "require certs-valid(members, 720h)",
    ),
    row(
        GuardName::CertificatesServed,
        "certificates-served",
        MEMBERS,
        "every member serves the certificate that stands for it on this machine, by its serial number",
        "ensure certificates-served(members) within 1m",
    ),
    row(
        GuardName::MembershipSettled,
        "membership-settled",
        SETTLED,
        "every member that the cluster lists is a started voter known to the inventory, serves, agrees and keeps up; no alarm, no learner left over",
        "require membership-settled(members)",
    ),
    row(
        GuardName::RemovalSafe,
        "removal-safe",
        REMOVAL,
        "removing the leaving members, one after the other, leaves quorum among those that stay each time",
        "require removal-safe(members, leaving)",
    ),
    row(
        GuardName::AllUnlisted,
        "all-unlisted",
        JOINING,
        "the cluster lists none of these hosts' members: all of them are still to join",
        "require all-unlisted(joining)",
    ),
    row(
        GuardName::FurthestAhead,
        "furthest-ahead",
        AHEAD,
        "of the members that answer none has a later revision than the one chosen, so that no write is lost with the others",
        "require furthest-ahead(members, chosen)",
    ),
    row(
        GuardName::InventoryMatches,
        "inventory-matches",
        MEMBERS,
        "the cluster's members are those of the inventory, no more and no fewer",
        "require inventory-matches(members)",
    ),
    row(
        GuardName::Chosen,
        "chosen",
        CHOICE,
        "the value is true: for steps that the operator chooses by a parameter",
        "warn chosen(bump > 0)",
    ),
    row(
        GuardName::AllServing,
        "all-serving",
        MEMBERS,
        "every member serves and knows a leader, whatever alarms are active",
        "ensure all-serving(members) within 1m",
    ),
    row(
        GuardName::NoCorruption,
        "no-corruption",
        MEMBERS,
        "no member has a CORRUPT alarm",
        "require no-corruption(members)",
    ),
    row(
        GuardName::VersionRuns,
        "version-runs",
        TO_VERSION,
        "every member runs this version of etcd",
        "ensure version-runs(members, version) within 1m",
    ),
    row(
        GuardName::SameVersion,
        "same-version",
        MEMBERS,
        "the members that serve run the same minor version of etcd: no upgrade is half-way",
        "require same-version(members)",
    ),
    row(
        GuardName::Upgradable,
        "upgradable",
        TO_VERSION,
        "the members may be brought from what they run to this version: one minor at a time, none that is known to be bad",
        "require upgradable(members, version)",
    ),
    row(
        GuardName::Writable,
        "writable",
        MEMBERS,
        "a key written through one member reads back through every other, and is deleted again",
        "ensure writable(members) within 30s",
    ),
    row(
        GuardName::FitsSize,
        "fits-size",
        SIZE,
        "every host has the cores, memory, disk and network of a cluster of this size; what cannot be told does not fit",
        "require fits-size(members, \"small\")",
    ),
    row(
        GuardName::FsyncWithin,
        "fsync-within",
        FSYNC,
        "of the writes that `measure-disk` timed in this run, 99 of 100 were on the disk this soon, on every host",
        "require fsync-within(members, 10ms)",
    ),
    row(
        GuardName::RevisionBumps,
        "revision-bumps",
        BUMPS,
        "every host's tool restores with a bumped revision, so that watchers notice; or nobody watches",
        "require revision-bumps(members, members, bump)",
    ),
    row(
        GuardName::PeersReachable,
        "peers-reachable",
        MEMBERS,
        "from every host TCP reaches every other one's peer port, whether or not etcd listens there yet; a firewall that answers with resets looks like a port that is closed",
        "require peers-reachable(members)",
    ),
    row(
        GuardName::EtcdServersMatch,
        "etcd-servers-match",
        ETCD_SERVERS,
        "each API server's `--etcd-servers` names the client URLs of the cluster's voters, no more and no fewer, or of the member on its own host alone",
        "warn etcd-servers-match(members, members)",
    ),
];

impl GuardName {
    /// Its row.
    pub fn row(self) -> &'static GuardRow {
        // INVARIANT: a test holds that every name has a row.
        GUARDS
            .iter()
            .find(|r| r.guard == self)
            .unwrap_or(&GUARDS[0])
    }

    /// As written in a runbook.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The guard of this name.
    pub fn parse(name: &str) -> Option<Self> {
        GUARDS.iter().find(|r| r.name == name).map(|r| r.guard)
    }
}
