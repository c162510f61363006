//! Sends orders to hosts, at most `forks` at a time: intent kept, order sent, outcome kept.

use std::collections::{BTreeMap, VecDeque};

use runbook_model::action::Outcome;
use runbook_model::event::Event;
use runbook_model::host::HostName;
use runbook_model::plan::PlanStep;
use tokio::task::{JoinError, JoinSet};

use super::pursue::{Answer, Ended, Mode, pursue, unknown};
use super::{Run, RunError};
use crate::control::Stop;
use crate::policy::undo_actions;
use crate::state::Phase;
use crate::world::{Order, World};

/// An order to a host, and what to do about it.
pub(super) type Task = (HostName, Order, Mode);

impl<W: World> Run<W> {
    /// A host's part of a step. What may have been sent already is asked after, under the same number.
    pub(super) fn task(&self, step: &PlanStep, host: &HostName, undo: bool) -> Option<Task> {
        let work = step.work.iter().find(|w| &w.host == host)?;
        let begun = self.state.steps.get(&step.number);
        let state = begun.map(|s| s.host(host)).unwrap_or_default();
        let sent = if undo { &state.undo } else { &state.forward };
        let mode = match sent.phase() {
            Phase::InFlight => Mode::Follow,
            Phase::Unknown if !self.options.repeat_unknown => Mode::Follow,
            _ => Mode::Send,
        };
        let actions = if undo {
            undo_actions(work, &state.forward)
        } else {
            self.told(work)
        };
        let order = Order {
            run: self.plan.run.clone(),
            cluster: self.plan.cluster.clone(),
            step: step.number,
            attempt: match mode {
                Mode::Follow => sent.last(),
                Mode::Send => sent.next_attempt(),
            },
            undo,
            actions,
            timeout_ms: step.timeout_ms,
        };
        Some((host.clone(), order, mode))
    }

    /// Sends orders and waits for their ends. The operator's first stop lets what runs end and sends no more; the second leaves
    /// what runs as unknown. Hosts to which nothing was sent are not in the answer.
    pub(super) async fn send(
        &mut self,
        tasks: Vec<Task>,
    ) -> Result<BTreeMap<HostName, Ended>, RunError> {
        let mut waiting: VecDeque<_> = tasks.into();
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
                        self.note(&order, &answer)?;
                        ends.insert(answer.host, answer.ended);
                    }
                }
                () = stop.at_least(next) => {
                    self.stop_wanted()?;
                    if self.options.stop.now() == Stop::Now {
                        running.abort_all();
                        self.leave(in_flight, &mut ends)?;
                        return Ok(ends);
                    }
                }
            }
        }
    }

    /// Starts as many orders as may run, their intents kept first and together.
    fn fill(
        &mut self,
        waiting: &mut VecDeque<Task>,
        running: &mut JoinSet<Answer>,
        in_flight: &mut BTreeMap<HostName, Order>,
    ) -> Result<(), RunError> {
        if self.stop_wanted()? {
            return Ok(());
        }
        let room = self.options.forks.max(1).saturating_sub(running.len());
        let starting: Vec<_> = waiting.drain(..room.min(waiting.len())).collect();
        let sent = starting.iter().filter(|(_, _, mode)| *mode == Mode::Send);
        let intents: Vec<_> = sent.map(|(host, order, _)| intended(host, order)).collect();
        if !intents.is_empty() {
            self.record(intents)?;
        }
        for (host, order, mode) in starting {
            in_flight.insert(host.clone(), order.clone());
            let (world, events) = (self.world.clone(), self.options.events.clone());
            running.spawn(pursue(world, host, order, mode, events));
        }
        Ok(())
    }

    /// Keeps an order's end, where it tells more than is known.
    fn note(&mut self, order: &Order, answer: &Answer) -> Result<(), RunError> {
        let outcomes = match &answer.ended {
            Ended::Told(outcomes) => outcomes.clone(),
            Ended::Never | Ended::NotReached(_) => {
                vec![Outcome::NotStarted; order.actions.len().max(1)]
            }
            Ended::Silent(error) => unknown(order, &error.to_string()),
        };
        let begun = self.state.steps.get(&order.step);
        let state = begun.map(|s| s.host(&answer.host)).unwrap_or_default();
        let work = if order.undo {
            state.undo
        } else {
            state.forward
        };
        if work.attempts.get(&order.attempt) == Some(&Some(outcomes.clone())) {
            return Ok(());
        }
        self.record(vec![Event::WorkEnded {
            step: order.step,
            host: answer.host.clone(),
            attempt: order.attempt,
            undo: order.undo,
            outcomes,
            took_ms: answer.took_ms,
        }])
    }

    /// The operator waits no longer: what runs goes on on its hosts, and is unknown here.
    fn leave(
        &mut self,
        in_flight: BTreeMap<HostName, Order>,
        ends: &mut BTreeMap<HostName, Ended>,
    ) -> Result<(), RunError> {
        for (host, order) in in_flight {
            let answer = Answer {
                ended: Ended::Told(unknown(&order, "the operator did not wait for its end")),
                host,
                took_ms: 0,
            };
            self.note(&order, &answer)?;
            ends.insert(answer.host, answer.ended);
        }
        Ok(())
    }
}

/// A task that panicked is a bug of ours: let it be seen.
fn joined(answer: Result<Answer, JoinError>) -> Answer {
    match answer {
        Ok(answer) => answer,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn intended(host: &HostName, order: &Order) -> Event {
    Event::WorkIntended {
        step: order.step,
        host: host.clone(),
        attempt: order.attempt,
        undo: order.undo,
    }
}
