//! What a reader sees of a run at one moment: a fold over its events.

use std::collections::BTreeMap;

use runbook_model::action::Outcome;
use runbook_model::event::{Event, RunEnd, StepEnd};
use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanStep};
use runbook_model::quorum::Quorum;

/// The view of a run.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// The plan, once the run has begun.
    pub plan: Option<Box<Plan>>,
    /// Milliseconds since the epoch when it began.
    pub started_ms: i64,
    /// By step number.
    pub steps: BTreeMap<usize, StepView>,
    /// As last seen.
    pub quorum: Option<Quorum>,
    /// The last guard that said no and was not overridden: its text and verdict.
    pub refused_by: Option<(String, Verdict)>,
    /// Undo goes on.
    pub rolling_back: bool,
    /// The point of no return was passed.
    pub irreversible: bool,
    /// How the run ended.
    pub end: Option<RunEnd>,
}

/// A step as seen.
#[derive(Clone, Debug, Default)]
pub struct StepView {
    /// Milliseconds since the epoch when it began.
    pub started_ms: i64,
    /// How it ended.
    pub end: Option<StepEnd>,
    /// Its hosts.
    pub hosts: BTreeMap<HostName, HostView>,
}

/// A host's part of a step as seen.
#[derive(Clone, Debug, Default)]
pub struct HostView {
    /// Milliseconds since the epoch when it began.
    pub started_ms: i64,
    /// Index of the action that runs.
    pub action: usize,
    /// Last line of output.
    pub line: String,
    /// Bytes done and in all.
    pub transfer: Option<(u64, u64)>,
    /// Outcomes, once it ended.
    pub outcomes: Option<Vec<Outcome>>,
    /// Outcomes of its undo, once that ended.
    pub undo: Option<Vec<Outcome>>,
    /// What it took, milliseconds.
    pub took_ms: u64,
    /// Left out: why.
    pub skipped: Option<String>,
}

impl Tracker {
    /// Takes in one event.
    pub fn apply(&mut self, at_ms: i64, event: &Event) {
        match event {
            Event::RunStarted { plan, .. } => {
                self.plan = Some(plan.clone());
                self.started_ms = at_ms;
            }
            Event::GuardChecked {
                text,
                verdict,
                overridden,
                ..
            } => {
                let stops = !verdict.holds() && overridden.is_none();
                self.refused_by = stops.then(|| (text.clone(), verdict.clone()));
            }
            Event::StepStarted { step } => self.step(*step).started_ms = at_ms,
            Event::WorkIntended {
                step, host, undo, ..
            } => {
                let seen = self.host(*step, host);
                // What was done stays known while it is undone.
                let done = undo.then(|| seen.outcomes.take()).flatten();
                *seen = HostView {
                    started_ms: at_ms,
                    outcomes: done,
                    ..HostView::default()
                };
            }
            Event::ActionStarted { step, host, action } => {
                let host = self.host(*step, host);
                host.action = *action;
                host.transfer = None;
            }
            Event::Output {
                step,
                host,
                line,
                transfer,
            } => {
                let host = self.host(*step, host);
                host.line.clone_from(line);
                host.transfer = *transfer;
            }
            Event::WorkEnded {
                step,
                host,
                outcomes,
                took_ms,
                undo,
                ..
            } => {
                self.host(*step, host).ended(outcomes, *took_ms, *undo);
            }
            Event::HostSkipped { step, host, reason } => {
                self.host(*step, host).skipped = Some(reason.clone())
            }
            Event::StepEnded { step, end } => self.step(*step).end = Some(*end),
            Event::QuorumSeen { quorum } => self.quorum = Some(*quorum),
            Event::RollbackStarted { .. } => self.rolling_back = true,
            Event::IrreversiblePassed => self.irreversible = true,
            Event::RunEnded { end } => self.end = Some(end.clone()),
            Event::Locked { .. }
            | Event::Unlocked { .. }
            | Event::Confirmed { .. }
            | Event::StopRequested => {}
        }
    }

    fn step(&mut self, number: usize) -> &mut StepView {
        self.steps.entry(number).or_default()
    }

    fn host(&mut self, step: usize, host: &HostName) -> &mut HostView {
        self.step(step).hosts.entry(host.clone()).or_default()
    }

    /// The plan's step of this number.
    pub fn planned(&self, number: usize) -> Option<&PlanStep> {
        self.plan
            .as_ref()?
            .steps()
            .find(|step| step.number == number)
    }

    /// The step's title, or its number where no plan is known.
    pub fn title(&self, number: usize) -> String {
        self.planned(number)
            .map_or_else(|| format!("step {number}"), |step| step.title.clone())
    }
}

impl HostView {
    fn ended(&mut self, outcomes: &[Outcome], took_ms: u64, undo: bool) {
        let kept = if undo {
            &mut self.undo
        } else {
            &mut self.outcomes
        };
        *kept = Some(outcomes.to_vec());
        self.took_ms = took_ms;
        self.transfer = None;
    }

    /// The failure, if this host's part failed: index of the action and its outcome.
    pub fn failure(&self) -> Option<(usize, &Outcome)> {
        first_failure(self.outcomes.as_deref())
    }

    /// The failure of its undo: index of the undo action and its outcome.
    pub fn undo_failure(&self) -> Option<(usize, &Outcome)> {
        first_failure(self.undo.as_deref())
    }

    /// Whether anything was changed.
    pub fn changed(&self) -> bool {
        self.outcomes
            .iter()
            .flatten()
            .any(|outcome| matches!(outcome, Outcome::Done { changed: true }))
    }
}

fn first_failure(outcomes: Option<&[Outcome]>) -> Option<(usize, &Outcome)> {
    outcomes?
        .iter()
        .enumerate()
        .find(|(_, outcome)| matches!(outcome, Outcome::Failed { .. } | Outcome::Unknown { .. }))
}
