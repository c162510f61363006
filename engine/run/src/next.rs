//! What a run does next: a function of its state alone.

use runbook_model::event::RunEnd;
use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanItem, PlanStep, PlannedGuard};

use crate::policy::undo_actions;
use crate::state::{Phase, RunState};

/// The next thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Next<'p> {
    /// Check the plan's guards on a fresh view.
    Requires,
    /// Ask the operator.
    Confirm(&'p str),
    /// Pass the point of no return.
    Irreversible,
    /// Begin a step, or go on with it.
    Step(&'p PlanStep),
    /// Wait for a condition.
    Ensure(&'p PlannedGuard),
    /// Undo a step on these hosts, which are in the order of the step's work reversed.
    Undo(&'p PlanStep, Vec<HostName>),
    /// Nothing is left to do.
    End(RunEnd),
}

/// Decides what comes next.
pub fn next<'p>(plan: &'p Plan, state: &RunState) -> Next<'p> {
    if let Some(reason) = &state.rollback {
        return undo(plan, state).unwrap_or_else(|| {
            Next::End(RunEnd::RolledBack {
                reason: reason.clone(),
            })
        });
    }
    if state.steps.is_empty() && state.required < plan.requires.len() {
        return Next::Requires;
    }
    match plan.items.get(state.cursor) {
        Some(PlanItem::Confirm { prompt }) => Next::Confirm(prompt),
        Some(PlanItem::Irreversible { .. }) => Next::Irreversible,
        Some(PlanItem::Step(step)) => Next::Step(step),
        Some(PlanItem::Ensure(guard)) => Next::Ensure(guard),
        // INVARIANT: the state's cursor never rests on an outage mark.
        Some(PlanItem::OutageBegins { .. } | PlanItem::OutageEnds) | None => {
            Next::End(RunEnd::Done {
                changed: state.changed(),
            })
        }
    }
}

/// The last step on which something is left to undo.
fn undo<'p>(plan: &'p Plan, state: &RunState) -> Option<Next<'p>> {
    let steps: Vec<_> = plan.steps().collect();
    steps.into_iter().rev().find_map(|step| {
        let begun = state.steps.get(&step.number)?;
        let hosts: Vec<_> = step
            .work
            .iter()
            .rev()
            .filter(|work| {
                let host = begun.host(&work.host);
                !matches!(host.undo.phase(), Phase::Done { .. })
                    && !undo_actions(work, &host.forward).is_empty()
            })
            .map(|work| work.host.clone())
            .collect();
        (!hosts.is_empty()).then_some(Next::Undo(step, hosts))
    })
}
