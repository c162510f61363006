//! The state of a cluster: a table for people, JSON in etcdctl's terms for programs.

use std::collections::BTreeSet;

use comfy_table::Table;
use runbook_model::cluster::{MemberProbe, MemberStatus, SilentCause};
use runbook_model::host::HostName;
use runbook_model::quorum::{Quorum, fault_tolerance, quorum};
use runbook_model::units::bytes;
use runbook_model::view::View;
use serde_json::{Value, json};

use crate::style::Style;
use crate::text::escape;

/// etcd's default quota where the inventory names none.
const DEFAULT_QUOTA: u64 = 2 << 30;
/// A certificate that ends within this many days is pointed out.
const CERTIFICATE_SOON_DAYS: i64 = 30;

/// Members as a table, then what it means in words.
pub fn table(view: &View, style: Style) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::UTF8_BORDERS_ONLY)
        .set_header([
            "MEMBER", "ID", "STATE", "ROLE", "VERSION", "DB", "IN USE", "QUOTA", "REVISION", "LAG",
            "CERT",
        ]);
    let top = view
        .cluster
        .serving()
        .map(|(_, s)| s.raft_applied_index)
        .max()
        .unwrap_or(0);
    for (host, probe) in &view.cluster.members {
        table.add_row(row(host, probe, view, top));
    }
    let mut out = format!("{table}\n");
    for line in words(view) {
        out += &match line {
            Line::Well(text) => format!("{}\n", style.good(text)),
            Line::Note(text) => format!("{text}\n"),
            Line::Wrong(text) => format!("{}\n", style.bad(text)),
        };
    }
    out
}

fn row(host: &HostName, probe: &MemberProbe, view: &View, top: u64) -> Vec<String> {
    let quota = view
        .specs
        .get(host)
        .and_then(|s| s.quota_bytes)
        .unwrap_or(DEFAULT_QUOTA);
    match probe {
        MemberProbe::Serving(s) => vec![
            host.to_string(),
            format!("{:x}", s.member_id),
            if s.leader == 0 {
                "no leader".into()
            } else {
                "serving".into()
            },
            role(s).into(),
            escape(&s.version),
            bytes(s.db_size.unsigned_abs()),
            bytes(s.db_size_in_use.unsigned_abs()),
            format!(
                "{}%",
                s.db_size.unsigned_abs().saturating_mul(100) / quota.max(1)
            ),
            s.revision.to_string(),
            top.saturating_sub(s.raft_applied_index).to_string(),
            s.certificate_not_after.map_or_else(
                || "-".into(),
                |end| format!("{} d", (end - view.now) / 86_400),
            ),
        ],
        MemberProbe::Silent { cause, .. } => {
            let mut cells = vec![host.to_string(), "-".into(), silent(*cause).into()];
            cells.extend(std::iter::repeat_n("-".to_owned(), 8));
            cells
        }
    }
}

const fn role(status: &MemberStatus) -> &'static str {
    if status.is_learner {
        "learner"
    } else if status.leader == status.member_id {
        "leader"
    } else {
        "follower"
    }
}

const fn silent(cause: SilentCause) -> &'static str {
    match cause {
        SilentCause::Refused => "down",
        SilentCause::HostUnreachable => "host unreachable",
        SilentCause::Timeout => "no answer",
        SilentCause::Tls => "TLS failed",
        SilentCause::Error => "error",
        SilentCause::NotAsked => "not asked",
    }
}

enum Line {
    Well(String),
    Note(String),
    Wrong(String),
}

fn words(view: &View) -> Vec<Line> {
    let mut lines = vec![quorum_line(view.cluster.quorum(view.cluster.members.len()))];
    let ids: BTreeSet<u64> = view.cluster.serving().map(|(_, s)| s.cluster_id).collect();
    if ids.len() > 1 {
        let shown: Vec<_> = ids.iter().map(|id| format!("{id:x}")).collect();
        lines.push(Line::Wrong(format!(
            "members belong to DIFFERENT clusters: {}",
            shown.join(", ")
        )));
    }
    for (host, probe) in &view.cluster.members {
        if let MemberProbe::Silent { detail, .. } = probe {
            let service = view
                .specs
                .get(host)
                .and_then(|spec| view.facts(host).and_then(|f| f.services.get(&spec.unit)))
                .map(|s| {
                    format!(
                        "; service is {}",
                        if s.exists {
                            s.active.as_str()
                        } else {
                            "not installed"
                        }
                    )
                })
                .unwrap_or_default();
            lines.push(Line::Wrong(format!(
                "{host}: {}{}",
                escape(detail),
                escape(&service)
            )));
        }
    }
    let mut alarms = BTreeSet::new();
    for (host, status) in view.cluster.serving() {
        alarms.extend(
            status
                .alarms
                .iter()
                .map(|a| format!("alarm {} on member {:x}", escape(&a.kind), a.member_id)),
        );
        lines.extend(
            status
                .errors
                .iter()
                .map(|e| Line::Wrong(format!("{host} reports: {}", escape(e)))),
        );
        if let Some(end) = status
            .certificate_not_after
            .filter(|end| (end - view.now) / 86_400 < CERTIFICATE_SOON_DAYS)
        {
            lines.push(Line::Wrong(format!(
                "{host}: certificate ends in {} days",
                (end - view.now) / 86_400
            )));
        }
    }
    lines.extend(alarms.into_iter().map(Line::Wrong));
    lines.extend(strangers(view));
    lines
}

fn quorum_line(seen: Quorum) -> Line {
    let of = format!("{} of {} members healthy", seen.healthy, seen.voters);
    let needed = quorum(seen.voters);
    if seen.voters == 0 {
        Line::Wrong("no members".to_owned())
    } else if !seen.holds() {
        Line::Wrong(format!(
            "{of}: NO QUORUM, {needed} are needed; nothing can be written"
        ))
    } else if seen.healthy == seen.voters {
        Line::Well(format!(
            "{of}: quorum needs {needed}, {} may fail{}",
            seen.can_lose(),
            if seen.voters.is_multiple_of(2) {
                "; an even count tolerates no more than one member fewer"
            } else {
                ""
            }
        ))
    } else {
        Line::Note(format!(
            "{of}: quorum holds ({needed} needed), {} more may fail of the {} that a whole cluster of {} tolerates",
            seen.can_lose(),
            fault_tolerance(seen.voters),
            seen.voters
        ))
    }
}

/// Members that the inventory does not know.
fn strangers(view: &View) -> Vec<Line> {
    let known: BTreeSet<&str> = view.specs.values().map(|s| s.name.as_str()).collect();
    view.cluster
        .membership()
        .unwrap_or_default()
        .iter()
        .filter(|m| !known.contains(m.name.as_str()))
        .map(|m| {
            let name = if m.name.is_empty() {
                "(never started)"
            } else {
                m.name.as_str()
            };
            Line::Wrong(format!(
                "member {:x} {} is not in the inventory",
                m.id,
                escape(name)
            ))
        })
        .collect()
}

/// The same as one JSON object; ids both as numbers, as etcdctl prints them, and as hex, which JSON readers keep exact.
pub fn to_json(view: &View) -> Value {
    let seen = view.cluster.quorum(view.cluster.members.len());
    let top = view
        .cluster
        .serving()
        .map(|(_, s)| s.raft_applied_index)
        .max()
        .unwrap_or(0);
    let members: Vec<Value> = view
        .cluster
        .members
        .iter()
        .map(|(host, probe)| match probe {
            MemberProbe::Serving(s) => json!({
                "host": host, "state": "serving", "role": role(s),
                "member_id": s.member_id, "member_id_hex": format!("{:x}", s.member_id),
                "cluster_id": s.cluster_id, "cluster_id_hex": format!("{:x}", s.cluster_id),
                "endpoint": view.specs.get(host).map(runbook_model::host::MemberSpec::client_url),
                "version": s.version, "leader_hex": format!("{:x}", s.leader), "dbSize": s.db_size,
                "dbSizeInUse": s.db_size_in_use, "revision": s.revision, "raftTerm": s.raft_term,
                "raftIndex": s.raft_index, "raftAppliedIndex": s.raft_applied_index,
                "raftLag": top.saturating_sub(s.raft_applied_index), "isLearner": s.is_learner,
                "errors": s.errors, "alarms": s.alarms, "certificate_not_after": s.certificate_not_after,
                "quota_bytes": view.specs.get(host).and_then(|spec| spec.quota_bytes).unwrap_or(DEFAULT_QUOTA),
            }),
            MemberProbe::Silent { cause, detail } => {
                json!({ "host": host, "state": "silent", "cause": cause, "detail": detail })
            }
        })
        .collect();
    json!({
        "quorum": { "voters": seen.voters, "healthy": seen.healthy, "needed": quorum(seen.voters),
                    "holds": seen.holds(), "can_lose": seen.can_lose() },
        "members": members,
        "membership": view.cluster.membership(),
    })
}
