//! Sends orders to hosts, at most `forks` at a time: intent kept, order sent, outcome kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use runbook_model::action::Outcome;
use runbook_model::event::Event;
use runbook_model::facts::HostError;
use runbook_model::host::HostName;
use runbook_model::plan::PlanStep;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Run, RunError};
use crate::control::Stop;
use crate::policy::undo_actions;
use crate::world::{Order, Progress, World};

/// Milliseconds that a host's own deadline is given to be heard of before the order counts as unknown.
const GRACE_MS: u64 = 30_000;

/// An order's end: outcomes, or why nothing of it was begun.
type Ended = Result<Vec<Outcome>, HostError>;

struct Answer {
    host: HostName,
    ended: Ended,
    took_ms: u64,
}

impl<W: World> Run<W> {
    /// A host's part of a step: its next attempt, or the last one where that is asked after.
    pub(super) fn order(
        &self,
        step: &PlanStep,
        host: &HostName,
        undo: bool,
        again: bool,
    ) -> Option<Order> {
        let work = step.work.iter().find(|w| &w.host == host)?;
        let state = self.state.steps.get(&step.number)?.host(host);
        let sent = if undo { &state.undo } else { &state.forward };
        let actions = if undo {
            undo_actions(work, &state.forward)
        } else {
            work.actions.iter().map(|a| a.action.clone()).collect()
        };
        Some(Order {
            run: self.plan.run.clone(),
            cluster: self.plan.cluster.clone(),
            step: step.number,
            attempt: if again {
                sent.last()
            } else {
                sent.next_attempt()
            },
            undo,
            actions,
            timeout_ms: step.timeout_ms,
        })
    }

    /// Sends orders and waits for their ends. The operator's first stop lets what runs end and sends no more; the second leaves
    /// what runs as unknown. Hosts to which nothing was sent are not in the answer.
    pub(super) async fn send(
        &mut self,
        orders: Vec<(HostName, Order)>,
    ) -> Result<BTreeMap<HostName, Ended>, RunError> {
        let mut waiting: VecDeque<_> = orders.into();
        let mut running = JoinSet::new();
        let mut in_flight: BTreeMap<HostName, Order> = BTreeMap::new();
        let mut ends = BTreeMap::new();
        loop {
            self.fill(&mut waiting, &mut running, &mut in_flight)?;
            if running.is_empty() {
                return Ok(ends);
            }
            let mut stop = self.options.stop.clone();
            let next = if self.state.stop_requested {
                Stop::Now
            } else {
                Stop::Finish
            };
            tokio::select! {
                answer = running.join_next() => {
                    let Some(answer) = answer.map(joined) else { continue };
                    if let Some(order) = in_flight.remove(&answer.host) {
                        self.record(vec![ended(&order, &answer)])?;
                        ends.insert(answer.host, answer.ended);
                    }
                }
                () = stop.at_least(next) => {
                    self.stop_wanted()?;
                    if self.options.stop.now() == Stop::Now {
                        running.abort_all();
                        return self.leave(in_flight, ends);
                    }
                }
            }
        }
    }

    /// Starts as many orders as may run, their intents kept first and together.
    fn fill(
        &mut self,
        waiting: &mut VecDeque<(HostName, Order)>,
        running: &mut JoinSet<Answer>,
        in_flight: &mut BTreeMap<HostName, Order>,
    ) -> Result<(), RunError> {
        if self.stop_wanted()? {
            return Ok(());
        }
        let room = self.options.forks.max(1).saturating_sub(running.len());
        let starting: Vec<_> = waiting.drain(..room.min(waiting.len())).collect();
        if starting.is_empty() {
            return Ok(());
        }
        self.record(starting.iter().map(|(h, o)| intended(h, o)).collect())?;
        for (host, order) in starting {
            in_flight.insert(host.clone(), order.clone());
            let (world, events) = (self.world.clone(), self.options.events.clone());
            running.spawn(carry(world, host, order, events));
        }
        Ok(())
    }

    /// The operator waits no longer: what runs goes on on its hosts, and is unknown here.
    fn leave(
        &mut self,
        in_flight: BTreeMap<HostName, Order>,
        mut ends: BTreeMap<HostName, Ended>,
    ) -> Result<BTreeMap<HostName, Ended>, RunError> {
        for (host, order) in in_flight {
            let answer = Answer {
                ended: Ok(unknown(&order, "the operator did not wait for its end")),
                host,
                took_ms: 0,
            };
            self.record(vec![ended(&order, &answer)])?;
            ends.insert(answer.host, answer.ended);
        }
        Ok(ends)
    }
}

/// A task that panicked is a bug of ours: let it be seen.
fn joined(answer: Result<Answer, tokio::task::JoinError>) -> Answer {
    match answer {
        Ok(answer) => answer,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn carry<W: World>(
    world: Arc<W>,
    host: HostName,
    order: Order,
    events: UnboundedSender<(i64, Event)>,
) -> Answer {
    let started = Instant::now();
    let (sender, receiver) = unbounded_channel();
    let shown = tokio::spawn(show(
        world.clone(),
        host.clone(),
        order.step,
        receiver,
        events,
    ));
    let ended = tokio::select! {
        ended = world.apply(&host, order.clone(), sender) => ended,
        () = world.sleep(order.timeout_ms.saturating_add(GRACE_MS)) => {
            Ok(unknown(&order, "no answer came within its time limit"))
        }
    };
    // All of its output comes before its end.
    let _ = shown.await;
    Answer {
        host,
        ended: ended.map(|outcomes| complete(&order, outcomes)),
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

async fn show<W: World>(
    world: Arc<W>,
    host: HostName,
    step: usize,
    mut seen: UnboundedReceiver<Progress>,
    events: UnboundedSender<(i64, Event)>,
) {
    while let Some(progress) = seen.recv().await {
        let host = host.clone();
        let output = |line, transfer| Event::Output {
            step,
            host: host.clone(),
            line,
            transfer,
        };
        let event = match progress {
            Progress::Started(action) => Event::ActionStarted { step, host, action },
            Progress::Line(line) => output(line.chars().take(200).collect(), None),
            Progress::Transfer(done, all) => output(String::new(), Some((done, all))),
        };
        let _ = events.send((world.now_ms(), event));
    }
}

fn unknown(order: &Order, reason: &str) -> Vec<Outcome> {
    let reason = reason.to_owned();
    vec![Outcome::Unknown { reason }; order.actions.len().max(1)]
}

/// One outcome an action, whatever the world said: what it left out was not started after a failure, and is unknown otherwise.
pub(super) fn complete(order: &Order, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let stopped = outcomes.iter().any(|o| !matches!(o, Outcome::Done { .. }));
    let rest = if stopped {
        Outcome::NotStarted
    } else {
        Outcome::Unknown {
            reason: "no outcome was reported".to_owned(),
        }
    };
    if outcomes.len() < order.actions.len() {
        outcomes.resize(order.actions.len(), rest);
    }
    outcomes
}

fn intended(host: &HostName, order: &Order) -> Event {
    Event::WorkIntended {
        step: order.step,
        host: host.clone(),
        attempt: order.attempt,
        undo: order.undo,
    }
}

fn ended(order: &Order, answer: &Answer) -> Event {
    let outcomes = match &answer.ended {
        Ok(outcomes) => outcomes.clone(),
        Err(_) => vec![Outcome::NotStarted; order.actions.len().max(1)],
    };
    outcome_event(&answer.host, order, outcomes, answer.took_ms)
}

pub(super) fn outcome_event(
    host: &HostName,
    order: &Order,
    outcomes: Vec<Outcome>,
    took_ms: u64,
) -> Event {
    Event::WorkEnded {
        step: order.step,
        host: host.clone(),
        attempt: order.attempt,
        undo: order.undo,
        outcomes,
        took_ms,
    }
}
