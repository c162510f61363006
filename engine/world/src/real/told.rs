//! What became of an order, by its receipts on the host.

use std::ops::Range;
use std::time::Duration;

use runbook_model::action::{Action, Outcome};
use runbook_model::facts::HostError;
use runbook_run::world::Receipt as Told;
use tokio::time::timeout;

use super::apply::Work;
use super::reach::Followed;
use super::receipt::{Receipt, Standing};
use super::watch::Watch;
use crate::program::{self, Part};
use crate::transport::LinkError;

impl Work<'_> {
    /// Asks after each part in turn, up to the first that has not come to its end. A part that is work on the control host leaves no
    /// receipt: only what came after it shows that it was done; it converges, so that else it counts as not begun. A change of the
    /// cluster counts as failed: sent again it converges, and its undo must not be left out.
    pub(super) async fn told(&self) -> Result<Told, HostError> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut begun = false;
        let mut control = Vec::new();
        for (number, part) in program::parts(&self.order.actions).into_iter().enumerate() {
            let (range, upload) = match part {
                Part::Control(at) => {
                    control.push(at);
                    continue;
                }
                Part::Detached(range) => (range, false),
                Part::Uploads(range) => (range, true),
            };
            let receipt = self.ask(number).await?;
            match receipt.standing {
                Standing::Running => return Ok(Told::Running),
                Standing::Never => break,
                Standing::Told => {}
            }
            begun = true;
            outcomes.extend(control.drain(..).map(|_| Outcome::Done { changed: true }));
            outcomes.extend(self.part(&receipt, range, upload)?);
            if outcomes.iter().any(|o| !matches!(o, Outcome::Done { .. })) {
                break;
            }
        }
        let over = outcomes.iter().all(|o| matches!(o, Outcome::Done { .. }));
        if over && control.iter().any(|at| self.changes_cluster(*at)) {
            begun = true;
            outcomes.extend(control.iter().map(|at| self.left_open(*at)));
        }
        if !begun {
            return Ok(Told::Never);
        }
        outcomes.resize(self.order.actions.len(), Outcome::NotStarted);
        Ok(Told::Ended(outcomes))
    }

    fn changes_cluster(&self, at: usize) -> bool {
        matches!(self.order.actions[at], Action::ChangeCluster { .. })
    }

    /// Work on the control host behind which nothing was begun.
    fn left_open(&self, at: usize) -> Outcome {
        if !self.changes_cluster(at) {
            return Outcome::NotStarted;
        }
        Outcome::Failed {
            status: None,
            reason: "it was cut off: the cluster may have been changed".to_owned(),
            output: String::new(),
        }
    }

    fn part(
        &self,
        receipt: &Receipt,
        range: Range<usize>,
        upload: bool,
    ) -> Result<Vec<Outcome>, HostError> {
        let mut outcomes = self.concluded(receipt, range)?;
        if upload {
            // A file is put in its place at once, and then recorded: what has no record is not there, or is found there when it is
            // sent again.
            for outcome in &mut outcomes {
                if matches!(outcome, Outcome::Unknown { .. }) {
                    *outcome = Outcome::NotStarted;
                }
            }
        }
        Ok(outcomes)
    }

    async fn ask(&self, part: usize) -> Result<Receipt, HostError> {
        let link = self.world.shared.link(self.host)?;
        let garbled = |detail: String| HostError::Garbled {
            host: self.host.clone(),
            detail,
        };
        let nonce = self.nonce()?;
        let program = program::receipt(&self.context(&nonce), &self.key(part))
            .map_err(|error| garbled(error.to_string()))?;
        let limit_s = self.world.shared.settings.probe_timeout_s;
        let asking = async {
            let channel = match link.run(&program).await {
                Ok(channel) => channel,
                Err(LinkError::NotSent(error)) => return Err(error),
                Err(LinkError::Lost(detail)) => return Err(garbled(detail)),
            };
            let mut watch = Watch::new(self.progress);
            match self.follow(&link, channel, &nonce, &mut watch).await {
                Followed::Complete => Ok(watch.receipt),
                Followed::NeverBegan(error) => Err(error),
                Followed::Lost(detail) => Err(garbled(detail)),
            }
        };
        match timeout(Duration::from_secs(limit_s), asking).await {
            Ok(answer) => answer,
            Err(_) => Err(HostError::Timeout {
                host: self.host.clone(),
                limit_s,
            }),
        }
    }
}
