//! The order of hosts in a step, and that quorum never goes.

use proptest::prelude::*;
use runbook_model::event::RunEnd;
use runbook_model::plan::{OnFailure, Strategy as Order};
use runbook_sim::{MemoryJournal, Moment, SimWorld, When, run};

use super::plans::*;

fn order_of(world: &SimWorld) -> Vec<String> {
    world
        .model()
        .log
        .iter()
        .map(|e| e.host.to_string())
        .collect()
}

#[test]
fn followers_one_by_one_then_the_leader() {
    run(async {
        let mut before = cluster(3);
        before.move_leader(&host(1));
        let world = SimWorld::new(before);
        let plan = restart_plan(&specs(3), Order::Rolling { batch: 1 });
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        assert_eq!(order_of(&world), ["etcd2", "etcd3", "etcd1"]);
        assert_eq!(world.model().quorum_losses, vec![]);
    });
}

/// F17: the leader moves while the step runs; the one that leads now goes last.
#[test]
fn the_leader_is_looked_up_before_every_batch() {
    run(async {
        let mut before = cluster(5);
        before.move_leader(&host(1));
        let world = SimWorld::new(before);
        let when = When {
            host: host(2),
            step: 1,
            undo: false,
        };
        world.at(Moment::Ends(when), |model| model.move_leader(&host(4)));
        let plan = restart_plan(&specs(5), Order::Rolling { batch: 1 });
        go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(
            order_of(&world),
            ["etcd2", "etcd1", "etcd3", "etcd5", "etcd4"]
        );
    });
}

/// No spare voter: the step waits for one as long as it may, then refuses, and the cluster was not touched.
#[test]
fn without_a_spare_voter_nothing_is_stopped() {
    run(async {
        let mut before = cluster(3);
        before
            .hosts
            .get_mut(&host(3))
            .unwrap()
            .services
            .get_mut("etcd")
            .unwrap()
            .running = false;
        let world = SimWorld::new(before.clone());
        let mut plan = restart_plan(&specs(3), Order::RollingQuorumSafe);
        let runbook_model::plan::PlanItem::Step(step) = &mut plan.items[0] else {
            unreachable!()
        };
        step.work.truncate(2);
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let RunEnd::Refused { reason } = done.end else {
            panic!("{:?}", done.end)
        };
        assert_eq!(
            reason,
            "`rolling quorum-safe`: 2 of 3 voters are healthy, none may stop"
        );
        assert_eq!(world.model().image(), before.image());
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is down or cut off when a rolling restart begins: quorum that holds is not taken by the run.
    #[test]
    fn a_rolling_restart_never_takes_quorum(
        n in 1usize..8,
        down in prop::collection::vec(0u8..8, 7),
        leader in 1usize..8,
    ) {
        run(async {
            let mut before = cluster(n);
            for number in 1..=n {
                let found = before.hosts.get_mut(&host(number)).unwrap();
                match down[number - 1] {
                    0 => found.services.get_mut("etcd").unwrap().running = false,
                    1 => found.reachable = false,
                    _ => {}
                }
            }
            before.move_leader(&host(leader.min(n)));
            let world = SimWorld::new(before);
            let held = world.model().leaders.len() == 1;
            let mut plan = restart_plan(&specs(n), Order::RollingQuorumSafe);
            plan.on_failure = OnFailure::Pause;
            let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
            if held {
                prop_assert_eq!(&world.model().quorum_losses, &vec![], "{:?}", done.end);
            }
            if down[..n].iter().all(|d| *d > 1) && n > 2 {
                prop_assert_eq!(done.end, RunEnd::Done { changed: true });
            }
            Ok(())
        })?;
    }
}
