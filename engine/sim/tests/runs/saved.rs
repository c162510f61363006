//! A saved plan is carried out once: its run is known by receipts and locks that it left, from whatever machine it was begun.

use std::sync::Arc;

use runbook_model::event::RunEnd;
use runbook_model::facts::LockFacts;
use runbook_run::{Options, RunError, begun, execute};
use runbook_sim::{MemoryJournal, SimWorld, run};

use super::plans::*;
use super::restore::restore_plan;

#[test]
fn hosts_tell_that_a_plan_was_begun_and_of_another_that_it_was_not() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before.clone());
        let asked = Arc::new(world.clone());
        assert_eq!(begun(&asked, &plan, 10).await, []);
        assert_eq!(
            world.model().image(),
            before.image(),
            "asking changes nothing"
        );
        go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let hosts: Vec<_> = (1..=3).map(host).collect();
        assert_eq!(begun(&asked, &plan, 10).await, hosts);
        let mut other = plan.clone();
        "another".clone_into(&mut other.run);
        assert_eq!(begun(&asked, &other, 10).await, []);
    });
}

fn saved() -> Options {
    Options {
        saved: Some("ab".repeat(32)),
        ..desk().options
    }
}

/// The lock is given to a run by its id, which two processes with the same plan share.
#[test]
fn of_two_machines_with_the_same_plan_one_begins() {
    run(async {
        let mut before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let other = LockFacts {
            run: plan.run.clone(),
            holder: "eve@ops2".to_owned(),
            since: "2026-01-01T00:00:00.000Z".to_owned(),
        };
        let locks = &mut before.hosts.get_mut(&host(1)).unwrap().locks;
        locks.insert("prod".to_owned(), other);
        let world = SimWorld::new(before.clone());
        let journal = MemoryJournal::new();
        let ledger = Box::new(journal.clone());
        let done = execute(Arc::new(world.clone()), ledger, plan.clone(), saved()).await;
        let RunEnd::Locked { holder } = done.unwrap().end else {
            panic!("it began");
        };
        assert!(holder.contains("eve@ops2"), "{holder}");
        // The other's lock stands, and nothing else was made.
        assert_eq!(world.model().image(), before.image());
        // Once the other is done, there is nothing to go on with here.
        world.edit(|model| model.hosts.get_mut(&host(1)).unwrap().locks.clear());
        let over = go_on(&world, &journal).await;
        assert!(matches!(over, Err(RunError::Over { .. })), "{over:?}");
    });
}

#[test]
fn a_saved_plan_runs_as_any_other_and_the_journal_names_it() {
    run(async {
        let before = cluster(3);
        let plan = restore_plan(&specs(3), &before);
        let world = SimWorld::new(before);
        let journal = MemoryJournal::new();
        let ledger = Box::new(journal.clone());
        let done = execute(Arc::new(world.clone()), ledger, plan, saved()).await;
        let done = done.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        assert_eq!(done.state.saved, saved().saved);
        no_locks(&world.model());
        nothing_twice(&world.model());
    });
}
