//! What a read-only probe of a host reports. One round trip brings all of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::HostName;

/// What to ask of one host. Everything named here comes back in [`HostFacts`] under the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Paths whose kind, mode, owner and size are wanted; content up to `content_limit` for regular files.
    pub files: Vec<FileQuery>,
    /// Directories to look into: existence, owner, entries, bytes used.
    pub dirs: Vec<String>,
    /// Paths whose file system's free space is wanted (the nearest existing parent is taken).
    pub disks: Vec<String>,
    /// TCP ports to look for listeners on.
    pub ports: Vec<u16>,
    /// Services to look at.
    pub services: Vec<ServiceQuery>,
    /// Whether `etcd`, `etcdctl`, `etcdutl` are wanted: each that is new to us is run to tell what it is, which takes a while.
    pub tools: bool,
    /// Where to look for them beside PATH.
    pub bin_dirs: Vec<String>,
    /// Users whose existence is wanted.
    pub users: Vec<String>,
    /// Certificate files to report as PEM (public material only).
    pub certificates: Vec<String>,
    /// Members' data dirs: fills [`HostFacts::data_dirs`].
    pub data_dirs: Vec<String>,
    /// Cluster whose lock to read.
    pub cluster: Option<String>,
    /// Distribution packages whose installed version is wanted.
    pub packages: Vec<String>,
    /// Paths whose file system's disks are wanted (the nearest existing parent is taken).
    #[serde(default)]
    pub media: Vec<String>,
    /// Addresses whose network interface is wanted.
    #[serde(default)]
    pub links: Vec<String>,
    /// Run whose measurement of the disk is wanted.
    #[serde(default)]
    pub measured_by: Option<String>,
    /// What to connect to from there.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Manifest of the static pod whose `--etcd-servers` is wanted; where it is absent, systemd's unit of the same name is asked.
    #[serde(default)]
    pub api_server: Option<String>,
}

impl ProbeRequest {
    /// Adds what `other` asks and this does not.
    pub fn merge(&mut self, other: &ProbeRequest) {
        fn add<T: Clone + PartialEq>(mine: &mut Vec<T>, theirs: &[T]) {
            for item in theirs {
                if !mine.contains(item) {
                    mine.push(item.clone());
                }
            }
        }
        add(&mut self.files, &other.files);
        add(&mut self.dirs, &other.dirs);
        add(&mut self.disks, &other.disks);
        add(&mut self.ports, &other.ports);
        add(&mut self.services, &other.services);
        self.tools |= other.tools;
        add(&mut self.bin_dirs, &other.bin_dirs);
        add(&mut self.users, &other.users);
        add(&mut self.certificates, &other.certificates);
        add(&mut self.data_dirs, &other.data_dirs);
        add(&mut self.packages, &other.packages);
        add(&mut self.media, &other.media);
        add(&mut self.links, &other.links);
        add(&mut self.endpoints, &other.endpoints);
        if self.api_server.is_none() {
            self.api_server.clone_from(&other.api_server);
        }
        if self.measured_by.is_none() {
            self.measured_by.clone_from(&other.measured_by);
        }
        if self.cluster.is_none() {
            self.cluster.clone_from(&other.cluster);
        }
    }
}

/// Where something listens, or is to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// A name or an address, without brackets.
    pub address: String,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.address.contains(':') {
            write!(f, "[{}]:{}", self.address, self.port)
        } else {
            write!(f, "{}:{}", self.address, self.port)
        }
    }
}

/// One file to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileQuery {
    /// Absolute path.
    pub path: String,
    /// Bring the text back, up to this many bytes; zero brings only the SHA-256. Never asked for keys.
    pub content_limit: u64,
}

/// One service to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceQuery {
    /// Unit name without `.service`, or the key of a plain process.
    pub unit: String,
    /// Who runs it.
    pub manager: crate::host::ServiceManager,
    /// For a plain process: the directory of its pid file and log.
    pub run_dir: Option<String>,
}

/// What a host is and holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// `/etc/machine-id`.
    pub machine_id: String,
    /// `/proc/sys/kernel/random/boot_id`: changes with every boot.
    pub boot_id: String,
    /// `hostname`.
    pub hostname: String,
    /// `ID` and `VERSION_ID` of /etc/os-release, as `debian 12`.
    pub os: String,
    /// `uname -m`.
    pub arch: String,
    /// Logical processors.
    pub cores: u32,
    /// MemTotal, bytes.
    pub memory_bytes: u64,
    /// Host clock minus control clock, milliseconds: the least of what the round trip allows, so that a slow host is not taken for a wrong clock.
    pub clock_offset_ms: i64,
    /// Effective user after become.
    pub user: String,
    /// Whether a reachable systemd is PID 1.
    pub has_systemd: bool,
    /// etcd's binaries found, first match first.
    pub tools: Vec<Tool>,
    /// By unit.
    pub services: BTreeMap<String, ServiceFacts>,
    /// By path.
    pub files: BTreeMap<String, FileFacts>,
    /// By path.
    pub dirs: BTreeMap<String, DirFacts>,
    /// By the path asked.
    pub disks: BTreeMap<String, DiskFacts>,
    /// By port: the listener, if any.
    pub ports: BTreeMap<u16, Option<Listener>>,
    /// By name: whether the user exists.
    pub users: BTreeMap<String, bool>,
    /// By path: PEM text of certificates (absent files are left out).
    pub certificates: BTreeMap<String, String>,
    /// By path.
    pub data_dirs: BTreeMap<String, DataDirFacts>,
    /// Every process named etcd on the host.
    pub etcd_processes: Vec<EtcdProcess>,
    /// The cluster's lock on this host, if held.
    pub lock: Option<LockFacts>,
    /// By package name: installed version, if installed.
    pub packages: BTreeMap<String, Option<String>>,
    /// By the path asked: the block devices under its file system, those at the bottom of a stack; left out where there are none to be seen.
    pub media: BTreeMap<String, Vec<BlockDevice>>,
    /// By the address asked; left out where no interface is known to hold it.
    pub links: BTreeMap<String, LinkFacts>,
    /// What the run asked about measured.
    pub fsync: Option<FsyncFacts>,
    /// By the endpoint asked, as it is written: what came of connecting to it.
    pub endpoints: BTreeMap<String, Connect>,
    /// What the API server here is told of etcd, where that was asked.
    pub api_server: Option<EtcdServers>,
}

/// What came of connecting to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "connect", rename_all = "kebab-case")]
pub enum Connect {
    /// Something listens.
    Accepted,
    /// Reset: nothing listens. A firewall that answers with resets looks the same.
    Refused,
    /// An ICMP error that says the same as a reset: a firewall's, since a closed port sends none.
    Rejected,
    /// No answer in this time.
    Silent {
        /// Seconds.
        limit_s: u32,
    },
    /// The kernel's or the resolver's words: no route, prohibited, no such name.
    Failed {
        /// Escaped.
        why: String,
    },
    /// Nothing was sent: why.
    NotTried {
        /// In words.
        why: String,
    },
}

/// An API server's `--etcd-servers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdServers {
    /// Where its flags stand: the manifest's path or the unit's name.
    pub source: String,
    /// Endpoints in the order of the flag, as written.
    pub endpoints: Result<Vec<String>, EtcdServersUntold>,
}

/// Why an API server's `--etcd-servers` cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum EtcdServersUntold {
    /// Neither a manifest nor a unit.
    #[error("there is neither this manifest nor a unit of its name")]
    Absent,
    /// The manifest cannot be read.
    #[error("it cannot be read")]
    Unreadable,
    /// The manifest is longer than anybody's.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// Bytes that are read.
        limit: usize,
    },
    /// Not a YAML document.
    #[error("it is not YAML: {detail}")]
    NotYaml {
        /// The reader's words, escaped.
        detail: String,
    },
    /// No container of that name.
    #[error("it has no container `kube-apiserver` with a command")]
    NoContainer,
    /// The flag stands inside a shell's program.
    #[error("a shell starts it: what flags it comes to is not to be told")]
    Shell,
    /// The value comes from variables.
    #[error("its flags come from variables, which are not read")]
    Variables,
    /// Without the flag.
    #[error("it has no `--etcd-servers`")]
    NoFlag,
}

/// A block device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDevice {
    /// Kernel's name, as `nvme0n1`.
    pub name: String,
    /// Whether the kernel takes it for a spinning disk; none where it does not say.
    pub rotational: Option<bool>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFacts {
    /// Kernel's name, as `eth0`.
    pub interface: String,
    /// Megabits a second; none where it is virtual or down.
    pub mbit: Option<u32>,
}

/// Timed writes, each of 2300 bytes and on the disk before the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsyncFacts {
    /// Directory whose file system was written to.
    pub dir: String,
    /// Writes.
    pub count: u32,
    /// 99 of 100 took at most this, microseconds.
    pub p99_us: u64,
    /// The longest, microseconds.
    pub max_us: u64,
}

impl FsyncFacts {
    /// From the seconds that each write took; none without any.
    pub fn of(dir: &str, seconds: &[f64]) -> Option<Self> {
        let mut us: Vec<u64> = seconds
            .iter()
            .filter(|s| s.is_finite() && **s >= 0.0)
            .map(|s| {
                std::time::Duration::try_from_secs_f64(*s).map_or(u64::MAX, |d| {
                    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
                })
            })
            .collect();
        us.sort_unstable();
        let max_us = *us.last()?;
        // The smallest that at least 99 of 100 do not exceed.
        let rank = (us.len() * 99).div_ceil(100).max(1);
        Some(Self {
            dir: dir.to_owned(),
            count: u32::try_from(us.len()).unwrap_or(u32::MAX),
            p99_us: us[rank - 1],
            max_us,
        })
    }
}

/// A binary of etcd's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `etcd`, `etcdctl` or `etcdutl`.
    pub name: String,
    /// Absolute path.
    pub path: String,
    /// As it prints itself, `3.5.16`.
    pub version: String,
    /// Whether `snapshot restore` takes `--bump-revision` and `--mark-compacted`.
    pub restore_bump: bool,
    /// Whether it can restore a snapshot at all (3.6's etcdctl cannot).
    pub can_restore: bool,
}

/// A service as its manager sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFacts {
    /// A unit file (or a pid file's directory) exists.
    pub exists: bool,
    /// Starts at boot.
    pub enabled: bool,
    /// systemd's `is-active` word: active, inactive, failed, activating...
    pub active: String,
    /// Main process, zero if none.
    pub pid: u32,
    /// systemd's `NRestarts`.
    pub restarts: u32,
    /// The unit file and drop-ins in force (`FragmentPath`, `DropInPaths`).
    pub sources: Vec<String>,
}

impl ServiceFacts {
    /// Whether the service runs or is about to.
    pub fn is_running(&self) -> bool {
        matches!(self.active.as_str(), "active" | "activating" | "reloading")
    }
}

/// A path on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// What stands there.
    pub kind: FileKind,
    /// Permission bits, as 0o644.
    pub mode: u32,
    /// Owner's name (or number where it has none).
    pub owner: String,
    /// Group's name.
    pub group: String,
    /// Bytes.
    pub size: u64,
    /// Lower-case hex, for regular files.
    pub sha256: Option<String>,
    /// Text, where asked, short enough and UTF-8.
    pub content: Option<String>,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Nothing.
    #[default]
    Absent,
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link (not followed).
    Link,
    /// Anything else.
    Other,
}

/// A directory on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirFacts {
    /// Whether it is there.
    pub exists: bool,
    /// Permission bits.
    pub mode: u32,
    /// Owner's name.
    pub owner: String,
    /// Group's name.
    pub group: String,
    /// Names in it, at most 64.
    pub entries: Vec<String>,
}

/// A file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFacts {
    /// Bytes available to the user after become.
    pub available: u64,
    /// Bytes in all.
    pub total: u64,
    /// Mount point.
    pub mount: String,
}

/// Who listens on a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Process name, where it can be seen.
    pub command: String,
    /// Process id, zero where it cannot be seen.
    pub pid: u32,
}

/// A member's data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDirFacts {
    /// Whether the directory exists.
    pub exists: bool,
    /// Nothing in it.
    pub empty: bool,
    /// `member/` is in it.
    pub has_member: bool,
    /// Bytes used.
    pub bytes: u64,
    /// Owner's name.
    pub owner: String,
    /// The receipt of the restore or deploy that made it, beside the directory.
    pub origin: Option<DataDirOrigin>,
    /// Directories that runs have set aside, newest first.
    pub aside: Vec<String>,
    /// Whether it is a mount point (then it cannot be renamed, only its content).
    pub mount_point: bool,
}

/// How a data dir came to be: written beside it (`<data-dir>.runbook.json`) by the run that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DataDirOrigin {
    /// The run.
    pub run: String,
    /// SHA-256 of the snapshot file it was restored from.
    pub snapshot_sha256: String,
    /// The token.
    pub token: String,
    /// Cluster id as predicted from token and peer URLs, as hex without padding.
    pub cluster_id: String,
    /// Revision right after the restore.
    pub revision: i64,
}

/// A running etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdProcess {
    /// Process id.
    pub pid: u32,
    /// Its data dir, where it can be told from its environment or arguments.
    pub data_dir: Option<String>,
    /// Those of [`COMPARED_SETTINGS`] that it was started with by its environment, by name; empty where that cannot be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// Settings of a running member that are compared with its environment file: they hold from the next start on.
pub const COMPARED_SETTINGS: [&str; 6] = [
    "ETCD_LISTEN_PEER_URLS",
    "ETCD_PEER_CERT_FILE",
    "ETCD_PEER_CLIENT_CERT_AUTH",
    "ETCD_PEER_KEY_FILE",
    "ETCD_PEER_TRUSTED_CA_FILE",
    "ETCD_QUOTA_BACKEND_BYTES",
];

/// A held lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFacts {
    /// The run that holds it.
    pub run: String,
    /// `user@host` of the operator.
    pub holder: String,
    /// RFC 3339, by the control host's clock.
    pub since: String,
}

/// Why a host could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum HostError {
    /// No connection.
    #[error("`{host}` is unreachable: {detail}")]
    Unreachable {
        /// The host.
        host: HostName,
        /// ssh's own words, escaped.
        detail: String,
    },
    /// The host's key is not the known one.
    #[error("`{host}` shows a host key that is not the known one: {detail}")]
    HostKey {
        /// The host.
        host: HostName,
        /// ssh's own words with both fingerprints.
        detail: String,
    },
    /// Login refused.
    #[error("`{host}` refused the login of `{user}`: {detail}")]
    LoginRefused {
        /// The host.
        host: HostName,
        /// The user tried.
        user: String,
        /// ssh's own words.
        detail: String,
    },
    /// sudo wants a password.
    #[error("sudo needs a password on `{host}`")]
    SudoPassword {
        /// The host.
        host: HostName,
    },
    /// sudo refused or is missing.
    #[error("sudo failed on `{host}`: {detail}")]
    Sudo {
        /// The host.
        host: HostName,
        /// sudo's own words.
        detail: String,
    },
    /// Connected, but the answer was not in frames: a broken shell, a cut connection.
    #[error("`{host}` gave no usable answer: {detail}")]
    Garbled {
        /// The host.
        host: HostName,
        /// What came instead, escaped and cut.
        detail: String,
    },
    /// No answer in time.
    #[error("`{host}` did not answer within {limit_s} s")]
    Timeout {
        /// The host.
        host: HostName,
        /// Seconds waited.
        limit_s: u64,
    },
    /// The cluster's lock on the host is not this run's (another run holds it, or nobody does): fencing.
    #[error("the cluster's lock on `{host}` is not this run's: {}", held_by(.lock.as_ref()))]
    Fenced {
        /// The host.
        host: HostName,
        /// Who holds it; none: nobody.
        lock: Option<LockFacts>,
    },
}

fn held_by(lock: Option<&LockFacts>) -> String {
    match lock {
        None => "nobody holds it".to_owned(),
        Some(lock) => format!(
            "run `{}` of `{}` holds it since {}",
            lock.run, lock.holder, lock.since
        ),
    }
}
