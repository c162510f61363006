//! Carries a plan out. Thin: what to do is decided by [`crate::next()`], [`crate::choose`] and [`crate::after_failure`]; here it
//! is done, and nothing counts before its event is kept.

mod ensure;
mod locks;
mod made;
mod orders;
mod pursue;
mod settle;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runbook_model::event::{Event, Record, RunEnd};
use runbook_model::guard::Guard;
use runbook_model::guard::all_asked;
use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanItem, PlanStep, PlannedGuard};
use runbook_model::saved::Reached;
use runbook_model::view::{Needs, SnapshotFacts, View};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::control::{Stop, StopSignal};
use crate::journal::{JournalError, Ledger};
use crate::lock::LocalLockError;
use crate::next::{Next, next};
use crate::observe::look;
use crate::policy::{Failure, Policy, after_failure};
use crate::runs::RunsDir;
use crate::state::RunState;
use crate::world::World;

/// Asks the operator a question that is answered yes or no. May block: it is called on a thread of its own.
pub type Confirm = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Asks the operator whether a step may begin (`--step`). May block, as [`Confirm`].
pub type AskStep = Arc<dyn Fn(&PlanStep) -> bool + Send + Sync>;

/// How a run is to be carried out.
#[derive(Clone)]
pub struct Options {
    /// `user@host` of the operator.
    pub operator: String,
    /// Hosts worked on or asked at a time.
    pub forks: usize,
    /// Answers [`runbook_model::plan::PlanItem::Confirm`].
    pub confirm: Confirm,
    /// Everything that happens, with its time in milliseconds since the epoch; also what the journal does not keep.
    pub events: UnboundedSender<(i64, Event)>,
    /// The operator's wish to stop.
    pub stop: StopSignal,
    /// Where this machine's lock of the cluster is; none: not taken (simulations).
    pub local_lock: Option<RunsDir>,
    /// Do again what is unknown even after asking the host, as a new attempt. The operator's own decision.
    pub repeat_unknown: bool,
    /// SHA-256 of the plan file that is carried out, for the journal; none: planned on the spot.
    pub saved: Option<String>,
    /// How its hosts are reached, for the journal.
    pub reached: Option<Box<Reached>>,
    /// Asked before each step; none: nobody is.
    pub ask_step: Option<AskStep>,
}

/// A run that is over, for now.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// How.
    pub end: RunEnd,
    /// All that is known of it: what was done, what was not, which locks are still held.
    pub state: RunState,
}

/// Why a run broke off without an end of its own.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Records cannot be kept, so nothing more was begun. What was running goes on on its hosts; `resume` asks them.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// This machine's lock cannot be made.
    #[error(transparent)]
    LocalLock(LocalLockError),
    /// There is nothing to go on with.
    #[error("run `{run}` is over: nothing to {verb}")]
    Over {
        /// The run.
        run: String,
        /// `resume` or `roll back`.
        verb: &'static str,
        /// How it ended.
        end: RunEnd,
    },
    /// The run passed its point of no return.
    #[error("run `{run}` passed what cannot be undone")]
    Irreversible {
        /// The run.
        run: String,
    },
    /// The journal holds no plan.
    #[error("the journal holds no plan: the run never began")]
    Empty,
}

/// Carries out a plan from its beginning.
///
/// # Errors
/// The journal or this machine's lock cannot be written. Everything else is a [`RunEnd`].
pub async fn execute<W: World>(
    world: Arc<W>,
    ledger: Box<dyn Ledger>,
    plan: Plan,
    options: Options,
) -> Result<Finished, RunError> {
    let started = Event::RunStarted {
        plan: Box::new(plan.clone()),
        operator: options.operator.clone(),
        saved: options.saved.clone(),
        reached: options.reached.clone(),
    };
    let mut run = Run::new(world, ledger, plan, RunState::default(), options);
    run.record(vec![started])?;
    run.drive(None).await
}

/// Goes on with a run that stopped or died: what was in flight is asked of its hosts first, then the same plan goes on.
///
/// # Errors
/// As [`execute`]; also where the run is over or never began.
pub async fn resume<W: World>(
    world: Arc<W>,
    ledger: Box<dyn Ledger>,
    records: &[Record],
    options: Options,
) -> Result<Finished, RunError> {
    let state = RunState::fold(records);
    let plan = *state.plan.clone().ok_or(RunError::Empty)?;
    // A saved plan that met a lock never began, and is not what was reviewed any more: whoever held the lock was at work.
    let missed = state.saved.is_some() && state.locked.is_empty();
    let over = match &state.ended {
        Some(RunEnd::Done { .. } | RunEnd::RolledBack { .. }) => true,
        Some(RunEnd::Locked { .. }) => missed,
        _ => false,
    };
    if let Some(end) = state.ended.as_ref().filter(|_| over) {
        return Err(RunError::Over {
            run: plan.run.clone(),
            verb: "resume",
            end: end.clone(),
        });
    }
    Run::new(world, ledger, plan, state, options)
        .drive(None)
        .await
}

/// Undoes a run: what was in flight is asked of its hosts first, then all that was changed is taken back, last step first.
///
/// # Errors
/// As [`resume`]; also where the run has passed its point of no return.
pub async fn rollback<W: World>(
    world: Arc<W>,
    ledger: Box<dyn Ledger>,
    records: &[Record],
    options: Options,
) -> Result<Finished, RunError> {
    let state = RunState::fold(records);
    let plan = *state.plan.clone().ok_or(RunError::Empty)?;
    let over = |end: RunEnd| RunError::Over {
        run: plan.run.clone(),
        verb: "roll back",
        end,
    };
    if let Some(end @ RunEnd::RolledBack { .. }) = &state.ended {
        return Err(over(end.clone()));
    }
    if !state.touched_anything() && state.unsettled().is_empty() {
        let nothing = RunEnd::Done { changed: false };
        return Err(over(state.ended.clone().unwrap_or(nothing)));
    }
    // Whatever a failure leads to: past that point clients may have written to what would be taken away.
    if state.irreversible_passed {
        return Err(RunError::Irreversible { run: plan.run });
    }
    let reason = format!("asked for by {}", options.operator);
    Run::new(world, ledger, plan, state, options)
        .drive(Some(reason))
        .await
}

/// Gives back the locks of a run that is dead and will not be resumed: the hosts that gave it back. Only who names the run may:
/// a lock is never broken for its age.
pub async fn unlock<W: World>(world: &Arc<W>, plan: &Plan) -> Vec<HostName> {
    locks::give_back(world, plan, locks::hosts_of(plan)).await
}

/// The hosts on which a run of the plan takes the lock.
pub fn lock_hosts(plan: &Plan) -> BTreeSet<HostName> {
    locks::hosts_of(plan)
}

/// What became of one thing to do.
enum Flow {
    Next,
    Failed(Failure),
    End(RunEnd),
}

impl From<Option<Failure>> for Flow {
    fn from(failure: Option<Failure>) -> Self {
        failure.map_or(Flow::Next, Flow::Failed)
    }
}

/// What this process tried for one host's part of a step.
#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    failed: u32,
    unreachable_since: Option<Instant>,
}

struct Run<W> {
    world: Arc<W>,
    ledger: Box<dyn Ledger>,
    plan: Arc<Plan>,
    state: RunState,
    options: Options,
    /// Milliseconds since the epoch when this process took the run on.
    since_ms: i64,
    tries: BTreeMap<(usize, HostName, bool), Tries>,
    /// Snapshots that the run itself made, by path on this machine, as they were read before they were restored.
    made: BTreeMap<String, SnapshotFacts>,
}

impl<W: World> Run<W> {
    fn new(
        world: Arc<W>,
        ledger: Box<dyn Ledger>,
        plan: Plan,
        state: RunState,
        options: Options,
    ) -> Self {
        Self {
            since_ms: world.now_ms(),
            world,
            ledger,
            plan: Arc::new(plan),
            state,
            options,
            tries: BTreeMap::new(),
            made: BTreeMap::new(),
        }
    }

    /// Keeps events, then lets them count.
    fn record(&mut self, events: Vec<Event>) -> Result<(), RunError> {
        let at_ms = self.world.now_ms();
        self.ledger.append(&events, at_ms)?;
        for event in events {
            self.state.apply(&event);
            // Nobody listening is no reason to stop.
            let _ = self.options.events.send((at_ms, event));
        }
        Ok(())
    }

    async fn drive(mut self, undo: Option<String>) -> Result<Finished, RunError> {
        if self.plan.converged.is_some() {
            // Its guards are those of a change that is not made.
            return self.finish(RunEnd::Done { changed: false }).await;
        }
        let local = self.options.local_lock.clone();
        let local = local.map(|runs| runs.lock(&self.plan.cluster, &self.lock_facts()));
        let (_local, held) = match local.transpose() {
            Ok(lock) => (lock, None),
            Err(LocalLockError::Held(holder)) => (None, Some(crate::lock::held_by(&holder))),
            Err(error) => return Err(RunError::LocalLock(error)),
        };
        let held = match held {
            Some(held) => Some(held),
            None if self.only_looks(undo.as_deref()) => None,
            None => self.take_locks().await?,
        };
        let end = match held {
            Some(holder) => RunEnd::Locked { holder },
            None => self.proceed(undo).await?,
        };
        self.finish(end).await
    }

    /// Nothing is to be changed, and nothing was: no host is sent an order, so none is locked. Were one sent after all, its host
    /// would be locked first, as any that is not.
    fn only_looks(&self, undo: Option<&str>) -> bool {
        let looks = !self.plan.changes() && undo.is_none() && self.state.rollback.is_none();
        let fresh = self.state.locked.is_empty() && self.state.unsettled().is_empty();
        looks && fresh && !self.state.touched_anything() && !self.writes_to_prove()
    }

    /// A guard proves by a write that the cluster takes writes: not while another run works on it.
    fn writes_to_prove(&self) -> bool {
        let steps = self.plan.steps();
        let guards = steps.flat_map(|s| s.requires.iter().chain(&s.ensures));
        let items = self.plan.items.iter().filter_map(|item| match item {
            PlanItem::Ensure(guard) => Some(&**guard),
            _ => None,
        });
        let mut all = guards.chain(items).chain(&self.plan.requires);
        all.any(|g| matches!(g.guard, Guard::Writable { .. }))
    }

    async fn proceed(&mut self, undo: Option<String>) -> Result<RunEnd, RunError> {
        if let Some(reason) = undo.filter(|_| self.state.rollback.is_none()) {
            self.record(vec![Event::RollbackStarted { reason }])?;
        }
        self.glance().await?;
        if self.state.rollback.is_some()
            && let Some(failure) = self.settle().await?
        {
            return Ok(self.end_of(failure));
        }
        let plan = self.plan.clone();
        loop {
            if self.stop_wanted()? {
                return Ok(RunEnd::Interrupted);
            }
            let flow = match next(&plan, &self.state) {
                Next::Requires => self.requires().await?,
                Next::Confirm(prompt) => self.confirm(prompt).await?,
                Next::Irreversible => {
                    self.record(vec![Event::IrreversiblePassed])?;
                    Flow::Next
                }
                Next::Step(step) if !self.may_begin(step).await? => {
                    return Ok(RunEnd::Interrupted);
                }
                Next::Step(step) => self.step(step).await?.into(),
                Next::Ensure(guard) => self.ensure(None, guard).await?.into(),
                Next::Undo(step, hosts) => self.undo(step, hosts).await?.into(),
                Next::End(end) => Flow::End(end),
            };
            match flow {
                Flow::Next => {}
                Flow::End(end) => return Ok(end),
                Flow::Failed(failure) => match after_failure(&plan, &self.state, failure) {
                    Policy::Rollback(reason) => {
                        self.record(vec![Event::RollbackStarted { reason }])?;
                    }
                    Policy::End(end) => return Ok(end),
                },
            }
        }
    }

    /// The end that a failure is when nothing is to be undone for it.
    fn end_of(&self, failure: Failure) -> RunEnd {
        match after_failure(&self.plan, &self.state, failure) {
            Policy::End(end) => end,
            Policy::Rollback(reason) => RunEnd::Failed { reason },
        }
    }

    async fn requires(&mut self) -> Result<Flow, RunError> {
        let plan = self.plan.clone();
        let guards: Vec<_> = plan.requires.iter().collect();
        let Some(view) = self.look(&guards, Needs::default()).await? else {
            return Ok(Flow::Failed(Failure::Interrupted));
        };
        Ok(self.check(None, &guards, &[], &view)?.into())
    }

    /// What the operator answers; none: Ctrl-C broke the question off, which is no answer.
    async fn ask(
        &mut self,
        question: impl FnOnce() -> bool + Send + 'static,
    ) -> Result<Option<bool>, RunError> {
        let mut stop = self.options.stop.clone();
        let answer = tokio::select! {
            answer = tokio::task::spawn_blocking(question) => answer.unwrap_or(false),
            () = stop.at_least(Stop::Finish) => false,
        };
        Ok((!self.stop_wanted()?).then_some(answer))
    }

    /// Whether the operator lets a step begin. A no stops the run here: what comes after was planned on what the step does.
    async fn may_begin(&mut self, step: &PlanStep) -> Result<bool, RunError> {
        let asked = self.options.ask_step.clone();
        let Some(ask) = asked.filter(|_| step.skipped.is_none()) else {
            return Ok(true);
        };
        let step = step.clone();
        match self.ask(move || ask(&step)).await? {
            Some(true) => Ok(true),
            Some(false) => {
                self.record(vec![Event::StopRequested])?;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    async fn confirm(&mut self, prompt: &str) -> Result<Flow, RunError> {
        let ask = self.options.confirm.clone();
        let text = prompt.to_owned();
        let Some(answer) = self.ask(move || ask(&text)).await? else {
            return Ok(Flow::Failed(Failure::Interrupted));
        };
        if !answer {
            let reason = format!("the operator did not confirm: {prompt}");
            return Ok(Flow::Failed(Failure::Refused(reason)));
        }
        self.record(vec![Event::Confirmed {
            prompt: prompt.to_owned(),
        }])?;
        Ok(Flow::Next)
    }

    /// A fresh view for guards; none: the operator wants to stop.
    async fn look(
        &mut self,
        guards: &[&PlannedGuard],
        more: Needs,
    ) -> Result<Option<View>, RunError> {
        let mut stop = self.options.stop.clone();
        let specs = &self.plan.members;
        let view = tokio::select! {
            view = look(&self.world, guards, more, specs, self.options.forks) => view,
            () = stop.at_least(Stop::Finish) => {
                self.stop_wanted()?;
                return Ok(None);
            }
        };
        if !specs.is_empty() && all_asked(&view) {
            let quorum = view.cluster.quorum(specs.len());
            if self.state.quorum != Some(quorum) {
                self.record(vec![Event::QuorumSeen { quorum }])?;
            }
        }
        Ok(Some(view))
    }

    /// Whether the operator wants to stop; recorded once.
    fn stop_wanted(&mut self) -> Result<bool, RunError> {
        let wanted = self.options.stop.now() > Stop::No;
        if wanted && !self.state.stop_requested {
            self.record(vec![Event::StopRequested])?;
        }
        Ok(wanted)
    }

    /// Waits; false: the operator wants to stop.
    async fn pause(&mut self, ms: u64) -> Result<bool, RunError> {
        let mut stop = self.options.stop.clone();
        tokio::select! {
            () = self.world.sleep(ms) => {}
            () = stop.at_least(Stop::Finish) => {}
        }
        Ok(!self.stop_wanted()?)
    }

    async fn finish(mut self, end: RunEnd) -> Result<Finished, RunError> {
        self.release(&end).await?;
        self.record(vec![Event::RunEnded { end: end.clone() }])?;
        Ok(Finished {
            end,
            state: self.state,
        })
    }
}
