//! Words about plan files.

use jiff::Timestamp;
use runbook_plan::{At, Drift, PlanFileError};
use runbook_report::style::Style;
use runbook_report::text::{escape, wrap};

use crate::exit;
use crate::failure::Failure;
use crate::inventories::quoted;
use runbook_model::saved::Asked;
use serde_json::Value as Json;

/// A moment as people and programs read it.
pub(super) fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

/// A plan file that cannot be read is bad input; one that was edited is another plan than was approved.
pub(super) fn unbelieved(file: &str, error: &PlanFileError) -> Failure {
    let (code, help) = match error {
        PlanFileError::Form { .. } => (
            exit::BAD_INPUT,
            "`runbook plan ... -o FILE` saves a plan; a runbook does not begin with `{`",
        ),
        PlanFileError::Version { .. } => (
            exit::BAD_INPUT,
            "make a new plan with this version, or run it with the one that made it",
        ),
        PlanFileError::Edited { .. } => (
            exit::STALE,
            "a saved plan is never edited: make a new one and have it reviewed",
        ),
    };
    Failure::say(code, format!("`{file}`: {error}"), help.to_owned())
}

/// Differences under the place that each is at.
pub(in crate::command) fn grouped(drifts: &[Drift], style: Style) -> String {
    let mut out = String::new();
    let mut place: Option<&At> = None;
    for drift in drifts {
        if place != Some(&drift.at) {
            out += &format!("{}\n", style.bold(escape(&drift.at.to_string())));
            place = Some(&drift.at);
        }
        // What a host said is one line here, whatever stands in it.
        let text = escape(&drift.to_string()).replace('\n', " ");
        out += &(wrap(&format!("  {text}"), style.width, "    ") + "\n");
    }
    out
}

/// The command that makes the plan anew.
pub(super) fn remake(asked: &Asked, file: &str) -> String {
    let runbook = asked
        .runbook
        .strip_prefix(crate::library::EMBEDDED)
        .unwrap_or(&asked.runbook);
    let mut words = vec!["runbook".to_owned(), "plan".to_owned(), quoted(runbook)];
    let mut flag = |name: &str, value: &str| words.extend([name.to_owned(), quoted(value)]);
    for inventory in &asked.inventory {
        flag("-i", inventory);
    }
    for (name, value) in &asked.arguments {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Array(items) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect::<Vec<_>>()
                .join(","),
            other => other.to_string(),
        };
        flag("-e", &format!("{name}={text}"));
    }
    for name in &asked.secrets {
        flag("-e", &format!("{name}=SECRET"));
    }
    if let Some(limit) = &asked.limit {
        flag("-l", limit);
    }
    for (name, reason) in &asked.overrides {
        flag("--override", name);
        flag("--reason", reason);
    }
    for (name, value) in [
        ("-u", &asked.login.user),
        ("--private-key", &asked.login.private_key),
    ] {
        if let Some(value) = value {
            flag(name, value);
        }
    }
    words.extend(asked.login.r#become.then(|| "-b".to_owned()));
    words.extend(asked.login.ask_become_pass.then(|| "-K".to_owned()));
    words.extend(["-o".to_owned(), quoted(file)]);
    words.join(" ")
}
