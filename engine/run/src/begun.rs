//! Whether a plan's run was begun before, perhaps from another machine: the hosts keep receipts under its run id.

use std::collections::BTreeMap;
use std::sync::Arc;

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
        for work in &step.work {
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
            (!matches!(answer, Ok(Receipt::Never) | Err(_))).then_some(host)
        });
    }
    let mut hosts: Vec<HostName> = asked.join_all().await.into_iter().flatten().collect();
    hosts.sort();
    hosts
}
