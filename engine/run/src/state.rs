//! What is known of a run: a fold over its events, the same for a live, a resumed and a replayed run.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::action::Outcome;
use runbook_model::event::{Event, Record, RunEnd, StepEnd};
use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, Plan, PlanItem, PlanStep};
use runbook_model::quorum::Quorum;
use runbook_model::saved::Reached;

/// A run, as its events tell it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    /// The plan, once the run started.
    pub plan: Option<Box<Plan>>,
    /// `user@host` of who started it.
    pub operator: String,
    /// SHA-256 of the plan file that is carried out; none: planned on the spot.
    pub saved: Option<String>,
    /// How its hosts were reached when it began, where that was kept.
    pub reached: Option<Box<Reached>>,
    /// Index of the plan's first item that is not over.
    pub cursor: usize,
    /// Guards of the plan's `requires` that were let pass since the lock was taken, before the first step.
    pub required: usize,
    /// Hosts whose lock this run holds.
    pub locked: BTreeSet<HostName>,
    /// Steps that have begun, by number.
    pub steps: BTreeMap<usize, StepState>,
    /// What cannot be undone was begun.
    pub irreversible_passed: bool,
    /// The operator asked to stop.
    pub stop_requested: bool,
    /// Undo was begun: why.
    pub rollback: Option<String>,
    /// Last seen.
    pub quorum: Option<Quorum>,
    /// How the run ended; none while it runs, or if it died.
    pub ended: Option<RunEnd>,
}

/// A step that has begun.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// How it ended last; none while it runs.
    pub end: Option<StepEnd>,
    /// Hosts on which something was intended, or which were left out.
    pub hosts: BTreeMap<HostName, HostState>,
}

/// A host's part of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostState {
    /// Left out: why.
    pub skipped: Option<String>,
    /// The step's own actions.
    pub forward: Work,
    /// The undo of them.
    pub undo: Work,
}

/// Orders sent to a host for a step, by attempt from 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Outcomes; none: intended, and nothing heard since.
    pub attempts: BTreeMap<u32, Option<Vec<Outcome>>>,
}

/// How far work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing of the last attempt was begun.
    NotBegun,
    /// Intended; no outcome is recorded.
    InFlight,
    /// All actions done.
    Done {
        /// Whether anything changed in any attempt.
        changed: bool,
    },
    /// An action failed.
    Failed,
    /// An outcome is not known.
    Unknown,
}

/// Whether an action changed its host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Touched {
    /// It did not.
    #[default]
    No,
    /// It may have: it failed, or its outcome is not known.
    Maybe,
    /// It did.
    Yes,
}

/// A host's part of a step in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostStatus {
    /// Nothing was begun.
    NotStarted,
    /// Intended, outcome not recorded.
    InFlight,
    /// Done.
    Done {
        /// Whether anything changed.
        changed: bool,
    },
    /// Failed.
    Failed,
    /// Not known.
    Unknown,
    /// Left out.
    Skipped,
    /// Its undo was sent and nothing heard since, or its outcome is not known.
    Undoing,
    /// Undone.
    Undone,
    /// Its undo failed.
    UndoFailed,
}

impl Work {
    /// Number of the last attempt; zero: none.
    pub fn last(&self) -> u32 {
        self.attempts.keys().next_back().copied().unwrap_or(0)
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        let Some(last) = self.attempts.values().next_back() else {
            return Phase::NotBegun;
        };
        let Some(outcomes) = last else {
            return Phase::InFlight;
        };
        if outcomes
            .iter()
            .any(|o| matches!(o, Outcome::Unknown { .. }))
        {
            Phase::Unknown
        } else if outcomes.iter().any(|o| matches!(o, Outcome::Failed { .. })) {
            Phase::Failed
        } else if outcomes.iter().any(|o| matches!(o, Outcome::NotStarted)) {
            Phase::NotBegun
        } else {
            Phase::Done {
                changed: self.changed(),
            }
        }
    }

    /// Number of the attempt to send next: one that was never begun keeps its number.
    pub fn next_attempt(&self) -> u32 {
        match self.phase() {
            Phase::NotBegun => self.last().max(1),
            _ => self.last() + 1,
        }
    }

    /// Whether action `index` changed the host, over all attempts.
    pub fn touched(&self, index: usize) -> Touched {
        let mut touched = Touched::No;
        for outcomes in self.attempts.values() {
            touched = match outcomes.as_ref().map(|o| o.get(index)) {
                Some(Some(Outcome::Done { changed: true })) => return Touched::Yes,
                Some(Some(Outcome::Failed { .. } | Outcome::Unknown { .. })) | None => {
                    Touched::Maybe
                }
                Some(Some(Outcome::Done { changed: false } | Outcome::NotStarted) | None) => {
                    touched
                }
            };
        }
        touched
    }

    fn changed(&self) -> bool {
        self.attempts
            .values()
            .flatten()
            .flatten()
            .any(|o| matches!(o, Outcome::Done { changed: true }))
    }

    /// Whether anything was changed, or may have been.
    pub fn may_have_changed(&self) -> bool {
        self.attempts.values().any(|outcomes| match outcomes {
            None => true,
            Some(outcomes) => outcomes.iter().any(|o| {
                matches!(
                    o,
                    Outcome::Done { changed: true }
                        | Outcome::Failed { .. }
                        | Outcome::Unknown { .. }
                )
            }),
        })
    }

    /// The first failure's or unknown's reason of the last attempt.
    pub fn reason(&self) -> Option<&str> {
        self.attempts
            .values()
            .next_back()?
            .iter()
            .flatten()
            .find_map(|o| match o {
                Outcome::Failed { reason, .. } | Outcome::Unknown { reason } => {
                    Some(reason.as_str())
                }
                _ => None,
            })
    }
}

impl HostState {
    /// In one word.
    pub fn status(&self) -> HostStatus {
        match self.undo.phase() {
            Phase::InFlight | Phase::Unknown => return HostStatus::Undoing,
            Phase::Done { .. } => return HostStatus::Undone,
            Phase::Failed => return HostStatus::UndoFailed,
            Phase::NotBegun => {}
        }
        match self.forward.phase() {
            _ if self.skipped.is_some() => HostStatus::Skipped,
            Phase::NotBegun => HostStatus::NotStarted,
            Phase::InFlight => HostStatus::InFlight,
            Phase::Done { changed } => HostStatus::Done { changed },
            Phase::Failed => HostStatus::Failed,
            Phase::Unknown => HostStatus::Unknown,
        }
    }
}

impl StepState {
    /// A host's part, empty if nothing is known.
    pub fn host(&self, host: &HostName) -> HostState {
        self.hosts.get(host).cloned().unwrap_or_default()
    }
}

impl RunState {
    /// The state that records tell.
    pub fn fold<'r>(records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut state = Self::default();
        for record in records {
            state.apply(&record.event);
        }
        state
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::RunStarted {
                plan,
                operator,
                saved,
                reached,
            } => {
                self.plan = Some(plan.clone());
                self.saved.clone_from(saved);
                self.reached.clone_from(reached);
                self.operator.clone_from(operator);
                self.pass_marks();
            }
            Event::Locked { hosts } => self.locks(hosts),
            Event::Unlocked { hosts } => {
                for host in hosts {
                    self.locked.remove(host);
                }
            }
            Event::GuardChecked {
                step: None,
                text,
                verdict,
                overridden,
                ..
            } => self.guard(text, verdict, overridden.is_some()),
            Event::StepStarted { step } => self.steps.entry(*step).or_default().end = None,
            Event::StepEnded { step, end } => self.step_ends(*step, *end),
            Event::HostSkipped { step, host, reason } => {
                self.host(*step, host).skipped = Some(reason.clone());
            }
            Event::WorkIntended { .. } | Event::WorkEnded { .. } => self.work(event),
            Event::QuorumSeen { quorum } => self.quorum = Some(*quorum),
            Event::Confirmed { .. } => {
                if matches!(self.item(), Some(PlanItem::Confirm { .. })) {
                    self.advance();
                }
            }
            Event::IrreversiblePassed => {
                self.irreversible_passed = true;
                if matches!(self.item(), Some(PlanItem::Irreversible { .. })) {
                    self.advance();
                }
            }
            Event::StopRequested => self.stop_requested = true,
            Event::RollbackStarted { reason } => self.rollback = Some(reason.clone()),
            Event::RunEnded { end } => self.ended = Some(end.clone()),
            Event::GuardChecked { .. } | Event::ActionStarted { .. } | Event::Output { .. } => {}
        }
    }

    /// The item at the cursor.
    pub fn item(&self) -> Option<&PlanItem> {
        self.plan.as_ref()?.items.get(self.cursor)
    }

    /// Whether anything was changed, or may have been, on any host.
    pub fn touched_anything(&self) -> bool {
        self.steps
            .values()
            .flat_map(|s| s.hosts.values())
            .any(|h| h.forward.may_have_changed())
    }

    /// Whether anything is known to have been changed.
    pub fn changed(&self) -> bool {
        self.steps
            .values()
            .flat_map(|s| s.hosts.values())
            .any(|h| h.forward.changed())
    }

    /// Whether this run changed a host, or may have.
    pub fn touched_host(&self, host: &HostName) -> bool {
        self.steps
            .values()
            .filter_map(|s| s.hosts.get(host))
            .any(|h| h.forward.may_have_changed())
    }

    /// Orders whose outcome is not known: step, host, whether it is the undo.
    pub fn unsettled(&self) -> Vec<(usize, HostName, bool)> {
        let mut found = Vec::new();
        for (number, step) in &self.steps {
            for (host, state) in &step.hosts {
                let undone = matches!(state.undo.phase(), Phase::Done { .. });
                for (work, undo) in [(&state.forward, false), (&state.undo, true)] {
                    if matches!(work.phase(), Phase::InFlight | Phase::Unknown) && !undone {
                        found.push((*number, host.clone(), undo));
                    }
                }
            }
        }
        found
    }

    /// How every host of every step stands, also of steps that have not begun.
    pub fn standing(&self) -> Vec<(usize, HostName, HostStatus)> {
        let Some(plan) = &self.plan else {
            return Vec::new();
        };
        let of = |step: &PlanStep, host: &HostName| match self.steps.get(&step.number) {
            _ if step.skipped.is_some() => HostStatus::Skipped,
            Some(state) => state
                .hosts
                .get(host)
                .map_or_else(|| untouched(state), HostState::status),
            None => HostStatus::NotStarted,
        };
        plan.steps()
            .flat_map(|step| {
                step.work
                    .iter()
                    .map(move |w| (step.number, w.host.clone(), of(step, &w.host)))
            })
            .collect()
    }

    /// What was changed and has no undo: step, host, summary. Empty before anything was changed.
    pub fn cannot_undo(&self) -> Vec<(usize, HostName, String)> {
        let mut found = Vec::new();
        for step in self.plan.iter().flat_map(|p| p.steps()) {
            for work in &step.work {
                let state = self.steps.get(&step.number).map(|s| s.host(&work.host));
                for (index, action) in work.actions.iter().enumerate() {
                    let touched = state.as_ref().map(|s| s.forward.touched(index));
                    if action.undo.is_empty()
                        && action.change != Change::Reads
                        && touched.is_some_and(|t| t != Touched::No)
                    {
                        found.push((step.number, work.host.clone(), action.summary.clone()));
                    }
                }
            }
        }
        found
    }

    fn host(&mut self, step: usize, host: &HostName) -> &mut HostState {
        let step = self.steps.entry(step).or_default();
        step.hosts.entry(host.clone()).or_default()
    }

    fn work(&mut self, event: &Event) {
        let (step, host, attempt, undo, outcomes) = match event {
            Event::WorkIntended {
                step,
                host,
                attempt,
                undo,
            } => (step, host, attempt, undo, None),
            Event::WorkEnded {
                step,
                host,
                attempt,
                undo,
                outcomes,
                ..
            } => (step, host, attempt, undo, Some(outcomes.clone())),
            _ => return,
        };
        let host = self.host(*step, host);
        let work = if *undo {
            &mut host.undo
        } else {
            &mut host.forward
        };
        work.attempts.insert(*attempt, outcomes);
    }

    /// A lock is taken when a run begins or is taken up again, and later for hosts that come back.
    fn locks(&mut self, hosts: &[HostName]) {
        self.locked.extend(hosts.iter().cloned());
        self.ended = None;
        self.stop_requested = false;
        if self.steps.is_empty() {
            self.required = 0;
        }
    }

    fn guard(&mut self, text: &str, verdict: &Verdict, overridden: bool) {
        let Some(plan) = &self.plan else { return };
        let before_steps = self.steps.is_empty() && self.required < plan.requires.len();
        if before_steps {
            let warns = plan.requires[self.required].warn_only;
            if verdict.holds() || overridden || warns {
                self.required += 1;
            }
        } else if let Some(PlanItem::Ensure(guard)) = plan.items.get(self.cursor)
            && guard.text == text
            && (verdict.holds() || overridden || guard.warn_only)
        {
            self.advance();
        }
    }

    fn step_ends(&mut self, number: usize, end: StepEnd) {
        self.steps.entry(number).or_default().end = Some(end);
        let over = matches!(
            end,
            StepEnd::Unchanged | StepEnd::Changed | StepEnd::Skipped
        );
        if over && matches!(self.item(), Some(PlanItem::Step(step)) if step.number == number) {
            self.advance();
        }
    }

    fn advance(&mut self) {
        self.cursor += 1;
        self.pass_marks();
    }

    /// Outages are marks for readers: nothing is done there.
    fn pass_marks(&mut self) {
        while matches!(
            self.item(),
            Some(PlanItem::OutageBegins { .. } | PlanItem::OutageEnds)
        ) {
            self.cursor += 1;
        }
    }
}

/// A host without records in a step that ended well had nothing to do.
fn untouched(step: &StepState) -> HostStatus {
    match step.end {
        Some(StepEnd::Unchanged | StepEnd::Changed) => HostStatus::Done { changed: false },
        Some(StepEnd::Skipped) => HostStatus::Skipped,
        _ => HostStatus::NotStarted,
    }
}
