//! Actions: the smallest things that a run does to a host or a cluster, as data. The world carries them out.
//!
//! An action is complete: it names absolute paths, owners, expected digests; nothing is looked up again while it runs.
//! Every action converges: carried out on a host where it is already so, it changes nothing and says so.

use serde::{Deserialize, Serialize};

use crate::change::ClusterChange;
use crate::facts::DataDirOrigin;
use crate::host::{HostName, ServiceManager};

/// Owner and permission bits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Access {
    /// Permission bits, as 0o644.
    pub mode: u32,
    /// Owner's name; none leaves it to the user after become.
    pub owner: Option<String>,
    /// Group's name; none: the owner's.
    pub group: Option<String>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// A system user and group exist.
    User {
        /// Name.
        name: String,
        /// Home directory (not created).
        home: String,
    },
    /// A directory exists with this access (parents are made with 0755).
    Directory {
        /// Absolute path.
        path: String,
        /// Access.
        access: Access,
    },
    /// A file holds this text, written aside, fsynced and renamed.
    WriteFile {
        /// Absolute path.
        path: String,
        /// Whole content. Never a secret.
        content: String,
        /// Access.
        access: Access,
    },
    /// A file on the control host stands on the host: streamed, hashed on the way, renamed when the digest is right.
    Upload {
        /// Path on the control host.
        source: String,
        /// Absolute path on the host.
        dest: String,
        /// Lower-case hex; none for files made during the run (certificates): then compared by the world when it sends.
        sha256: Option<String>,
        /// Bytes; none as above.
        size: Option<u64>,
        /// Access.
        access: Access,
        /// Content is a secret: never shown, never diffed.
        secret: bool,
    },
    /// A file that this run uploaded is gone again.
    RemoveUpload {
        /// Absolute path; must be under a directory that the run made.
        path: String,
    },
    /// What this run made is taken away again: a file, or a directory if nothing else is in it. Undo only.
    RemoveCreated {
        /// Absolute path.
        path: String,
        /// A directory: removed only when empty.
        directory: bool,
    },
    /// The distribution's packages are installed (and their own service neither started nor enabled by that).
    InstallPackages {
        /// Name and, optionally, version.
        packages: Vec<(String, Option<String>)>,
    },
    /// Binaries of an uploaded release archive stand in a directory.
    InstallArchive {
        /// `.tar.gz` on the host, uploaded before.
        archive: String,
        /// Lower-case hex of the archive, checked again on the host.
        sha256: String,
        /// Directory for `etcd`, `etcdctl`, `etcdutl`.
        bin_dir: String,
    },
    /// The certificate authority and leaves exist on the control host.
    IssueCertificates {
        /// Directory on the control host.
        dir: String,
        /// Cluster's name, for the authority's common name.
        cluster: String,
        /// Members to have server and peer certificates.
        members: Vec<CertificateRequest>,
        /// Days that leaves are valid.
        days: u32,
        /// Leaves that end within so many seconds are issued again; none: within a day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        renew_s: Option<u64>,
        /// Directory on the control host for what is replaced; what was once put there by the run stays.
        #[serde(default)]
        aside: String,
        /// Files that are made or replaced, as far as the plan can tell.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        makes: Vec<String>,
    },
    /// The certificate authority on the control host is replaced by another, one state after the other.
    RotateAuthority {
        /// Directory on the control host.
        dir: String,
        /// Cluster's name, for the new authority's common name.
        cluster: String,
        /// Members whose certificates must be of the new authority before the old one is dropped.
        members: Vec<CertificateRequest>,
        /// The state to get to.
        to: Rotation,
        /// As for certificates.
        aside: String,
    },
    /// What a run replaced on the control host goes back from where it was put; what was not there is put there. Undo only.
    ReinstateCertificates {
        /// Directory on the control host.
        dir: String,
        /// Where the former files are.
        aside: String,
        /// Their names in both.
        files: Vec<String>,
    },
    /// A service is in this state.
    Service {
        /// Unit name without `.service`.
        unit: String,
        /// Who runs it.
        manager: ServiceManager,
        /// For a plain process.
        process: Option<ProcessSpec>,
        /// Wanted.
        state: ServiceState,
        /// Whether it is to start at boot; none leaves it.
        enabled: Option<bool>,
        /// Seconds to wait for it to get there; zero: it is told to, and not waited for.
        wait_s: u64,
    },
    /// A static pod runs, or does not: its manifest stands where the kubelet reads it, or is kept where it does not.
    StaticPod {
        /// The pod's name, which is its process's as well.
        name: String,
        /// Absolute path of the manifest where the kubelet reads it.
        manifest: String,
        /// Directory that keeps it meanwhile, on the same file system.
        aside: String,
        /// Running or stopped.
        state: ServiceState,
        /// Seconds to wait for it to get there.
        wait_s: u64,
    },
    /// systemd reads its unit files again.
    DaemonReload,
    /// Small writes are timed on the file system of a data dir, each brought to the disk; the run's state keeps the times.
    MeasureDisk {
        /// Data dir.
        data_dir: String,
    },
    /// A snapshot on the host restores into a scratch directory, which is then removed.
    TrialRestore {
        /// Tool to use: absolute path of etcdutl or etcdctl.
        tool: String,
        /// Snapshot on the host.
        snapshot: String,
        /// Scratch directory, made and removed by this action, on the data dir's file system.
        scratch: String,
        /// Member's name.
        name: String,
        /// Snapshot lacks the trailing hash and the operator allows it.
        skip_hash_check: bool,
    },
    /// A data dir is renamed aside on its own file system (its content, where it is a mount point).
    ArchiveDataDir {
        /// Data dir.
        data_dir: String,
        /// Where it goes.
        aside: String,
    },
    /// The opposite of archive: what stands at `data_dir` is set aside as `failed`, `aside` renamed back.
    ReinstateDataDir {
        /// Data dir.
        data_dir: String,
        /// Where it was set aside.
        aside: String,
        /// Where what a failed run made goes.
        failed: String,
    },
    /// A snapshot is restored into a fresh directory beside the data dir, marked, fsynced, renamed into place.
    RestoreDataDir {
        /// Tool: absolute path.
        tool: String,
        /// Snapshot on the host.
        snapshot: String,
        /// Data dir; must be absent or empty.
        data_dir: String,
        /// Member's name.
        name: String,
        /// `--initial-cluster`.
        initial_cluster: String,
        /// `--initial-cluster-token`.
        token: String,
        /// `--initial-advertise-peer-urls`.
        peer_url: String,
        /// `--bump-revision` with `--mark-compacted`; none: the tool has neither.
        bump: Option<i64>,
        /// Owner of the new tree.
        owner: String,
        /// As for a trial.
        skip_hash_check: bool,
        /// Receipt to write beside the data dir.
        origin: DataDirOrigin,
    },
    /// A copy of a member beside the living one: a cluster of its own, which nobody but this host can reach.
    RehearseMember {
        /// The copy's directory: made, used and removed by these actions alone, on the data dir's file system.
        dir: String,
        /// What is done with it.
        part: Rehearsal,
    },
    /// The snapshot of one member, streamed to the control host, verified, with a manifest beside it.
    SaveSnapshot {
        /// The member asked.
        member: HostName,
        /// Path on the control host; `.part` until complete.
        dest: String,
    },
    /// The cluster is changed through etcd's own API.
    ChangeCluster {
        /// What is changed.
        change: ClusterChange,
        /// Hexadecimal: the change is refused by any other cluster; none where it was not known when planned.
        cluster_id: Option<String>,
        /// Members to call, in this order; the first that can answers for the cluster.
        through: Vec<HostName>,
    },
    /// A command that the language did not foresee.
    Shell {
        /// Program for `sh -c`, from the runbook's own text (never from data).
        script: String,
        /// Values that the script sees as environment variables.
        env: Vec<(String, String)>,
        /// Skipped when this path exists.
        creates: Option<String>,
        /// Declared to change nothing.
        read_only: bool,
    },
}

/// States of the rotation of an authority, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    /// A new authority is made and trusted beside the old one, which goes on issuing.
    Add,
    /// The new one issues from here on; both are trusted.
    Switch,
    /// The old one is trusted no longer.
    Drop,
}

/// What is done with the copy of a member, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Rehearsal {
    /// Its directory is made anew; copies that dead rehearsals left beside it are ended and removed.
    Prepare {
        /// Who is to run it.
        user: String,
    },
    /// It runs, on sockets in its own directory, and has a leader.
    Start {
        /// Absolute path of the binary.
        etcd: String,
        /// Absolute path of the tool that asks it.
        etcdctl: String,
        /// Member's name.
        name: String,
        /// Who runs it.
        user: String,
        /// Its quota: enough for the snapshot.
        quota_bytes: u64,
        /// Seconds to wait until it serves.
        wait_s: u64,
        /// Seconds after which it ends by itself, whatever became of the run.
        life_s: u64,
    },
    /// It is the restored cluster, and holds what the snapshot holds.
    ReadBack {
        /// Absolute path of the tool that asks it.
        etcdctl: String,
        /// Cluster id as predicted from its token, decimal.
        cluster_id: String,
        /// Revision right after the restore.
        revision: i64,
        /// Keys alive at that revision; none: they cannot be counted without a password.
        keys: Option<u64>,
    },
    /// It is ended, and its directory removed.
    Remove,
}

/// A member to be certified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CertificateRequest {
    /// Member's name: common name and file name.
    pub name: String,
    /// DNS names.
    pub dns: Vec<String>,
    /// Addresses.
    pub ips: Vec<String>,
    /// For clients: a server certificate.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub server: bool,
    /// For other members: a peer certificate.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub peer: bool,
}

/// What requests said before they told the two apart.
fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_true(value: &bool) -> bool {
    *value
}

/// How to run etcd as a plain process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProcessSpec {
    /// Absolute path of the binary.
    pub binary: String,
    /// Environment file with its settings.
    pub config: String,
    /// Directory of pid file and log.
    pub run_dir: String,
}

/// State of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// Running.
    Running,
    /// Stopped.
    Stopped,
    /// Stopped and started again, whatever it was.
    Restarted,
}

/// How an action ended on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Done; `changed` is false where it was already so.
    Done {
        /// Whether anything was changed.
        changed: bool,
    },
    /// It ran and failed.
    Failed {
        /// Exit status, where there is one.
        status: Option<i32>,
        /// What went wrong, in one sentence.
        reason: String,
        /// End of its output, escaped.
        output: String,
    },
    /// Whether it was carried out cannot be told (connection lost, deadline passed): probe before anything else.
    Unknown {
        /// Why.
        reason: String,
    },
    /// Not begun, because an earlier action of the same step failed.
    NotStarted,
}
