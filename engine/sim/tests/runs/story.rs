//! Runs in which nothing goes wrong, and guards that refuse.

use std::sync::Arc;

use runbook_model::event::{Event, RunEnd, StepEnd};
use runbook_model::plan::{Change, OnFailure, PlanItem};
use runbook_run::{HostStatus, RunState, execute};
use runbook_sim::{MemoryJournal, Model, SimWorld, run};

use super::plans::*;
use super::restore::restore_plan;

#[test]
fn a_restore_replaces_the_cluster_and_keeps_the_old_data() {
    run(async {
        let specs = specs(3);
        let before = cluster(3);
        let world = SimWorld::new(before.clone());
        let journal = MemoryJournal::new();
        let done = go(&world, &journal, &restore_plan(&specs, &before))
            .await
            .unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        let after = world.model();
        nothing_twice(&after);
        no_locks(&after);
        assert_eq!(after.violations, Vec::<String>::new());
        for name in specs.keys() {
            let (old, new) = (
                before.running_member(name).unwrap(),
                after.running_member(name).unwrap(),
            );
            assert_ne!(old.cluster_id, new.cluster_id);
            assert_eq!(new.store.keys["colour"], "green");
            assert_eq!(new.store.revision, 1_002);
            let aside = &after.hosts[name].data["/var/lib/etcd.r1"];
            assert_eq!(aside.member.as_ref(), Some(old));
        }
        // Followers stop before the leader.
        let stops: Vec<_> = after
            .log
            .iter()
            .filter(|e| e.step == 3)
            .map(|e| &e.host)
            .collect();
        assert_eq!(stops[2], &before.leaders.values().next().unwrap().clone());
        assert_eq!(RunState::fold(&journal.records()), done.state);
        assert!(
            done.state
                .standing()
                .iter()
                .all(|(_, _, s)| matches!(s, HostStatus::Done { .. }))
        );
    });
}

#[test]
fn a_bootstrap_forms_one_cluster() {
    run(async {
        let specs = specs(3);
        let world = SimWorld::new(Model::bare(&specs));
        let done = go(&world, &MemoryJournal::new(), &deploy_plan(&specs))
            .await
            .unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        let after = world.model();
        assert_eq!(after.leaders.len(), 1);
        assert_eq!(
            done.state.quorum.map(|q| (q.voters, q.healthy)),
            Some((3, 3))
        );
        let hosts = specs.keys();
        assert!(hosts.into_iter().all(|h| after.running_member(h).is_some()));
    });
}

#[test]
fn what_is_so_already_is_not_sent() {
    run(async {
        let specs = specs(3);
        let before = cluster(3);
        let world = SimWorld::new(before.clone());
        let mut plan = restart_plan(&specs, runbook_model::plan::Strategy::Parallel);
        let PlanItem::Step(step) = &mut plan.items[0] else {
            unreachable!()
        };
        for action in step.work.iter_mut().flat_map(|w| &mut w.actions) {
            action.change = Change::None {
                found: "running".to_owned(),
            };
        }
        let journal = MemoryJournal::new();
        let done = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: false });
        assert!(world.model().log.is_empty());
        let unchanged = Event::StepEnded {
            step: 1,
            end: StepEnd::Unchanged,
        };
        assert!(journal.records().iter().any(|r| r.event == unchanged));
        assert_eq!(world.model().image(), before.image());
    });
}

#[test]
fn a_refused_snapshot_stops_the_run_before_any_change() {
    run(async {
        let specs = specs(3);
        let mut before = cluster(3);
        let plan = restore_plan(&specs, &before);
        before.control.get_mut(SNAPSHOT).unwrap().refused =
            vec!["the trailing SHA-256 differs".to_owned()];
        let world = SimWorld::new(before.clone());
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let RunEnd::Refused { reason } = done.end else {
            panic!("{:?}", done.end)
        };
        assert_eq!(
            reason,
            "`snapshot-verified(snapshot)`: `backup.db`: the trailing SHA-256 differs"
        );
        assert_eq!(world.model().image(), before.image());
    });
}

#[test]
fn an_override_lets_pass_and_is_recorded() {
    run(async {
        let specs = specs(3);
        let before = cluster(3);
        let mut plan = restore_plan(&specs, &before);
        let lost = runbook_model::guard::Guard::QuorumLost {
            members: members(&specs),
        };
        plan.requires
            .push(guard("quorum-lost(members)", lost, None));
        let world = SimWorld::new(before);
        let refused = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(refused.end.exit_code(), 3, "{:?}", refused.end);
        plan.requires[2].overridden = Some("drill".to_owned());
        let journal = MemoryJournal::new();
        let done = go(&world, &journal, &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        let drill = |e: &Event| matches!(e, Event::GuardChecked { overridden: Some(why), .. } if why == "drill");
        assert!(journal.records().iter().any(|r| drill(&r.event)));
    });
}

#[test]
fn an_operator_who_says_no_changes_nothing_that_stays() {
    run(async {
        let specs = specs(3);
        let before = cluster(3);
        let world = SimWorld::new(before.clone());
        let mut options = desk().options;
        options.confirm = Arc::new(|_| false);
        let plan = restore_plan(&specs, &before);
        let journal = Box::new(MemoryJournal::new());
        let done = execute(Arc::new(world.clone()), journal, plan, options)
            .await
            .unwrap();
        assert_eq!(
            done.end.exit_code(),
            5,
            "the pushed snapshot is taken back: {:?}",
            done.end
        );
        as_before(&world.model(), &before);
    });
}

#[test]
fn a_condition_that_does_not_come_true_ends_the_run_in_time() {
    run(async {
        let specs = specs(3);
        let mut before = cluster(3);
        before.hosts.get_mut(&host(3)).unwrap().isolated = true;
        let world = SimWorld::new(before);
        let mut plan = restart_plan(&specs, runbook_model::plan::Strategy::Rolling { batch: 1 });
        plan.on_failure = OnFailure::Pause;
        let PlanItem::Step(step) = &mut plan.items[0] else {
            unreachable!()
        };
        step.work.truncate(1);
        let started = tokio::time::Instant::now();
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let RunEnd::Failed { reason } = done.end else {
            panic!("{:?}", done.end)
        };
        assert!(
            reason.contains("`cluster-healthy(members)`") && reason.ends_with("still after 60 s"),
            "{reason}"
        );
        assert!(started.elapsed().as_secs() < 70);
    });
}

/// What reporters see: every action as it begins, between its order's intent and its end.
#[test]
fn live_events_tell_what_happens_in_order() {
    run(async {
        let specs = specs(1);
        let world = SimWorld::new(Model::bare(&specs));
        let mut desk = desk();
        let ledger = Box::new(MemoryJournal::new());
        let plan = deploy_plan(&specs);
        execute(Arc::new(world), ledger, plan, desk.options)
            .await
            .unwrap();
        let mut seen = Vec::new();
        while let Some((_, event)) = desk.events.recv().await {
            seen.push(match event {
                Event::WorkIntended { step, .. } => format!("intended {step}"),
                Event::ActionStarted { step, action, .. } => format!("action {step}.{action}"),
                Event::WorkEnded { step, .. } => format!("ended {step}"),
                Event::StepStarted { step } => format!("step {step}"),
                Event::StepEnded { step, .. } => format!("over {step}"),
                _ => continue,
            });
        }
        let wanted = [
            "step 1",
            "intended 1",
            "action 1.0",
            "action 1.1",
            "ended 1",
            "over 1",
            "step 2",
            "intended 2",
            "action 2.0",
            "ended 2",
            "over 2",
        ];
        assert_eq!(seen, wanted);
    });
}

/// The same restore again: the plan found it so already, and its guards (quorum lost) are not asked.
#[test]
fn a_converged_plan_touches_nothing() {
    run(async {
        let specs = specs(3);
        let before = cluster(3);
        let world = SimWorld::new(before.clone());
        let mut plan = restore_plan(&specs, &before);
        plan.items.clear();
        plan.converged = Some("restored from this snapshot".to_owned());
        let lost = runbook_model::guard::Guard::QuorumLost {
            members: members(&specs),
        };
        plan.requires
            .push(guard("quorum-lost(members)", lost, None));
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: false });
        assert_eq!(world.model().image(), before.image());
    });
}
