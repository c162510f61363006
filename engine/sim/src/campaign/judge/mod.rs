//! What must be true of every run, whatever befell it. Each rule in a function of its own; all of them look at the end of a
//! story alone.

mod ensured;
mod planned;
#[cfg(test)]
mod tests;
mod undone;
mod writes;

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::action::{Action, ServiceState};
use runbook_model::event::RunEnd;
use runbook_model::plan::{Plan, PlanItem};

use super::Start;
use super::client::known;
use super::drive::{End, Story};
use super::schedule::Schedule;
use super::strike::{Mishap, Strike, step};

pub(super) use ensured::against;
pub(crate) use undone::{changed, units};

/// What every run keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Quorum is not lost outside a declared outage by the run's own doing.
    Quorum,
    /// No acknowledged write is lost, but by a replacement of data that was declared and confirmed.
    Writes,
    /// The outcome that is told is true.
    Outcome,
    /// Nothing is done twice.
    Twice,
    /// Locks are given back, or said to be held.
    Locks,
    /// The run comes to an end: done, or rolled back.
    End,
    /// No second cluster is bootstrapped.
    SecondCluster,
    /// Members reach each other.
    Peers,
}

impl Rule {
    /// In one sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Rule::Quorum => "quorum was lost outside a declared outage, by the run's own doing",
            Rule::Writes => "an acknowledged write was lost",
            Rule::Outcome => "the outcome that was told is not true",
            Rule::Twice => "something was done twice",
            Rule::Locks => "a lock was left behind",
            Rule::End => "the run comes to no end",
            Rule::SecondCluster => "a second cluster was bootstrapped",
            Rule::Peers => "a member could not reach another where it is listed",
        }
    }

    /// Name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Quorum => "quorum",
            Rule::Writes => "writes",
            Rule::Outcome => "outcome",
            Rule::Twice => "twice",
            Rule::Locks => "locks",
            Rule::End => "end",
            Rule::SecondCluster => "second-cluster",
            Rule::Peers => "peers",
        }
    }
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub rule: Rule,
    /// What was seen.
    pub seen: String,
}

/// The rules that a story breaks, the gravest first.
pub(super) fn judge(start: &Start, schedule: &Schedule, story: &Story) -> Vec<Breach> {
    let mut seen: Vec<(Rule, Vec<String>)> = vec![
        (Rule::SecondCluster, story.model.violations.clone()),
        (Rule::Writes, writes::lost(start, story)),
        (Rule::Quorum, quorum(start, story)),
        (Rule::Peers, story.model.out_of_reach.clone()),
        (Rule::Twice, twice(start, schedule, story)),
        (Rule::End, end(story)),
        (Rule::Outcome, outcome(start, schedule, story)),
        (Rule::Locks, locks(start, story)),
    ];
    seen.retain(|(_, seen)| !seen.is_empty());
    let breaches = seen.into_iter().map(|(rule, seen)| Breach {
        rule,
        seen: some(&seen),
    });
    breaches.collect()
}

/// The first few.
fn some(seen: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = seen
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if seen.len() > SHOWN {
        text.push_str(&format!("; and {} more", seen.len() - SHOWN));
    }
    text
}

/// Steps between an outage's beginning and its end.
fn outage(plan: &Plan) -> BTreeSet<usize> {
    let (mut steps, mut open) = (BTreeSet::new(), false);
    for item in &plan.items {
        match item {
            PlanItem::OutageBegins { .. } => open = true,
            PlanItem::OutageEnds => open = false,
            PlanItem::Step(step) if open => {
                steps.insert(step.number);
            }
            _ => {}
        }
    }
    steps
}

/// Cluster ids that the plan's restores make.
fn restored(plan: &Plan) -> BTreeSet<u64> {
    let actions = plan.steps().flat_map(|s| &s.work).flat_map(|w| &w.actions);
    let ids = actions.filter_map(|a| match &a.action {
        Action::RestoreDataDir { origin, .. } => u64::from_str_radix(&origin.cluster_id, 16).ok(),
        _ => None,
    });
    ids.collect()
}

/// An action of the run took quorum away outside a declared outage, and no fault had taken a member away since the run looked.
/// What the run itself has given may be taken back: a cluster that it bootstrapped, a member that did not run before it.
fn quorum(start: &Start, story: &Story) -> Vec<String> {
    let outage = outage(&start.plan);
    let mut clusters: BTreeSet<u64> = known(&start.model).into_keys().map(|(id, _)| id).collect();
    clusters.extend(restored(&start.plan));
    let losses = story.model.quorum_losses.iter();
    let own = losses.filter(|l| clusters.contains(&l.cluster) && !l.unforeseen);
    own.filter_map(|loss| {
        let by = loss.by.as_ref().filter(|by| !outage.contains(&by.step))?;
        if by.undo && start.model.running_member(&by.host).is_none() {
            return None;
        }
        let undo = if by.undo { "undo of " } else { "" };
        Some(format!(
            "{undo}{} took it away on {}",
            step(by.step, &start.plan),
            by.host
        ))
    })
    .collect()
}

/// An order of one number is carried out once; what was changed is not changed again by a later attempt, unless its host
/// restarted or its disk was damaged in between. A restart, and a command without `creates`, is repeated by nature.
fn twice(start: &Start, schedule: &Schedule, story: &Story) -> Vec<String> {
    let damaged: BTreeSet<_> = schedule
        .strikes
        .iter()
        .filter_map(|s| match s {
            Strike::Host {
                host,
                mishap: Mishap::Damaged { .. },
                ..
            } => Some(host),
            _ => None,
        })
        .collect();
    let mut orders = BTreeSet::new();
    let mut changes = BTreeMap::new();
    let mut seen = Vec::new();
    for effect in &story.model.log {
        let place = || format!("{} on {}", step(effect.step, &start.plan), effect.host);
        let action = (&effect.host, effect.step, effect.undo, effect.action);
        if !orders.insert((action, effect.attempt)) {
            seen.push(format!("{}, attempt {}", place(), effect.attempt));
        }
        let once = !damaged.contains(&effect.host) && !repeats(&start.plan, effect);
        if effect.changed && changes.insert(action, effect.boot) == Some(effect.boot) && once {
            seen.push(format!("action {} of {}", effect.action + 1, place()));
        }
    }
    seen
}

fn repeats(plan: &Plan, effect: &crate::model::Effect) -> bool {
    let step = plan.steps().find(|s| s.number == effect.step);
    let work = step.and_then(|s| s.work.iter().find(|w| w.host == effect.host));
    let action = work.and_then(|w| w.actions.get(effect.action));
    match action.map(|a| &a.action) {
        Some(Action::Service { state, .. }) => *state == ServiceState::Restarted,
        Some(Action::Shell { creates, .. }) => creates.is_none(),
        _ => false,
    }
}

fn end(story: &Story) -> Vec<String> {
    match &story.end {
        End::Never(last) => vec![format!(
            "taken up {} times, it is neither done nor rolled back: {last:?}",
            story.taken_up
        )],
        End::Broke(why) => vec![why.clone()],
        End::Run(
            RunEnd::Done { .. }
            | RunEnd::RolledBack { .. }
            | RunEnd::Refused { .. }
            | RunEnd::Failed { .. }
            | RunEnd::Unreachable { .. },
        ) => Vec::new(),
        End::Run(other) => vec![format!("it rests at {other:?}")],
    }
}

/// Done is done, rolled back is as before, and what ended before it changed anything changed nothing.
fn outcome(start: &Start, schedule: &Schedule, story: &Story) -> Vec<String> {
    let as_before = || undone::differences(start, schedule, story);
    match &story.end {
        End::Run(RunEnd::Done { .. }) => {
            let mut seen = planned::missing(start, schedule, story);
            seen.extend(story.against.iter().cloned());
            label("it says done, but", seen)
        }
        End::Run(RunEnd::RolledBack { .. }) => label("it says rolled back, but", as_before()),
        End::Run(_) if !story.state.touched_anything() => {
            label("it says that nothing was changed, but", as_before())
        }
        _ => Vec::new(),
    }
}

fn label(says: &str, seen: Vec<String>) -> Vec<String> {
    seen.into_iter().map(|s| format!("{says} {s}")).collect()
}

fn locks(start: &Start, story: &Story) -> Vec<String> {
    let untold = story.untold_locks.iter();
    let mut seen: Vec<_> = untold
        .map(|host| format!("{host} is locked, and the run does not say so"))
        .collect();
    for (name, host) in &story.model.hosts {
        if host
            .locks
            .get(&start.plan.cluster)
            .is_some_and(|l| l.run == start.plan.run)
        {
            seen.push(format!("{name} is locked still"));
        }
    }
    seen
}
