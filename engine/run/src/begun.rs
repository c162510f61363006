//! Whether a plan's run was begun before, perhaps from another machine: the hosts keep receipts under its run id.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook_model::action::{Action, Outcome};
use runbook_model::host::HostName;
use runbook_model::plan::{HostWork, Plan, PlanStep};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::world::{Order, Receipt, World};

/// The hosts that hold a receipt of the plan's first work there. A host that cannot be asked is none of them: it is not worked on
/// either. Nothing is sent but questions.
pub async fn begun<W: World>(world: &Arc<W>, plan: &Plan, forks: usize) -> Vec<HostName> {
    let mut first: BTreeMap<&HostName, (&PlanStep, &HostWork)> = BTreeMap::new();
    for step in plan.steps().filter(|s| s.skipped.is_none()) {
        for work in step.work.iter().filter(|w| leaves_receipt(w)) {
            first.entry(&work.host).or_insert((step, work));
        }
    }
    let gate = Arc::new(Semaphore::new(forks.max(1)));
    let mut asked = JoinSet::new();
    for (host, (step, work)) in first {
        let order = Order {
            run: plan.run.clone(),
            cluster: plan.cluster.clone(),
            step: step.number,
            attempt: 1,
            undo: false,
            actions: work.actions.iter().map(|a| a.action.clone()).collect(),
            timeout_ms: step.timeout_ms,
        };
        let (world, gate, host) = (world.clone(), gate.clone(), host.clone());
        asked.spawn(async move {
            let _turn = gate.acquire_owned().await;
            let answer = world.receipt(&host, &order).await;
            answer
                .is_ok_and(|told| proves(&told, &order))
                .then_some(host)
        });
    }
    let mut hosts: Vec<HostName> = asked.join_all().await.into_iter().flatten().collect();
    hosts.sort();
    hosts
}

/// No host keeps a receipt of a change of the cluster.
fn leaves_receipt(work: &HostWork) -> bool {
    let actions = &mut work.actions.iter().map(|a| &a.action);
    actions.any(|a| !matches!(a, Action::ChangeCluster { .. }))
}

/// A change of the cluster without anything after it is told as failed, so that a run that goes on looks again: that proves nothing.
fn proves(told: &Receipt, order: &Order) -> bool {
    let assumed = |action: &Action, outcome: &Outcome| {
        matches!(action, Action::ChangeCluster { .. }) && matches!(outcome, Outcome::Failed { .. })
    };
    match told {
        Receipt::Never => false,
        Receipt::Running => true,
        Receipt::Ended(outcomes) => {
            let mut each = order.actions.iter().zip(outcomes);
            each.any(|(a, o)| !matches!(o, Outcome::NotStarted) && !assumed(a, o))
        }
    }
}

#[cfg(test)]
mod tests {
    use runbook_model::change::ClusterChange;

    use super::*;

    fn order() -> Order {
        let from = HostName::new("etcd1");
        Order {
            run: "run".to_owned(),
            cluster: "prod".to_owned(),
            step: 1,
            attempt: 1,
            undo: false,
            actions: vec![
                Action::ChangeCluster {
                    change: ClusterChange::MoveLeader { from },
                    cluster_id: None,
                    through: Vec::new(),
                },
                Action::DaemonReload,
            ],
            timeout_ms: 1,
        }
    }

    #[test]
    fn a_change_of_the_cluster_that_nothing_shows_proves_no_run() {
        let failed = || Outcome::Failed {
            status: None,
            reason: "it was cut off: the cluster may have been changed".to_owned(),
            output: String::new(),
        };
        let done = || Outcome::Done { changed: true };
        let ended = |outcomes| proves(&Receipt::Ended(outcomes), &order());
        assert!(!ended(vec![failed(), Outcome::NotStarted]));
        assert!(ended(vec![done(), done()]));
        assert!(ended(vec![done(), failed()]));
        assert!(proves(&Receipt::Running, &order()));
        assert!(!proves(&Receipt::Never, &order()));
    }
}
