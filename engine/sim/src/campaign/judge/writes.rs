//! Whether what clients were promised is still there.

use std::collections::BTreeMap;

use runbook_model::action::Action;
use runbook_model::event::RunEnd;

use super::super::Start;
use super::super::drive::{End, Story};
use super::restored;
use crate::cluster::Store;

/// Acknowledged writes that are lost, and are not among those that a confirmed replacement of data says it loses.
pub(super) fn lost(start: &Start, story: &Story) -> Vec<String> {
    let made = restored(&start.plan);
    let newest = newest(start, story);
    let done = matches!(story.end, End::Run(RunEnd::Done { .. }));
    let undone = matches!(story.end, End::Run(RunEnd::RolledBack { .. }));
    let replaced = story.confirmed && !undone && !made.is_empty();
    let mut promised = story.written.acknowledged.clone();
    if done {
        // What the snapshot holds was promised as well.
        for (cluster, store) in snapshots(start) {
            for (key, value) in &store.keys {
                promised
                    .entry((cluster, key.clone()))
                    .or_insert_with(|| value.clone());
            }
        }
    }
    let mut seen = Vec::new();
    for ((cluster, key), value) in &promised {
        if replaced && !made.contains(cluster) {
            continue;
        }
        let found = newest.get(cluster).and_then(|store| store.keys.get(key));
        if found != Some(value) {
            let found = found.map_or_else(|| "gone".to_owned(), |v| format!("\"{v}\""));
            seen.push(format!(
                "\"{value}\" was acknowledged for {key} by cluster {cluster:x}, and is {found}"
            ));
        }
    }
    seen
}

/// The newest store of each cluster, where members look for their data.
fn newest<'a>(start: &Start, story: &'a Story) -> BTreeMap<u64, &'a Store> {
    let mut newest: BTreeMap<u64, &Store> = BTreeMap::new();
    for (name, spec) in &start.plan.members {
        let host = story.model.hosts.get(name);
        let dir = host.and_then(|h| h.data.get(&spec.data_dir));
        if let Some(member) = dir.and_then(|d| d.member.as_ref()) {
            let known = newest.entry(member.cluster_id).or_insert(&member.store);
            if member.store.revision > known.revision {
                *known = &member.store;
            }
        }
    }
    newest
}

/// The snapshots that the plan restores, by the cluster that each makes.
fn snapshots(start: &Start) -> Vec<(u64, &Store)> {
    let actions = start
        .plan
        .steps()
        .flat_map(|s| &s.work)
        .flat_map(|w| &w.actions);
    let made = actions.filter_map(|a| match &a.action {
        Action::RestoreDataDir { origin, .. } => {
            let cluster = u64::from_str_radix(&origin.cluster_id, 16).ok()?;
            let files = start.model.control.values();
            let file = files
                .filter(|f| f.sha256 == origin.snapshot_sha256)
                .find_map(|f| f.snapshot.as_ref())?;
            Some((cluster, file))
        }
        _ => None,
    });
    made.collect()
}
