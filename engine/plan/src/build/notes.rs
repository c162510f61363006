//! What a reviewer is told beside the steps.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::host::HostName;
use runbook_model::quorum::{MOST_VOTERS, fault_tolerance, quorum};
use runbook_model::view::View;

use crate::prepare::Prepared;
use crate::targets;
use crate::value::Value;

/// Warnings that follow from the inventory and from what was observed.
pub(super) fn standing(
    prepared: &Prepared<'_>,
    (view, afterwards): (&View, &View),
    values: &BTreeMap<String, Value>,
) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(match (voters(view), voters(afterwards)) {
        (Some(now), Some(then)) if now != then => size(then, "members afterwards"),
        _ => size(prepared.members.len(), "members"),
    });
    out.extend(membership(prepared, view));
    for value in values.values() {
        if let Value::Snapshot(path) = value {
            out.extend(snapshot(path, view));
        }
    }
    out
}

/// What cannot be planned for want of facts.
pub(super) fn lost(hosts: &BTreeSet<HostName>) -> Option<String> {
    let hosts: Vec<HostName> = hosts.iter().cloned().collect();
    (!hosts.is_empty()).then(|| {
        format!(
            "{} not reached: what is to be done there is not planned",
            targets::names(&hosts)
        )
    })
}

/// Where the living cluster and the inventory name different members, one of them is wrong.
fn membership(prepared: &Prepared<'_>, view: &View) -> Vec<String> {
    let Some(listed) = view.cluster.membership() else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for member in listed {
        let known = prepared.members.iter().find(|m| m.name == member.name);
        match known {
            None if member.name.is_empty() => out.push(format!(
                "the cluster has a member at {} that never started",
                member.peer_urls.join(",")
            )),
            None => out.push(format!(
                "the cluster has a member `{}` that the inventory does not know",
                member.name
            )),
            Some(spec) if !member.peer_urls.contains(&spec.peer_url()) => out.push(format!(
                "the cluster reaches `{}` at {}, the inventory says {}",
                member.name,
                member.peer_urls.join(","),
                spec.peer_url()
            )),
            Some(_) => {}
        }
    }
    out
}

fn voters(view: &View) -> Option<usize> {
    let members = view.cluster.membership()?;
    Some(members.iter().filter(|m| !m.is_learner).count())
}

fn size(members: usize, of: &str) -> Option<String> {
    if members > MOST_VOTERS {
        return Some(format!(
            "{members} {of}: every write waits for {} of them; {MOST_VOTERS} are enough for any need",
            quorum(members)
        ));
    }
    (members > 0 && members.is_multiple_of(2)).then(|| {
        format!(
            "{members} {of} tolerate the loss of {}, as {} would: an even number adds no safety",
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
