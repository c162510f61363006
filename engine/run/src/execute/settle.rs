//! What is not known is asked of its host, never skipped and never blindly done again.

use runbook_model::action::Outcome;
use runbook_model::facts::HostError;
use runbook_model::host::HostName;
use tokio::task::JoinSet;

use super::orders::{complete, outcome_event};
use super::{Run, RunError};
use crate::policy::Failure;
use crate::state::Phase;
use crate::world::{Order, World};

/// Milliseconds before each question; then the outcome stays unknown and the run stops.
const PAUSES_MS: [u64; 4] = [0, 1_000, 3_000, 10_000];

impl<W: World> Run<W> {
    /// Asks after everything whose outcome is not known. The failure is what stays unknown.
    pub(super) async fn settle_all(&mut self) -> Result<Option<Failure>, RunError> {
        let mut silent: Vec<(HostName, HostError)> = Vec::new();
        for pause in PAUSES_MS {
            let asked = self.unheard();
            if asked.is_empty() {
                break;
            }
            if pause > 0 && !self.pause(pause).await? {
                return Ok(Some(Failure::Interrupted));
            }
            silent = self.ask(asked).await?;
            if silent.is_empty() {
                break;
            }
        }
        if let Some((host, error)) = silent.first() {
            let reason = format!("what was begun on `{host}` is not known: {error}");
            return Ok(Some(Failure::Unknown(reason)));
        }
        Ok(self.still_unknown().map(Failure::Unknown))
    }

    /// What the hosts themselves cannot tell, where that is a reason to stop.
    fn still_unknown(&self) -> Option<String> {
        if self.options.repeat_unknown {
            return None;
        }
        // Undoing what may have been done is what a rollback is for; its own orders must be known.
        let rolling_back = self.state.rollback.is_some();
        let mut unsettled = self.state.unsettled().into_iter();
        let (step, host, undo) = unsettled.find(|(_, _, undo)| *undo || !rolling_back)?;
        let state = self.state.steps.get(&step)?.host(&host);
        let work = if undo { &state.undo } else { &state.forward };
        let why = work
            .reason()
            .unwrap_or("nothing was heard of it")
            .to_owned();
        Some(format!("the outcome on `{host}` is not known: {why}"))
    }

    fn unheard(&self) -> Vec<(HostName, Order)> {
        let unsettled = self.state.unsettled();
        let found = unsettled.into_iter().filter_map(|(number, host, undo)| {
            let step = self.plan.steps().find(|s| s.number == number)?;
            let order = self.order(step, &host, undo, true)?;
            Some((host, order))
        });
        found.collect()
    }

    /// Asks hosts for their receipts, and records what they tell. Those that could not be asked come back.
    async fn ask(
        &mut self,
        orders: Vec<(HostName, Order)>,
    ) -> Result<Vec<(HostName, HostError)>, RunError> {
        let mut asked = JoinSet::new();
        for (host, order) in orders {
            let world = self.world.clone();
            asked.spawn(async move {
                let receipt = world.receipt(&host, order.clone()).await;
                (host, order, receipt)
            });
        }
        let mut silent = Vec::new();
        for (host, order, receipt) in asked.join_all().await {
            let outcomes = match receipt {
                Ok(Some(outcomes)) => complete(&order, outcomes),
                Ok(None) => vec![Outcome::NotStarted; order.actions.len().max(1)],
                Err(error) => {
                    let reason = error.to_string();
                    silent.push((host.clone(), error));
                    vec![Outcome::Unknown { reason }; order.actions.len().max(1)]
                }
            };
            if self.is_news(&host, &order, &outcomes) {
                self.record(vec![outcome_event(&host, &order, outcomes, 0)])?;
            }
        }
        silent.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(silent)
    }

    /// Unknown again is nothing new; unknown for the first time is.
    fn is_news(&self, host: &HostName, order: &Order, outcomes: &[Outcome]) -> bool {
        let still = outcomes
            .iter()
            .any(|o| matches!(o, Outcome::Unknown { .. }));
        let state = self.state.steps.get(&order.step).map(|s| s.host(host));
        let phase = state.map(|s| {
            if order.undo {
                s.undo.phase()
            } else {
                s.forward.phase()
            }
        });
        !still || phase != Some(Phase::Unknown)
    }
}
