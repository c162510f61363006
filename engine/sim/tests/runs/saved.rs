//! A saved plan's run is known by the receipts that it left, from whatever machine it was begun.

use std::sync::Arc;

use runbook_run::begun;
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
