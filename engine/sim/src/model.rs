//! What is: hosts, their files, services and data, and this machine's files.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::action::ProcessSpec;
use runbook_model::facts::{DataDirOrigin, LockFacts, Tool};
use runbook_model::host::HostName;
use runbook_model::view::SnapshotFacts;

use crate::cluster::{MemberData, Progress};
use crate::receipts::{Kept, ReceiptKey};
use crate::service;
use crate::store::Store;

/// Digest of what nobody wrote.
const DAMAGED: &str = "damaged";

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
    /// Members that were listed where a running one could not reach them.
    pub out_of_reach: Vec<String>,
    /// Clusters that had quorum and lost it, in order.
    pub quorum_losses: Vec<QuorumLoss>,
    pub(crate) with_quorum: BTreeSet<u64>,
    /// The order whose action is having its effect right now.
    pub(crate) acting: Option<Doing>,
    /// Simulated milliseconds.
    pub(crate) now_ms: i64,
    /// When a member was last taken away by something other than an order.
    pub(crate) struck_ms: Option<i64>,
    /// How far each member's log has come, by cluster and member.
    pub(crate) raft: BTreeMap<(u64, u64), Progress>,
    /// What the leader knows of that.
    pub(crate) matched: BTreeMap<(u64, u64), u64>,
    /// Until when members that joined are sent what the others have.
    pub(crate) syncing: BTreeMap<(u64, u64), i64>,
    /// Connected members: in which run of their process, since when.
    pub(crate) links: BTreeMap<HostName, ((u32, u32), i64)>,
    /// Runs of processes that have come to serve: by host, boot and start.
    pub(crate) ready: BTreeMap<HostName, (u32, u32)>,
    /// What members remember of their last compaction, in a run of their process: its revision, and the hash before it.
    pub(crate) compactions: BTreeMap<HostName, ((u32, u32), i64, u32)>,
    /// Until when members rewrite their files.
    pub(crate) paused: BTreeMap<HostName, i64>,
    /// Members that are listed as voters and have no vote: etcd's mistake on a learner's update.
    pub(crate) voteless: BTreeSet<(u64, u64)>,
    /// Members that were removed, by cluster and member.
    pub(crate) removed: BTreeSet<(u64, u64)>,
}

/// A cluster lost quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumLoss {
    /// The cluster.
    pub cluster: u64,
    /// The order that took it away; none: a fault did.
    pub by: Option<Doing>,
    /// A member was taken away by a fault after the order's run had last looked at the members.
    pub unforeseen: bool,
}

/// An order, from the moment at which its run knew how the members were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doing {
    /// Host.
    pub host: HostName,
    /// Step's number.
    pub step: usize,
    /// An undo.
    pub undo: bool,
    /// Simulated milliseconds: the look at the members just before it was sent, or the sending where there was none.
    pub since_ms: i64,
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
    /// The host's boot in which it was done.
    pub boot: u32,
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// The control host reaches it.
    pub reachable: bool,
    /// It has power.
    pub powered: bool,
    /// Its members reach the other hosts.
    pub isolated: bool,
    /// The address that its member has.
    pub address: String,
    /// Hosts whose firewalls drop what it sends to their ports.
    pub dropped_by: BTreeSet<HostName>,
    /// Endpoints that its API server is given; none: it has no API server.
    pub etcd_servers: Option<Vec<String>>,
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
            powered: true,
            isolated: false,
            address: String::new(),
            dropped_by: BTreeSet::new(),
            etcd_servers: None,
            boot: 1,
            latency_ms: 1,
            clock_offset_ms: 0,
            disk_free: 40 << 30,
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
    /// What the snapshot reader said of a file that really exists.
    pub facts: Option<SnapshotFacts>,
}

impl ControlFile {
    /// What the snapshot reader says of it.
    pub fn facts(&self) -> SnapshotFacts {
        if let Some(facts) = &self.facts {
            return facts.clone();
        }
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
            live_keys: store.keys.len() as u64,
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
    /// It has reported itself ready since it was started.
    pub active: bool,
    /// It ran when its host lost power, or could not start at boot, and does not run yet.
    pub failed: bool,
    /// How it is run without systemd.
    pub process: Option<ProcessSpec>,
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
    /// Its name.
    pub name: String,
    /// Where clients find it.
    pub client_url: String,
    /// Bytes that its file may have; zero: etcd's default.
    pub quota_bytes: u64,
    /// What it was started with of that which a probe compares with the file.
    pub settings: BTreeMap<String, String>,
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
            host.powered = false;
            host.boot += 1;
            for service in host.services.values_mut() {
                service.failed |= service.running;
                service.running = false;
                service.active = false;
            }
        }
        self.struck_ms = Some(self.now_ms);
        self.elect();
    }

    /// Turns a host on again: enabled services start, as far as what they find lets them.
    pub fn power_on(&mut self, name: &HostName) {
        let Some(host) = self.hosts.get_mut(name).filter(|h| !h.powered) else {
            return;
        };
        host.reachable = true;
        host.powered = true;
        let services = host.services.iter().filter(|(_, s)| s.enabled);
        for unit in services.map(|(unit, _)| unit.clone()).collect::<Vec<_>>() {
            service::boot(self, name, &unit);
        }
        self.elect();
    }

    /// Cuts a host's members off from the others, and from the control host as well.
    pub fn cut_off(&mut self, name: &HostName, from_control: bool) {
        if let Some(host) = self.hosts.get_mut(name) {
            host.isolated = true;
            host.reachable &= !from_control;
        }
        self.struck_ms = Some(self.now_ms);
        self.elect();
    }

    /// Joins a host that was cut off to the others again.
    pub fn join_up(&mut self, name: &HostName) {
        if let Some(host) = self.hosts.get_mut(name) {
            host.isolated = false;
            host.reachable = host.powered;
        }
        self.elect();
    }

    /// Damages a file on a host: its bytes are no longer those that were written.
    pub fn damage(&mut self, name: &HostName, path: &str) {
        let file = self.hosts.get_mut(name).and_then(|h| h.files.get_mut(path));
        if let Some(file) = file {
            file.sha256 = DAMAGED.to_owned();
            file.content = None;
            file.snapshot = None;
        }
    }

    /// Damages a file on the control host.
    pub fn damage_control(&mut self, path: &str) {
        if let Some(file) = self.control.get_mut(path) {
            file.sha256 = DAMAGED.to_owned();
            file.snapshot = None;
            file.facts = None;
        }
    }

    /// Starts a unit, as `systemctl start` does.
    ///
    /// # Errors
    /// The words with which it dies.
    pub fn start(&mut self, name: &HostName, unit: &str) -> Result<(), String> {
        let started = service::start_unit(self, name, unit, None);
        self.elect();
        started
    }

    /// Stops a unit.
    pub fn stop(&mut self, name: &HostName, unit: &str) {
        service::set_running(self, name, unit, false);
        self.elect();
    }

    /// What ran when the host lost power, and does not run yet, is started: by systemd, which goes on trying, or by hand.
    pub fn retry_units(&mut self, name: &HostName) {
        let Some(host) = self.hosts.get(name).filter(|h| h.powered) else {
            return;
        };
        let failed = host.services.iter().filter(|(_, s)| s.failed);
        for unit in failed.map(|(unit, _)| unit.clone()).collect::<Vec<_>>() {
            service::boot(self, name, &unit);
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
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) dirs: BTreeMap<String, String>,
    /// Running, starts at boot.
    pub(crate) running: BTreeMap<String, (bool, bool)>,
    pub(crate) data: BTreeMap<String, DataDir>,
    pub(crate) locks: BTreeMap<String, LockFacts>,
}
