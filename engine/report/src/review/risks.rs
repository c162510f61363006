//! What cannot be undone, destroys or interrupts: what a reviewer must not find out further down.

use runbook_model::action::{Action, ServiceState};
use runbook_model::plan::{Change, Plan, PlanItem, PlanStep, PlannedAction};
use runbook_model::quorum::Quorum;

use super::quorum::during;
use super::{Risk, Tone};
use crate::plan::lines;

/// In the order of the run.
pub(super) fn risks(plan: &Plan) -> Vec<Risk> {
    let mut out: Vec<Risk> = overridden(plan);
    let mut last = 0;
    for (at, item) in plan.items.iter().enumerate() {
        match item {
            PlanItem::Step(step) => {
                last = step.number;
                out.extend(of_step(step));
            }
            PlanItem::OutageBegins { reason } => out.push(outage(plan, at, reason)),
            PlanItem::Irreversible { prompt } => out.push(Risk {
                tone: Tone::Bad,
                title: format!("No return after step {last}"),
                text: prompt.clone(),
            }),
            PlanItem::Confirm { prompt } => out.push(Risk {
                tone: Tone::Warn,
                title: format!("The operator is asked after step {last}"),
                text: prompt.clone(),
            }),
            PlanItem::OutageEnds | PlanItem::Ensure(_) => {}
        }
    }
    out
}

fn overridden(plan: &Plan) -> Vec<Risk> {
    let guards = plan.requires.iter().filter(|g| !g.verdict.holds());
    guards
        .filter_map(|guard| {
            guard.overridden.as_ref().map(|reason| Risk {
                tone: Tone::Bad,
                title: format!("Overridden: {}", guard.text),
                text: format!("{}; because: {reason}", guard.verdict.text()),
            })
        })
        .collect()
}

/// An outage that begins at item `at`: its steps and the fewest voters in it.
fn outage(plan: &Plan, at: usize, reason: &str) -> Risk {
    let inside: Vec<&PlanStep> = plan.items[at..]
        .iter()
        .take_while(|item| !matches!(item, PlanItem::OutageEnds))
        .filter_map(|item| match item {
            PlanItem::Step(step) => Some(step.as_ref()),
            _ => None,
        })
        .collect();
    let first = inside.first().map_or(0, |s| s.number);
    let last = inside.last().map_or(0, |s| s.number);
    let mut before = quorum_before(plan, first);
    let mut fewest = before;
    for step in inside.iter().filter(|s| s.skipped.is_none()) {
        let seen = during(plan, step, before);
        if seen.healthy < fewest.healthy {
            fewest = seen;
        }
        before = step.quorum_after;
    }
    Risk {
        tone: Tone::Bad,
        title: format!("Outage from step {first} to step {last}"),
        text: format!(
            "{reason}; down to {} of {} voters healthy",
            fewest.healthy, fewest.voters
        ),
    }
}

fn quorum_before(plan: &Plan, step: usize) -> Quorum {
    plan.steps()
        .take_while(|s| s.number < step)
        .last()
        .map_or(plan.quorum_before, |s| s.quorum_after)
}

/// Rows of one kind that a step may have: beyond these it says how many more there are.
const ALIKE: usize = 4;

fn of_step(step: &PlanStep) -> Vec<Risk> {
    if step.skipped.is_some() {
        return Vec::new();
    }
    let mut kinds: Vec<(Tone, &str, Vec<String>)> = Vec::new();
    for line in lines(step) {
        let Some((tone, what)) = kind(line.action) else {
            continue;
        };
        let text = format!("{}: {} [{}]", line.what, line.effect, line.on(step));
        match kinds.iter_mut().find(|(_, known, _)| *known == what) {
            Some((_, _, texts)) => texts.push(text),
            None => kinds.push((tone, what, vec![text])),
        }
    }
    kinds
        .into_iter()
        .flat_map(|(tone, what, texts)| {
            let title = format!("Step {} {what}", step.number);
            few(texts).into_iter().map(move |text| Risk {
                tone,
                title: title.clone(),
                text,
            })
        })
        .collect()
}

/// All of them, or the first and how many more.
fn few(mut texts: Vec<String>) -> Vec<String> {
    if texts.len() > ALIKE + 1 {
        let more = texts.len() - ALIKE;
        texts.truncate(ALIKE);
        texts.push(format!("and {more} more, all among its lines below"));
    }
    texts
}

fn is_of_copy(undo: &Action) -> bool {
    matches!(undo, Action::RehearseMember { .. })
}

/// What an action does that cannot go unnoticed; none for the rest.
fn kind(planned: &PlannedAction) -> Option<(Tone, &'static str)> {
    if matches!(planned.change, Change::None { .. } | Change::Reads) {
        return None;
    }
    match &planned.action {
        Action::ArchiveDataDir { .. } => Some((Tone::Warn, "sets data aside (kept, not deleted)")),
        // A rehearsal restores beside the data, and takes that away again.
        Action::RehearseMember { .. } => None,
        Action::RestoreDataDir { .. } if planned.undo.iter().any(is_of_copy) => None,
        Action::RestoreDataDir { .. } => Some((Tone::Bad, "replaces data")),
        Action::ReinstateDataDir { .. } => Some((Tone::Bad, "puts old data back")),
        Action::Service { state, .. } => match state {
            ServiceState::Stopped => Some((Tone::Warn, "stops a service")),
            ServiceState::Restarted => Some((Tone::Warn, "restarts a service")),
            ServiceState::Running => None,
        },
        Action::Shell { .. } if matches!(planned.change, Change::Opaque) => {
            Some((Tone::Bad, "runs a shell command of unknown effect"))
        }
        Action::Shell { .. } => Some((Tone::Warn, "runs a shell command")),
        // What the run itself brought is taken away again.
        Action::RemoveUpload { .. } | Action::RemoveCreated { .. } => None,
        _ if planned.undo.is_empty() => Some((Tone::Warn, "has no undo")),
        _ => None,
    }
}
