//! Guards about who belongs to the cluster: the members' own list against the inventory.

use std::collections::BTreeSet;

use super::Verdict;
use super::evaluate::{Finding, holds, settle, unknown, violated, violated_help};
use super::members::{serving, silent};
use crate::cluster::{Member, MemberStatus};
use crate::host::{HostName, MemberSpec};
use crate::quorum::{Quorum, quorum};
use crate::view::View;

/// Raft entries that a settled member may be behind: members are asked one after the other while clients write.
const LAG: u64 = 5_000;

/// The host of the inventory whose member this is: by its peer URL, else by its name.
fn host_of<'a>(member: &Member, view: &'a View) -> Option<&'a MemberSpec> {
    let by_url = view
        .specs
        .values()
        .find(|s| member.peer_urls.contains(&s.peer_url()));
    by_url.or_else(|| {
        let named = |s: &&MemberSpec| !member.name.is_empty() && s.name == member.name;
        view.specs.values().find(named)
    })
}

/// The list's entry of a host's member.
pub fn listed<'a>(host: &HostName, view: &'a View) -> Option<&'a Member> {
    let members = view.cluster.membership()?;
    members
        .iter()
        .find(|m| host_of(m, view).is_some_and(|s| s.host == *host))
}

/// Whether all that the cluster consists of was asked: each member that is listed, or all that the inventory has where nobody lists them.
pub fn all_asked(view: &View) -> bool {
    let asked = |host: &HostName| view.cluster.members.contains_key(host);
    match view.cluster.membership() {
        Some(members) => {
            let mut hosts = members.iter().map(|m| host_of(m, view));
            hosts.all(|spec| spec.is_some_and(|s| asked(&s.host)))
        }
        None => !view.specs.is_empty() && view.specs.keys().all(asked),
    }
}

fn shown(member: &Member) -> String {
    if member.name.is_empty() {
        format!("{:x} ({})", member.id, member.peer_urls.join(","))
    } else {
        format!("`{}`", member.name)
    }
}

const UNTOLD: &str = "no member tells the membership";

/// Every listed member is a started voter that serves, agrees and keeps up; but for those that are just being made one.
pub(super) fn settled(joining: &[HostName], view: &View) -> Verdict {
    let Some(members) = view.cluster.membership() else {
        return unknown(UNTOLD);
    };
    let ids: BTreeSet<_> = view.cluster.serving().map(|(_, s)| s.cluster_id).collect();
    if ids.len() > 1 {
        return violated("the members belong to different clusters");
    }
    let newest = view.cluster.serving().map(|(_, s)| s.raft_index).max();
    let findings = members
        .iter()
        .filter(|m| host_of(m, view).is_none_or(|s| !joining.contains(&s.host)))
        .map(|m| settled_member(m, newest.unwrap_or(0), view))
        .collect();
    let leaders: BTreeSet<_> = view
        .cluster
        .serving()
        .filter(|(host, _)| !joining.contains(host))
        .map(|(_, s)| s.leader)
        .collect();
    match settle(findings, "listed members settled") {
        Verdict::Holds { .. } if leaders.len() > 1 => {
            unknown("the members do not agree on the leader yet")
        }
        other => other,
    }
}

fn settled_member(member: &Member, newest: u64, view: &View) -> Finding {
    if member.is_learner {
        return Finding::Bad(format!("{} is a learner left half-way", shown(member)));
    }
    if member.name.is_empty() {
        return Finding::Bad(format!("member {} never started", shown(member)));
    }
    let Some(spec) = host_of(member, view) else {
        return Finding::Bad(format!(
            "the cluster has a member {} that the inventory does not know",
            shown(member)
        ));
    };
    match serving(&spec.host, view) {
        None => silent(&spec.host, view),
        Some(status) => keeps_up(&spec.host, status, newest),
    }
}

fn keeps_up(host: &HostName, status: &MemberStatus, newest: u64) -> Finding {
    if status.leader == 0 {
        return Finding::Bad(format!("`{host}` knows no leader"));
    }
    if let Some(alarm) = status.alarms.first() {
        return Finding::Bad(format!(
            "alarm {} is active on member {:x}",
            alarm.kind, alarm.member_id
        ));
    }
    let behind = newest.saturating_sub(status.raft_applied_index);
    if behind > LAG {
        return Finding::Bad(format!("`{host}` is {behind} entries behind"));
    }
    Finding::Fine
}

/// Taking members away one after the other leaves quorum among those that stay, each time.
pub(super) fn removal_safe(members: &[HostName], leaving: &[HostName], view: &View) -> Verdict {
    if view.cluster.membership().is_none() {
        return unknown(UNTOLD);
    }
    let mut seen = view.cluster.quorum(members.len());
    if !seen.holds() {
        return violated_help(
            format!(
                "quorum is lost already: {} of {} voters healthy",
                seen.healthy, seen.voters
            ),
            "a removal has to be committed by the others; if they are gone for good, recover-majority.etcdrb rebuilds the cluster",
        );
    }
    for host in leaving {
        match listed(host, view) {
            Some(member) if !member.is_learner => {}
            _ => continue,
        }
        let healthy = serving(host, view).is_some_and(|s| s.leader != 0);
        seen = Quorum {
            voters: seen.voters - 1,
            healthy: seen.healthy - usize::from(healthy),
        };
        if seen.voters == 0 {
            return violated(format!("`{host}` is the last member"));
        }
        if !seen.holds() {
            return violated(format!(
                "without `{host}` {} of {} voters are healthy, {} are needed for quorum",
                seen.healthy,
                seen.voters,
                quorum(seen.voters)
            ));
        }
    }
    holds(format!(
        "afterwards {} of {} voters are healthy, {} needed for quorum",
        seen.healthy,
        seen.voters,
        quorum(seen.voters)
    ))
}

/// The cluster's members are those of the inventory, no more and no fewer.
pub(super) fn inventory_matches(members: &[HostName], view: &View) -> Verdict {
    let Some(told) = view.cluster.membership() else {
        return unknown(UNTOLD);
    };
    let foreign = told.iter().find(|m| {
        let host = host_of(m, view).map(|s| &s.host);
        host.is_none_or(|h| !members.contains(h))
    });
    if let Some(member) = foreign {
        return violated_help(
            format!(
                "the cluster has a member {} that the inventory does not know",
                shown(member)
            ),
            "add its host to the inventory's group; `scale-down.etcdrb` then removes it, if it is not wanted",
        );
    }
    let missing: Vec<_> = members
        .iter()
        .filter(|h| listed(h, view).is_none())
        .map(|h| format!("`{h}`"))
        .collect();
    if missing.is_empty() {
        return holds(format!("{} members, as in the inventory", told.len()));
    }
    violated_help(
        format!("the cluster does not know {}", missing.join(", ")),
        "`scale-up.etcdrb` makes members of them; or take them out of the inventory's group",
    )
}
