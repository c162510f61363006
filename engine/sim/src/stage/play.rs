//! The run itself, and everything that happens beside it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runbook_model::event::{Event, Record, RunEnd};
use runbook_model::host::HostName;
use runbook_model::plan::Plan;
use runbook_run::{Finished, JournalError, Ledger, RunError, execute, resume, rollback};
use tokio::time::sleep;

use super::Plight;
use crate::faults::{Fault, Moment, When};
use crate::journal::MemoryJournal;
use crate::operator::options;
use crate::world::SimWorld;

/// Seconds that an operator takes to see that the run has stopped.
const NOTICED_S: u64 = 5;
/// Seconds until an order that still runs somewhere is what it will be.
const SETTLED_S: u64 = 150;

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Something becomes of hosts: at a moment of the run, else once it has stopped.
    Befall {
        /// Hosts.
        hosts: Vec<HostName>,
        /// What.
        plight: Plight,
        /// When.
        at: Option<Cue>,
    },
    /// An order of a step meets a fault.
    Order {
        /// Host.
        host: HostName,
        /// Step's number.
        step: usize,
        /// The fault.
        fault: Fault,
    },
    /// The process of the run is killed.
    Kill(Cue),
    /// The operator goes on with a run that has stopped.
    Resume,
    /// The operator takes it back.
    RollBack,
}

/// A moment of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// On which side of the step.
    pub side: Side,
    /// Its number.
    pub step: usize,
}

/// A side of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// As it begins.
    Before,
    /// As the host that is meant, or the first one, begins its part.
    In,
    /// As it ends.
    After,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// By itself.
    Run(RunEnd),
    /// Its process was killed, and nobody went on.
    Killed,
    /// What the operator wanted could not be done.
    Refused(String),
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Played {
    /// How it ended.
    pub ending: Ending,
    /// Its journal.
    pub records: Vec<Record>,
    /// By act: whether it happened.
    pub met: Vec<bool>,
}

/// Runs a plan, with what happens beside it. Must be called in [`run`](crate::run), whose clock the world shares.
pub async fn play(world: &SimWorld, plan: &Plan, acts: &[Act]) -> Played {
    let stage = Arc::new(Stage {
        world: world.clone(),
        acts: acts.to_vec(),
        state: Mutex::new(State {
            armed: Vec::new(),
            met: vec![false; acts.len()],
        }),
    });
    let journal = MemoryJournal::new();
    let first = segment(acts, 0);
    stage.arm(0..first);
    let mut ending = stage.attempt(plan, &journal, &Act::Resume, false).await;
    let (mut next, mut resumed) = (first, false);
    while next < acts.len() {
        sleep(Duration::from_secs(NOTICED_S)).await;
        stage.between(next);
        let Some(at) = (next..acts.len()).find(|at| goes_on(&acts[*at])) else {
            break;
        };
        let end = segment(acts, at + 1);
        stage.arm(next..end);
        stage.meets(at);
        ending = stage.attempt(plan, &journal, &acts[at], resumed).await;
        resumed = acts[at] == Act::Resume;
        next = end;
    }
    sleep(Duration::from_secs(SETTLED_S)).await;
    let orders = world.met();
    world.calm();
    let mut met = stage.lock().met.clone();
    for (met, act) in met.iter_mut().zip(acts) {
        if let Some((when, fault)) = order_of(act) {
            *met |= orders.iter().any(|(w, f)| *w == when && *f == fault);
        }
    }
    Played {
        ending,
        records: journal.records(),
        met,
    }
}

fn goes_on(act: &Act) -> bool {
    matches!(act, Act::Resume | Act::RollBack)
}

/// Where the acts end that belong to the attempt which begins here: before what happens once it has stopped.
fn segment(acts: &[Act], from: usize) -> usize {
    let stopped = |act: &Act| goes_on(act) || matches!(act, Act::Befall { at: None, .. });
    let rest = acts.iter().enumerate().skip(from);
    rest.filter(|(_, act)| stopped(act))
        .map(|(at, _)| at)
        .next()
        .unwrap_or(acts.len())
}

/// The order that an act is about, with its fault.
fn order_of(act: &Act) -> Option<(When, Fault)> {
    let when = |host: &HostName, step: usize| When {
        host: host.clone(),
        step,
        undo: false,
    };
    match act {
        Act::Order { host, step, fault } => Some((when(host, *step), fault.clone())),
        // It loses power with the order in its hands.
        Act::Befall {
            hosts,
            plight: Plight::Dead,
            at: Some(Cue {
                side: Side::In,
                step,
            }),
        } => Some((when(hosts.first()?, *step), Fault::PowerOff { action: 0 })),
        _ => None,
    }
}

struct Stage {
    world: SimWorld,
    acts: Vec<Act>,
    state: Mutex<State>,
}

struct State {
    /// Acts that wait for their cue.
    armed: Vec<usize>,
    met: Vec<bool>,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meets(&self, act: usize) {
        if let Some(met) = self.lock().met.get_mut(act) {
            *met = true;
        }
    }

    /// Lets these acts wait for their cues.
    fn arm(self: &Arc<Self>, acts: std::ops::Range<usize>) {
        for at in acts {
            let Some(act) = self.acts.get(at) else {
                continue;
            };
            match act {
                Act::Order { .. } => {
                    if let Some((when, fault)) = order_of(act) {
                        self.world.inject(when, fault);
                    }
                }
                Act::Befall {
                    hosts,
                    plight,
                    at: Some(cue),
                } if cue.side == Side::In => {
                    for host in hosts {
                        self.in_order(at, host, *plight, cue.step);
                    }
                }
                _ => self.lock().armed.push(at),
            }
        }
    }

    /// Something becomes of a host while it works on a step.
    fn in_order(self: &Arc<Self>, act: usize, host: &HostName, plight: Plight, step: usize) {
        let when = When {
            host: host.clone(),
            step,
            undo: false,
        };
        if plight == Plight::Dead {
            self.world.inject(when, Fault::PowerOff { action: 0 });
            return;
        }
        // Weak: the world keeps the script, and the stage the world.
        let (stage, host) = (Arc::downgrade(self), host.clone());
        self.world.at(Moment::Begins(when), move |model| {
            model.befall(&host, plight);
            if let Some(stage) = stage.upgrade() {
                stage.meets(act);
            }
        });
    }

    /// A cue: what waited for it happens. Whether the process is killed by it.
    fn reaches(&self, cue: Cue) -> bool {
        let due: Vec<usize> = {
            let mut state = self.lock();
            let (due, armed) = state.armed.iter().partition(|at| {
                self.acts.get(**at).is_some_and(|act| match act {
                    Act::Befall { at, .. } => *at == Some(cue),
                    Act::Kill(at) => *at == cue,
                    _ => false,
                })
            });
            state.armed = armed;
            due
        };
        let mut killed = false;
        for at in due {
            self.meets(at);
            match self.acts.get(at) {
                Some(Act::Befall { hosts, plight, .. }) => self.world.edit(|model| {
                    for host in hosts {
                        model.befall(host, *plight);
                    }
                }),
                Some(Act::Kill(_)) => killed = true,
                _ => {}
            }
        }
        killed
    }

    /// What happens between two attempts, up to what the operator does.
    fn between(&self, from: usize) {
        let acts = self.acts.iter().enumerate().skip(from);
        for (at, act) in acts.take_while(|(_, act)| !goes_on(act)) {
            if let Act::Befall {
                hosts,
                plight,
                at: None,
            } = act
            {
                self.meets(at);
                self.world.edit(|model| {
                    for host in hosts {
                        model.befall(host, *plight);
                    }
                });
            }
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        plan: &Plan,
        journal: &MemoryJournal,
        how: &Act,
        again: bool,
    ) -> Ending {
        let ledger = Box::new(Watched {
            journal: journal.reopened(),
            stage: self.clone(),
            killed: false,
        });
        let world = Arc::new(self.world.clone());
        let records = journal.records();
        // Who resumes a second time has seen that asking the hosts does not help.
        let options = options(again && *how == Act::Resume);
        let ended = if records.is_empty() {
            execute(world, ledger, plan.clone(), options).await
        } else if *how == Act::RollBack {
            rollback(world, ledger, &records, options).await
        } else {
            resume(world, ledger, &records, options).await
        };
        match ended {
            Ok(Finished { end, .. }) => Ending::Run(end),
            Err(RunError::Journal(_)) => Ending::Killed,
            Err(error) => Ending::Refused(error.to_string()),
        }
    }
}

/// A journal that gives the stage its cues.
struct Watched {
    journal: MemoryJournal,
    stage: Arc<Stage>,
    killed: bool,
}

impl Ledger for Watched {
    fn append(&mut self, events: &[Event], at_ms: i64) -> Result<(), JournalError> {
        for event in events {
            if self.killed {
                return Err(MemoryJournal::dead());
            }
            self.journal.append(std::slice::from_ref(event), at_ms)?;
            if let Some(cue) = cue(event) {
                self.killed = self.stage.reaches(cue);
            }
        }
        if self.killed {
            return Err(MemoryJournal::dead());
        }
        Ok(())
    }
}

fn cue(event: &Event) -> Option<Cue> {
    let (side, step) = match event {
        Event::StepStarted { step } => (Side::Before, *step),
        Event::WorkIntended {
            step, undo: false, ..
        } => (Side::In, *step),
        Event::StepEnded { step, .. } => (Side::After, *step),
        _ => return None,
    };
    Some(Cue { side, step })
}
