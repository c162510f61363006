//! What was done is taken back, or a person is called.

use runbook_model::event::RunEnd;
use runbook_model::plan::{OnFailure, PlanItem};
use runbook_run::RunError;
use runbook_sim::{Fault, MemoryJournal, SimWorld, When, run};

use super::plans::*;
use super::restore::restore_plan;

fn at(number: usize, step: usize, undo: bool) -> When {
    When {
        host: host(number),
        step,
        undo,
    }
}

/// A failure of any action of any step on any host leaves the cluster as it was.
#[test]
fn a_failure_anywhere_is_undone() {
    for step in 1..=6 {
        for number in 1..=3 {
            for action in 0..=usize::from(step == 5) {
                run(async {
                    let before = cluster(3);
                    let plan = restore_plan(&specs(3), &before);
                    let world = SimWorld::new(before.clone());
                    world.inject(at(number, step, false), Fault::Fails { action });
                    let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
                    let touched = step > 1 || world.model().log.iter().any(|e| e.changed);
                    let code = if touched { 5 } else { 2 };
                    assert_eq!(
                        done.end.exit_code(),
                        code,
                        "step {step}, host {number}: {:?}",
                        done.end
                    );
                    nothing_twice(&world.model());
                    as_before(&world.model(), &before);
                    no_locks(&world.model());
                });
            }
        }
    }
}

#[test]
fn undo_goes_last_step_first() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before);
        world.inject(at(1, 6, false), Fault::Fails { action: 0 });
        go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let undone: Vec<_> = world
            .model()
            .log
            .into_iter()
            .filter(|e| e.undo)
            .map(|e| e.step)
            .collect();
        assert!(undone.iter().rev().is_sorted(), "{undone:?}");
        assert!(!undone.contains(&2), "a trial restore changed nothing");
    });
}

/// A failed undo is stuck: the lock stays; once the cause is mended the operator goes on with the same undo.
#[test]
fn a_failed_undo_is_stuck_and_can_be_taken_up() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before.clone());
        world.inject(at(1, 5, false), Fault::Fails { action: 1 });
        world.inject(at(3, 4, true), Fault::Fails { action: 0 });
        let journal = MemoryJournal::new();
        let stuck = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(stuck.end.exit_code(), 9, "{:?}", stuck.end);
        assert_eq!(world.model().hosts[&host(2)].locks.len(), 1);
        let done = take_back(&world, &journal).await.unwrap();
        assert_eq!(done.end.exit_code(), 5, "{:?}", done.end);
        as_before(&world.model(), &before);
        no_locks(&world.model());
    });
}

#[test]
fn a_paused_run_is_rolled_back_when_asked() {
    run(async {
        let before = cluster(3);
        let mut plan = restore_plan(&specs(3), &before);
        plan.on_failure = OnFailure::Pause;
        let world = SimWorld::new(before.clone());
        world.inject(at(1, 6, false), Fault::Fails { action: 0 });
        let journal = MemoryJournal::new();
        let failed = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(failed.end.exit_code(), 2);
        let done = take_back(&world, &journal).await.unwrap();
        assert_eq!(
            done.end,
            RunEnd::RolledBack {
                reason: "asked for by root@ops1".to_owned()
            }
        );
        as_before(&world.model(), &before);
        let over = take_back(&world, &journal).await.unwrap_err();
        assert!(matches!(over, RunError::Over { .. }));
    });
}

/// A run that was killed in the middle of anything can be rolled back as well as resumed.
#[test]
fn a_run_killed_at_any_record_can_be_rolled_back() {
    let before = cluster(3);
    let mut plan = restore_plan(&specs(3), &before);
    plan.on_failure = OnFailure::Pause;
    for room in 5..75 {
        run(async {
            let world = SimWorld::new(before.clone());
            let journal = MemoryJournal::new();
            if go(&world, &journal.killed_at(room, true), &plan)
                .await
                .is_ok()
            {
                return;
            }
            match take_back(&world, &journal).await {
                Ok(done) => assert_eq!(done.end.exit_code(), 5, "killed at {room}: {:?}", done.end),
                Err(RunError::Over { .. }) => {}
                Err(other) => panic!("killed at {room}: {other}"),
            }
            as_before(&world.model(), &before);
        });
    }
}

#[test]
fn after_the_irreversible_nothing_is_undone() {
    for (on_failure, passed) in [
        (OnFailure::RollbackBeforeIrreversible, false),
        (OnFailure::RollbackBeforeIrreversible, true),
        (OnFailure::Rollback, true),
        (OnFailure::Pause, true),
    ] {
        run(async {
            let before = cluster(3);
            let mut plan = restore_plan(&specs(3), &before);
            plan.on_failure = on_failure;
            let mark = PlanItem::Irreversible {
                prompt: "clients write".to_owned(),
            };
            let start = plan
                .items
                .iter()
                .position(|i| matches!(i, PlanItem::Step(s) if s.number == 6))
                .unwrap();
            plan.items
                .insert(if passed { start } else { start + 1 }, mark);
            let world = SimWorld::new(before.clone());
            world.inject(at(1, 6, false), Fault::Fails { action: 0 });
            let journal = MemoryJournal::new();
            let done = go(&world, &journal, &plan).await.unwrap();
            assert_eq!(
                done.end.exit_code(),
                if passed { 2 } else { 5 },
                "{:?}",
                done.end
            );
            if passed {
                let refused = take_back(&world, &journal).await.unwrap_err();
                assert!(matches!(refused, RunError::Irreversible { .. }));
                let resumed = go_on(&world, &journal).await.unwrap();
                assert_eq!(resumed.end, RunEnd::Done { changed: true });
            } else {
                as_before(&world.model(), &before);
            }
        });
    }
}

/// What the host itself cannot tell any more is undone as if it had been done.
#[test]
fn what_stayed_unknown_is_undone_when_asked() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before.clone());
        world.inject(at(2, 5, false), Fault::PowerOff { action: 1 });
        let journal = MemoryJournal::new();
        let unknown = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(unknown.end.exit_code(), 6, "{:?}", unknown.end);
        let silent = take_back(&world, &journal).await.unwrap();
        assert_eq!(
            silent.end.exit_code(),
            6,
            "a host that cannot be asked: {:?}",
            silent.end
        );
        world.edit(|m| m.power_on(&host(2)));
        // systemd started what is enabled: the restored member.
        world.edit(|m| {
            m.hosts
                .get_mut(&host(2))
                .unwrap()
                .services
                .get_mut("etcd")
                .unwrap()
                .running = false
        });
        let done = take_back(&world, &journal).await.unwrap();
        assert_eq!(done.end.exit_code(), 5, "{:?}", done.end);
        as_before(&world.model(), &before);
        no_locks(&world.model());
    });
}

/// A host that reboots in the outage starts its enabled etcd; its data is not moved under it, a person is called.
#[test]
fn the_data_of_a_member_that_came_back_is_not_moved() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before.clone());
        world.inject(at(2, 5, false), Fault::PowerOff { action: 1 });
        let journal = MemoryJournal::new();
        go(&world, &journal, &plan).await.unwrap();
        world.edit(|m| m.power_on(&host(2)));
        let running = world.model().running_member(&host(2)).cloned();
        let stuck = take_back(&world, &journal).await.unwrap();
        let RunEnd::Stuck { reason } = stuck.end else {
            panic!("{:?}", stuck.end)
        };
        assert_eq!(
            reason,
            "undo of step 5 failed: `etcd2`: an etcd still uses `/var/lib/etcd`"
        );
        assert_eq!(world.model().running_member(&host(2)), running.as_ref());
    });
}
