//! A run under a schedule, with an operator beside it: repairs, resumes, rolls back, as long as it takes and no longer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_model::event::{Event, Record, RunEnd};
use runbook_model::host::HostName;
use runbook_run::{Finished, RunError, RunState, execute, resume, rollback, unlock};
use tokio::time::sleep;

use super::client::{self, Written};
use super::judge;
use super::schedule::Schedule;
use super::strike::{Mishap, Strike, step};
use super::{Start, Tale};
use crate::faults::Moment;
use crate::journal::MemoryJournal;
use crate::model::Model;
use crate::operator::options;
use crate::world::{SimWorld, run};

/// How often the operator takes a run up before it counts as one without an end.
const LIMIT: usize = 14;
/// Pauses after which an operator who resumes gives up and rolls back.
const PATIENCE: usize = 5;
/// Milliseconds until a repaired host, and an order that still runs somewhere, is what it will be.
const SETTLED_MS: u64 = 150_000;

/// How a run ended, with all of its operator's attempts.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// By itself.
    Run(RunEnd),
    /// Not, however often it was taken up.
    Never(Option<RunEnd>),
    /// With an error that is no end.
    Broke(String),
}

/// All that came of a schedule.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) end: End,
    pub(super) state: RunState,
    /// The operator agreed to what cannot be undone.
    pub(super) confirmed: bool,
    /// As it is at the end, everything repaired.
    pub(super) model: Model,
    pub(super) written: Written,
    /// By the schedule's strikes: whether each came.
    pub(super) met: Vec<bool>,
    pub(super) tale: Vec<String>,
    /// Times the run was taken up again.
    pub(super) taken_up: usize,
    pub(super) records: usize,
    pub(super) asked: u64,
    /// Conditions of the plan that do not hold at the end.
    pub(super) against: Vec<String>,
    /// Locks that remain though nobody was told.
    pub(super) untold_locks: Vec<HostName>,
}

pub(super) fn drive(start: &Start, schedule: &Schedule) -> Story {
    run(async {
        let desk = Desk::new(start, schedule);
        let written = client::attend(&desk.world, schedule.id);
        desk.lay();
        let (end, taken_up) = desk.see_through().await;
        desk.world.calm();
        repair(&desk.world, &desk.tale);
        sleep(Duration::from_millis(SETTLED_MS)).await;
        repair(&desk.world, &desk.tale);
        desk.story(end, taken_up, &written).await
    })
}

/// Where the operator sits.
struct Desk<'a> {
    start: &'a Start,
    schedule: &'a Schedule,
    world: SimWorld,
    journal: MemoryJournal,
    tale: Tale,
    met: Arc<Mutex<Vec<bool>>>,
}

impl<'a> Desk<'a> {
    fn new(start: &'a Start, schedule: &'a Schedule) -> Self {
        Self {
            start,
            schedule,
            world: SimWorld::new(start.model.clone()),
            journal: MemoryJournal::new(),
            tale: Tale::default(),
            met: Arc::new(Mutex::new(vec![false; schedule.strikes.len()])),
        }
    }

    /// Lays the schedule's strikes out in the world.
    fn lay(&self) {
        for (index, strike) in self.schedule.strikes.iter().enumerate() {
            match strike {
                Strike::Order { when, fault } => self.world.inject(when.clone(), fault.clone()),
                Strike::Host { at, host, mishap } => self.befall(index, at, host, mishap),
                Strike::Killed { .. } => {}
            }
        }
    }

    fn befall(&self, index: usize, at: &Moment, host: &HostName, mishap: &Mishap) {
        let (host, mishap, met) = (host.clone(), mishap.clone(), self.met.clone());
        let (world, tale, journal) = (self.world.clone(), self.tale.clone(), self.journal.clone());
        let plan = self.start.plan.clone();
        self.world.at(at.clone(), move |model| {
            if let Some(met) = met
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_mut(index)
            {
                *met = true;
            }
            tale.tell(|| {
                let during = under_way(&journal.records());
                let during = during.map_or_else(String::new, |n| format!(" in {}", step(n, &plan)));
                format!("{}{during}", mishap.words(&host))
            });
            strike(&world, model, &host, &mishap);
        });
    }

    /// The kills of the schedule, in the order of their records.
    fn kills(&self) -> Vec<(usize, usize, bool)> {
        let kills = self.schedule.strikes.iter().enumerate();
        let mut kills: Vec<_> = kills
            .filter_map(|(index, strike)| match strike {
                Strike::Killed { record, kept } => Some((*record, index, *kept)),
                _ => None,
            })
            .collect();
        kills.sort_unstable();
        kills
    }

    async fn see_through(&self) -> (End, usize) {
        let mut kills = self.kills().into_iter();
        let mut mood = Mood::default();
        let mut last = None;
        for attempt in 0..=LIMIT {
            let kill = kills.next();
            let ledger = match kill {
                Some((record, _, kept)) => self.journal.killed_at(record, kept),
                None => self.journal.reopened(),
            };
            let ended = self.attempt(ledger, &mood).await;
            let end = match ended {
                Ok(finished) => {
                    let end = finished.end.clone();
                    self.tale.tell(|| format!("the run ends: {}", words(&end)));
                    if self.is_over(&finished, &mut mood) {
                        return (End::Run(end), attempt);
                    }
                    Some(end)
                }
                Err(RunError::Journal(_)) => {
                    self.killed(kill);
                    None
                }
                Err(RunError::Over { end, .. }) => return (End::Run(end), attempt),
                Err(RunError::Irreversible { .. }) => {
                    self.tale.tell(|| {
                        "the rollback is refused: it passed its point of no return".into()
                    });
                    mood.undo = false;
                    mood.may_undo = false;
                    None
                }
                Err(other) => return (End::Broke(other.to_string()), attempt),
            };
            last = end.or(last);
            repair(&self.world, &self.tale);
            sleep(Duration::from_secs(5)).await;
        }
        (End::Never(last), LIMIT)
    }

    async fn attempt(&self, ledger: MemoryJournal, mood: &Mood) -> Result<Finished, RunError> {
        let world = Arc::new(self.world.clone());
        let ledger = Box::new(ledger);
        let records = self.journal.records();
        let options = options(mood.repeats());
        if records.is_empty() {
            return execute(world, ledger, (*self.start.plan).clone(), options).await;
        }
        let again = if mood.repeats() {
            " --repeat-unknown"
        } else {
            ""
        };
        if mood.undo {
            self.tale
                .tell(|| "the operator types `runbook rollback`".into());
            rollback(world, ledger, &records, options).await
        } else {
            self.tale
                .tell(|| format!("the operator types `runbook resume{again}`"));
            resume(world, ledger, &records, options).await
        }
    }

    /// Whether the operator leaves the run as it ended.
    fn is_over(&self, finished: &Finished, mood: &mut Mood) -> bool {
        match &finished.end {
            RunEnd::Done { .. } | RunEnd::RolledBack { .. } => true,
            RunEnd::Refused { .. } | RunEnd::Failed { .. } | RunEnd::Unreachable { .. }
                if !finished.state.touched_anything() =>
            {
                mood.untouched += 1;
                self.schedule.leaves || mood.untouched > 2
            }
            _ => {
                mood.pauses += 1;
                mood.undo = mood.may_undo
                    && (mood.undo || self.schedule.rolls_back || mood.pauses >= PATIENCE);
                false
            }
        }
    }

    fn killed(&self, kill: Option<(usize, usize, bool)>) {
        if let Some((_, index, _)) = kill {
            let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(met) = met.get_mut(index) {
                *met = true;
            }
        }
        let (journal, plan) = (&self.journal, &self.start.plan);
        self.tale.tell(|| {
            let records = journal.records();
            match under_way(&records) {
                Some(number) => format!("`runbook` is killed in {}", step(number, plan)),
                None => format!("`runbook` is killed after record {}", records.len()),
            }
        });
    }

    async fn story(&self, end: End, taken_up: usize, written: &Mutex<Written>) -> Story {
        let records = self.journal.records();
        let state = RunState::fold(&records);
        let plan = &self.start.plan;
        let untold_locks = self.give_back(&state).await;
        let done = matches!(end, End::Run(RunEnd::Done { .. }));
        let model = self.world.model();
        let against = if done {
            judge::against(&self.world, plan, &model).await
        } else {
            Vec::new()
        };
        let mut met = self
            .met
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let orders = self.world.met();
        for (met, strike) in met.iter_mut().zip(&self.schedule.strikes) {
            if let Strike::Order { when, fault } = strike {
                *met = orders.iter().any(|(w, f)| w == when && f == fault);
            }
        }
        let confirmed = |r: &Record| matches!(r.event, Event::Confirmed { .. });
        Story {
            end,
            state,
            confirmed: records.iter().any(confirmed),
            model,
            written: written
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            met,
            tale: self.tale.lines(),
            taken_up,
            records: records.len(),
            asked: self.world.asked(),
            against,
            untold_locks,
        }
    }

    /// The operator gives back the locks that the run said it could not: the hosts on which more were found.
    async fn give_back(&self, state: &RunState) -> Vec<HostName> {
        let plan = &self.start.plan;
        let model = self.world.model();
        let held = model.hosts.iter().filter(|(_, host)| {
            let lock = host.locks.get(&plan.cluster);
            lock.is_some_and(|l| l.run == plan.run)
        });
        let untold = held.filter(|(name, _)| !state.locked.contains(*name));
        let untold = untold.map(|(name, _)| name.clone()).collect();
        if !state.locked.is_empty() && over(state) {
            self.tale
                .tell(|| "the operator types `runbook unlock`".into());
            unlock(&Arc::new(self.world.clone()), plan).await;
        }
        untold
    }
}

/// The run is over: nobody goes on with it.
fn over(state: &RunState) -> bool {
    !matches!(
        state.ended,
        None | Some(RunEnd::Unknown { .. } | RunEnd::Stuck { .. })
    )
}

/// What the operator has seen of the run so far.
#[derive(Debug)]
struct Mood {
    pauses: usize,
    untouched: usize,
    undo: bool,
    may_undo: bool,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            pauses: 0,
            untouched: 0,
            undo: false,
            may_undo: true,
        }
    }
}

impl Mood {
    /// The hosts were asked before, to no avail.
    const fn repeats(&self) -> bool {
        self.pauses > 1
    }
}

fn strike(world: &SimWorld, model: &mut Model, host: &HostName, mishap: &Mishap) {
    match mishap {
        Mishap::Off { back_ms } => {
            model.power_off(host);
            later(world, *back_ms, host, Model::power_on);
        }
        Mishap::Restarts => {
            model.power_off(host);
            model.power_on(host);
        }
        Mishap::CutOff {
            from_control,
            back_ms,
        } => {
            model.cut_off(host, *from_control);
            later(world, *back_ms, host, Model::join_up);
        }
        Mishap::Slows { ms } => {
            if let Some(host) = model.hosts.get_mut(host) {
                host.latency_ms = *ms;
            }
        }
        Mishap::Damaged { path } => model.damage(host, path),
        Mishap::SavedDamaged { path } => model.damage_control(path),
        Mishap::Leads => model.move_leader(host),
    }
}

fn later(world: &SimWorld, ms: Option<u64>, host: &HostName, change: fn(&mut Model, &HostName)) {
    let Some(ms) = ms else { return };
    let (world, host) = (world.clone(), host.clone());
    tokio::spawn(async move {
        sleep(Duration::from_millis(ms)).await;
        world.edit(|model| change(model, &host));
    });
}

/// The operator turns hosts on, mends the network, and lets systemd try again what did not start.
fn repair(world: &SimWorld, tale: &Tale) {
    world.edit(|model| {
        for name in model.hosts.keys().cloned().collect::<Vec<_>>() {
            let Some(host) = model.hosts.get_mut(&name) else {
                continue;
            };
            host.latency_ms = 1;
            let (off, cut) = (!host.powered, host.isolated || !host.reachable);
            if off {
                tale.tell(|| format!("the operator turns {name} on"));
            } else if cut {
                tale.tell(|| format!("the operator mends the network of {name}"));
            }
            model.power_on(&name);
            model.join_up(&name);
            model.retry_units(&name);
        }
    });
}

/// The step that a journal says has begun last and not ended.
fn under_way(records: &[Record]) -> Option<usize> {
    records.iter().rev().find_map(|r| match &r.event {
        Event::StepStarted { step } => Some(*step),
        _ => None,
    })
}

fn words(end: &RunEnd) -> String {
    match end {
        RunEnd::Done { changed: true } => "done".to_owned(),
        RunEnd::Done { changed: false } => "done, nothing changed".to_owned(),
        RunEnd::Refused { reason } => format!("refused: {reason}"),
        RunEnd::Failed { reason } => format!("failed: {reason}"),
        RunEnd::Unreachable { reason } => format!("unreachable: {reason}"),
        RunEnd::RolledBack { reason } => format!("rolled back: {reason}"),
        RunEnd::Unknown { reason } => format!("outcome unknown: {reason}"),
        RunEnd::Locked { holder } => format!("locked: {holder}"),
        RunEnd::Stuck { reason } => format!("stuck: {reason}"),
        RunEnd::Interrupted => "interrupted".to_owned(),
    }
}
