//! The world before the run.

use std::collections::BTreeMap;

use runbook_model::host::{HostName, MemberSpec};

use super::Plight;
use crate::cluster::Store;
use crate::model::{ControlFile, Model};
use crate::starts::{Ground, fresh, full_of, furnish};

/// Keys of a store of which nothing is said.
const KEYS: u64 = 5;
/// Writes that came after the snapshot.
const SINCE: i64 = 2;

/// What a world is to be.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Members of the cluster; none: there is no cluster.
    pub members: BTreeMap<HostName, MemberSpec>,
    /// Hosts for members on which nothing runs.
    pub fresh: BTreeMap<HostName, MemberSpec>,
    /// Units other than etcd that run on hosts, also on hosts without a member.
    pub units: BTreeMap<HostName, Vec<String>>,
    /// Version that the members run; none: as new as any.
    pub version: Option<String>,
    /// The store is over its quota.
    pub full: bool,
    /// Keys in the store.
    pub keys: Option<u64>,
    /// Its revision.
    pub revision: Option<i64>,
    /// Members that are learners.
    pub learners: Vec<HostName>,
    /// Hosts that are not well.
    pub plights: Vec<(HostName, Plight)>,
    /// Files on the control host, by path.
    pub control: BTreeMap<String, ControlFile>,
    /// Paths on the control host where a snapshot of the cluster stands.
    pub snapshots: Vec<String>,
}

impl Setting {
    /// The world.
    pub fn model(&self) -> Model {
        let now = self.now();
        let mut model = if self.full {
            full_of(&self.members, &now)
        } else {
            Model::formed(&self.members, &now)
        };
        model.hosts.extend(fresh(&self.fresh).hosts);
        let ground = Ground {
            members: BTreeMap::new(),
            units: self.units.clone(),
            control: self.control.clone(),
            snapshots: Vec::new(),
        };
        furnish(&mut model, &ground);
        for path in &self.snapshots {
            model.put_snapshot(path, self.at_the_snapshot());
        }
        if let Some(version) = &self.version {
            self.runs(&mut model, version);
        }
        for host in &self.learners {
            demote(&mut model, host);
        }
        for (host, plight) in &self.plights {
            model.befall(host, *plight);
        }
        model.elect();
        model.quorum_losses.clear();
        model
    }

    /// The cluster's store as a snapshot has it: some writes ago.
    pub fn at_the_snapshot(&self) -> Store {
        let keys = self.keys.unwrap_or(KEYS).saturating_sub(1);
        let mut store = Store::empty();
        for key in 0..keys {
            store.put(&format!("registry/{key}"), "as in the snapshot");
        }
        if let Some(revision) = self.revision {
            store.revision = revision - SINCE;
        }
        store
    }

    fn now(&self) -> Store {
        let mut store = self.at_the_snapshot();
        store.put("registry/0", "written after the snapshot");
        let last = self.keys.unwrap_or(KEYS).saturating_sub(1);
        store.put(&format!("registry/{last}"), "written after the snapshot");
        store
    }

    /// The members run this version, and their hosts have it.
    fn runs(&self, model: &mut Model, version: &str) {
        for name in self.members.keys() {
            let Some(host) = model.hosts.get_mut(name) else {
                continue;
            };
            for etcd in host.services.values_mut().filter_map(|s| s.etcd.as_mut()) {
                version.clone_into(&mut etcd.version);
            }
            for tool in &mut host.tools {
                version.clone_into(&mut tool.version);
            }
        }
    }
}

/// A store of some other cluster.
pub(crate) fn foreign() -> Store {
    let mut store = Store::empty();
    for key in 0..3 {
        store.put(&format!("elsewhere/{key}"), "of another cluster");
    }
    store
}

/// A member becomes a learner that was never promoted, in the eyes of all.
fn demote(model: &mut Model, host: &HostName) {
    let Some(id) = model.running_member(host).map(|data| data.member_id) else {
        return;
    };
    let dirs = model.hosts.values_mut().flat_map(|h| h.data.values_mut());
    let members = dirs.filter_map(|dir| dir.member.as_mut());
    let listed = members.flat_map(|data| &mut data.members);
    for member in listed.filter(|m| m.id == id) {
        member.is_learner = true;
    }
}

impl ControlFile {
    /// A snapshot of some other cluster.
    pub fn foreign_snapshot() -> Self {
        crate::data::snapshot_file(foreign())
    }

    /// A snapshot of this store, which no older etcd than this minor version reads.
    pub fn snapshot_of(store: Store, needs_version: Option<String>) -> Self {
        let mut file = crate::data::snapshot_file(store);
        if needs_version.is_some() {
            let mut facts = file.facts();
            facts.needs_version = needs_version;
            file.facts = Some(facts);
        }
        file
    }

    /// A snapshot whose bytes are not those that were written.
    pub fn corrupt_snapshot(store: Store) -> Self {
        Self {
            snapshot: None,
            refused: vec!["the hash at its end is not that of its bytes".to_owned()],
            ..crate::data::snapshot_file(store)
        }
    }
}
