//! Guards as rows: when each is asked, what it says, by which values.

use runbook_model::guard::Verdict;
use runbook_model::plan::{Plan, PlanItem, PlannedGuard};
use runbook_model::units::duration;
use serde::Serialize;

use super::Tone;

/// What is said of a guard that only the run can answer.
const LATER: &str = "decided in the run";

/// A guard and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuardRow {
    /// `before the start`, `before step 4`, `after step 7`, `at the end`.
    pub when: String,
    /// As written, arguments filled in.
    pub text: String,
    /// How it is.
    pub tone: Tone,
    /// `holds`, `REFUSES`, `expected to hold`...
    pub word: String,
    /// The values are a prediction: nobody can have observed them yet.
    pub predicted: bool,
    /// Observed or predicted values, or why it cannot be told; empty where nothing can be said before the run.
    pub observed: String,
    /// What goes with it: how long it may take, why it was overridden, what to do.
    pub notes: Vec<String>,
}

/// A guard of the plan with its place in the run.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    /// The step that it belongs to; none: the run.
    pub(super) step: Option<usize>,
    /// The last step before it, for guards outside steps; 0 before the first.
    pub(super) last: usize,
    /// Asked before what it guards; else it must come true after it.
    pub(super) before: bool,
    /// The guard.
    pub(super) guard: &'a PlannedGuard,
}

impl Placed<'_> {
    pub(super) fn when(&self) -> String {
        match (self.step, self.before) {
            (None, true) => "before the start".to_owned(),
            (None, false) => format!("after step {}", self.last),
            (Some(step), true) => format!("before step {step}"),
            (Some(step), false) => format!("after step {step}"),
        }
    }
}

/// Every guard of a plan in the order of the run.
pub(super) fn placed(plan: &Plan) -> Vec<Placed<'_>> {
    let at = |step, last, before| {
        move |guard| Placed {
            step,
            last,
            before,
            guard,
        }
    };
    let mut out: Vec<_> = plan.requires.iter().map(at(None, 0, true)).collect();
    let mut last = 0;
    for item in &plan.items {
        match item {
            PlanItem::Step(step) if step.skipped.is_none() => {
                last = step.number;
                let number = Some(last);
                out.extend(step.requires.iter().map(at(number, last, true)));
                out.extend(step.ensures.iter().map(at(number, last, false)));
            }
            PlanItem::Ensure(guard) => out.push(at(None, last, false)(guard)),
            _ => {}
        }
    }
    out
}

/// The guards of a plan.
pub(super) fn planned(plan: &Plan) -> Vec<GuardRow> {
    placed(plan).iter().map(row).collect()
}

fn row(placed: &Placed<'_>) -> GuardRow {
    let guard = placed.guard;
    let (predicted, observed) = prediction(guard.verdict.headline());
    // The planner's words for what it cannot foretell: the verdict says it already.
    let observed = if observed == LATER { "" } else { observed };
    let at_start = placed.step.is_none() && placed.before;
    let (tone, word) = if at_start {
        said(guard)
    } else {
        foreseen(guard, predicted)
    };
    GuardRow {
        when: placed.when(),
        text: guard.text.clone(),
        tone,
        word: word.to_owned(),
        predicted,
        observed: observed.to_owned(),
        notes: notes(guard, at_start),
    }
}

/// Values that the planner foretells begin with these words; the rest it observed.
fn prediction(text: &str) -> (bool, &str) {
    for mark in ["by then: ", "expected: "] {
        if let Some(rest) = text.strip_prefix(mark) {
            return (true, rest);
        }
    }
    (false, text)
}

/// What a guard says before anything starts.
fn said(guard: &PlannedGuard) -> (Tone, &'static str) {
    match &guard.verdict {
        Verdict::Holds { .. } => (Tone::Good, "holds"),
        _ if guard.overridden.is_some() => (Tone::Warn, "OVERRIDDEN"),
        Verdict::Violated { .. } if guard.warn_only => (Tone::Warn, "warns"),
        Verdict::Unknown { .. } if guard.warn_only => (Tone::Warn, "cannot be told, only warns"),
        Verdict::Violated { .. } => (Tone::Bad, "REFUSES"),
        Verdict::Unknown { .. } => (Tone::Bad, "CANNOT BE TOLD, refuses"),
    }
}

/// What a guard that is asked in the run says at plan time.
fn foreseen(guard: &PlannedGuard, predicted: bool) -> (Tone, &'static str) {
    match &guard.verdict {
        Verdict::Holds { .. } if predicted => (Tone::Plain, "expected to hold"),
        Verdict::Holds { .. } => (Tone::Good, "holds now"),
        Verdict::Unknown { .. } => (Tone::Plain, LATER),
        Verdict::Violated { .. } if guard.overridden.is_some() => (Tone::Warn, "OVERRIDDEN"),
        Verdict::Violated { .. } if guard.warn_only => (Tone::Warn, "would warn"),
        Verdict::Violated { .. } => (Tone::Bad, "would STOP the run there"),
    }
}

fn notes(guard: &PlannedGuard, at_start: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(ms) = guard.within_ms {
        notes.push(format!("must come true within {}", duration(ms)));
    }
    if let Some(reason) = &guard.overridden {
        notes.push(format!("because: {reason}"));
    } else if at_start && guard.warn_only && !guard.verdict.holds() {
        // Of guards that refuse this stands at the head of the page.
        notes.extend(help(guard));
    }
    notes
}

/// What may be done about a guard that refuses.
pub(super) fn help(guard: &PlannedGuard) -> Vec<String> {
    let mut out: Vec<String> = guard.otherwise.iter().cloned().collect();
    if let Verdict::Violated {
        help: Some(help), ..
    } = &guard.verdict
    {
        out.push(help.clone());
    }
    if let Some(name) = &guard.override_name {
        out.push(format!(
            "to go on all the same: --override {name} --reason TEXT"
        ));
    }
    out
}
