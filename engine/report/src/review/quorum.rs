//! Quorum before, during and after each step: where the cluster may lose a member, and where it may not.

use runbook_model::action::{Action, ServiceState};
use runbook_model::plan::{Change, HostWork, Plan, PlanItem, PlanStep, Strategy};
use runbook_model::quorum::Quorum;
use serde::Serialize;

use super::Tone;
use crate::plan::quorum_words;

/// Voters past which dots become a fraction.
const DOTS: usize = 9;

/// A quorum, as a picture and in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// A filled dot a healthy voter, an empty one for the rest; `12/15` past nine.
    pub dots: String,
    /// `3/3`.
    pub count: String,
    /// Whether commits go on.
    pub tone: Tone,
}

impl Seen {
    pub(super) fn new(seen: Quorum) -> Self {
        let Quorum { voters, healthy } = seen;
        let count = format!("{healthy}/{voters}");
        let dots = if voters == 0 {
            "-".to_owned()
        } else if voters > DOTS {
            count.clone()
        } else {
            "●".repeat(healthy.min(voters)) + &"○".repeat(voters.saturating_sub(healthy))
        };
        let tone = match seen {
            seen if !seen.holds() => Tone::Bad,
            seen if seen.healthy < seen.voters => Tone::Warn,
            _ => Tone::Good,
        };
        Self { dots, count, tone }
    }
}

/// A line of the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "row", rename_all = "lowercase")]
pub enum QuorumRow {
    /// A step.
    Step {
        /// Number.
        number: usize,
        /// Title.
        title: String,
        /// Before it.
        before: Seen,
        /// The fewest while it goes on.
        during: Seen,
        /// After it.
        after: Seen,
        /// Within a declared outage.
        outage: bool,
        /// In words, after it; what was seen, for a run.
        words: String,
    },
    /// A step that does not happen.
    Idle {
        /// Number.
        number: usize,
        /// Title.
        title: String,
        /// `left out`; `not begun`, of a run.
        why: &'static str,
    },
    /// What stands between steps.
    Mark {
        /// How grave.
        tone: Tone,
        /// In words.
        text: String,
    },
}

/// The picture of a plan; none where it works on no members.
pub(super) fn rows(plan: &Plan) -> Vec<QuorumRow> {
    if !has_members(plan) {
        return Vec::new();
    }
    let mut out = Vec::new();
    let mut before = plan.quorum_before;
    let mut outage = false;
    for item in &plan.items {
        match item {
            PlanItem::Step(step) if step.skipped.is_some() => out.push(QuorumRow::Idle {
                number: step.number,
                title: step.title.clone(),
                why: "left out",
            }),
            PlanItem::Step(step) => {
                let during = during(plan, step, before);
                out.push(QuorumRow::Step {
                    number: step.number,
                    title: step.title.clone(),
                    before: Seen::new(before),
                    during: Seen::new(during),
                    after: Seen::new(step.quorum_after),
                    outage,
                    words: words(before, during, step.quorum_after),
                });
                before = step.quorum_after;
            }
            PlanItem::OutageBegins { reason } => {
                outage = true;
                out.push(mark(Tone::Warn, format!("OUTAGE begins: {reason}")));
            }
            PlanItem::OutageEnds => {
                outage = false;
                out.push(mark(Tone::Warn, "OUTAGE ends".to_owned()));
            }
            PlanItem::Irreversible { prompt } => {
                out.push(mark(Tone::Bad, format!("NO RETURN after this: {prompt}")));
            }
            PlanItem::Confirm { .. } | PlanItem::Ensure(_) => {}
        }
    }
    out
}

/// Whether there is a quorum to speak of.
pub(super) fn has_members(plan: &Plan) -> bool {
    plan.quorum_before.voters > 0 || plan.steps().any(|s| s.quorum_after.voters > 0)
}

fn mark(tone: Tone, text: String) -> QuorumRow {
    QuorumRow::Mark { tone, text }
}

fn words(before: Quorum, during: Quorum, after: Quorum) -> String {
    if during.healthy < before.healthy.min(after.healthy) {
        format!(
            "{} meanwhile, then {}",
            counted(during),
            quorum_words(after)
        )
    } else {
        quorum_words(after)
    }
}

fn counted(seen: Quorum) -> String {
    if seen.holds() {
        format!("{}/{}", seen.healthy, seen.voters)
    } else {
        format!("{}/{} (NO QUORUM)", seen.healthy, seen.voters)
    }
}

/// The fewest healthy voters while a step goes on, as far as the plan can tell: members that it stops or restarts count as
/// down, as many at once as its strategy allows.
pub(super) fn during(plan: &Plan, step: &PlanStep, before: Quorum) -> Quorum {
    let stopping = step.work.iter().filter(|work| stops(plan, work)).count();
    let at_once = match step.strategy {
        Strategy::Parallel => stopping,
        Strategy::Rolling { batch } => stopping.min(batch),
        Strategy::RollingQuorumSafe => stopping.min(before.can_lose().max(1)),
    };
    Quorum {
        voters: before.voters.max(step.quorum_after.voters),
        healthy: before
            .healthy
            .saturating_sub(at_once)
            .min(step.quorum_after.healthy),
    }
}

/// Whether this work takes the host's member down, if only for a moment.
fn stops(plan: &Plan, work: &HostWork) -> bool {
    let Some(member) = plan.members.get(&work.host) else {
        return false;
    };
    work.actions.iter().any(|planned| {
        !matches!(planned.change, Change::None { .. } | Change::Reads)
            && matches!(
                &planned.action,
                Action::Service { unit, state: ServiceState::Stopped | ServiceState::Restarted, .. }
                    if *unit == member.unit
            )
    })
}
