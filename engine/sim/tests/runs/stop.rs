//! F07: Ctrl-C in every phase.

use std::sync::{Arc, Mutex};

use runbook_model::event::RunEnd;
use runbook_run::{Stop, execute};
use runbook_sim::{Fault, MemoryJournal, Moment, SimWorld, When, run};

use super::plans::*;
use super::restore::restore_plan;

fn at(number: usize, step: usize) -> When {
    When {
        host: host(number),
        step,
        undo: false,
    }
}

#[test]
fn the_first_lets_running_work_end_and_begins_nothing() {
    for step in 1..=7 {
        run(async {
            let before = cluster(3);
            let world = SimWorld::new(before.clone());
            let desk = desk();
            let stop = desk.stop.clone();
            world.at(Moment::Begins(at(2, step)), move |_| {
                stop.request();
            });
            let journal = MemoryJournal::new();
            let plan = restore_plan(&specs(3), &before);
            let ledger = Box::new(journal.clone());
            let done = execute(Arc::new(world.clone()), ledger, plan, desk.options)
                .await
                .unwrap();
            assert_eq!(done.end, RunEnd::Interrupted, "step {step}");
            assert_eq!(done.state.unsettled(), [], "all that ran was heard of");
            assert!(world.model().log.iter().all(|e| e.step <= step));
            no_locks(&world.model());
            let done = go_on(&world, &journal).await.unwrap();
            assert_eq!(done.end, RunEnd::Done { changed: true }, "step {step}");
            nothing_twice(&world.model());
        });
    }
}

#[test]
fn the_second_stops_at_once_and_what_ran_is_unknown() {
    for step in 1..=7 {
        run(async {
            let before = cluster(3);
            let world = SimWorld::new(before.clone());
            world.inject(at(2, step), Fault::Slow { ms: 20_000 });
            let desk = desk();
            let stop = desk.stop.clone();
            world.at(Moment::Begins(at(2, step)), move |_| {
                stop.request();
                assert_eq!(stop.request(), Stop::Now);
            });
            let journal = MemoryJournal::new();
            let plan = restore_plan(&specs(3), &before);
            let ledger = Box::new(journal.clone());
            let started = tokio::time::Instant::now();
            let done = execute(Arc::new(world.clone()), ledger, plan, desk.options)
                .await
                .unwrap();
            assert!(started.elapsed().as_secs() < 10, "it did not wait");
            assert_eq!(done.end.exit_code(), 6, "step {step}: {:?}", done.end);
            assert_eq!(
                world.model().hosts[&host(2)].locks.len(),
                1,
                "the lock stays"
            );
            // The host went on: nothing is orphaned, and nothing is done again.
            let done = go_on(&world, &journal).await.unwrap();
            assert_eq!(done.end, RunEnd::Done { changed: true }, "step {step}");
            nothing_twice(&world.model());
        });
    }
}

#[test]
fn a_wait_is_cut_short() {
    run(async {
        let mut before = cluster(3);
        before.hosts.get_mut(&host(3)).unwrap().isolated = true;
        let world = SimWorld::new(before);
        let desk = desk();
        let stop = desk.stop.clone();
        world.at(Moment::Asked(9), move |_| {
            stop.request();
        });
        let mut plan = restart_plan(
            &specs(3),
            runbook_model::plan::Strategy::Rolling { batch: 1 },
        );
        let runbook_model::plan::PlanItem::Step(step) = &mut plan.items[0] else {
            unreachable!()
        };
        step.work.truncate(1);
        let journal = MemoryJournal::new();
        let started = tokio::time::Instant::now();
        let ledger = Box::new(journal.clone());
        let done = execute(Arc::new(world.clone()), ledger, plan, desk.options)
            .await
            .unwrap();
        assert_eq!(done.end, RunEnd::Interrupted);
        assert!(started.elapsed().as_secs() < 40);
        world.edit(|m| m.hosts.get_mut(&host(3)).unwrap().isolated = false);
        let done = go_on(&world, &journal).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        nothing_twice(&world.model());
    });
}

/// Before anything, and while the operator is asked.
#[test]
fn before_the_first_change_nothing_is_left_behind() {
    for asked in [false, true] {
        run(async {
            let before = cluster(3);
            let world = SimWorld::new(before.clone());
            let mut desk = desk();
            let mut plan = restore_plan(&specs(3), &before);
            plan.items.drain(..2);
            let stop = desk.stop.clone();
            if asked {
                desk.options.confirm = Arc::new(move |_| {
                    stop.request();
                    // A prompt that is broken off answers no.
                    false
                });
            } else {
                stop.request();
            }
            let ledger = Box::new(MemoryJournal::new());
            let done = execute(Arc::new(world.clone()), ledger, plan, desk.options)
                .await
                .unwrap();
            assert_eq!(done.end, RunEnd::Interrupted);
            assert_eq!(world.model().image(), before.image());
        });
    }
}

/// `--step`: a no before any step stops there, with nothing of the step begun; what was done before stays, and the run can go on.
#[test]
fn a_step_that_the_operator_does_not_let_begin_stops_the_run() {
    for refused in 1..=7 {
        run(async {
            let before = cluster(3);
            let world = SimWorld::new(before.clone());
            let asked = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&asked);
            let mut options = desk().options;
            options.ask_step = Some(Arc::new(move |step| {
                seen.lock().unwrap().push(step.number);
                step.number < refused
            }));
            let journal = MemoryJournal::new();
            let plan = restore_plan(&specs(3), &before);
            let ledger = Box::new(journal.clone());
            let done = execute(Arc::new(world.clone()), ledger, plan, options)
                .await
                .unwrap();
            assert_eq!(done.end, RunEnd::Interrupted, "step {refused}");
            assert!(done.state.stop_requested);
            let all: Vec<_> = (1..=refused).collect();
            assert_eq!(*asked.lock().unwrap(), all, "each once, in order");
            assert!(world.model().log.iter().all(|e| e.step < refused));
            no_locks(&world.model());
            let done = go_on(&world, &journal).await.unwrap();
            assert_eq!(done.end, RunEnd::Done { changed: true }, "step {refused}");
            nothing_twice(&world.model());
        });
    }
}
