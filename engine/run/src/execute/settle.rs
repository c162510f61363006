//! A run that is taken up again: what is not known is asked of its host, never skipped and never blindly done again.

use runbook_model::action::Outcome;
use runbook_model::event::Event;
use tokio::task::JoinSet;

use super::orders::Task;
use super::pursue::{Ended, Mode, complete};
use super::{Run, RunError};
use crate::policy::Failure;
use crate::world::{Receipt, World};

impl<W: World> Run<W> {
    /// One question to each host with work of which no end is known. What still runs is left to its step, where the other hosts'
    /// orders go out beside it: members that start together wait for each other.
    pub(super) async fn glance(&mut self) -> Result<(), RunError> {
        let mut asked = JoinSet::new();
        for (host, order, _) in self.unheard(|_| true) {
            let world = self.world.clone();
            asked.spawn(async move {
                let receipt = world.receipt(&host, &order).await;
                (host, order, receipt)
            });
        }
        let mut answers = asked.join_all().await;
        answers.sort_by(|a, b| (a.1.step, &a.0).cmp(&(b.1.step, &b.0)));
        for (host, order, receipt) in answers {
            let outcomes = match receipt {
                Ok(Receipt::Ended(outcomes)) => complete(&order, outcomes),
                Ok(Receipt::Never) => vec![Outcome::NotStarted; order.actions.len().max(1)],
                Ok(Receipt::Running) | Err(_) => continue,
            };
            self.record(vec![Event::WorkEnded {
                step: order.step,
                host,
                attempt: order.attempt,
                undo: order.undo,
                outcomes,
                took_ms: 0,
            }])?;
        }
        Ok(())
    }

    /// Before anything is undone, everything that was begun has ended. What its host cannot tell is undone as if it had been
    /// done; what its host cannot be asked about stops the run.
    pub(super) async fn settle(&mut self) -> Result<Option<Failure>, RunError> {
        let tasks: Vec<_> = self.unheard(|undo| !undo);
        let all = tasks.len();
        let ends = self.send(tasks).await?;
        if ends.len() < all {
            return Ok(Some(Failure::Interrupted));
        }
        Ok(ends.into_iter().find_map(|(host, ended)| match ended {
            Ended::Silent(error) => Some(Failure::Unknown(format!(
                "what was begun on `{host}` is not known: {error}"
            ))),
            _ => None,
        }))
    }

    fn unheard(&self, wanted: impl Fn(bool) -> bool) -> Vec<Task> {
        let unsettled = self.state.unsettled().into_iter();
        let tasks = unsettled.filter_map(|(number, host, undo)| {
            let step = self.plan.steps().find(|s| s.number == number)?;
            let (host, mut order, _) = self.task(step, &host, undo)?;
            let state = self.state.steps.get(&number)?.host(&host);
            let work = if undo { &state.undo } else { &state.forward };
            order.attempt = work.last();
            wanted(undo).then_some((host, order, Mode::Follow))
        });
        tasks.collect()
    }
}
