//! A plan, for people and for programs.

mod human;
mod markdown;
mod verdict;

pub use human::human;
pub use markdown::markdown;
pub use verdict::{Readiness, readiness};

use runbook_model::host::HostName;
use runbook_model::plan::{Change, PlanStep, PlannedAction};
use runbook_model::quorum::{Quorum, quorum};

/// The plan as JSON: the stored form itself.
pub fn json(plan: &runbook_model::plan::Plan) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(plan)
}

/// One line of a step: the same action with the same effect on several hosts.
struct Line<'a> {
    action: &'a PlannedAction,
    hosts: Vec<&'a HostName>,
}

/// Hosts that get the same line are shown together, in the order of the first.
fn lines(step: &PlanStep) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for work in &step.work {
        for action in &work.actions {
            let same = lines.iter_mut().find(|line| {
                line.action.summary == action.summary && line.action.change == action.change
            });
            match same {
                Some(line) if !line.hosts.contains(&&work.host) => line.hosts.push(&work.host),
                _ => lines.push(Line {
                    action,
                    hosts: vec![&work.host],
                }),
            }
        }
    }
    lines
}

/// The sign of a change. Signs stand beside words everywhere: none is needed to understand.
const fn sign(change: &Change) -> &'static str {
    match change {
        Change::None { .. } => "=",
        Change::Changes { .. } => "~",
        Change::Unknown { .. } => "?",
        Change::Opaque => "!",
        Change::Reads => ".",
    }
}

/// A change in words.
fn effect(change: &Change) -> &str {
    match change {
        Change::None { found } => found,
        Change::Changes { summary, .. } => summary,
        Change::Unknown { why } => why,
        Change::Opaque => "a shell command: its effect is not known",
        Change::Reads => "changes nothing",
    }
}

/// `etcd1, etcd2, etcd3`.
pub(crate) fn hosts(names: &[&HostName]) -> String {
    names
        .iter()
        .map(|h| h.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// `3/3 healthy, can lose 1`.
pub(crate) fn quorum_words(seen: Quorum) -> String {
    let needed = quorum(seen.voters);
    if seen.voters == 0 {
        "no members".to_owned()
    } else if seen.holds() {
        format!(
            "{}/{} healthy, can lose {}",
            seen.healthy,
            seen.voters,
            seen.can_lose()
        )
    } else {
        format!(
            "{}/{} healthy, NO QUORUM ({needed} needed)",
            seen.healthy, seen.voters
        )
    }
}
