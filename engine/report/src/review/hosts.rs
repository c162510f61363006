//! The same by host: everything that one host gets, step by step.

use runbook_model::action::Outcome;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, Plan, PlanStep, PlannedAction};
use runbook_model::units::duration;
use serde::Serialize;

use super::Tone;
use super::entries::{size, weight};
use crate::plan::{effect, sign};
use crate::run::{HostView, Tracker, word};

/// A host and what is done there.
#[derive(Clone, Debug, Serialize)]
pub struct HostRow {
    /// The host.
    pub host: String,
    /// Actions that change something.
    pub changes: usize,
    /// Actions whose effect is not known before the run, shell commands among them.
    pub unknown: usize,
    /// Numbers of the steps that change something here.
    pub at: String,
    /// By step.
    pub steps: Vec<HostStep>,
}

/// A host's part of a step.
#[derive(Clone, Debug, Serialize)]
pub struct HostStep {
    /// Number.
    pub number: usize,
    /// Title.
    pub title: String,
    /// How it ended and how long it took, for a run.
    pub ended: Option<String>,
    /// In order.
    pub actions: Vec<HostAction>,
}

/// An action on a host.
#[derive(Clone, Debug, Serialize)]
pub struct HostAction {
    /// One character.
    pub sign: &'static str,
    /// How much it matters.
    pub tone: Tone,
    /// What is done.
    pub what: String,
    /// What comes of it.
    pub effect: String,
    /// What became of it, for a run.
    pub outcome: Option<String>,
    /// Lines that come and go, where text changes.
    pub size: Option<String>,
    /// Unified diff, where text changes.
    pub diff: Option<String>,
}

/// Every host that has work, in the order of their first.
pub(super) fn rows(plan: &Plan, seen: Option<&Tracker>) -> Vec<HostRow> {
    let mut names: Vec<&HostName> = Vec::new();
    for work in plan.steps().flat_map(|s| &s.work) {
        if !names.contains(&&work.host) {
            names.push(&work.host);
        }
    }
    names.iter().map(|host| row(plan, host, seen)).collect()
}

fn row(plan: &Plan, host: &HostName, seen: Option<&Tracker>) -> HostRow {
    let mut row = HostRow {
        host: host.to_string(),
        changes: 0,
        unknown: 0,
        at: String::new(),
        steps: Vec::new(),
    };
    let mut numbers = Vec::new();
    for step in plan.steps() {
        let Some(work) = step.work.iter().find(|w| &w.host == host) else {
            continue;
        };
        let (mut changes, mut unknown) = (0, 0);
        for action in &work.actions {
            match action.change {
                Change::Changes { .. } => changes += 1,
                Change::Unknown { .. } | Change::Opaque => unknown += 1,
                Change::None { .. } | Change::Reads => {}
            }
        }
        if changes + unknown > 0 {
            numbers.push(step.number.to_string());
        }
        row.changes += changes;
        row.unknown += unknown;
        row.steps.push(part(step, host, &work.actions, seen));
    }
    row.at = numbers.join(", ");
    row
}

fn part(
    step: &PlanStep,
    host: &HostName,
    actions: &[PlannedAction],
    seen: Option<&Tracker>,
) -> HostStep {
    let view = seen.map(|t| t.steps.get(&step.number).and_then(|s| s.hosts.get(host)));
    let reads = seen.is_some_and(|t| t.only_reads(step.number));
    HostStep {
        number: step.number,
        title: step.title.clone(),
        ended: view.map(|view| ended(view, reads)),
        actions: actions
            .iter()
            .enumerate()
            .map(|(index, action)| HostAction {
                outcome: view.flatten().and_then(|v| outcome(v, index)),
                ..row_of(action)
            })
            .collect(),
    }
}

fn ended(view: Option<&HostView>, reads: bool) -> String {
    let Some(view) = view else {
        return "not begun".to_owned();
    };
    let said = match word(view) {
        "already so" if reads => "done",
        said => said,
    };
    match &view.skipped {
        Some(reason) => format!("{said}: {reason}"),
        None if view.outcomes.is_some() => format!("{said} in {}", duration(view.took_ms)),
        None => said.to_owned(),
    }
}

fn outcome(view: &HostView, index: usize) -> Option<String> {
    Some(match view.outcomes.as_ref()?.get(index)? {
        Outcome::Done { changed: true } => "changed".to_owned(),
        Outcome::Done { changed: false } => "nothing to change".to_owned(),
        Outcome::Failed { reason, .. } => format!("FAILED: {reason}"),
        Outcome::Unknown { reason } => format!("UNKNOWN: {reason}"),
        Outcome::NotStarted => "not begun".to_owned(),
    })
}

fn row_of(action: &PlannedAction) -> HostAction {
    let diff = match &action.change {
        Change::Changes { diff, .. } => diff.clone(),
        _ => None,
    };
    HostAction {
        sign: sign(&action.change),
        tone: weight(&action.change),
        what: action.summary.clone(),
        effect: effect(&action.change).to_owned(),
        outcome: None,
        size: diff.as_deref().map(size),
        diff,
    }
}
