//! Where runs begin: from nothing, from a healthy cluster, from what an accident left of one.

use std::collections::BTreeMap;

use runbook_model::host::{HostName, Install, MemberSpec, Scheme, peers_over_tls};
use runbook_model::quorum::quorum;

use crate::cluster::Store;
use crate::model::{ControlFile, Model, Service};

/// What all starting states share.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// The cluster's members.
    pub members: BTreeMap<HostName, MemberSpec>,
    /// Units other than etcd that run on hosts, also on hosts without a member.
    pub units: BTreeMap<HostName, Vec<String>>,
    /// Files on the control host, by path.
    pub control: BTreeMap<String, ControlFile>,
    /// Paths on the control host where a snapshot of the cluster stands.
    pub snapshots: Vec<String>,
}

/// The state that clusters are in when their snapshot is taken.
fn at_the_snapshot() -> Store {
    let mut store = Store::empty();
    for key in 0..4 {
        store.put(&format!("registry/{key}"), "as in the snapshot");
    }
    store
}

/// The same cluster some writes later.
fn now() -> Store {
    let mut store = at_the_snapshot();
    store.put("registry/1", "written after the snapshot");
    store.put("registry/4", "written after the snapshot");
    store
}

/// Starting states by name, in the order of how much stands.
pub fn starting_states(ground: &Ground) -> Vec<(&'static str, Model)> {
    let specs = &ground.members;
    let mut states = vec![("fresh hosts", fresh(specs))];
    if !specs.is_empty() {
        let healthy = Model::formed(specs, &now());
        let lost = specs.len() - quorum(specs.len()) + 1;
        states.push(("a healthy cluster", healthy.clone()));
        if lost > 1 {
            states.push(("one member down", without(&healthy, specs, 1)));
        }
        if lost < specs.len() {
            states.push(("a majority down", without(&healthy, specs, lost)));
        }
        states.push(("every member down", without(&healthy, specs, specs.len())));
        if specs.len() > 1 {
            states.push(("a host that is no member yet", smaller(specs)));
            states.push(("a former cluster's member", former(&healthy, specs)));
        }
        states.push(("a store over its quota", full(specs)));
        states.push(("members of an older minor", older(&healthy)));
        if peers_over_tls(specs.values()) {
            states.push(("members that peers reach over http", over_http(specs)));
        }
    }
    for (_, model) in &mut states {
        furnish(model, ground);
    }
    states
}

/// Hosts on which etcd is only where the inventory says that it is there already.
pub(crate) fn fresh(specs: &BTreeMap<HostName, MemberSpec>) -> Model {
    let mut model = Model::bare(specs);
    for (name, spec) in specs {
        if let Some(host) = model.hosts.get_mut(name)
            && spec.install != Install::Present
        {
            host.tools.clear();
            host.users.clear();
        }
    }
    model
}

/// The last of these members do not run, and nobody starts them at boot.
fn without(model: &Model, specs: &BTreeMap<HostName, MemberSpec>, down: usize) -> Model {
    let mut model = model.clone();
    for (name, spec) in specs.iter().rev().take(down) {
        let host = model.hosts.get_mut(name);
        if let Some(service) = host.and_then(|h| h.services.get_mut(&spec.unit)) {
            service.running = false;
            service.enabled = false;
        }
    }
    model.elect();
    model.quorum_losses.clear();
    model
}

/// The last host of the inventory is bare, the others are a cluster.
fn smaller(specs: &BTreeMap<HostName, MemberSpec>) -> Model {
    let mut formed = specs.clone();
    let Some((name, spec)) = formed.pop_last() else {
        return Model::default();
    };
    let mut model = Model::formed(&formed, &now());
    let newcomer = fresh(&BTreeMap::from([(name, spec)]));
    model.hosts.extend(newcomer.hosts);
    model
}

/// The last host's member runs on in a cluster that is no more; the others are a cluster that does not list it.
fn former(before: &Model, specs: &BTreeMap<HostName, MemberSpec>) -> Model {
    let mut model = smaller(specs);
    if let Some((name, host)) = before.hosts.last_key_value() {
        model.hosts.insert(name.clone(), host.clone());
    }
    model.elect();
    model
}

/// The binaries were exchanged, and the members not restarted since.
fn older(model: &Model) -> Model {
    let mut model = model.clone();
    let services = model
        .hosts
        .values_mut()
        .flat_map(|h| h.services.values_mut());
    for etcd in services.filter_map(|s| s.etcd.as_mut()) {
        "3.4.23".clone_into(&mut etcd.version);
    }
    model
}

/// Every member's file is as large as it may become, by what was overwritten.
fn full(specs: &BTreeMap<HostName, MemberSpec>) -> Model {
    full_of(specs, &now())
}

/// The same, of a store.
pub(crate) fn full_of(specs: &BTreeMap<HostName, MemberSpec>, store: &Store) -> Model {
    const QUOTA: u64 = 256 << 10;
    const VALUE: usize = 40_000;
    let mut specs = specs.clone();
    for spec in specs.values_mut() {
        spec.quota_bytes = Some(QUOTA);
    }
    let mut model = Model::formed(&specs, store);
    if let Some(through) = specs.keys().next() {
        while model.put(through, "registry/0", &"7".repeat(VALUE)) {}
    }
    model
}

/// The inventory says https, and nobody has told the members yet.
fn over_http(specs: &BTreeMap<HostName, MemberSpec>) -> Model {
    let mut specs = specs.clone();
    for spec in specs.values_mut() {
        spec.peer_scheme = Some(Scheme::Http);
    }
    Model::formed(&specs, &now())
}

pub(crate) fn furnish(model: &mut Model, ground: &Ground) {
    const DIRS: [&str; 8] = [
        "/etc",
        "/etc/systemd/system",
        "/opt",
        "/usr/bin",
        "/usr/local/bin",
        "/var/lib",
        "/var/tmp",
        "/tmp",
    ];
    for (name, units) in &ground.units {
        let host = model.hosts.entry(name.clone()).or_default();
        for unit in units {
            let service = Service {
                running: true,
                enabled: true,
                starts: 1,
                ..Service::default()
            };
            host.services.insert(unit.clone(), service);
        }
    }
    for host in model.hosts.values_mut() {
        let dirs = DIRS.map(|dir| (dir.to_owned(), "root".to_owned()));
        host.dirs.extend(dirs);
    }
    model.control.extend(ground.control.clone());
    for path in &ground.snapshots {
        model.put_snapshot(path, at_the_snapshot());
    }
}
