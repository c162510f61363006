//! The state of a cluster: a table for people, JSON in etcdctl's terms for programs.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::Table;
use runbook_model::cluster::{MemberProbe, MemberStatus, SilentCause};
use runbook_model::guard::listed;
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::quorum::{MOST_VOTERS, Quorum, quorum};
use runbook_model::units::bytes;
use runbook_model::view::View;
use serde_json::{Value, json};

use crate::plan::hosts;
use crate::style::Style;
use crate::text::escape;

/// etcd's default quota where the inventory names none.
const DEFAULT_QUOTA: u64 = 2 << 30;
/// A certificate that ends within this many days is pointed out.
const CERTIFICATE_SOON_DAYS: i64 = 30;

/// Members as a table, then what it means in words.
pub fn table(view: &View, style: Style) -> String {
    let top = view
        .cluster
        .serving()
        .map(|(_, s)| s.raft_applied_index)
        .max()
        .unwrap_or(0);
    let rows: Vec<Vec<String>> = view
        .cluster
        .members
        .iter()
        .map(|(host, probe)| row(host, probe, view, top))
        .collect();
    let mut left_out: Vec<usize> = Vec::new();
    let mut drawn = draw(&rows, &left_out);
    for column in LEAVES_FIRST {
        if drawn
            .lines()
            .all(|line| console::measure_text_width(line) <= style.width)
        {
            break;
        }
        left_out.push(column);
        drawn = draw(&rows, &left_out);
    }
    let mut out = drawn;
    for line in words(view) {
        out += &match line {
            Line::Well(text) => format!("{}\n", style.good(text)),
            Line::Note(text) => format!("{text}\n"),
            Line::Wrong(text) => format!("{}\n", style.bad(text)),
        };
    }
    out
}

const COLUMNS: [&str; 11] = [
    "MEMBER", "ID", "STATE", "ROLE", "VERSION", "DB", "IN USE", "QUOTA", "REVISION", "LAG", "CERT",
];
/// Columns that a narrow window goes without, in this order: in use, id, version.
const LEAVES_FIRST: [usize; 3] = [6, 1, 4];

fn draw(rows: &[Vec<String>], left_out: &[usize]) -> String {
    let kept = |cells: Vec<String>| -> Vec<String> {
        let cells = cells.into_iter().enumerate();
        cells
            .filter(|(i, _)| !left_out.contains(i))
            .map(|(_, cell)| cell)
            .collect()
    };
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(kept(COLUMNS.map(str::to_owned).to_vec()));
    for cells in rows {
        table.add_row(kept(cells.clone()));
    }
    let lines = table.lines().map(|line| {
        format!(
            "{}\n",
            line.trim_end().strip_prefix(' ').unwrap_or_default()
        )
    });
    lines.collect()
}

fn row(host: &HostName, probe: &MemberProbe, view: &View, top: u64) -> Vec<String> {
    let quota = view
        .specs
        .get(host)
        .and_then(|s| s.quota_bytes)
        .unwrap_or(DEFAULT_QUOTA);
    match probe {
        MemberProbe::Serving(s) => vec![
            escape(host.as_str()),
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
                |end| match end - view.now {
                    left if left <= 0 => "ENDED".into(),
                    left => format!("{} d", left / 86_400),
                },
            ),
        ],
        MemberProbe::Silent { cause, .. } => {
            let mut cells = vec![escape(host.as_str()), "-".into(), silent(*cause).into()];
            cells.extend(std::iter::repeat_n("-".to_owned(), 8));
            cells
        }
    }
}

const fn role(status: &MemberStatus) -> &'static str {
    if status.is_learner {
        "learner"
    } else if status.leader == 0 {
        "-"
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
    let ids: BTreeSet<u64> = view.cluster.serving().map(|(_, s)| s.cluster_id).collect();
    let mut lines = vec![if ids.len() > 1 {
        let shown: Vec<_> = ids.iter().map(|id| format!("{id:x}")).collect();
        Line::Wrong(format!(
            "members belong to DIFFERENT clusters: {}; no quorum can be counted over them",
            shown.join(", ")
        ))
    } else {
        quorum_line(view.cluster.quorum(view.cluster.members.len()))
    }];
    for (host, probe) in &view.cluster.members {
        if let MemberProbe::Silent { detail, .. } = probe {
            if view.cluster.membership().is_some() && listed(host, view).is_none() {
                lines.push(Line::Note(format!(
                    "{}: no member of this cluster; `scale-up.etcdrb` makes one of it",
                    escape(host.as_str())
                )));
                continue;
            }
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
    lines.extend(own_words(view));
    lines.extend(elsewhere(view));
    lines.extend(strangers(view));
    lines
}

/// What members say of themselves: alarms and errors, each once, learners, certificates.
fn own_words(view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut alarms = BTreeSet::new();
    let mut errors: BTreeMap<&str, Vec<&HostName>> = BTreeMap::new();
    for (host, status) in view.cluster.serving() {
        alarms.extend(status.alarms.iter().map(|a| (a.kind.as_str(), a.member_id)));
        // An alarm has a line of its own.
        let told = |e: &str| status.alarms.iter().any(|a| e.contains(&a.kind));
        for error in status.errors.iter().filter(|e| !told(e)) {
            errors.entry(error).or_default().push(host);
        }
        if status.is_learner {
            lines.push(Line::Note(format!(
                "{}: a learner, it has no vote",
                escape(host.as_str())
            )));
        }
        let left = status
            .certificate_not_after
            .map(|end| (end - view.now, (end - view.now) / 86_400));
        match left {
            Some((..=0, days)) => lines.push(Line::Wrong(format!(
                "{}: certificate ENDED {} days ago",
                escape(host.as_str()),
                -days
            ))),
            Some((_, days @ ..CERTIFICATE_SOON_DAYS)) => lines.push(Line::Wrong(format!(
                "{}: certificate ends in {days} days",
                escape(host.as_str())
            ))),
            _ => {}
        }
    }
    for (kind, id) in alarms {
        let name = view.cluster.serving().find(|(_, s)| s.member_id == id);
        let name = name.map_or_else(
            || format!("member {id:x}"),
            |(host, _)| escape(host.as_str()),
        );
        let means = match kind {
            "NOSPACE" => "; writes are refused until there is room and the alarm is disarmed",
            "CORRUPT" => {
                "; its data differs from the others': do not disarm it, replace the member"
            }
            _ => "",
        };
        lines.push(Line::Wrong(format!(
            "alarm {} on {name}{means}",
            escape(kind)
        )));
    }
    for (error, names) in errors {
        lines.push(Line::Wrong(format!(
            "{} reports: {}",
            hosts(&names),
            escape(error)
        )));
    }
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
            match seen.voters {
                n if n > MOST_VOTERS =>
                    "; more than seven make every write slower and the cluster no safer",
                n if n.is_multiple_of(2) => "; one member fewer would tolerate as many failures",
                _ => "",
            }
        ))
    } else {
        let more = match seen.can_lose() {
            0 => "but no further member may fail".to_owned(),
            n => format!("{n} more may fail"),
        };
        Line::Note(format!("{of}: quorum holds ({needed} needed), {more}"))
    }
}

/// Members that the inventory knows, and the cluster lists elsewhere.
fn elsewhere(view: &View) -> Vec<Line> {
    let moved = |spec: &MemberSpec| {
        let listed = listed(&spec.host, view)?;
        let wanted = spec.peer_url();
        (!listed.peer_urls.contains(&wanted)).then(|| {
            let urls = escape(&listed.peer_urls.join(","));
            format!(
                "peers reach `{}` at {urls}, the inventory says {wanted}: member-update.etcdrb moves it",
                spec.name
            )
        })
    };
    let specs = view.specs.values();
    specs.filter_map(moved).map(Line::Note).collect()
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
                "member {:x} {} is not in the inventory: add its host to the group; `scale-down.etcdrb` then removes it, if it is not wanted",
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
                    "holds": seen.holds() && !view.cluster.is_split(), "can_lose": seen.can_lose() },
        "members": members,
        "membership": view.cluster.membership(),
    })
}
