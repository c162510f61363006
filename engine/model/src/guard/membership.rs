//! Guards about who belongs to the cluster: the members' own list against the inventory.

use std::collections::{BTreeMap, BTreeSet};

use super::Verdict;
use super::evaluate::{Finding, holds, settle, unknown, violated_help};
use super::hints;
use super::members::{serving, silent};
use crate::cluster::{Member, MemberStatus};
use crate::host::{HostName, MemberSpec};
use crate::quorum::{Quorum, quorum};
use crate::view::View;

/// Raft entries that a settled member may be behind: members are asked one after the other while clients write.
const LAG: u64 = 5_000;

/// The host of the inventory whose member this is: by its peer URL, else by its name.
pub(super) fn host_of<'a>(member: &Member, view: &'a View) -> Option<&'a MemberSpec> {
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
    let own = view.specs.get(host)?.peer_url();
    let by_url = members.iter().find(|m| m.peer_urls.contains(&own));
    // One that was moved is still listed where it was.
    by_url.or_else(|| {
        members
            .iter()
            .find(|m| host_of(m, view).is_some_and(|s| s.host == *host))
    })
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

/// A member that was added and not brought to its end.
fn half_way(member: &Member, view: &View) -> Option<(String, String)> {
    let host = host_of(member, view);
    let shown = hints::shown(member, host);
    let what = if member.is_learner {
        format!("{shown} is a learner left half-way")
    } else if member.name.is_empty() {
        format!("member {shown} never started")
    } else {
        return None;
    };
    Some((what, hints::half_way(host)))
}

/// A listed member that the inventory does not know, or that never started; and what is to be done about it.
pub(super) fn misplaced(member: &Member, view: &View) -> Option<(String, String)> {
    if host_of(member, view).is_none() {
        return Some((foreign(member), hints::FOREIGN.to_owned()));
    }
    half_way(member, view).filter(|_| member.name.is_empty())
}

/// Of these hosts those whose members the cluster does not list, in words; none: it lists them all, or nobody tells.
pub(super) fn unlisted(members: &[HostName], view: &View) -> Option<String> {
    view.cluster.membership()?;
    let missing: Vec<_> = members
        .iter()
        .filter(|h| listed(h, view).is_none())
        .map(|h| format!("`{h}`"))
        .collect();
    (!missing.is_empty()).then(|| format!("the cluster does not know {}", missing.join(", ")))
}

fn foreign(member: &Member) -> String {
    format!(
        "the cluster has a member {} that the inventory does not know",
        hints::shown(member, None)
    )
}

pub(super) const UNTOLD: &str = "no member tells the membership";

/// Members of a former cluster that still run, as after a restore without them: whose list is the right one is not to be told.
pub(super) fn several_clusters(view: &View) -> Option<Verdict> {
    let mut by_id: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (host, status) in view.cluster.serving() {
        let hosts = by_id.entry(status.cluster_id).or_default();
        hosts.push(format!("`{host}`"));
    }
    let each = by_id
        .iter()
        .map(|(id, hosts)| format!("{} to {id:x}", hosts.join(", ")));
    (by_id.len() > 1).then(|| {
        violated_help(
            format!(
                "the members belong to different clusters: {}",
                each.collect::<Vec<_>>().join("; ")
            ),
            "stop the member that is left of a former cluster and move its data dir away; `scale-up.etcdrb` then lets it join",
        )
    })
}

/// Every listed member is a started voter that serves, agrees and keeps up; but for those that are just being made one.
pub(super) fn settled(joining: &[HostName], view: &View) -> Verdict {
    let Some(members) = view.cluster.membership() else {
        return unknown(UNTOLD);
    };
    if let Some(several) = several_clusters(view) {
        return several;
    }
    let newest = view.cluster.serving().map(|(_, s)| s.raft_index).max();
    let others = members
        .iter()
        .filter(|m| host_of(m, view).is_none_or(|s| !joining.contains(&s.host)));
    let mut help = None;
    // Every member tells of the same alarm.
    let mut told = BTreeSet::new();
    let findings = others
        .map(|m| {
            let (finding, what) = settled_member(m, newest.unwrap_or(0), view);
            match finding {
                Finding::Bad(text) if !told.insert(text.clone()) => Finding::Fine,
                Finding::Bad(text) => {
                    help = help.take().or(what);
                    Finding::Bad(text)
                }
                other => other,
            }
        })
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
        Verdict::Violated { observed, .. } => Verdict::Violated { observed, help },
        other => other,
    }
}

/// What is found of a listed member, and what is to be done where it is bad.
fn settled_member(member: &Member, newest: u64, view: &View) -> (Finding, Option<String>) {
    let Some(spec) = host_of(member, view) else {
        let help = Some(hints::FOREIGN.to_owned());
        return (Finding::Bad(foreign(member)), help);
    };
    if let Some((what, help)) = half_way(member, view) {
        return (Finding::Bad(what), Some(help));
    }
    match serving(&spec.host, view) {
        None => (silent(&spec.host, view), Some(hints::down(&spec.host))),
        Some(status) => keeps_up(&spec.host, status, (newest, view)),
    }
}

fn keeps_up(
    host: &HostName,
    status: &MemberStatus,
    (newest, view): (u64, &View),
) -> (Finding, Option<String>) {
    let bad = |what, help: &str| (Finding::Bad(what), Some(help.to_owned()));
    if status.leader == 0 {
        return bad(format!("`{host}` knows no leader"), hints::NO_LEADER);
    }
    if let Some(alarm) = status.alarms.first() {
        return bad(hints::alarm_text(alarm, view), hints::alarm(&alarm.kind));
    }
    let behind = newest.saturating_sub(status.raft_applied_index);
    if behind > LAG {
        let what = format!("`{host}` is {behind} entries behind");
        return bad(what, hints::LAGGING);
    }
    (Finding::Fine, None)
}

/// Taking members away one after the other leaves quorum among those that stay, each time.
pub(super) fn removal_safe(members: &[HostName], leaving: &[HostName], view: &View) -> Verdict {
    if view.cluster.membership().is_none() {
        return unknown(UNTOLD);
    }
    if let Some(several) = several_clusters(view) {
        return several;
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
    for (host, healthy) in in_order(leaving, view) {
        seen = Quorum {
            voters: seen.voters - 1,
            healthy: seen.healthy - usize::from(healthy),
        };
        if seen.voters == 0 {
            return violated_help(
                format!("`{host}` is the last member"),
                "leave at least one: a cluster ends by stopping its members, not by removing them",
            );
        }
        if !seen.holds() {
            return violated_help(
                format!(
                    "without `{host}` {} of {} voters are healthy, {} are needed for quorum",
                    seen.healthy,
                    seen.voters,
                    quorum(seen.voters)
                ),
                "remove fewer of those that are healthy, or bring the others back first",
            );
        }
    }
    holds(format!(
        "afterwards {} of {} voters are healthy, {} needed for quorum",
        seen.healthy,
        seen.voters,
        quorum(seen.voters)
    ))
}

/// Voters among those that leave, and whether they are healthy: the sick first, since each of them that is gone makes quorum smaller
/// and costs nothing.
fn in_order<'a>(leaving: &'a [HostName], view: &View) -> Vec<(&'a HostName, bool)> {
    let votes = |host: &&HostName| listed(host, view).is_some_and(|m| !m.is_learner);
    let healthy = |host| serving(host, view).is_some_and(|s| s.leader != 0 && !s.is_learner);
    let once: BTreeSet<_> = leaving.iter().filter(votes).collect();
    let mut order: Vec<_> = once.into_iter().map(|h| (h, healthy(h))).collect();
    order.sort_by_key(|(_, healthy)| *healthy);
    order
}

/// None of them belongs to the cluster yet.
pub(super) fn all_unlisted(joining: &[HostName], view: &View) -> Verdict {
    if view.cluster.membership().is_none() {
        return unknown(UNTOLD);
    }
    if let Some(several) = several_clusters(view) {
        return several;
    }
    let known: Vec<_> = joining
        .iter()
        .filter_map(|host| Some((host, listed(host, view)?)))
        .collect();
    if known.is_empty() {
        return holds("the cluster lists none of them");
    }
    let left = known.iter().find_map(|(_, m)| half_way(m, view));
    let help = left.map_or_else(|| hints::LISTED.to_owned(), |(_, help)| help);
    let names: Vec<_> = known.iter().map(|(host, _)| format!("`{host}`")).collect();
    let kind = match names.len() {
        1 => "is a member",
        _ => "are members",
    };
    violated_help(
        format!("{} {kind} of the cluster already", names.join(", ")),
        help,
    )
}

/// The cluster's members are those of the inventory, no more and no fewer, and all of them vote.
pub(super) fn inventory_matches(members: &[HostName], view: &View) -> Verdict {
    let Some(told) = view.cluster.membership() else {
        return unknown(UNTOLD);
    };
    if let Some(several) = several_clusters(view) {
        return several;
    }
    let stranger = told.iter().find(|m| {
        let host = host_of(m, view).map(|s| &s.host);
        host.is_none_or(|h| !members.contains(h))
    });
    if let Some(member) = stranger {
        return violated_help(foreign(member), hints::FOREIGN);
    }
    if let Some((what, help)) = told.iter().find_map(|m| half_way(m, view)) {
        return violated_help(what, help);
    }
    if let Some(missing) = unlisted(members, view) {
        return violated_help(missing, hints::UNLISTED);
    }
    let count = told.len();
    match moved(members, view).as_slice() {
        [] => holds(format!("{count} members, as in the inventory")),
        moved => holds(format!(
            "{count} members, as in the inventory; {} under other peer URLs, which `member-update.etcdrb` mends",
            moved.join(", ")
        )),
    }
}

/// Hosts whose members are known, and listed under other peer URLs than the inventory says: between the two stands `update-member`.
fn moved(members: &[HostName], view: &View) -> Vec<String> {
    let elsewhere = |host: &&HostName| {
        let wanted = view.specs.get(*host).map(MemberSpec::peer_url);
        let found = listed(host, view);
        wanted.is_some_and(|url| found.is_some_and(|m| !m.peer_urls.contains(&url)))
    };
    let hosts = members.iter().filter(elsewhere);
    hosts.map(|h| format!("`{h}`")).collect()
}
