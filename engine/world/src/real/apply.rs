use std::ops::Range;
use std::time::Duration;

use runbook_model::action::{Action, Outcome};
use runbook_model::facts::{HostError, LockFacts};
use runbook_model::host::{HostName, MemberSpec};
use runbook_run::world::{Order, Progress, World};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::reach::Talk;
use super::receipt::Receipt;
use super::world::RealWorld;
use crate::frame;
use crate::program::{self, Context, Key, Part};

/// For a write to be carried out and read back everywhere.
const WRITE_LIMIT: Duration = Duration::from_secs(15);

impl World for RealWorld {
    async fn apply(
        &self,
        host: &HostName,
        order: Order,
        progress: UnboundedSender<Progress>,
    ) -> Result<Vec<Outcome>, HostError> {
        if let Err((at, bad)) = program::check(&order.actions) {
            let mut outcomes = vec![Outcome::NotStarted; order.actions.len()];
            outcomes[at] = Outcome::Failed {
                status: None,
                reason: bad.to_string(),
                output: String::new(),
            };
            return Ok(outcomes);
        }
        let work = Work {
            world: self,
            host,
            order: &order,
            progress: &progress,
            deadline: Instant::now() + Duration::from_millis(order.timeout_ms),
        };
        work.carry_out().await
    }

    async fn receipt(
        &self,
        host: &HostName,
        order: &Order,
    ) -> Result<runbook_run::world::Receipt, HostError> {
        // Nobody watches a question.
        let (progress, _) = tokio::sync::mpsc::unbounded_channel();
        let work = Work {
            world: self,
            host,
            order,
            progress: &progress,
            deadline: Instant::now() + Duration::from_millis(order.timeout_ms),
        };
        work.told().await
    }

    async fn lock(
        &self,
        host: &HostName,
        cluster: &str,
        lock: &LockFacts,
    ) -> Result<Result<(), LockFacts>, HostError> {
        self.take_lock(host, cluster, lock).await
    }

    async fn unlock(&self, host: &HostName, cluster: &str, run: &str) -> Result<(), HostError> {
        self.release_lock(host, cluster, run).await
    }

    async fn write_probe(&self, members: &[MemberSpec]) -> Result<String, String> {
        let proven = self.members.write_probe(members, WRITE_LIMIT).await;
        proven.map_err(|error| error.to_string())
    }
}

/// An order on its way.
pub(super) struct Work<'a> {
    pub world: &'a RealWorld,
    pub host: &'a HostName,
    pub order: &'a Order,
    pub progress: &'a UnboundedSender<Progress>,
    pub deadline: Instant,
}

impl Work<'_> {
    async fn carry_out(&self) -> Result<Vec<Outcome>, HostError> {
        let actions = &self.order.actions;
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(actions.len());
        for (number, part) in program::parts(actions).into_iter().enumerate() {
            let key = self.key(number);
            let part_outcomes = match part {
                Part::Detached(range) => self.detached(&key, range).await,
                Part::Uploads(range) => self.uploads(&key, range).await,
                Part::Control(at) => self.control(at).await.map(|outcome| vec![outcome]),
            };
            match part_outcomes {
                Ok(more) => outcomes.extend(more),
                Err(error) if outcomes.is_empty() => return Err(error),
                Err(error) => outcomes.push(Outcome::Failed {
                    status: None,
                    reason: error.to_string(),
                    output: String::new(),
                }),
            }
            if outcomes.iter().any(|o| !matches!(o, Outcome::Done { .. })) {
                break;
            }
        }
        outcomes.resize(actions.len(), Outcome::NotStarted);
        Ok(outcomes)
    }

    pub(super) fn key(&self, part: usize) -> Key {
        let Order {
            step,
            attempt,
            undo,
            timeout_ms,
            ..
        } = self.order;
        let after = undo.then_some((*step, *timeout_ms));
        let undo = if *undo { "-undo" } else { "" };
        let part = if part == 0 {
            String::new()
        } else {
            format!(".{part}")
        };
        Key {
            name: format!("{step}-{attempt}{undo}{part}"),
            after,
        }
    }

    pub(super) fn context<'a>(&'a self, nonce: &'a str) -> Context<'a> {
        Context {
            nonce,
            state_root: self.world.shared.settings.host_state_root.as_deref(),
            cluster: &self.order.cluster,
            host: self.host.as_str(),
            run: &self.order.run,
        }
    }

    pub(super) fn nonce(&self) -> Result<String, HostError> {
        frame::nonce().map_err(|e| HostError::Garbled {
            host: self.host.clone(),
            detail: e.to_string(),
        })
    }

    /// A program that runs on the host whatever becomes of the connection; a lost one is found again by its receipt.
    async fn detached(&self, key: &Key, range: Range<usize>) -> Result<Vec<Outcome>, HostError> {
        let nonce = self.nonce()?;
        let numbered: Vec<(usize, &Action)> = range
            .clone()
            .map(|at| (at, &self.order.actions[at]))
            .collect();
        let left = self
            .deadline
            .saturating_duration_since(Instant::now())
            .as_millis()
            .max(1);
        let compiled = program::detached(
            &self.context(&nonce),
            key,
            &numbered,
            u64::try_from(left).unwrap_or(u64::MAX),
        );
        // INVARIANT: `apply` checked every action.
        let program = compiled.map_err(|(_, e)| HostError::Garbled {
            host: self.host.clone(),
            detail: e.to_string(),
        })?;
        self.until_told(range, &program, Talk::Follow, &nonce).await
    }

    pub(super) fn concluded(
        &self,
        receipt: &Receipt,
        range: Range<usize>,
    ) -> Result<Vec<Outcome>, HostError> {
        if let Some(lock) = &receipt.fenced {
            return Err(HostError::Fenced {
                host: self.host.clone(),
                lock: program::held_lock(lock),
            });
        }
        if let Some(error) = &receipt.error {
            let reason = crate::text::line(error.as_bytes());
            let mut outcomes = vec![Outcome::NotStarted; range.len()];
            outcomes[0] = Outcome::Failed {
                status: None,
                reason,
                output: String::new(),
            };
            return Ok(outcomes);
        }
        let why = if receipt.ended_by_deadline() {
            format!(
                "its time limit of {} s passed and it was ended",
                self.order.timeout_ms.div_ceil(1000)
            )
        } else {
            "it was interrupted on the host (a power cut, or it was killed)".to_owned()
        };
        Ok(receipt.outcomes(range, &why))
    }
}
