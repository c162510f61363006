//! Any faults, any deaths: what holds whatever happens.

use std::collections::BTreeSet;

use proptest::prelude::*;
use runbook_model::event::RunEnd;
use runbook_model::host::HostName;
use runbook_run::{RunError, RunState};
use runbook_sim::{Fault, MemoryJournal, Model, SimWorld, When, run};

use super::plans::*;
use super::restore::restore_plan;

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::NotReached),
        Just(Fault::LostBefore),
        Just(Fault::LostDuring),
        Just(Fault::LostAfter),
        (0usize..2).prop_map(|action| Fault::Fails { action }),
        (0usize..2).prop_map(|action| Fault::PowerOff { action }),
        (1u64..90_000).prop_map(|ms| Fault::Slow { ms }),
    ]
}

fn when() -> impl Strategy<Value = When> {
    (1usize..=3, 1usize..=7, prop::bool::weighted(0.3)).prop_map(|(number, step, undo)| When {
        host: host(number),
        step,
        undo,
    })
}

/// No change was made twice by one run.
fn no_change_twice(model: &Model) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    for effect in model.log.iter().filter(|e| e.changed) {
        let key = (&effect.host, effect.step, effect.undo, effect.action);
        prop_assert!(seen.insert(key), "changed twice: {effect:?}");
    }
    Ok(())
}

/// A host comes back; a service that the run had stopped is kept stopped (by its mask, or its operator).
fn power_on(model: &mut Model, name: &HostName) {
    model.power_on(name);
    let done = |step, undo| {
        let mut log = model.log.iter();
        log.any(|e| &e.host == name && e.step == step && e.undo == undo)
    };
    let stopped =
        done(3, false) && !done(6, false) && !done(3, true) || done(6, true) && !done(3, true);
    if stopped {
        let services = &mut model.hosts.get_mut(name).unwrap().services;
        services.get_mut("etcd").unwrap().running = false;
    }
}

/// Goes on until the run is over: powered-off hosts come back with etcd as it was stopped, the operator resumes.
async fn to_the_end(world: &SimWorld, journal: &MemoryJournal) -> RunEnd {
    let mut last = RunEnd::Interrupted;
    for _ in 0..12 {
        world.edit(|model| {
            for name in model.hosts.keys().cloned().collect::<Vec<_>>() {
                if !model.hosts[&name].reachable {
                    power_on(model, &name);
                }
            }
        });
        let mut options = desk().options;
        options.repeat_unknown = true;
        match go_on_with(world, journal, options).await {
            Ok(done) => last = done.end,
            Err(RunError::Over { end, .. }) => return end,
            Err(other) => panic!("{other}"),
        }
    }
    last
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restore_ends_done_or_undone_whatever_happens(
        faults in prop::collection::vec((when(), fault()), 0..4),
        deaths in prop::collection::vec((1usize..90, any::<bool>()), 0..3),
    ) {
        run(async {
            let before = cluster(3);
            let plan = restore_plan(&specs(3), &before);
            let world = SimWorld::new(before.clone());
            for (when, fault) in faults {
                world.inject(when, fault);
            }
            let journal = MemoryJournal::new();
            let mut deaths = deaths.into_iter();
            let (room, keeps) = deaths.next().unwrap_or((usize::MAX, false));
            let _ = go(&world, &journal.killed_at(room, keeps), &plan).await;
            for (room, keeps) in deaths {
                let _ = go_on(&world, &journal.killed_at(room, keeps)).await;
            }
            let end = to_the_end(&world, &journal).await;
            let after = world.model();
            no_change_twice(&after)?;
            let state = RunState::fold(&journal.records());
            match end {
                RunEnd::Done { .. } => {
                    let serves = |h| after.running_member(h).is_some_and(|m| m.store.revision == 1_002);
                    prop_assert!(specs(3).keys().all(serves));
                    no_locks(&after);
                }
                RunEnd::RolledBack { .. } => {
                    as_before(&after, &before);
                    no_locks(&after);
                }
                // Nothing was changed and nothing is held.
                RunEnd::Refused { .. } | RunEnd::Failed { .. } | RunEnd::Unreachable { .. } if !state.touched_anything() => {
                    no_locks(&after);
                }
                other => prop_assert!(false, "{other:?}"),
            }
            Ok(())
        })?;
    }
}
