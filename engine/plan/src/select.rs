//! Choosing among members by what they say of themselves.

use std::cmp::Reverse;

use runbook_model::cluster::{MemberProbe, MemberStatus};
use runbook_model::facts::HostError;
use runbook_model::guard::listed;
use runbook_model::host::HostName;
use runbook_model::view::View;

/// Whether `name` chooses hosts from a target.
pub(crate) fn is_choice(name: &str) -> bool {
    name == "first" || looks_at_view(name)
}

/// Whether the choice depends on what was observed.
pub(crate) fn looks_at_view(name: &str) -> bool {
    matches!(
        name,
        "leader" | "followers" | "gone" | "best" | "furthest" | "listed" | "unlisted"
    )
}

/// The hosts that a function chooses; before the probe all that it may choose. None for a name that is no choice.
pub(crate) fn choose(
    name: &str,
    hosts: Vec<HostName>,
    view: Option<&View>,
) -> Option<Vec<HostName>> {
    if !is_choice(name) {
        return None;
    }
    let Some(view) = view else {
        return Some(match name {
            "first" => hosts.into_iter().take(1).collect(),
            _ => hosts,
        });
    };
    Some(match name {
        "first" => hosts.into_iter().take(1).collect(),
        "leader" => leader(&hosts, view).into_iter().collect(),
        "followers" => {
            let lead = leader(&hosts, view);
            hosts
                .into_iter()
                .filter(|h| serving(h, view).is_some() && Some(h) != lead.as_ref())
                .collect()
        }
        "gone" => hosts
            .into_iter()
            .filter(|h| matches!(view.hosts.get(h), Some(Err(error)) if is_silent(error)))
            .collect(),
        "listed" if view.cluster.membership().is_none() => hosts,
        "listed" => hosts
            .into_iter()
            .filter(|h| listed(h, view).is_some())
            .collect(),
        "unlisted" if view.cluster.membership().is_none() => Vec::new(),
        "unlisted" => hosts
            .into_iter()
            .filter(|h| listed(h, view).is_none())
            .collect(),
        "furthest" => furthest(&hosts, view).into_iter().collect(),
        _ => best(&hosts, view).into_iter().collect(),
    })
}

/// Nobody answers there. A host that refuses a login, a key or sudo lives, and is nobody's to be taken for dead.
fn is_silent(error: &HostError) -> bool {
    matches!(
        error,
        HostError::Unreachable { .. } | HostError::Timeout { .. }
    )
}

fn serving<'a>(host: &HostName, view: &'a View) -> Option<&'a MemberStatus> {
    match view.cluster.members.get(host) {
        Some(MemberProbe::Serving(status)) => Some(status),
        _ => None,
    }
}

/// The host whose member says itself that it leads, of the highest term.
pub(crate) fn leader(hosts: &[HostName], view: &View) -> Option<HostName> {
    hosts
        .iter()
        .filter_map(|h| serving(h, view).map(|s| (h, s)))
        .filter(|(_, s)| s.leader != 0 && s.leader == s.member_id)
        .max_by_key(|(_, s)| s.raft_term)
        .map(|(h, _)| h.clone())
}

/// Serving, not the leader where another will do, furthest ahead; of equals the first in inventory order.
fn best(hosts: &[HostName], view: &View) -> Option<HostName> {
    let lead = leader(hosts, view);
    hosts
        .iter()
        .enumerate()
        .filter_map(|(at, h)| serving(h, view).map(|s| (at, h, s)))
        .max_by_key(|(at, h, s)| {
            (
                Some(*h) != lead.as_ref() && !s.is_learner,
                !s.is_learner,
                s.raft_term,
                s.raft_applied_index,
                Reverse(*at),
            )
        })
        .map(|(_, h, _)| h.clone())
}

/// Serving, with the latest revision, whoever leads; of equals the first in inventory order.
fn furthest(hosts: &[HostName], view: &View) -> Option<HostName> {
    hosts
        .iter()
        .enumerate()
        .filter_map(|(at, h)| serving(h, view).map(|s| (at, h, s)))
        .max_by_key(|(at, _, s)| (s.revision, s.raft_applied_index, Reverse(*at)))
        .map(|(_, h, _)| h.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_does_not_answer_is_gone() {
        let host = |name: &str| HostName::new(name);
        let mut view = View::default();
        let silent = HostError::Unreachable {
            host: host("etcd1"),
            detail: "no route to host".to_owned(),
        };
        let lives = HostError::SudoPassword {
            host: host("etcd2"),
        };
        view.hosts.insert(host("etcd1"), Err(silent));
        view.hosts.insert(host("etcd2"), Err(lives));
        let hosts = vec![host("etcd1"), host("etcd2"), host("etcd3")];
        let gone = choose("gone", hosts.clone(), Some(&view));
        assert_eq!(gone, Some(vec![host("etcd1")]));
        // Before the probe whoever may be gone is looked at.
        assert_eq!(choose("gone", hosts.clone(), None), Some(hosts));
    }
}
