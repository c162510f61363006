//! What a reader sees of a run at one moment: a fold over its events.

use std::collections::BTreeMap;

use runbook_model::action::Outcome;
use runbook_model::event::{Event, RunEnd, StepEnd};
use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, Plan, PlanItem, PlanStep, PlannedAction, PlannedGuard};
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
    /// The last guard that said no and was not overridden: its step, text and verdict.
    pub refused_by: Option<(Option<usize>, String, Verdict)>,
    /// Tables of what guards observed, by the guard's text, in the order of the run; the last of each.
    pub tables: Vec<(String, String)>,
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
    /// Milliseconds since the epoch when the transfer was first heard of.
    pub transfer_since_ms: i64,
    /// Milliseconds since the epoch of the last sign of life.
    pub seen_ms: i64,
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
                step,
                text,
                verdict,
                overridden,
                ..
            } => {
                if let Some(table) = verdict.table() {
                    self.tables.retain(|(known, _)| known != text);
                    self.tables.push((text.clone(), table.to_owned()));
                }
                let stops = !verdict.holds() && overridden.is_none();
                self.guard_checked(*step, text, stops.then_some(verdict));
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
            } => self.host(*step, host).said(at_ms, line, *transfer),
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

    fn guard_checked(&mut self, step: Option<usize>, text: &str, stops: Option<&Verdict>) {
        if !self.guard(step, text).is_some_and(|g| g.warn_only) {
            self.refused_by = stops.map(|verdict| (step, text.to_owned(), verdict.clone()));
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

    /// The plan's guard of this text: of the step where one is named, else of those outside steps.
    pub fn guard(&self, step: Option<usize>, text: &str) -> Option<&PlannedGuard> {
        let plan = self.plan.as_ref()?;
        let outside = plan.items.iter().filter_map(|item| match item {
            PlanItem::Ensure(guard) => Some(guard.as_ref()),
            _ => None,
        });
        match step.and_then(|number| self.planned(number)) {
            Some(step) => step
                .requires
                .iter()
                .chain(&step.ensures)
                .find(|g| g.text == text),
            None => plan.requires.iter().chain(outside).find(|g| g.text == text),
        }
    }

    /// Whether the step changes nothing by what it is: there is no `already so`.
    pub fn only_reads(&self, number: usize) -> bool {
        let reads = |action: &PlannedAction| matches!(action.change, Change::Reads);
        self.planned(number)
            .is_some_and(|step| step.work.iter().flat_map(|w| &w.actions).all(reads))
    }

    /// Whether every step before the first such item is seen to be over.
    pub fn reached(&self, asked_about: impl Fn(&PlanItem) -> bool) -> bool {
        let items = self.plan.iter().flat_map(|plan| &plan.items);
        items
            .take_while(|item| !asked_about(item))
            .all(|item| match item {
                PlanItem::Step(step) => self
                    .steps
                    .get(&step.number)
                    .is_some_and(|s| s.end.is_some()),
                _ => true,
            })
    }

    /// How many steps the plan has, those left out included.
    pub fn step_count(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| plan.steps().count())
    }

    /// The step's title, or its number where no plan is known.
    pub fn title(&self, number: usize) -> String {
        self.planned(number)
            .map_or_else(|| format!("step {number}"), |step| step.title.clone())
    }
}

impl HostView {
    fn said(&mut self, at_ms: i64, line: &str, transfer: Option<(u64, u64)>) {
        line.clone_into(&mut self.line);
        if self.transfer.is_none() {
            self.transfer_since_ms = at_ms;
        }
        self.transfer = transfer;
        self.seen_ms = at_ms;
    }

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
