//! F14, F15: one run a cluster.

use std::sync::Arc;

use runbook_model::event::RunEnd;
use runbook_model::facts::LockFacts;
use runbook_model::plan::{Change, PlanItem};
use runbook_run::{RunState, RunsDir, execute, resume, unlock};
use runbook_sim::{MemoryJournal, Moment, SimWorld, When, run};

use super::plans::*;
use super::restore::restore_plan;

fn other() -> LockFacts {
    LockFacts {
        run: "r0".to_owned(),
        holder: "eve@ops2".to_owned(),
        since: "2026-01-01T00:00:00Z".to_owned(),
    }
}

#[test]
fn a_lock_held_on_any_host_refuses_and_gives_the_others_back() {
    for number in 1..=3 {
        run(async {
            let mut before = cluster(3);
            let plan = restore_plan(&specs(3), &before);
            before
                .hosts
                .get_mut(&host(number))
                .unwrap()
                .locks
                .insert("prod".to_owned(), other());
            let world = SimWorld::new(before.clone());
            let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
            let holder = "run `r0` of eve@ops2 since 2026-01-01T00:00:00Z".to_owned();
            assert_eq!(done.end, RunEnd::Locked { holder });
            assert_eq!(done.end.exit_code(), 7);
            assert_eq!(world.model().image(), before.image());
        });
    }
}

/// Nothing is sent to any host, so there is nothing to be locked against.
#[test]
fn a_run_that_changes_nothing_takes_no_lock() {
    run(async {
        let mut before = cluster(3);
        let mut plan = restore_plan(&specs(3), &before);
        plan.requires.clear();
        for item in &mut plan.items {
            if let PlanItem::Step(step) = item {
                step.requires.clear();
                step.ensures.clear();
                let actions = step.work.iter_mut().flat_map(|w| &mut w.actions);
                actions.for_each(|a| {
                    a.change = Change::None {
                        found: "so".to_owned(),
                    }
                });
            }
        }
        plan.items.retain(|item| matches!(item, PlanItem::Step(_)));
        let held = before.hosts.get_mut(&host(1)).unwrap();
        held.locks.insert("prod".to_owned(), other());
        let world = SimWorld::new(before.clone());
        let journal = MemoryJournal::new();
        let done = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: false });
        assert!(done.state.locked.is_empty());
        assert_eq!(world.model().image(), before.image());
    });
}

#[test]
fn of_two_at_the_same_time_one_goes_on() {
    run(async {
        let before = cluster(3);
        let first = restore_plan(&specs(3), &before);
        let mut second = first.clone();
        second.run = "r2".to_owned();
        let world = SimWorld::new(before);
        let (one, two) = (MemoryJournal::new(), MemoryJournal::new());
        let (a, b) = tokio::join!(go(&world, &one, &first), go(&world, &two, &second));
        let mut codes = [a.unwrap().end.exit_code(), b.unwrap().end.exit_code()];
        codes.sort_unstable();
        assert_eq!(codes, [0, 7]);
        nothing_twice(&world.model());
    });
}

/// The lock of a run that died is its own: resume goes on, another run is refused.
#[test]
fn a_dead_run_keeps_its_lock_for_its_own_resume() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before);
        let journal = MemoryJournal::new();
        go(&world, &journal.killed_at(30, true), &plan)
            .await
            .unwrap_err();
        let mut second = plan.clone();
        second.run = "r2".to_owned();
        let refused = go(&world, &MemoryJournal::new(), &second).await.unwrap();
        assert_eq!(refused.end.exit_code(), 7);
        let done = go_on(&world, &journal).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        no_locks(&world.model());
    });
}

/// A paused operator that wakes up after a takeover is refused by the host itself, and does not undo under the other's hands.
#[test]
fn a_run_that_was_taken_over_stops_without_undo() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before);
        let when = When {
            host: host(1),
            step: 1,
            undo: false,
        };
        world.at(Moment::Ends(when), |model| {
            for host in model.hosts.values_mut() {
                host.locks.insert("prod".to_owned(), other());
            }
        });
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end.exit_code(), 7, "{:?}", done.end);
        assert!(world.model().log.iter().all(|e| e.step == 1 && !e.undo));
    });
}

/// A host that could not be locked at the start is locked before anything is sent to it.
#[test]
fn a_host_that_comes_back_is_locked_first() {
    run(async {
        let mut before = cluster(3);
        let mut plan = restore_plan(&specs(3), &before);
        plan.requires.clear();
        before.hosts.get_mut(&host(2)).unwrap().reachable = false;
        let world = SimWorld::new(before);
        for item in &mut plan.items {
            if let runbook_model::plan::PlanItem::Step(step) = item {
                step.on_unreachable = runbook_model::plan::OnUnreachable::Wait { limit_ms: 60_000 };
            }
        }
        let when = When {
            host: host(1),
            step: 1,
            undo: false,
        };
        world.at(Moment::Ends(when), |model| {
            model.hosts.get_mut(&host(2)).unwrap().reachable = true
        });
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
    });
}

/// On one machine the second run is refused before any host is asked.
#[test]
fn a_second_run_on_this_machine_is_refused_at_once() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let runs = RunsDir::new(dir.path());
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before.clone());
        let held = runs.lock("prod", &other()).unwrap();
        let mut options = desk().options;
        options.local_lock = Some(runs.clone());
        let ledger = Box::new(runs.create(RUN).unwrap());
        let refused = execute(Arc::new(world.clone()), ledger, plan, options.clone())
            .await
            .unwrap();
        assert_eq!(refused.end.exit_code(), 7);
        assert_eq!(world.model().image(), before.image());
        drop(held);
        let (journal, records) = runs.open(RUN).unwrap();
        let done = resume(Arc::new(world), Box::new(journal), &records, options)
            .await
            .unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        // What is on disk tells the same as what was lived.
        assert_eq!(RunState::fold(&runs.read(RUN).unwrap()), done.state);
    });
}

/// F15: a lock is given back to who names its run, and only that one.
#[test]
fn a_stale_lock_is_given_back_by_its_runs_name() {
    run(async {
        let mut before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        before
            .hosts
            .get_mut(&host(3))
            .unwrap()
            .locks
            .insert("prod".to_owned(), other());
        let world = SimWorld::new(before);
        let journal = MemoryJournal::new();
        let mut stale = plan.clone();
        stale.run = "r0".to_owned();
        assert_eq!(
            go(&world, &journal, &plan).await.unwrap().end.exit_code(),
            7
        );
        unlock(&Arc::new(world.clone()), &plan).await;
        assert_eq!(
            world.model().hosts[&host(3)].locks.len(),
            1,
            "another run's lock"
        );
        unlock(&Arc::new(world.clone()), &stale).await;
        no_locks(&world.model());
    });
}
