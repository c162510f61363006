//! What a reviewer is told beside the steps.

use std::collections::BTreeMap;

use runbook_model::quorum::{fault_tolerance, quorum};
use runbook_model::view::View;

use crate::prepare::Prepared;
use crate::value::Value;

/// More voters than this make every commit slower and the cluster no safer.
const MOST_VOTERS: usize = 7;

/// Warnings that follow from the inventory and from what was observed.
pub(super) fn standing(
    prepared: &Prepared<'_>,
    view: &View,
    values: &BTreeMap<String, Value>,
) -> Vec<String> {
    let mut out: Vec<String> = size(prepared.members.len()).into_iter().collect();
    for value in values.values() {
        if let Value::Snapshot(path) = value {
            out.extend(snapshot(path, view));
        }
    }
    out
}

fn size(members: usize) -> Option<String> {
    if members > MOST_VOTERS {
        return Some(format!(
            "{members} members: every write waits for {} of them; {MOST_VOTERS} are enough for any need",
            quorum(members)
        ));
    }
    (members > 0 && members.is_multiple_of(2)).then(|| {
        format!(
            "{members} members tolerate the loss of {}, as {} would: an even number adds no safety",
            fault_tolerance(members),
            members - 1
        )
    })
}

/// What a restore loses and brings back.
fn snapshot(path: &str, view: &View) -> Vec<String> {
    let Some(found) = view.snapshots.get(path) else {
        return Vec::new();
    };
    if !found.refused.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    let now = view.cluster.serving().map(|(_, s)| s.revision).max();
    if let Some(now) = now
        && now > found.revision
    {
        out.push(format!(
            "the cluster is at revision {now}, the snapshot at {}: {} revisions are lost",
            found.revision,
            now - found.revision
        ));
    }
    if found.auth_enabled {
        out.push(
            "the snapshot has authentication on: its users, roles and root password come back with it"
                .to_owned(),
        );
    }
    if !found.has_hash {
        out.push(format!(
            "{path} has no trailing hash: it is a copied database file and may lack the last writes; SHA-256 {}",
            found.sha256
        ));
    }
    out
}
