//! A plan, for people and for programs.

mod human;
mod line;
mod verdict;

pub use human::{human, refused};
pub(crate) use human::{on_failure, order};
pub(crate) use line::{Line, lines, of_any_host};
pub(crate) use verdict::stops;
pub use verdict::{Readiness, Standing, readiness, standing};

use runbook_model::host::HostName;
use runbook_model::plan::Change;
use runbook_model::quorum::{Quorum, quorum};

use crate::review::Footer;
use crate::text::escape;

/// The plan as JSON: the stored form itself.
pub fn json(plan: &runbook_model::plan::Plan) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(plan)
}

/// The plan as Markdown for a pull request or a ticket, always short enough for one.
pub fn markdown(plan: &runbook_model::plan::Plan, footer: Option<&Footer>) -> String {
    crate::review::markdown(&crate::review::of_plan(plan), footer)
}

/// The plan as one HTML page that needs nothing else.
pub fn html(
    plan: &runbook_model::plan::Plan,
    footer: Option<&Footer>,
) -> Result<String, minijinja::Error> {
    crate::review::html(&crate::review::of_plan(plan), footer)
}

/// The sign of a change. Signs stand beside words everywhere: none is needed to understand.
pub(crate) const fn sign(change: &Change) -> &'static str {
    match change {
        Change::None { .. } => "=",
        Change::Changes { .. } => "~",
        Change::Unknown { .. } => "?",
        Change::Opaque => "!",
        Change::Reads => ".",
    }
}

/// A change in words.
pub(crate) fn effect(change: &Change) -> &str {
    match change {
        Change::None { found } => found,
        Change::Changes { summary, .. } => summary,
        Change::Unknown { why } => why,
        Change::Opaque => "a shell command: its effect is not known",
        Change::Reads => "changes nothing",
    }
}

/// `etcd1, etcd2, etcd3`; past six, the first five and how many more.
pub(crate) fn hosts(names: &[&HostName]) -> String {
    let shown = if names.len() > 6 { 5 } else { names.len() };
    let mut text = names[..shown]
        .iter()
        .map(|h| escape(h.as_str()))
        .collect::<Vec<_>>()
        .join(", ");
    if shown < names.len() {
        text += &format!(" and {} more", names.len() - shown);
    }
    text
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
