//! A client of the cluster: writes all the while through whichever member serves, and remembers what was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use runbook_model::host::HostName;

use super::dice::Dice;
use crate::faults::Moment;
use crate::model::Model;
use crate::world::SimWorld;

/// Keys that the client writes, over and over.
const KEYS: u64 = 8;
/// Of a hundred answered questions, those after which it writes.
const CHANCE: usize = 30;

/// The value that was acknowledged last, by cluster and key.
pub(super) type Acknowledged = BTreeMap<(u64, String), String>;

/// What a client did.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) acknowledged: Acknowledged,
    pub(super) count: usize,
}

/// Clusters that there are at the start, with all that they hold: clients rely on it. Where one has quorum, nobody relies on one
/// without: that is a former cluster's member, left over.
pub(super) fn known(model: &Model) -> Acknowledged {
    let dirs = model.hosts.values().flat_map(|h| h.data.values());
    let mut newest: BTreeMap<u64, &crate::cluster::Store> = BTreeMap::new();
    let living = &model.with_quorum;
    let has_clients = |id: &u64| living.is_empty() || living.contains(id);
    let members = dirs.filter_map(|d| d.member.as_ref());
    for member in members.filter(|m| has_clients(&m.cluster_id)) {
        let seen = newest.entry(member.cluster_id).or_insert(&member.store);
        if member.store.revision > seen.revision {
            *seen = &member.store;
        }
    }
    let keys = newest.into_iter().flat_map(|(cluster, store)| {
        let keys = store.keys.iter();
        keys.map(move |(key, value)| ((cluster, key.clone()), value.clone()))
    });
    keys.collect()
}

/// Lets a client write. A cluster that the run itself bootstraps has no clients before the run is over: nobody was told of it.
pub(super) fn attend(world: &SimWorld, id: u64) -> Arc<Mutex<Written>> {
    let before = world.model();
    let written = Arc::new(Mutex::new(Written {
        acknowledged: known(&before),
        count: 0,
    }));
    let formed = !known(&before).is_empty();
    let (kept, mut dice, mut number) = (written.clone(), Dice::new(!id), 0);
    world.attend(move |moment, model| {
        if matches!(moment, Moment::Asked(_)) && !dice.percent(CHANCE) {
            return;
        }
        let serving = serving(model, formed);
        let Some((host, cluster)) = dice.pick(&serving).cloned() else {
            return;
        };
        number += 1;
        let (key, value) = (format!("client/{}", number % KEYS), number.to_string());
        if model.put(&host, &key, &value) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.acknowledged.insert((cluster, key), value);
            kept.count += 1;
        }
    });
    written
}

fn serving(model: &Model, formed: bool) -> Vec<(HostName, u64)> {
    let members = model.hosts.keys().filter_map(|name| {
        let member = model.running_member(name)?;
        let led = model.leader_of(name).is_some();
        let known = formed || model.restored(name);
        (led && known).then(|| (name.clone(), member.cluster_id))
    });
    members.collect()
}
