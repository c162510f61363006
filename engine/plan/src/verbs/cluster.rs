//! Verbs that change the cluster itself, through etcd's own API: members come, go and lead; history, files, alarms.

use runbook_model::action::Action;
use runbook_model::change::ClusterChange;
use runbook_model::cluster::{Member, MemberProbe, MemberStatus};
use runbook_model::guard::listed;
use runbook_model::host::{HostName, MemberSpec, Scheme};
use runbook_model::plan::Change;
use runbook_model::units;

use super::{Draft, Site, Work, already, changes};
use crate::error::{Fault, Outcome};
use crate::value::Value;

/// Raft entries that a learner may be behind when it is promoted: less than a second of a busy cluster. etcd's own bound is a tenth
/// of all entries, which grows with the log.
const LAG: i64 = 1_000;

const UNTOLD: &str = "no member tells the membership";

/// A change as it stands in the plan; `besides`: members that cannot answer for the cluster while it is made.
fn draft(
    site: &Site<'_>,
    change: ClusterChange,
    besides: &[HostName],
    planned: Change,
    summary: String,
) -> Draft {
    Draft {
        action: action(site, change, besides),
        summary,
        change: planned,
        undo: Vec::new(),
    }
}

fn action(site: &Site<'_>, change: ClusterChange, besides: &[HostName]) -> Action {
    let cluster = &site.view.cluster;
    let cluster_id = cluster
        .serving()
        .max_by_key(|(_, s)| (s.raft_term, s.raft_index))
        .map(|(_, s)| format!("{:x}", s.cluster_id));
    let others = |m: &&MemberSpec| !besides.contains(&m.host);
    let serves = |m: &MemberSpec| status(site, &m.host).is_some_and(|s| !s.is_learner);
    // Those that serve are asked first; who serves by then is not known now.
    let (serving, silent): (Vec<_>, Vec<_>) = site
        .call
        .run
        .members
        .iter()
        .filter(others)
        .partition(|m| serves(m));
    let through = serving.into_iter().chain(silent);
    Action::ChangeCluster {
        change,
        cluster_id,
        through: through.map(|m| m.host.clone()).collect(),
    }
}

fn status<'a>(site: &Site<'a>, host: &HostName) -> Option<&'a MemberStatus> {
    match site.view.cluster.members.get(host) {
        Some(MemberProbe::Serving(status)) => Some(status),
        _ => None,
    }
}

fn unknown(why: &str) -> Change {
    Change::Unknown {
        why: why.to_owned(),
    }
}

fn told(site: &Site<'_>) -> bool {
    site.view.cluster.membership().is_some()
}

/// `voter`, `learner`.
fn kind(member: &Member) -> &'static str {
    if member.is_learner {
        "learner"
    } else {
        "voter"
    }
}

pub(super) fn add(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    let learner = site.call.known("kind")? != "voter";
    let wanted = if learner { "learner" } else { "voter" };
    let planned = match listed(&spec.host, site.view) {
        Some(member) => already(kind(member)),
        None if told(site) => changes(format!("not listed -> {wanted}")),
        None => unknown(UNTOLD),
    };
    if let Change::Changes { .. } = planned {
        one_scheme(site, spec)?;
    }
    let own = [spec.host.clone()];
    let peer_urls = vec![spec.peer_url()];
    let undo = match planned {
        Change::None { .. } => Vec::new(),
        _ => vec![removal(site, spec)],
    };
    let add = ClusterChange::AddMember {
        name: spec.name.clone(),
        peer_urls,
        learner,
    };
    let summary = format!("add {} to the cluster as a {wanted}", spec.name);
    let draft = draft(site, add, &own, planned, summary);
    Ok(vec![Draft { undo, ..draft }].into())
}

/// Members that were started without peer certificates cannot send a newcomer its data over https.
fn one_scheme(site: &Site<'_>, spec: &MemberSpec) -> Outcome<()> {
    if spec.peer_scheme() == Scheme::Http {
        return Ok(());
    }
    let over_http = site.call.run.members.iter().find(|other| {
        other.peer_scheme() == Scheme::Https
            && listed(&other.host, site.view)
                .is_some_and(|m| m.peer_urls.iter().all(|url| url.starts_with("http://")))
    });
    match over_http {
        Some(other) => Err(Fault::Expression {
            why: format!(
                "`{}` would join over https, and `{}` is still reached by its peers over http: run member-update.etcdrb with the present members first",
                spec.name, other.name
            ),
        }
        .into()),
        None => Ok(()),
    }
}

/// What takes an added member back.
fn removal(site: &Site<'_>, spec: &MemberSpec) -> Action {
    let remove = ClusterChange::RemoveMember {
        name: spec.name.clone(),
        id: None,
        peer_urls: vec![spec.peer_url()],
    };
    action(site, remove, std::slice::from_ref(&spec.host))
}

/// Whether it is this run that adds it.
fn is_added(site: &Site<'_>, host: &HostName) -> bool {
    site.observed.cluster.membership().is_some() && listed(host, site.observed).is_none()
}

pub(super) fn promote(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    let lag = site.call.int("lag").unwrap_or(LAG);
    let lag = u64::try_from(lag).map_err(|_| Fault::Expression {
        why: format!("`lag {lag}`: a number of entries is not negative"),
    })?;
    let planned = match listed(&spec.host, site.view) {
        Some(member) if member.is_learner => changes("learner -> voter"),
        Some(_) => already("voter"),
        None if told(site) => {
            return Err(Fault::Expression {
                why: format!(
                    "`{}` is no member of the cluster, and nothing before adds it",
                    spec.name
                ),
            }
            .into());
        }
        None => unknown(UNTOLD),
    };
    let promote = ClusterChange::PromoteMember {
        member: spec.host.clone(),
        peer_urls: vec![spec.peer_url()],
        lag,
    };
    let summary = format!(
        "give {} a vote, once it is at most {lag} entries behind",
        spec.name
    );
    let own = [spec.host.clone()];
    // A vote is not taken back but with the member, and before its process stops: two voters of which one stopped can remove nobody.
    let undo = match planned {
        Change::Changes { .. } if is_added(site, &spec.host) => vec![removal(site, spec)],
        _ => Vec::new(),
    };
    let draft = draft(site, promote, &own, planned, summary);
    Ok(vec![Draft { undo, ..draft }].into())
}

pub(super) fn remove(site: &Site<'_>) -> Outcome<Work> {
    let mut leaving = match site.call.arguments.get("of") {
        Some(Value::Hosts(hosts)) => hosts.clone(),
        _ => vec![site.call.member()?.host.clone()],
    };
    if leaving.is_empty() {
        return Ok(Work::left_out("there is no member to remove".to_owned()));
    }
    // As the guard reckons: one that does not serve costs no quorum.
    leaving.sort_by_key(|host| status(site, host).is_some_and(|s| s.leader != 0));
    let (mut drafts, mut notes) = (Vec::new(), Vec::new());
    for host in &leaving {
        let spec = site.view.specs.get(host).ok_or_else(|| Fault::Expression {
            why: format!("`{host}` carries no etcd member here"),
        })?;
        let found = listed(host, site.view);
        let planned = match found {
            Some(member) => changes(format!("{} {:x} -> removed", kind(member), member.id)),
            // It may have been removed before; or it is not the one that was meant.
            None if told(site) => {
                notes.push(format!(
                    "`{host}` is no member of the cluster: there is nothing to remove"
                ));
                already("not listed")
            }
            None => unknown(UNTOLD),
        };
        let remove = ClusterChange::RemoveMember {
            name: spec.name.clone(),
            id: found.map(|m| format!("{:x}", m.id)),
            peer_urls: found.map_or_else(|| vec![spec.peer_url()], |m| m.peer_urls.clone()),
        };
        let summary = format!("remove {} from the cluster", spec.name);
        drafts.push(draft(site, remove, &leaving, planned, summary));
    }
    Ok(Work {
        drafts,
        notes,
        ..Work::default()
    })
}

pub(super) fn update(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    let wanted = vec![spec.peer_url()];
    let Some(member) = listed(&spec.host, site.view) else {
        let why = if told(site) {
            format!("`{}` is no member of the cluster", spec.name)
        } else {
            UNTOLD.to_owned()
        };
        return Err(Fault::Expression { why }.into());
    };
    let id = format!("{:x}", member.id);
    let to = |peer_urls| ClusterChange::UpdateMember {
        name: spec.name.clone(),
        id: id.clone(),
        peer_urls,
    };
    let (planned, undo) = if member.peer_urls == wanted {
        (already(wanted.join(",")), Vec::new())
    } else {
        let back = action(site, to(member.peer_urls.clone()), &[]);
        let text = format!("{} -> {}", member.peer_urls.join(","), wanted.join(","));
        (changes(text), vec![back])
    };
    let summary = format!("list {} as {}", spec.name, wanted.join(","));
    let draft = draft(site, to(wanted), &[], planned, summary);
    Ok(vec![Draft { undo, ..draft }].into())
}

pub(super) fn move_leader(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    let voters = site.view.cluster.quorum(site.call.run.members.len()).voters;
    let planned = match status(site, &spec.host) {
        Some(_) if voters == 1 => already("the only voter"),
        Some(s) if leads(s) => changes("leads -> another voter leads"),
        Some(_) => already("does not lead"),
        None => already("does not serve"),
    };
    let from = spec.host.clone();
    let summary = format!("another than {} leads", spec.name);
    let change = ClusterChange::MoveLeader { from };
    Ok(vec![draft(site, change, &[], planned, summary)].into())
}

fn leads(status: &MemberStatus) -> bool {
    status.leader != 0 && status.leader == status.member_id
}

/// Whether the member leads, and another voter could.
fn hands_over(site: &Site<'_>, host: &HostName) -> bool {
    let voters = site.view.cluster.quorum(site.call.run.members.len()).voters;
    voters > 1 && status(site, host).is_some_and(leads)
}

pub(super) fn compact(site: &Site<'_>) -> Outcome<Work> {
    let keep = site.call.int("keep").unwrap_or_default();
    let Some(keep) = u64::try_from(keep).ok().filter(|keep| *keep > 0) else {
        return Err(Fault::Expression {
            why: format!(
                "`keep {keep}`: compacting to the newest revision cancels every watch that is a moment behind; keep at least 1"
            ),
        }
        .into());
    };
    let revision = site.view.cluster.serving().map(|(_, s)| s.revision).max();
    let planned = match revision {
        None => unknown("no member tells its revision"),
        Some(revision) => match revision.checked_sub_unsigned(keep).filter(|to| *to > 1) {
            Some(to) => changes(format!(
                "history before revision {to}, as of now, is dropped"
            )),
            None => already(format!("revision {revision}: nothing is older")),
        },
    };
    let summary = format!("compact all but the newest {keep} revisions");
    let change = ClusterChange::Compact { keep };
    Ok(vec![draft(site, change, &[], planned, summary)].into())
}

pub(super) fn defragment(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    let above = match site.call.arguments.get("above") {
        Some(Value::Bytes(bytes)) => *bytes,
        _ => 0,
    };
    let planned = match status(site, &spec.host) {
        None => unknown("the member does not tell its size"),
        Some(s) if s.db_size_in_use < 0 => unknown("what is free is known after the compaction"),
        Some(s) => {
            let free = u64::try_from(s.db_size - s.db_size_in_use).unwrap_or(0);
            let size = units::bytes(u64::try_from(s.db_size).unwrap_or(0));
            let free_text = units::bytes(free);
            if free == 0 || free < above {
                let than = match above {
                    0 => String::new(),
                    _ => format!(", less than {}", units::bytes(above)),
                };
                already(format!("{free_text} of {size} are free{than}"))
            } else {
                changes(format!("{size}, of which {free_text} are free"))
            }
        }
    };
    let mut summary = match above {
        0 => format!("defragment {}", spec.name),
        _ => format!(
            "defragment {}, where {} or more are free",
            spec.name,
            units::bytes(above)
        ),
    };
    if !matches!(planned, Change::None { .. }) && hands_over(site, &spec.host) {
        summary.push_str("; it leads, so another leads first");
    }
    let member = spec.host.clone();
    let change = ClusterChange::Defragment { member, above };
    Ok(vec![draft(site, change, &[], planned, summary)].into())
}

pub(super) fn disarm(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    let planned = match status(site, &spec.host) {
        None => unknown("the member does not tell its alarms"),
        Some(s) if has_nospace(s) => changes("NOSPACE -> no alarm"),
        Some(_) => already("no NOSPACE alarm"),
    };
    let summary = format!("disarm the NOSPACE alarm of {}", spec.name);
    let member = spec.host.clone();
    let change = ClusterChange::DisarmNospace { member };
    Ok(vec![draft(site, change, &[], planned, summary)].into())
}

fn has_nospace(status: &MemberStatus) -> bool {
    status
        .alarms
        .iter()
        .any(|a| a.kind == "NOSPACE" && a.member_id == status.member_id)
}

/// `--initial-cluster` of a member that joins: exactly the members that are listed by then, or etcd refuses to start.
pub(super) fn initial_cluster(site: &Site<'_>) -> Option<String> {
    let members = site.view.cluster.membership()?;
    let named = |member: &Member, name: &str| {
        let urls = member.peer_urls.iter();
        urls.map(|url| format!("{name}={url}")).collect::<Vec<_>>()
    };
    let mut known = Vec::new();
    let mut parts = Vec::new();
    for spec in site.call.run.members {
        if let Some(member) = listed(&spec.host, site.view) {
            known.push(member.id);
            parts.extend(named(member, &spec.name));
        }
    }
    for member in members.iter().filter(|m| !known.contains(&m.id)) {
        // One that never started and that nobody here knows has no name yet.
        match member.name.as_str() {
            "" => parts.extend(named(member, &format!("{:x}", member.id))),
            name => parts.extend(named(member, name)),
        }
    }
    Some(parts.join(","))
}
