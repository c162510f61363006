//! A rehearsal beside the living: whatever goes wrong, every host is as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook_model::event::RunEnd;
use runbook_model::plan::{Plan, Strategy};
use runbook_model::view::View;
use runbook_plan::rehearse;
use runbook_run::RunError;
use runbook_sim::{Fault, MemoryJournal, Model, SimWorld, When, run};

use super::crash::dies_anywhere;
use super::plans::*;
use super::restore::restore_plan;

/// Steps 1, 2: push, trial; 5 to 8: restore, start, read back, remove; the last: tidy.
fn rehearsal(before: &Model) -> Plan {
    let specs = specs(3);
    let real = restore_plan(&specs, before);
    let facts = before.control[SNAPSHOT].facts();
    let view = View {
        specs,
        snapshots: BTreeMap::from([(SNAPSHOT.to_owned(), facts)]),
        ..View::default()
    };
    rehearse(&real, &view).unwrap()
}

fn at(number: usize, step: usize) -> When {
    When {
        host: host(number),
        step,
        undo: false,
    }
}

fn nothing_left(after: &Model, before: &Model, when: &str) {
    assert!(after.image() == before.image(), "{when}: something is left");
    as_before(after, before);
}

#[test]
fn a_rehearsal_leaves_every_host_as_it_was() {
    run(async {
        let before = cluster(3);
        let world = SimWorld::new(before.clone());
        let plan = rehearsal(&before);
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        nothing_left(&world.model(), &before, "done");
        let copied = world.model().log.iter().filter(|e| e.step == 6).count();
        assert_eq!(copied, 3, "a copy was started on each host");
    });
}

#[test]
fn a_rehearsal_survives_the_death_of_its_controller_at_every_record() {
    let before = cluster(3);
    dies_anywhere(&before, &rehearsal(&before));
}

/// What `rehearse --clean` does.
#[test]
fn killed_anywhere_it_is_taken_back_without_a_trace() {
    let before = cluster(3);
    let plan = rehearsal(&before);
    let records = run(async {
        let journal = MemoryJournal::new();
        let world = SimWorld::new(before.clone());
        go(&world, &journal, &plan).await.unwrap();
        journal.records().len()
    });
    for room in 1..records {
        run(async {
            let world = SimWorld::new(before.clone());
            let journal = MemoryJournal::new();
            let killed = go(&world, &journal.killed_at(room, true), &plan).await;
            assert!(matches!(killed, Err(RunError::Journal(_))), "at {room}");
            match take_back(&world, &journal.reopened()).await {
                Ok(done) => assert!(matches!(done.end, RunEnd::RolledBack { .. }), "at {room}"),
                // Nothing was begun yet: its locks alone are given back.
                Err(RunError::Over { .. }) => {
                    let world = Arc::new(world.clone());
                    assert_eq!(runbook_run::unlock(&world, &plan).await.len(), 3);
                }
                Err(other) => panic!("at {room}: {other}"),
            }
            nothing_left(&world.model(), &before, &format!("killed at {room}"));
        });
    }
}

#[test]
fn a_failure_anywhere_is_undone_by_itself() {
    let before = cluster(3);
    let plan = rehearsal(&before);
    let steps = plan.steps().filter(|s| s.skipped.is_none());
    for step in steps.filter(|s| s.number < 8) {
        for number in 1..=3 {
            for action in 0..step.work[0].actions.len() {
                run(async {
                    let world = SimWorld::new(before.clone());
                    world.inject(at(number, step.number), Fault::Fails { action });
                    let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
                    let when = format!("step {}, host {number}, action {action}", step.number);
                    assert!(
                        matches!(done.end.exit_code(), 2 | 5),
                        "{when}: {:?}",
                        done.end
                    );
                    nothing_left(&world.model(), &before, &when);
                });
            }
        }
    }
}

#[test]
fn a_lost_connection_is_asked_after_and_nothing_is_left() {
    let before = cluster(3);
    let plan = rehearsal(&before);
    for fault in [Fault::LostBefore, Fault::LostDuring, Fault::LostAfter] {
        for step in [5, 6, 7, 8] {
            run(async {
                let world = SimWorld::new(before.clone());
                world.inject(at(2, step), fault.clone());
                let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
                assert_eq!(
                    done.end,
                    RunEnd::Done { changed: true },
                    "{fault:?} in step {step}"
                );
                nothing_left(
                    &world.model(),
                    &before,
                    &format!("{fault:?} in step {step}"),
                );
            });
        }
    }
}

/// A run in need begins while a rehearsal is at work, or left its lock behind.
#[test]
fn a_rehearsal_never_holds_another_run_up() {
    run(async {
        let before = cluster(3);
        let plan = rehearsal(&before);
        let world = SimWorld::new(before.clone());
        let killed = MemoryJournal::new().killed_at(20, true);
        assert!(go(&world, &killed, &plan).await.is_err());
        assert!(
            world.model().hosts[&host(1)]
                .locks
                .contains_key(&plan.cluster)
        );
        let real = restart_plan(&specs(3), Strategy::RollingQuorumSafe);
        let mut other = real.clone();
        other.run = "r2".to_owned();
        let done = go(&world, &MemoryJournal::new(), &other).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
    });
}
