//! Guards about what members say of themselves.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Verdict;
use super::evaluate::{Finding, holds, settle, unknown, violated, violated_help};
use super::{hints, membership};
use crate::cluster::{MemberProbe, MemberStatus, SilentCause};
use crate::host::{HostName, Scheme};
use crate::quorum::{Quorum, quorum};
use crate::view::View;

/// The member's status, where it answered.
pub(super) fn serving<'a>(host: &HostName, view: &'a View) -> Option<&'a MemberStatus> {
    match view.cluster.members.get(host) {
        Some(MemberProbe::Serving(status)) => Some(status),
        _ => None,
    }
}

/// Several findings as one text.
pub(super) fn list(items: &[String]) -> String {
    const SHOWN: usize = 5;
    if items.len() > SHOWN {
        format!(
            "{}; and {} more",
            items[..SHOWN].join("; "),
            items.len() - SHOWN
        )
    } else {
        items.join("; ")
    }
}

/// Why a member that did not answer did not; dead only where something on a reached host says so.
pub(super) fn silent(host: &HostName, view: &View) -> Finding {
    match view.cluster.members.get(host) {
        Some(MemberProbe::Silent {
            cause: SilentCause::Refused,
            detail,
        }) => Finding::Bad(format!("`{host}` is down: {detail}")),
        Some(MemberProbe::Silent {
            cause: SilentCause::Tls | SilentCause::Error,
            detail,
        }) => Finding::Bad(format!("`{host}` does not serve: {detail}")),
        Some(MemberProbe::Silent { detail, .. }) => {
            Finding::Untold(format!("`{host}` is silent: {detail}"))
        }
        _ => Finding::Untold(format!("`{host}` was not asked")),
    }
}

fn count(quorum_seen: Quorum) -> String {
    format!(
        "{} of {} members healthy, {} needed for quorum",
        quorum_seen.healthy,
        quorum_seen.voters,
        quorum(quorum_seen.voters)
    )
}

fn cluster_ids(members: &[HostName], view: &View) -> BTreeSet<u64> {
    members
        .iter()
        .filter_map(|h| serving(h, view))
        .map(|s| s.cluster_id)
        .collect()
}

pub(super) fn quorum_safe(members: &[HostName], stopping: &[HostName], view: &View) -> Verdict {
    if cluster_ids(members, view).len() > 1 {
        return violated("the members belong to different clusters");
    }
    let seen = view.cluster.quorum(members.len());
    let lost = stopping
        .iter()
        .filter(|h| serving(h, view).is_some_and(|s| !s.is_learner && s.leader != 0))
        .count();
    if seen.survives_stop(lost) {
        return holds(format!("{}, {} may stop", count(seen), seen.can_lose()));
    }
    let names: Vec<_> = stopping.iter().map(|h| format!("`{h}`")).collect();
    if seen.holds() {
        violated_help(
            format!(
                "{}: stopping {} would lose quorum",
                count(seen),
                names.join(", ")
            ),
            if seen.voters == 1 {
                hints::ALONE
            } else {
                hints::SPARE
            },
        )
    } else {
        violated_help(
            format!("quorum is lost already: {}", count(seen)),
            hints::LOST,
        )
    }
}

/// Unreachable is not dead: a member counts as lost only when a reached host or a refused connection says so. Without a leader is not
/// lost: members that run may be about to elect one, as they are for a second after every leader's death.
pub(super) fn quorum_lost(members: &[HostName], view: &View) -> Verdict {
    let seen = view.cluster.quorum(members.len());
    if seen.holds() {
        return violated(count(seen));
    }
    let undecided: Vec<_> = members
        .iter()
        .filter(|h| serving(h, view).is_none() && !proven_down(h, view))
        .collect();
    let electing: Vec<_> = members
        .iter()
        .filter(|h| serving(h, view).is_some_and(|s| !s.is_learner && s.leader == 0))
        .collect();
    let needed = quorum(seen.voters.max(1));
    if seen.healthy + electing.len() + undecided.len() < needed {
        return holds(count(seen));
    }
    let who = |hosts: &[&HostName]| {
        let names: Vec<_> = hosts.iter().map(|h| format!("`{h}`")).collect();
        names.join(", ")
    };
    let mut why = count(seen);
    if !undecided.is_empty() {
        let hosts = who(&undecided);
        write!(why, ", but {hosts} may be alive behind a partition or hung").ok();
    }
    if !electing.is_empty() {
        let hosts = who(&electing);
        let joined = if undecided.is_empty() {
            ", but"
        } else {
            "; and"
        };
        write!(
            why,
            "{joined} {hosts} may elect a leader as soon as they reach each other"
        )
        .ok();
    }
    unknown(why)
}

fn proven_down(host: &HostName, view: &View) -> bool {
    if matches!(
        view.cluster.members.get(host),
        Some(MemberProbe::Silent {
            cause: SilentCause::Refused,
            ..
        })
    ) {
        return true;
    }
    let (Some(spec), Some(facts)) = (view.specs.get(host), view.facts(host)) else {
        return false;
    };
    let idle = facts
        .services
        .get(&spec.unit)
        .is_some_and(|s| !s.is_running());
    let unheard = facts
        .ports
        .get(&spec.client_port)
        .is_some_and(Option::is_none);
    let no_process = !facts
        .etcd_processes
        .iter()
        .any(|p| p.data_dir.as_deref().is_none_or(|d| d == spec.data_dir));
    idle && unheard && no_process
}

pub(super) fn healthy(members: &[HostName], view: &View) -> Verdict {
    let ids = cluster_ids(members, view);
    if ids.len() > 1 {
        let shown: Vec<_> = ids.iter().map(|id| format!("{id:x}")).collect();
        return violated(format!(
            "members belong to different clusters: {}",
            shown.join(", ")
        ));
    }
    let leaders: BTreeSet<_> = members
        .iter()
        .filter_map(|h| serving(h, view))
        .map(|s| s.leader)
        .collect();
    // What is no member is not down.
    let unlisted = membership::unlisted(members, view);
    let mut help = unlisted.as_ref().map(|_| hints::UNLISTED.to_owned());
    let findings = members
        .iter()
        .map(|host| {
            let finding = match (serving(host, view), &unlisted) {
                (None, Some(what)) if membership::listed(host, view).is_none() => {
                    Finding::Bad(what.clone())
                }
                (None, _) => silent(host, view),
                (Some(status), _) => {
                    member_healthy(host, status, (members, unlisted.as_ref()), view)
                }
            };
            if matches!(finding, Finding::Bad(_)) {
                help = help.take().or_else(|| mend(host, view));
            }
            finding
        })
        .collect();
    match settle(findings, "members healthy") {
        Verdict::Violated { observed, .. } => Verdict::Violated { observed, help },
        Verdict::Holds { .. } if leaders.len() > 1 => {
            unknown("the members do not agree on the leader yet")
        }
        Verdict::Holds { observed } => holds(format!(
            "{observed}, one leader, cluster {:x}",
            ids.first().copied().unwrap_or(0)
        )),
        other => other,
    }
}

/// What is to be done for a member that is not healthy, if one thing is clear.
fn mend(host: &HostName, view: &View) -> Option<String> {
    let Some(status) = serving(host, view) else {
        return Some(hints::down(host));
    };
    if status.leader == 0 {
        return Some(hints::NO_LEADER.to_owned());
    }
    if let Some(alarm) = status.alarms.first() {
        return Some(hints::alarm(&alarm.kind).to_owned());
    }
    let mut listed = status.members.iter().flatten();
    let (_, help) = listed.find_map(|m| membership::misplaced(m, view))?;
    Some(help)
}

fn member_healthy(
    host: &HostName,
    status: &MemberStatus,
    (members, unlisted): (&[HostName], Option<&String>),
    view: &View,
) -> Finding {
    if status.leader == 0 {
        return Finding::Bad(format!("`{host}` knows no leader"));
    }
    if let Some(alarm) = status.alarms.first() {
        return Finding::Bad(hints::alarm_text(alarm, view));
    }
    if let Some(error) = status.errors.first() {
        return Finding::Bad(format!("`{host}` reports `{error}`"));
    }
    let Some(listed) = &status.members else {
        return Finding::Untold(format!("`{host}` does not tell its member list"));
    };
    if let Some(own) = listed.iter().find(|m| m.id == status.member_id)
        && view
            .specs
            .get(host)
            .is_some_and(|spec| spec.name != own.name)
    {
        return Finding::Bad(format!("the member on `{host}` is named `{}`", own.name));
    }
    let known: BTreeSet<_> = members
        .iter()
        .filter_map(|h| view.specs.get(h))
        .map(|s| s.name.as_str())
        .collect();
    match listed.iter().find(|m| !known.contains(m.name.as_str())) {
        Some(member) if member.name.is_empty() => match membership::misplaced(member, view) {
            Some((what, _)) => Finding::Bad(what),
            None => Finding::Fine,
        },
        Some(member) => Finding::Bad(format!(
            "the cluster has a member `{}` that the inventory does not know",
            member.name
        )),
        None if listed.len() < known.len() => {
            Finding::Bad(unlisted.cloned().unwrap_or_else(|| {
                format!(
                    "`{host}` lists {} members, the inventory {}",
                    listed.len(),
                    known.len()
                )
            }))
        }
        None => Finding::Fine,
    }
}

pub(super) fn same_hash(members: &[HostName], view: &View) -> Verdict {
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for host in members {
        findings.push(match serving(host, view).map(|s| s.hash) {
            None => silent(host, view),
            Some(None) => Finding::Untold(format!("`{host}` gave no hash")),
            Some(Some(hash)) => {
                seen.push((host, hash));
                Finding::Fine
            }
        });
    }
    let verdict = settle(findings, "members hashed");
    let (Verdict::Holds { .. }, Some((_, first))) = (&verdict, seen.first().copied()) else {
        return verdict;
    };
    if seen
        .iter()
        .any(|(_, h)| (h.revision, h.compact_revision) != (first.revision, first.compact_revision))
    {
        return unknown("the members were asked at different revisions");
    }
    let differing: Vec<_> = seen
        .iter()
        .map(|(host, h)| format!("`{host}` {:08x}", h.hash))
        .collect();
    if seen.iter().all(|(_, h)| h.hash == first.hash) {
        holds(format!(
            "{} of {} give {:08x} at revision {}",
            seen.len(),
            members.len(),
            first.hash,
            first.revision
        ))
    } else {
        violated(format!(
            "hashes differ at revision {}: {}",
            first.revision,
            differing.join(", ")
        ))
    }
}

pub(super) fn no_alarm(members: &[HostName], view: &View) -> Verdict {
    let statuses: Vec<_> = members.iter().filter_map(|h| serving(h, view)).collect();
    let alarms = statuses.iter().flat_map(|s| &s.alarms);
    // Every member tells of the same.
    let told: BTreeSet<_> = alarms.clone().map(|a| hints::alarm_text(a, view)).collect();
    let help = alarms.map(|a| hints::alarm(&a.kind)).next();
    match help {
        Some(help) => violated_help(told.into_iter().collect::<Vec<_>>().join("; "), help),
        None if statuses.is_empty() => unknown("no member answers"),
        None => holds("no alarm"),
    }
}

/// No CORRUPT alarm: its data differs, and no runbook but a replacement helps.
pub(super) fn no_corruption(members: &[HostName], view: &View) -> Verdict {
    let statuses: Vec<_> = members.iter().filter_map(|h| serving(h, view)).collect();
    let corrupt = statuses
        .iter()
        .flat_map(|s| &s.alarms)
        .find(|a| a.kind == "CORRUPT");
    match corrupt {
        Some(alarm) => violated_help(hints::alarm_text(alarm, view), hints::alarm(&alarm.kind)),
        None if statuses.is_empty() => unknown("no member answers"),
        None => holds("no CORRUPT alarm"),
    }
}

/// Every member answers and knows a leader.
pub(super) fn all_serving(members: &[HostName], view: &View) -> Verdict {
    let unlisted = membership::unlisted(members, view);
    let mut help = unlisted.as_ref().map(|_| hints::UNLISTED.to_owned());
    let findings = members
        .iter()
        .map(|host| {
            let finding = match (serving(host, view), &unlisted) {
                (Some(status), _) if status.leader != 0 => return Finding::Fine,
                (Some(_), _) => Finding::Bad(format!("`{host}` knows no leader")),
                (None, Some(what)) if membership::listed(host, view).is_none() => {
                    Finding::Bad(what.clone())
                }
                (None, _) => silent(host, view),
            };
            help = help.take().or_else(|| mend(host, view));
            finding
        })
        .collect();
    match settle(findings, "members serve") {
        Verdict::Violated { observed, .. } => Verdict::Violated { observed, help },
        other => other,
    }
}

pub(super) fn formed(members: &[HostName], view: &View) -> Verdict {
    if let Some(listed) = view.cluster.membership() {
        let listed: BTreeSet<_> = listed.iter().map(|m| m.name.as_str()).collect();
        let missing: Vec<_> = members
            .iter()
            .filter_map(|h| view.specs.get(h))
            .filter(|spec| !listed.contains(spec.name.as_str()))
            .map(|spec| format!("`{}`", spec.name))
            .collect();
        return if missing.is_empty() {
            holds(format!("a cluster of {} members", listed.len()))
        } else {
            violated_help(
                format!("the cluster does not know {}", missing.join(", ")),
                hints::UNLISTED,
            )
        };
    }
    let with_data: Vec<_> = members
        .iter()
        .filter(|h| {
            view.specs
                .get(h)
                .and_then(|spec| view.facts(h).and_then(|f| f.data_dirs.get(&spec.data_dir)))
                .is_some_and(|dir| dir.has_member)
        })
        .map(|h| format!("`{h}`"))
        .collect();
    let unseen: Vec<_> = members
        .iter()
        .filter(|h| view.facts(h).is_none())
        .map(|h| format!("`{h}`"))
        .collect();
    if !with_data.is_empty() {
        unknown(format!(
            "there is data on {}, but no member tells the membership",
            with_data.join(", ")
        ))
    } else if !unseen.is_empty() {
        unknown(format!("{} could not be looked at", unseen.join(", ")))
    } else {
        violated("no member serves and no host has data")
    }
}

pub(super) fn any_serving(members: &[HostName], view: &View) -> Verdict {
    let up: Vec<_> = members
        .iter()
        .filter(|h| serving(h, view).is_some())
        .map(|h| format!("`{h}`"))
        .collect();
    if up.is_empty() {
        let findings = members.iter().map(|h| silent(h, view)).collect();
        match settle(findings, "members serve") {
            Verdict::Holds { .. } => violated("there are no members"),
            other => other,
        }
    } else {
        holds(format!(
            "{} of {} answer: {}",
            up.len(),
            members.len(),
            up.join(", ")
        ))
    }
}

/// What only another one has is lost with it.
pub(super) fn furthest_ahead(members: &[HostName], chosen: &[HostName], view: &View) -> Verdict {
    let Some((host, own)) = chosen
        .iter()
        .find_map(|host| Some((host, serving(host, view)?)))
    else {
        let findings = chosen.iter().map(|host| silent(host, view)).collect();
        return match settle(findings, "members serve") {
            Verdict::Holds { .. } => violated("no member was chosen"),
            other => other,
        };
    };
    let newest = members
        .iter()
        .filter_map(|host| Some((host, serving(host, view)?)))
        .max_by_key(|(_, status)| status.revision);
    match newest {
        Some((other, status)) if status.revision > own.revision => violated_help(
            format!(
                "`{host}` is at revision {}, `{other}` at revision {}: the {} after it would be lost",
                own.revision,
                status.revision,
                revisions(status.revision - own.revision)
            ),
            format!("choose `{other}`"),
        ),
        _ => holds(format!(
            "`{host}` is at revision {}, and none that answers is later",
            own.revision
        )),
    }
}

fn revisions(count: i64) -> String {
    match count {
        1 => "revision".to_owned(),
        count => format!("{count} revisions"),
    }
}

pub(super) fn revision_at_least(members: &[HostName], revision: i64, view: &View) -> Verdict {
    let mut least = i64::MAX;
    let findings = members
        .iter()
        .map(|host| match serving(host, view) {
            None => silent(host, view),
            Some(status) if status.revision < revision => Finding::Bad(format!(
                "`{host}` is at revision {}, below {revision}",
                status.revision
            )),
            Some(status) => {
                least = least.min(status.revision);
                Finding::Fine
            }
        })
        .collect();
    match settle(findings, "members") {
        Verdict::Holds { .. } => holds(format!(
            "revision {least} or later on all, {revision} wanted"
        )),
        other => other,
    }
}

pub(super) fn certificates_valid(members: &[HostName], within_s: u64, view: &View) -> Verdict {
    let limit = view.now.saturating_add_unsigned(within_s);
    let findings = members
        .iter()
        .map(|host| match serving(host, view) {
            None => silent(host, view),
            Some(status) => match status.certificate_not_after {
                Some(end) if end < limit => Finding::Bad(format!(
                    "the certificate of `{host}` ends in {} days",
                    (end - view.now) / 86_400
                )),
                _ => Finding::Fine,
            },
        })
        .collect();
    settle(findings, "certificates valid for long enough")
}

/// Every member serves what was issued for it, by its serial number: etcd reads the files anew with every connection.
pub(super) fn certificates_served(members: &[HostName], view: &View) -> Verdict {
    let findings = members
        .iter()
        .map(|host| match serving(host, view) {
            None => silent(host, view),
            Some(status) => served(host, status, view),
        })
        .collect();
    settle(findings, "members serve the certificates that stand here")
}

fn served(host: &HostName, status: &MemberStatus, view: &View) -> Finding {
    let plain = view
        .specs
        .get(host)
        .is_some_and(|s| s.scheme == Scheme::Http);
    match (&status.certificate_serial, &status.certificate_issued) {
        _ if plain => Finding::Fine,
        (Some(served), Some(issued)) if served == issued => Finding::Fine,
        (Some(served), Some(issued)) => Finding::Bad(format!(
            "`{host}` serves the certificate {served}, not {issued}, which stands here for it"
        )),
        (None, _) => Finding::Untold(format!("what `{host}` serves was not seen")),
        (_, None) => Finding::Untold(format!(
            "there is no certificate of `{host}` on this machine to compare with"
        )),
    }
}
