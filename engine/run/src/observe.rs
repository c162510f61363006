//! One look at everything that is needed: all hosts and members at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook_model::cluster::{ClusterView, MemberProbe};
use runbook_model::facts::{HostError, HostFacts};
use runbook_model::guard::Guard;
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::plan::PlannedGuard;
use runbook_model::view::{Needs, SnapshotFacts, View};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::world::{Observe, World};

enum Seen {
    Host(HostName, Box<Result<HostFacts, HostError>>),
    Member(HostName, MemberProbe),
    Snapshot(String, SnapshotFacts),
}

/// Observes what is needed, at most `forks` questions at a time. Whoever does not answer is in the view with the reason.
///
/// Dropped, it asks nothing further.
pub async fn observe<W: Observe>(
    world: &Arc<W>,
    needs: &Needs,
    specs: &BTreeMap<HostName, MemberSpec>,
    forks: usize,
) -> View {
    let gate = Arc::new(Semaphore::new(forks.max(1)));
    let mut asked = JoinSet::new();
    for (host, request) in needs.hosts.clone() {
        let (world, gate) = (world.clone(), gate.clone());
        asked.spawn(async move {
            let _turn = gate.acquire_owned().await;
            let facts = world.probe(&host, &request).await;
            Seen::Host(host, Box::new(facts))
        });
    }
    for (host, spec) in needs.members.clone() {
        let (world, gate, query) = (world.clone(), gate.clone(), needs.query);
        asked.spawn(async move {
            let _turn = gate.acquire_owned().await;
            Seen::Member(host, world.member(&spec, query).await)
        });
    }
    for (path, sha256) in needs.snapshots.clone() {
        let world = world.clone();
        asked.spawn(async move {
            let facts = world.snapshot(&path, sha256.as_deref()).await;
            Seen::Snapshot(path, facts)
        });
    }
    let mut view = View {
        specs: specs.clone(),
        cluster: ClusterView::default(),
        now: world.now_ms().div_euclid(1000),
        ..View::default()
    };
    while let Some(seen) = asked.join_next().await {
        match seen {
            Ok(Seen::Host(host, facts)) => {
                view.hosts.insert(host, *facts);
            }
            Ok(Seen::Member(host, probe)) => {
                view.cluster.members.insert(host, probe);
            }
            Ok(Seen::Snapshot(path, facts)) => {
                view.snapshots.insert(path, facts);
            }
            // A probe that panicked is a bug of ours: let it be seen.
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    view
}

/// Observes what guards need, and makes the write probe where one of them asks for it.
pub async fn look<W: World>(
    world: &Arc<W>,
    guards: &[&PlannedGuard],
    more: Needs,
    specs: &BTreeMap<HostName, MemberSpec>,
    forks: usize,
) -> View {
    let mut needs = more;
    for guard in guards {
        needs.merge(runbook_model::guard::needs(&guard.guard, specs));
    }
    let mut view = observe(world, &needs, specs, forks).await;
    let written = guards.iter().find_map(|g| match &g.guard {
        Guard::Writable { members } => Some(members),
        _ => None,
    });
    if let Some(members) = written {
        let members: Vec<_> = members
            .iter()
            .filter_map(|h| specs.get(h).cloned())
            .collect();
        view.written = Some(world.write_probe(&members).await);
    }
    view
}
