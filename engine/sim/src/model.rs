//! What is: hosts, their files, services and data, and this machine's files.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::facts::{DataDirOrigin, LockFacts, Tool};
use runbook_model::host::HostName;
use runbook_model::view::SnapshotFacts;

use crate::cluster::{MemberData, Store};
use crate::receipts::{Kept, ReceiptKey};

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Hosts by name.
    pub hosts: BTreeMap<HostName, Host>,
    /// Files on the control host, by path.
    pub control: BTreeMap<String, ControlFile>,
    /// The leading member's host, by cluster id.
    pub leaders: BTreeMap<u64, HostName>,
    /// What was done, in order.
    pub log: Vec<Effect>,
    /// What must never happen and did: a second cluster bootstrapped beside one that its members belong to.
    pub violations: Vec<String>,
    /// Clusters that had quorum and lost it, in order.
    pub quorum_losses: Vec<u64>,
    pub(crate) with_quorum: BTreeSet<u64>,
}

/// An action carried out on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Host.
    pub host: HostName,
    /// Step's number.
    pub step: usize,
    /// As sent.
    pub attempt: u32,
    /// An undo action.
    pub undo: bool,
    /// Index in the order.
    pub action: usize,
    /// Whether it changed anything.
    pub changed: bool,
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// The control host reaches it.
    pub reachable: bool,
    /// Its members reach the other hosts.
    pub isolated: bool,
    /// Counts boots.
    pub boot: u32,
    /// Milliseconds of a one-way trip.
    pub latency_ms: u64,
    /// Host clock minus control clock, milliseconds.
    pub clock_offset_ms: i64,
    /// Bytes free.
    pub disk_free: u64,
    /// Files by path.
    pub files: BTreeMap<String, File>,
    /// Directories by path, with owner.
    pub dirs: BTreeMap<String, String>,
    /// Users.
    pub users: BTreeSet<String>,
    /// Packages.
    pub packages: BTreeMap<String, String>,
    /// etcd's binaries.
    pub tools: Vec<Tool>,
    /// Services by unit.
    pub services: BTreeMap<String, Service>,
    /// Data dirs by path, also those set aside.
    pub data: BTreeMap<String, DataDir>,
    /// Locks by cluster.
    pub locks: BTreeMap<String, LockFacts>,
    /// Microseconds that a small write takes until it is on the disk.
    pub fsync_us: u64,
    pub(crate) measured: BTreeSet<String>,
    pub(crate) receipts: BTreeMap<ReceiptKey, Kept>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            reachable: true,
            isolated: false,
            boot: 1,
            latency_ms: 1,
            clock_offset_ms: 0,
            disk_free: 10 << 30,
            files: BTreeMap::new(),
            dirs: BTreeMap::new(),
            users: BTreeSet::new(),
            packages: BTreeMap::new(),
            tools: Vec::new(),
            services: BTreeMap::new(),
            data: BTreeMap::new(),
            locks: BTreeMap::new(),
            fsync_us: 900,
            measured: BTreeSet::new(),
            receipts: BTreeMap::new(),
        }
    }
}

/// A regular file on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Text, where it is text.
    pub content: Option<String>,
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub owner: String,
    /// What a snapshot file holds.
    pub snapshot: Option<Store>,
}

/// A file on the control host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlFile {
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// What it holds, if it is a snapshot that can be believed.
    pub snapshot: Option<Store>,
    /// Why the snapshot reader refuses it; empty: it does not.
    pub refused: Vec<String>,
}

impl ControlFile {
    /// What the snapshot reader says of it.
    pub fn facts(&self) -> SnapshotFacts {
        let store = self.snapshot.clone().unwrap_or_default();
        let mut refused = self.refused.clone();
        if self.snapshot.is_none() && refused.is_empty() {
            refused.push("it is not a snapshot".to_owned());
        }
        SnapshotFacts {
            refused,
            size: self.size,
            sha256: self.sha256.clone(),
            hash: store.hash(),
            revision: store.revision,
            total_keys: store.keys.len() as u64,
            has_hash: true,
            needs_version: None,
            auth_enabled: false,
        }
    }
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Whether it runs.
    pub running: bool,
    /// Starts at boot.
    pub enabled: bool,
    /// Times it was started.
    pub starts: u32,
    /// What it is, if it is etcd.
    pub etcd: Option<RunningEtcd>,
}

/// Settings of an etcd that runs, or ran last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningEtcd {
    /// Its data dir.
    pub data_dir: String,
    /// Client port.
    pub client_port: u16,
    /// Peer port.
    pub peer_port: u16,
    /// Its version.
    pub version: String,
}

/// A data dir.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataDir {
    /// Owner.
    pub owner: String,
    /// What it holds; none: empty.
    pub member: Option<MemberData>,
    /// Receipt of the restore that made it.
    pub origin: Option<DataDirOrigin>,
}

impl Model {
    /// A host, if there is one of that name.
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// Turns a host off: what ran there is gone, what was under way is cut.
    pub fn power_off(&mut self, name: &HostName) {
        if let Some(host) = self.hosts.get_mut(name) {
            host.reachable = false;
            host.boot += 1;
            for service in host.services.values_mut() {
                service.running = false;
            }
        }
        self.elect();
    }

    /// Turns a host on again: enabled services start.
    pub fn power_on(&mut self, name: &HostName) {
        if let Some(host) = self.hosts.get_mut(name) {
            host.reachable = true;
            for service in host.services.values_mut() {
                service.running = service.enabled;
            }
        }
        self.elect();
    }

    /// What a comparison of two runs' ends is about: everything on the hosts but receipts and counters.
    pub fn image(&self) -> BTreeMap<HostName, Image> {
        self.hosts
            .iter()
            .map(|(name, host)| {
                let image = Image {
                    files: host.files.clone(),
                    dirs: host.dirs.clone(),
                    running: host
                        .services
                        .iter()
                        .map(|(unit, s)| (unit.clone(), (s.running, s.enabled)))
                        .collect(),
                    data: host.data.clone(),
                    locks: host.locks.clone(),
                };
                (name.clone(), image)
            })
            .collect()
    }
}

/// A host as [`Model::image`] compares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    files: BTreeMap<String, File>,
    dirs: BTreeMap<String, String>,
    running: BTreeMap<String, (bool, bool)>,
    data: BTreeMap<String, DataDir>,
    locks: BTreeMap<String, LockFacts>,
}
