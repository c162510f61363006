//! F06: the controller dies at every record; a resumed run ends as one that never died.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runbook_model::event::{Event, RunEnd};
use runbook_model::guard::Guard;
use runbook_model::plan::{Plan, PlanItem};
use runbook_run::{RunError, RunState};
use runbook_sim::{Fault, MemoryJournal, Model, Moment, SimWorld, When, run};

use super::plans::*;
use super::restore::restore_plan;

/// The end of a run without a crash, and how many records it keeps.
pub fn without_crash(before: &Model, plan: &Plan) -> (Model, usize) {
    run(async {
        let world = SimWorld::new(before.clone());
        let journal = MemoryJournal::new();
        let done = go(&world, &journal, plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        (world.model(), journal.records().len())
    })
}

/// Runs until killed at `room`, then resumes until the end.
pub async fn killed_and_resumed(
    world: &SimWorld,
    plan: &Plan,
    room: usize,
    keeps: bool,
) -> MemoryJournal {
    let journal = MemoryJournal::new();
    let killed = go(world, &journal.killed_at(room, keeps), plan).await;
    assert!(matches!(killed, Err(RunError::Journal(_))), "at {room}");
    if journal.records().is_empty() {
        assert!(
            world.model().log.is_empty(),
            "touched a host without a journal"
        );
        go(world, &journal, plan).await.unwrap();
        return journal;
    }
    match go_on(world, &journal).await {
        Ok(done) => assert_eq!(done.end, RunEnd::Done { changed: true }, "at {room}"),
        // It died after its last record.
        Err(RunError::Over { .. }) => assert!(keeps),
        Err(other) => panic!("at {room}: {other}"),
    }
    journal
}

pub fn dies_anywhere(before: &Model, plan: &Plan) {
    let (wanted, records) = without_crash(before, plan);
    for room in 0..records {
        for keeps in [false, true] {
            run(async {
                let world = SimWorld::new(before.clone());
                let journal = killed_and_resumed(&world, plan, room, keeps).await;
                let after = world.model();
                nothing_twice(&after);
                assert!(after.image() == wanted.image(), "killed at {room}, {keeps}");
                assert_eq!(after.violations, Vec::<String>::new());
                let state = RunState::fold(&journal.records());
                assert_eq!(state.ended, Some(RunEnd::Done { changed: true }));
            });
        }
    }
}

#[test]
fn a_restore_survives_the_death_of_its_controller_at_every_record() {
    let before = cluster(3);
    dies_anywhere(&before, &restore_plan(&specs(3), &before));
}

#[test]
fn a_bootstrap_survives_the_death_of_its_controller_at_every_record() {
    let specs = specs(3);
    let mut plan = deploy_plan(&specs);
    // A write probe that is made again leaves another revision.
    if let PlanItem::Step(start) = &mut plan.items[1] {
        start.ensures.truncate(1);
    }
    // On resume this is no longer so of the members that the step itself has started.
    if let PlanItem::Step(start) = &mut plan.items[1] {
        let absent = Guard::ClusterAbsent {
            members: members(&specs),
        };
        start
            .requires
            .push(guard("cluster-absent(members)", absent, None));
    }
    dies_anywhere(&Model::bare(&specs), &plan);
}

#[test]
fn a_rolling_restart_survives_the_death_of_its_controller_at_every_record() {
    let plan = restart_plan(&specs(3), runbook_model::plan::Strategy::RollingQuorumSafe);
    dies_anywhere(&cluster(3), &plan);
}

/// Killed, resumed, killed again somewhere later, resumed again.
#[test]
fn a_restore_survives_two_deaths() {
    let before = cluster(3);
    let plan = restore_plan(&specs(3), &before);
    let (wanted, records) = without_crash(&before, &plan);
    for first in (1..records).step_by(3) {
        for second in (first + 1..records + 4).step_by(5) {
            run(async {
                let world = SimWorld::new(before.clone());
                let journal = MemoryJournal::new();
                let killed = go(&world, &journal.killed_at(first, true), &plan).await;
                assert!(killed.is_err());
                if go_on(&world, &journal.killed_at(second, true))
                    .await
                    .is_err()
                {
                    match go_on(&world, &journal.reopened()).await {
                        Ok(_) | Err(RunError::Over { .. }) => {}
                        Err(other) => panic!("killed at {first} and {second}: {other}"),
                    }
                }
                nothing_twice(&world.model());
                assert_eq!(
                    world.model().image(),
                    wanted.image(),
                    "killed at {first} and {second}"
                );
            });
        }
    }
}

/// F01 to F03: the connection breaks before, during and after every order, and the controller dies as well.
#[test]
fn lost_connections_and_deaths_together_do_nothing_twice() {
    let before = cluster(3);
    let plan = restore_plan(&specs(3), &before);
    let (wanted, records) = without_crash(&before, &plan);
    for step in 1..=7 {
        for fault in [Fault::LostBefore, Fault::LostDuring, Fault::LostAfter] {
            for room in (1..records).step_by(4) {
                run(async {
                    let world = SimWorld::new(before.clone());
                    let when = When {
                        host: host(2),
                        step,
                        undo: false,
                    };
                    world.inject(when, fault.clone());
                    let journal = MemoryJournal::new();
                    if go(&world, &journal.killed_at(room, true), &plan)
                        .await
                        .is_err()
                    {
                        let _ = go_on(&world, &journal).await;
                    }
                    nothing_twice(&world.model());
                    assert_eq!(
                        world.model().image(),
                        wanted.image(),
                        "{fault:?} in step {step}, killed at {room}"
                    );
                });
            }
        }
    }
}

/// A rollback, too, may be killed anywhere and goes on where it was.
#[test]
fn a_rollback_survives_the_death_of_its_controller_at_every_record() {
    let before = cluster(3);
    let plan = restore_plan(&specs(3), &before);
    let fails = |world: &SimWorld| {
        let when = When {
            host: host(2),
            step: 5,
            undo: false,
        };
        world.inject(when, Fault::Fails { action: 1 });
    };
    let records = run(async {
        let world = SimWorld::new(before.clone());
        fails(&world);
        let journal = MemoryJournal::new();
        let done = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(done.end.exit_code(), 5, "{:?}", done.end);
        journal.records().len()
    });
    for room in 1..records {
        run(async {
            let world = SimWorld::new(before.clone());
            fails(&world);
            let journal = MemoryJournal::new();
            assert!(
                go(&world, &journal.killed_at(room, true), &plan)
                    .await
                    .is_err()
            );
            match go_on(&world, &journal).await {
                Err(RunError::Over {
                    end: RunEnd::RolledBack { .. },
                    ..
                }) => {}
                // Killed after the failure and before the decision to undo: the resume tries again, and succeeds.
                Ok(done) if done.end == (RunEnd::Done { changed: true }) => return,
                Ok(done) => assert_eq!(done.end.exit_code(), 5, "killed at {room}: {:?}", done.end),
                Err(other) => panic!("killed at {room}: {other}"),
            }
            nothing_twice(&world.model());
            as_before(&world.model(), &before);
            no_locks(&world.model());
        });
    }
}

/// J1: when a host begins an order, its intent is in the journal; when it begins an undo as well.
#[test]
fn intent_comes_before_effect() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before);
        let journal = MemoryJournal::new();
        world.inject(
            When {
                host: host(3),
                step: 6,
                undo: false,
            },
            Fault::Fails { action: 0 },
        );
        let met = Arc::new(AtomicUsize::new(0));
        for number in 1..=3 {
            for step in 1..=6 {
                for undo in [false, true] {
                    let (kept, met, host) = (journal.clone(), met.clone(), host(number));
                    let begins = Moment::Begins(When {
                        host: host.clone(),
                        step,
                        undo,
                    });
                    world.at(begins, move |_| {
                        let intent = Event::WorkIntended {
                            step,
                            host,
                            attempt: 1,
                            undo,
                        };
                        let last = kept.records().into_iter().rfind(|r| r.event == intent);
                        assert!(last.is_some(), "{intent:?}");
                        met.fetch_add(1, Ordering::Relaxed);
                    });
                }
            }
        }
        let done = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(done.end.exit_code(), 5, "{:?}", done.end);
        assert_eq!(
            met.load(Ordering::Relaxed),
            18 + 15,
            "trials are not undone"
        );
    });
}
