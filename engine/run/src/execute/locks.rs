//! The cluster's lock on its hosts: taken before anything, on every host that can be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runbook_model::event::{Event, RunEnd};
use runbook_model::facts::{HostError, LockFacts, ProbeRequest};
use runbook_model::host::HostName;
use runbook_model::plan::Plan;
use tokio::task::JoinSet;

use super::{Run, RunError};
use crate::lock::held_by;
use crate::world::World;

/// A host's answer to a wish for its lock.
type Answer = Result<Result<(), LockFacts>, HostError>;

impl<W: World> Run<W> {
    pub(super) fn lock_facts(&self) -> LockFacts {
        let since = jiff::Timestamp::from_millisecond(self.since_ms).unwrap_or_default();
        LockFacts {
            run: self.plan.run.clone(),
            holder: self.options.operator.clone(),
            // A saved plan's lock is told from that of another process with the same plan by this.
            since: match self.state.saved {
                Some(_) => format!("{since:.3}"),
                None => format!("{since:.0}"),
            },
        }
    }

    /// Takes the lock on all hosts of the plan, or on none: then says who holds it. Hosts that cannot be reached are left out;
    /// they are locked before anything is sent to them.
    pub(super) async fn take_locks(&mut self) -> Result<Option<String>, RunError> {
        let mut hosts = hosts_of(&self.plan);
        // One host decides between two that begin at the same time; the others follow at once.
        let mut answers = BTreeMap::new();
        while let Some(first) = hosts.pop_first() {
            let answer = self.lock_all([first.clone()]).await;
            let decided = answer.values().all(Result::is_ok);
            let had = answer.values().all(|a| matches!(a, Ok(Ok(()))));
            answers.extend(answer);
            if had && let Some(holder) = self.twin(&first).await {
                // Nothing is given back: by the run's id it would be the other's.
                return Ok(Some(holder));
            }
            if decided {
                break;
            }
        }
        if answers.values().all(|a| !matches!(a, Ok(Err(_)))) {
            answers.extend(self.lock_all(hosts).await);
        }
        let (taken, holder) = sort_answers(&answers);
        if let Some(holder) = holder {
            // What an earlier session of this run holds stays: its work is half done.
            let before = &self.state.locked;
            let mine: Vec<_> = taken.into_iter().filter(|h| !before.contains(h)).collect();
            give_back(&self.world, &self.plan, mine).await;
            return Ok(Some(held_by(&holder)));
        }
        self.record(vec![Event::Locked { hosts: taken }])?;
        Ok(None)
    }

    /// Who carries out the same saved plan at this moment, from another machine. Its run has the same id, so that its lock was given
    /// to this process as well: only who made the lock tells them apart.
    async fn twin(&self, host: &HostName) -> Option<String> {
        if self.state.saved.is_none() || !self.state.locked.is_empty() {
            return None;
        }
        let request = ProbeRequest {
            cluster: Some(self.plan.cluster.clone()),
            ..ProbeRequest::default()
        };
        match self.world.probe(host, &request).await {
            Ok(facts) => facts
                .lock
                .filter(|lock| *lock != self.lock_facts())
                .map(|lock| held_by(&lock)),
            Err(error) => Some(format!("somebody, perhaps: {error}")),
        }
    }

    /// Takes the lock on hosts that are to be worked on and are not locked yet: those that could not be had, and why.
    pub(super) async fn lock_late(
        &mut self,
        hosts: &[HostName],
    ) -> Result<BTreeMap<HostName, Result<LockFacts, HostError>>, RunError> {
        let locked = &self.state.locked;
        let late: BTreeSet<_> = hosts
            .iter()
            .filter(|h| !locked.contains(h))
            .cloned()
            .collect();
        if late.is_empty() {
            return Ok(BTreeMap::new());
        }
        let answers = self.lock_all(late).await;
        let (taken, _) = sort_answers(&answers);
        if !taken.is_empty() {
            self.record(vec![Event::Locked { hosts: taken }])?;
        }
        Ok(answers
            .into_iter()
            .filter_map(|(host, answer)| match answer {
                Ok(Ok(())) => None,
                Ok(Err(holder)) => Some((host, Ok(holder))),
                Err(error) => Some((host, Err(error))),
            })
            .collect())
    }

    /// Gives the locks back, unless something was begun of which the end is not known: another run must not start on it.
    pub(super) async fn release(&mut self, end: &RunEnd) -> Result<(), RunError> {
        let keep = match end {
            RunEnd::Unknown { .. } | RunEnd::Stuck { .. } | RunEnd::Locked { .. } => true,
            RunEnd::Done { .. } | RunEnd::RolledBack { .. } => false,
            _ => !self.state.unsettled().is_empty(),
        };
        if keep || self.state.locked.is_empty() {
            return Ok(());
        }
        let hosts = give_back(&self.world, &self.plan, self.state.locked.clone()).await;
        self.record(vec![Event::Unlocked { hosts }])
    }

    async fn lock_all(
        &self,
        hosts: impl IntoIterator<Item = HostName>,
    ) -> BTreeMap<HostName, Answer> {
        let facts = self.lock_facts();
        let mut asked = JoinSet::new();
        for host in hosts {
            let (world, cluster) = (self.world.clone(), self.plan.cluster.clone());
            let facts = facts.clone();
            asked.spawn(async move {
                let answer = world.lock(&host, &cluster, &facts).await;
                (host, answer)
            });
        }
        asked.join_all().await.into_iter().collect()
    }
}

/// All hosts that the plan may change, and those of all members.
pub(super) fn hosts_of(plan: &Plan) -> BTreeSet<HostName> {
    let worked = plan.steps().flat_map(|s| &s.work).map(|w| &w.host);
    worked.chain(plan.members.keys()).cloned().collect()
}

/// The hosts that gave the lock back.
pub(super) async fn give_back<W: World>(
    world: &Arc<W>,
    plan: &Plan,
    hosts: impl IntoIterator<Item = HostName>,
) -> Vec<HostName> {
    let mut asked = JoinSet::new();
    for host in hosts {
        let (world, cluster, run) = (world.clone(), plan.cluster.clone(), plan.run.clone());
        asked.spawn(async move {
            let answer = world.unlock(&host, &cluster, &run).await;
            answer.is_ok().then_some(host)
        });
    }
    let mut hosts: Vec<_> = asked.join_all().await.into_iter().flatten().collect();
    hosts.sort();
    hosts
}

/// Hosts whose lock was had, and a holder that stands in the way.
fn sort_answers(answers: &BTreeMap<HostName, Answer>) -> (Vec<HostName>, Option<LockFacts>) {
    let mut taken = Vec::new();
    let mut holder = None;
    for (host, answer) in answers {
        match answer {
            Ok(Ok(())) => taken.push(host.clone()),
            Ok(Err(other)) => holder = holder.or_else(|| Some(other.clone())),
            Err(_) => {}
        }
    }
    (taken, holder)
}
