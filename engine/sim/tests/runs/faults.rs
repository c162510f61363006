//! One fault, one promise.

use runbook_model::event::RunEnd;
use runbook_model::plan::{OnFailure, OnUnreachable, Plan, PlanItem, PlanStep};
use runbook_run::HostStatus;
use runbook_sim::{Fault, MemoryJournal, Moment, SimWorld, When, run};

use super::plans::*;
use super::restore::restore_plan;

fn restore(change: impl Fn(&mut PlanStep)) -> (SimWorld, Plan) {
    let before = cluster(3);
    let mut plan = restore_plan(&specs(3), &before);
    plan.on_failure = OnFailure::Pause;
    for item in &mut plan.items {
        if let PlanItem::Step(step) = item {
            change(step);
        }
    }
    (SimWorld::new(before), plan)
}

fn on(number: usize, step: usize) -> When {
    When {
        host: host(number),
        step,
        undo: false,
    }
}

/// F01 to F03: what broke, and that the run ends well all the same, with nothing done twice.
#[test]
fn a_lost_connection_is_asked_after() {
    for fault in [Fault::LostBefore, Fault::LostDuring, Fault::LostAfter] {
        for step in 1..=7 {
            run(async {
                let (world, plan) = restore(|_| {});
                world.inject(on(2, step), fault.clone());
                let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
                assert_eq!(
                    done.end,
                    RunEnd::Done { changed: true },
                    "{fault:?} in step {step}"
                );
                nothing_twice(&world.model());
            });
        }
    }
}

#[test]
fn each_fault_ends_the_run_as_it_must() {
    let skip = |s: &mut PlanStep| s.on_unreachable = OnUnreachable::Skip;
    let wait = |s: &mut PlanStep| s.on_unreachable = OnUnreachable::Wait { limit_ms: 30_000 };
    let retry = |s: &mut PlanStep| s.retries = 2;
    let none = |_: &mut PlanStep| {};
    type Case<'c> = (&'c str, &'c dyn Fn(&mut PlanStep), Vec<Fault>, u8);
    let fails = || Fault::Fails { action: 0 };
    let cases: [Case<'_>; 9] = [
        ("unreachable", &none, vec![Fault::NotReached], 4),
        (
            "unreachable, waited for",
            &wait,
            vec![Fault::NotReached; 3],
            0,
        ),
        (
            "unreachable for too long",
            &wait,
            vec![Fault::NotReached; 30],
            4,
        ),
        ("unreachable, left out", &skip, vec![Fault::NotReached], 0),
        ("fails", &none, vec![fails()], 2),
        ("fails, tried again", &retry, vec![fails(), fails()], 0),
        (
            "fails too often",
            &retry,
            vec![fails(), fails(), fails()],
            2,
        ),
        (
            "never reaches the host",
            &none,
            vec![Fault::LostBefore; 9],
            4,
        ),
        ("power cut", &none, vec![Fault::PowerOff { action: 0 }], 6),
    ];
    for (name, change, faults, code) in cases {
        run(async {
            let (world, plan) = restore(change);
            for fault in faults {
                world.inject(on(2, 2), fault);
            }
            let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
            assert_eq!(done.end.exit_code(), code, "{name}: {:?}", done.end);
        });
    }
}

#[test]
fn a_host_left_out_is_told() {
    run(async {
        let (world, plan) = restore(|s| s.on_unreachable = OnUnreachable::Skip);
        world.inject(on(2, 2), Fault::NotReached);
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let skipped: Vec<_> = done
            .state
            .standing()
            .into_iter()
            .filter(|(_, _, s)| *s == HostStatus::Skipped)
            .collect();
        assert_eq!(skipped, [(2, host(2), HostStatus::Skipped)]);
    });
}

/// F05: after a power cut the truth is not on the host either; only the operator may decide to do it again.
#[test]
fn a_power_cut_stays_unknown_until_the_operator_decides() {
    run(async {
        let (world, plan) = restore(|_| {});
        world.inject(on(2, 5), Fault::PowerOff { action: 1 });
        let journal = MemoryJournal::new();
        let done = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(done.end.exit_code(), 6, "{:?}", done.end);
        assert_eq!(
            world.model().hosts[&host(1)].locks.len(),
            1,
            "the lock stays"
        );
        let still = go_on(&world, &journal).await.unwrap();
        assert_eq!(still.end.exit_code(), 6, "unreachable: {:?}", still.end);
        world.edit(|m| m.power_on(&host(2)));
        world.edit(|m| {
            m.hosts
                .get_mut(&host(2))
                .unwrap()
                .services
                .get_mut("etcd")
                .unwrap()
                .running = false
        });
        let asked = go_on(&world, &journal).await.unwrap();
        let RunEnd::Unknown { reason } = asked.end else {
            panic!("{:?}", asked.end)
        };
        assert!(reason.contains("restarted while it ran"), "{reason}");
        let mut options = desk().options;
        options.repeat_unknown = true;
        let done = go_on_with(&world, &journal, options).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        no_locks(&world.model());
    });
}

/// F08: where the first record cannot be kept, no host is touched.
#[test]
fn without_a_journal_no_host_is_touched() {
    run(async {
        let (world, plan) = restore(|_| {});
        let before = world.model();
        let full = MemoryJournal::new().killed_at(0, false);
        go(&world, &full, &plan).await.unwrap_err();
        assert_eq!(world.model().image(), before.image());
    });
}

/// F11: a slow host keeps the others waiting at the barrier, and nothing of the next step begins.
#[test]
fn a_slow_host_does_not_let_others_run_ahead() {
    run(async {
        let (world, plan) = restore(|_| {});
        world.inject(on(2, 4), Fault::Slow { ms: 30_000 });
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        let steps: Vec<_> = world.model().log.iter().map(|e| e.step).collect();
        assert!(steps.is_sorted(), "{steps:?}");
    });
}

/// F12: an order that does not end within its time is unknown, not failed.
#[test]
fn a_hung_command_is_unknown() {
    run(async {
        let (world, plan) = restore(|_| {});
        world.inject(on(2, 4), Fault::Slow { ms: 3_600_000 });
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end.exit_code(), 6, "{:?}", done.end);
    });
}

/// F17: a member that starts between the plan and the effect is seen by the guard of the step.
#[test]
fn a_guard_is_checked_just_before_the_effect() {
    run(async {
        let (world, plan) = restore(|_| {});
        let stopped = on(3, 3);
        world.at(Moment::Ends(stopped), |model| {
            let services = &mut model.hosts.get_mut(&host(2)).unwrap().services;
            services.get_mut("etcd").unwrap().running = true;
        });
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let RunEnd::Failed { reason } = &done.end else {
            panic!("{:?}", done.end)
        };
        assert!(
            reason.starts_with("`all-stopped(members)`: `etcd` still runs on `etcd2`"),
            "{reason}"
        );
        assert!(
            world.model().log.iter().all(|e| e.step < 4),
            "nothing was moved"
        );
    });
}
