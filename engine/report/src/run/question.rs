//! What the operator is asked before a step (`--step`).

use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanItem, PlanStep};

use crate::plan::hosts;
use crate::text::escape;

/// The step, where it is done, and what a stop before it would leave.
pub fn step_question(plan: &Plan, step: &PlanStep) -> String {
    let names: Vec<&HostName> = step.work.iter().map(|work| &work.host).collect();
    let mut text = format!(
        "step {} of {}: {}",
        step.number,
        plan.steps().count(),
        escape(&step.title)
    );
    if !names.is_empty() {
        text += &format!(", on {}", hosts(&names));
    }
    if step.may_change().next().is_none() {
        text += "\n  it changes nothing: all is already so, or it only reads";
    }
    if in_outage(plan, step.number) {
        text += "\n  the cluster may be without quorum now: a stop here leaves it so";
    }
    text
}

fn in_outage(plan: &Plan, number: usize) -> bool {
    let items = plan.items.iter();
    let before =
        items.take_while(|item| !matches!(item, PlanItem::Step(step) if step.number == number));
    let marks =
        before.filter(|item| matches!(item, PlanItem::OutageBegins { .. } | PlanItem::OutageEnds));
    marks
        .last()
        .is_some_and(|mark| matches!(mark, PlanItem::OutageBegins { .. }))
}
