//! A plan's timeline: steps in order, each as wide as the next; batches one after the other.

use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanItem, PlanStep, Strategy};
use runbook_model::quorum::Quorum;

use super::{Bar, Column, Lane, Rule, Timeline, WHOLE, percent};
use crate::review::Tone;
use crate::review::entries::weight;
use crate::review::quorum::{during, has_members};

/// The timeline of a plan.
pub(in crate::review) fn planned(plan: &Plan) -> Timeline {
    let count = plan.steps().filter(|s| s.skipped.is_none()).count();
    let width = WHOLE / i64::try_from(count.max(1)).unwrap_or(WHOLE);
    let mut line = Timeline {
        lanes: lanes(plan),
        ..Timeline::default()
    };
    let mut before = plan.quorum_before;
    let mut outage = None;
    let mut at = 0;
    for item in &plan.items {
        match item {
            PlanItem::Step(step) if step.skipped.is_some() => {}
            PlanItem::Step(step) => {
                line.columns
                    .push(Column::new(at, at + width, step.number, &step.title));
                for (host, bar) in bars(step, at, width, before) {
                    add(&mut line.lanes, host, bar);
                }
                let fewest = during(plan, step, before);
                if has_members(plan) {
                    line.quorum.push(Bar::of_quorum(at, at + width, fewest));
                }
                before = step.quorum_after;
                at += width;
            }
            PlanItem::OutageBegins { reason } => outage = Some((at, reason)),
            PlanItem::OutageEnds => {
                if let Some((from, reason)) = outage.take() {
                    let text = format!("outage: {reason}");
                    line.outages.push(Bar::new(from, at, Tone::Bad, text));
                }
            }
            PlanItem::Confirm { prompt } => {
                let text = format!("the operator is asked: {prompt}");
                line.rules.push(rule(at, Tone::Warn, text));
            }
            PlanItem::Irreversible { prompt } => {
                line.rules.push(rule(
                    at,
                    Tone::Bad,
                    format!("no return after this: {prompt}"),
                ));
            }
            PlanItem::Ensure(_) => {}
        }
    }
    line
}

fn rule(at: i64, tone: Tone, text: String) -> Rule {
    Rule {
        left: percent(at),
        tone,
        text,
    }
}

/// A lane a host that has work, in the plan's order.
pub(super) fn lanes(plan: &Plan) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for work in plan.steps().flat_map(|s| &s.work) {
        if !lanes.iter().any(|l| l.host == work.host.as_str()) {
            lanes.push(Lane {
                host: work.host.to_string(),
                bars: Vec::new(),
            });
        }
    }
    lanes
}

/// Adds a bar to a host's lane.
pub(super) fn add(lanes: &mut [Lane], host: &HostName, bar: Bar) {
    if let Some(lane) = lanes.iter_mut().find(|lane| lane.host == host.as_str()) {
        lane.bars.push(bar);
    }
}

/// A bar a host: side by side what goes at once, one after the other what waits.
fn bars(step: &PlanStep, at: i64, width: i64, before: Quorum) -> Vec<(&HostName, Bar)> {
    let hosts = step.work.len().max(1);
    let batch = match step.strategy {
        Strategy::Parallel => hosts,
        Strategy::Rolling { batch } => batch.clamp(1, hosts),
        Strategy::RollingQuorumSafe => before.can_lose().clamp(1, hosts),
    };
    let slot = width / i64::try_from(hosts.div_ceil(batch)).unwrap_or(WHOLE);
    step.work
        .iter()
        .enumerate()
        .map(|(index, work)| {
            let from = at + slot * i64::try_from(index / batch).unwrap_or(0);
            let tone = work.actions.iter().map(|a| weight(&a.change)).max();
            let text = format!("{}. {}: {}", step.number, step.title, work.host);
            let tone = tone.unwrap_or(Tone::Plain);
            (&work.host, Bar::new(from, from + slot, tone, text))
        })
        .collect()
}
