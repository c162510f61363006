//! One step: batches in order, each behind its guards; then what it must have led to.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::event::{Event, StepEnd};
use runbook_model::facts::HostError;
use runbook_model::guard::MEMBER_TIMEOUT_MS;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, HostWork, OnUnreachable, PlanStep, PlannedGuard, Strategy};
use runbook_model::view::{Needs, View};
use tokio::time::Instant;

use super::ensure::without;
use super::pursue::{Ended, Mode};
use super::{Run, RunError};
use crate::batch::{Batch, choose, needs_members};
use crate::lock::held_by;
use crate::policy::Failure;
use crate::state::{Phase, StepState};
use crate::world::World;

/// Milliseconds between looks at a quorum that cannot spare a member, and between tries to reach a host that is waited for.
const WAIT_MS: u64 = 1_000;

/// What comes before a batch.
enum Turn {
    Go(Vec<HostName>),
    Again,
    Failed(Failure),
}

impl<W: World> Run<W> {
    pub(super) async fn step(&mut self, step: &PlanStep) -> Result<Option<Failure>, RunError> {
        let number = step.number;
        self.record(vec![Event::StepStarted { step: number }])?;
        let failure = match step.skipped {
            Some(_) => None,
            None => self.batches(step).await?,
        };
        let end = match &failure {
            Some(failure) => failure.step_end(),
            None if step.skipped.is_some() => StepEnd::Skipped,
            None if self.step_changed(number) => StepEnd::Changed,
            None => StepEnd::Unchanged,
        };
        self.record(vec![Event::StepEnded { step: number, end }])?;
        Ok(failure)
    }

    fn step_changed(&self, number: usize) -> bool {
        self.state.steps.get(&number).is_some_and(|step| {
            step.hosts
                .values()
                .any(|h| h.forward.phase() == Phase::Done { changed: true })
        })
    }

    async fn batches(&mut self, step: &PlanStep) -> Result<Option<Failure>, RunError> {
        let rolling = step.strategy != Strategy::Parallel;
        let mut waiting = None;
        // In a rolling step each batch must have come right before the next begins, also after a resume.
        let mut due = self.any_done(step.number);
        let mut ensured = false;
        loop {
            let pending = self.pending(step);
            let over = pending.is_empty();
            // A step that came to its end before anybody looked is done, and no half of one.
            if self.stop_wanted()? && !(over && step.ensures.is_empty()) {
                return Ok(Some(Failure::Interrupted));
            }
            if step.work.is_empty()
                && !ensured
                && let Some(failure) = self.judge(step).await?
            {
                return Ok(Some(failure));
            }
            if (due && rolling) || (over && (due || !ensured)) {
                for guard in &step.ensures {
                    if let Some(failure) = self.ensure(Some(step.number), guard).await? {
                        return Ok(Some(failure));
                    }
                }
                (due, ensured) = (false, true);
            }
            if over {
                return Ok(None);
            }
            let failure = match self.turn(step, &pending, &mut waiting).await? {
                Turn::Go(hosts) => {
                    due = true;
                    self.work(step, hosts, false).await?
                }
                Turn::Again => None,
                Turn::Failed(failure) => Some(failure),
            };
            if failure.is_some() {
                return Ok(failure);
            }
        }
    }

    /// A step without verbs only judges: its guards are asked once, where no work would ask them.
    async fn judge(&mut self, step: &PlanStep) -> Result<Option<Failure>, RunError> {
        let guards = self.step_guards(step);
        if guards.is_empty() {
            return Ok(None);
        }
        let guards: Vec<_> = guards.iter().collect();
        match self.look(&guards, Needs::default()).await? {
            Some(view) => self.check(Some(step.number), &guards, &[], &view),
            None => Ok(Some(Failure::Interrupted)),
        }
    }

    fn any_done(&self, number: usize) -> bool {
        let begun = |step: &StepState| {
            step.hosts
                .values()
                .any(|h| h.forward.phase() != Phase::NotBegun)
        };
        self.state.steps.get(&number).is_some_and(begun)
    }

    /// Hosts of the step on which something is left to do. In a rolling step one that failed, or may be running, comes to its end
    /// before others are begun.
    fn pending(&self, step: &PlanStep) -> Vec<HostName> {
        let Some(state) = self.state.steps.get(&step.number) else {
            return Vec::new();
        };
        let left: Vec<_> = step
            .work
            .iter()
            .filter(|work| {
                let host = state.host(&work.host);
                let over = matches!(host.forward.phase(), Phase::Done { .. });
                let idle = host.forward.attempts.is_empty() && self.nothing_to_do(work);
                !over && !idle && host.skipped.is_none()
            })
            .map(|work| work.host.clone())
            .collect();
        if step.strategy == Strategy::Parallel {
            return left;
        }
        let (begun, fresh): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|h| !state.host(h).forward.attempts.is_empty());
        if begun.is_empty() { fresh } else { begun }
    }

    /// Hosts of the step on which an order may be running: it is followed, whatever comes first otherwise.
    fn under_way(&self, step: &PlanStep) -> Vec<HostName> {
        let unsettled = self.state.unsettled().into_iter();
        unsettled
            .filter(|(number, _, undo)| *number == step.number && !undo)
            .map(|(_, host, _)| host)
            .collect()
    }

    /// The plan found everything so already, and this run has not touched the host since.
    fn nothing_to_do(&self, work: &HostWork) -> bool {
        let so = |a: &runbook_model::plan::PlannedAction| matches!(a.change, Change::None { .. });
        work.actions.iter().all(so) && !self.state.touched_host(&work.host)
    }

    /// Chooses the next batch and checks its guards, both on one fresh view.
    async fn turn(
        &mut self,
        step: &PlanStep,
        pending: &[HostName],
        waiting: &mut Option<Instant>,
    ) -> Result<Turn, RunError> {
        let under_way = self.under_way(step);
        let fresh: Vec<_> = pending
            .iter()
            .filter(|h| !under_way.contains(h))
            .cloned()
            .collect();
        if fresh.is_empty() {
            return Ok(Turn::Go(under_way));
        }
        let guards = self.step_guards(step);
        let guards: Vec<_> = guards.iter().collect();
        let mut needs = Needs::default();
        if needs_members(step) {
            needs.members = self.plan.members.clone();
            needs.query.timeout_ms = MEMBER_TIMEOUT_MS;
        }
        let view = if guards.is_empty() && !needs_members(step) {
            View::default()
        } else {
            match self.look(&guards, needs).await? {
                Some(view) => view,
                None => return Ok(Turn::Failed(Failure::Interrupted)),
            }
        };
        let mut hosts = match choose(step, &fresh, &view) {
            Batch::Hosts(hosts) => hosts,
            Batch::Over => return Ok(Turn::Again),
            Batch::Wait(why) => return self.wait_for_quorum(step, why, waiting).await,
        };
        *waiting = None;
        let refused = self.check(Some(step.number), &guards, &hosts, &view)?;
        hosts.extend(under_way);
        Ok(refused.map_or(Turn::Go(hosts), Turn::Failed))
    }

    async fn wait_for_quorum(
        &mut self,
        step: &PlanStep,
        why: String,
        waiting: &mut Option<Instant>,
    ) -> Result<Turn, RunError> {
        let since = *waiting.get_or_insert_with(Instant::now);
        if since.elapsed().as_millis() >= u128::from(step.timeout_ms) {
            let reason = format!("`rolling quorum-safe`: {why}");
            return Ok(Turn::Failed(Failure::Refused(reason)));
        }
        self.pause(WAIT_MS).await?;
        Ok(Turn::Again)
    }

    /// The step's guards as they are to hold before its next hosts: what this very step has changed on others is no reason to
    /// refuse the rest (a member that it started is not a foreign one).
    fn step_guards(&self, step: &PlanStep) -> Vec<PlannedGuard> {
        let hosts = self.state.steps.get(&step.number).map(|s| &s.hosts);
        let begun = hosts
            .into_iter()
            .flatten()
            .filter(|(_, h)| h.forward.may_have_changed());
        let half = begun
            .clone()
            .filter(|(_, h)| !matches!(h.forward.phase(), Phase::Done { .. }));
        let begun: Vec<_> = begun.map(|(host, _)| host.clone()).collect();
        let half: Vec<_> = half.map(|(host, _)| host.clone()).collect();
        let guards = step.requires.iter().cloned();
        guards.map(|guard| without(guard, &begun, &half)).collect()
    }

    /// Sends a batch its orders and judges what came of them.
    pub(super) async fn work(
        &mut self,
        step: &PlanStep,
        mut hosts: Vec<HostName>,
        undo: bool,
    ) -> Result<Option<Failure>, RunError> {
        let mut unreached = BTreeMap::new();
        for (host, why) in self.lock_late(&hosts).await? {
            hosts.retain(|h| h != &host);
            match why {
                Ok(holder) => {
                    let reason = format!("`{host}` is locked by {}", held_by(&holder));
                    return Ok(Some(Failure::Locked(reason)));
                }
                Err(error) => unreached.insert(host, error),
            };
        }
        self.read_made(step, &hosts).await;
        let tasks = hosts.iter().filter_map(|h| self.task(step, h, undo));
        let tasks: Vec<_> = tasks.collect();
        let followed: BTreeSet<_> = tasks
            .iter()
            .filter(|(_, _, mode)| *mode == Mode::Follow)
            .map(|(host, ..)| host.clone())
            .collect();
        let (mut told, mut lost, mut unknown) = (Vec::new(), None, None);
        for (host, ended) in self.send(tasks).await? {
            match ended {
                Ended::Told(_) => told.push(host),
                // Known now: it is sent in the next round, behind its guards.
                Ended::Never if followed.contains(&host) => {}
                Ended::Never => {
                    let why = format!("nothing that was sent to `{host}` reached it");
                    lost = Some(Failure::Unreachable(why));
                }
                Ended::NotReached(error) => {
                    unreached.insert(host, error);
                }
                Ended::Silent(error) => {
                    let why = format!("what was begun on `{host}` is not known: {error}");
                    unknown = unknown.or(Some(why));
                }
            }
        }
        if let Some(why) = unknown.or_else(|| self.unknown(step, undo)) {
            return Ok(Some(Failure::Unknown(why)));
        }
        let failure = self.judge_batch(step, &told, unreached, undo).await?;
        Ok(failure.or(lost))
    }

    /// An outcome of the step that its host could not tell.
    fn unknown(&self, step: &PlanStep, undo: bool) -> Option<String> {
        let state = self.state.steps.get(&step.number)?;
        state.hosts.iter().find_map(|(host, state)| {
            let work = if undo { &state.undo } else { &state.forward };
            let unknown = work.phase() == Phase::Unknown;
            let why = work.reason().unwrap_or("nothing was heard of it");
            unknown.then(|| format!("the outcome on `{host}` is not known: {why}"))
        })
    }

    async fn judge_batch(
        &mut self,
        step: &PlanStep,
        told: &[HostName],
        unreached: BTreeMap<HostName, HostError>,
        undo: bool,
    ) -> Result<Option<Failure>, RunError> {
        let (mut failed, mut unreachable, mut pause) = (None, None, 0);
        for host in told {
            match self.retry(step, host, undo) {
                Ok(ms) => pause = pause.max(ms),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        for (host, error) in unreached {
            if !undo && waits(&error) && step.on_unreachable == OnUnreachable::Skip {
                self.record(vec![Event::HostSkipped {
                    step: step.number,
                    host,
                    reason: error.to_string(),
                }])?;
            } else if self.may_wait(step, &host, &error, undo) {
                pause = pause.max(WAIT_MS);
            } else {
                unreachable = unreachable.or(Some(not_reached(&error)));
            }
        }
        let failure = failed.or(unreachable);
        if failure.is_none() && pause > 0 {
            self.pause(pause).await?;
        }
        Ok(failure)
    }

    /// How long to wait before the next attempt (zero: none is needed), or the failure where none is left.
    fn retry(&mut self, step: &PlanStep, host: &HostName, undo: bool) -> Result<u64, Failure> {
        let state = self.state.steps.get(&step.number).map(|s| s.host(host));
        let state = state.unwrap_or_default();
        let work = if undo { &state.undo } else { &state.forward };
        let key = (step.number, host.clone(), undo);
        let tries = self.tries.entry(key).or_default();
        match work.phase() {
            Phase::Done { .. } => Ok(0),
            // A failure, or what was not begun behind one.
            _ if tries.failed < step.retries => {
                tries.failed += 1;
                Ok(step.retry_pause_ms.max(1))
            }
            _ => {
                let why = work.reason().unwrap_or("it failed");
                Err(Failure::Failed(format!("`{host}`: {why}")))
            }
        }
    }

    fn may_wait(
        &mut self,
        step: &PlanStep,
        host: &HostName,
        error: &HostError,
        undo: bool,
    ) -> bool {
        let OnUnreachable::Wait { limit_ms } = step.on_unreachable else {
            return false;
        };
        let key = (step.number, host.clone(), undo);
        let since = &mut self.tries.entry(key).or_default().unreachable_since;
        let since = *since.get_or_insert_with(Instant::now);
        waits(error) && since.elapsed().as_millis() < u128::from(limit_ms)
    }

    /// Undoes a step on hosts, as many at a time as the step itself worked on.
    pub(super) async fn undo(
        &mut self,
        step: &PlanStep,
        mut hosts: Vec<HostName>,
    ) -> Result<Option<Failure>, RunError> {
        hosts.truncate(match step.strategy {
            Strategy::Parallel => hosts.len(),
            Strategy::Rolling { batch } => batch.max(1),
            Strategy::RollingQuorumSafe => 1,
        });
        let failure = self.work(step, hosts, true).await?;
        Ok(failure.map(|failure| match failure {
            Failure::Failed(why)
            | Failure::Unreachable(why)
            | Failure::Refused(why)
            | Failure::NotEnsured(why) => {
                Failure::Stuck(format!("undo of step {} failed: {why}", step.number))
            }
            other => other,
        }))
    }
}

/// A host that refuses orders of this run was taken over by another; any other was not reached.
fn not_reached(error: &HostError) -> Failure {
    match error {
        HostError::Fenced { .. } => Failure::Locked(error.to_string()),
        _ => Failure::Unreachable(error.to_string()),
    }
}

/// Whether time may mend it: a wrong host key or a refused login stays what it is.
fn waits(error: &HostError) -> bool {
    matches!(
        error,
        HostError::Unreachable { .. } | HostError::Timeout { .. } | HostError::Garbled { .. }
    )
}
