//! A run on a stage: what is written happens at its moment, and only there.

use std::collections::BTreeSet;

use runbook_model::event::{Event, RunEnd};
use runbook_model::host::HostName;
use runbook_model::plan::{OnFailure, Plan, Strategy};
use runbook_sim::stage::{Act, Cue, Ending, Played, Plight, Setting, Side, differences, play};
use runbook_sim::{Fault, Model, SimWorld, run};

use crate::plans::{RUN, cluster, host, restart_plan, specs};

fn at(side: Side, step: usize) -> Cue {
    Cue { side, step }
}

fn befall(number: usize, plight: Plight, at: Option<Cue>) -> Act {
    Act::Befall {
        hosts: vec![host(number)],
        plight,
        at,
    }
}

fn restart() -> Plan {
    restart_plan(&specs(3), Strategy::Rolling { batch: 1 })
}

/// Plays acts over a rolling restart of three members: what came, and the world afterwards.
fn played(acts: &[Act]) -> (Played, Model) {
    run(async {
        let world = SimWorld::new(cluster(3));
        let played = play(&world, &restart(), acts).await;
        (played, world.model())
    })
}

#[test]
fn without_acts_a_run_is_a_run() {
    let (played, model) = played(&[]);
    assert_eq!(played.ending, Ending::Run(RunEnd::Done { changed: true }));
    assert!(model.hosts.values().all(|h| h.services["etcd"].starts == 2));
}

#[test]
fn a_process_is_killed_where_it_is_written() {
    for (side, kept) in [(Side::Before, 0), (Side::In, 1), (Side::After, 3)] {
        let (played, _) = played(&[Act::Kill(at(side, 1))]);
        assert_eq!((played.ending, &played.met), (Ending::Killed, &vec![true]));
        let intended = |event: &Event| matches!(event, Event::WorkIntended { .. });
        let begun = played.records.iter().filter(|r| intended(&r.event)).count();
        assert_eq!(begun, kept, "{side:?}");
    }
}

#[test]
fn who_resumes_does_nothing_twice() {
    let (played, model) = played(&[Act::Kill(at(Side::In, 1)), Act::Resume]);
    assert_eq!(played.ending, Ending::Run(RunEnd::Done { changed: true }));
    assert!(model.hosts.values().all(|h| h.services["etcd"].starts == 2));
}

#[test]
fn what_never_comes_is_said() {
    let lost = Act::Order {
        host: host(9),
        step: 1,
        fault: Fault::LostDuring,
    };
    let acts = [
        lost,
        befall(2, Plight::Down, Some(at(Side::After, 7))),
        befall(2, Plight::Down, Some(at(Side::After, 1))),
    ];
    let (played, model) = played(&acts);
    assert_eq!(played.met, [false, false, true]);
    assert!(!model.hosts[&host(2)].services["etcd"].running);
}

#[test]
fn a_host_dies_with_its_work_in_its_hands_and_is_back() {
    let dies = befall(2, Plight::Dead, Some(at(Side::In, 1)));
    let (first, _) = played(std::slice::from_ref(&dies));
    assert!(matches!(first.ending, Ending::Run(RunEnd::Unknown { .. })));
    let acts = [
        dies,
        befall(2, Plight::Back, None),
        Act::Resume,
        Act::Resume,
    ];
    let (second, _) = played(&acts);
    assert_eq!(second.ending, Ending::Run(RunEnd::Done { changed: true }));
    assert_eq!(second.met, [true; 4]);
}

#[test]
fn an_operator_cannot_go_on_with_what_is_over() {
    let (played, _) = played(&[Act::RollBack, Act::Resume]);
    assert!(matches!(played.ending, Ending::Refused(_)), "{played:?}");
}

#[test]
fn differences_are_those_that_the_run_made() {
    let before = cluster(3);
    let nobody = BTreeSet::new();
    assert_eq!(differences(&before, &before, &nobody), Vec::<String>::new());
    let mut after = before.clone();
    after.befall(&host(1), Plight::Down);
    after.hosts.get_mut(&host(2)).unwrap().files.clear();
    after.put(&host(2), "colour", "blue");
    let seen = differences(&before, &after, &BTreeSet::from([host(1)]));
    let about = |words: &str| seen.iter().any(|line| line.contains(words));
    assert!(about("etcd2: /etc/etcd/etcd.conf is gone"), "{seen:?}");
    assert!(about("the data in /var/lib/etcd is another"), "{seen:?}");
    assert!(!about("etcd1: etcd is"), "{seen:?}");
    let seen = differences(&before, &after, &nobody);
    assert!(
        seen.iter()
            .any(|line| line.contains("etcd1: etcd is stopped"))
    );
}

#[test]
fn a_setting_is_what_it_says() {
    let mut setting = Setting {
        members: specs(3),
        keys: Some(100),
        revision: Some(5_000),
        version: Some("3.4.23".to_owned()),
        learners: vec![host(3)],
        plights: vec![(host(2), Plight::Down)],
        ..Setting::default()
    };
    let model = setting.model();
    let data = model.running_member(&host(1)).unwrap();
    assert_eq!(data.store.revision, 5_000);
    assert_eq!(data.store.keys.len(), 100);
    assert_eq!(setting.at_the_snapshot().revision, 4_998);
    let learners: Vec<&str> = data
        .members
        .iter()
        .filter(|m| m.is_learner)
        .map(|m| m.name.as_str())
        .collect();
    assert_eq!(learners, ["etcd3"]);
    assert!(model.running_member(&host(2)).is_none());
    let etcd = model.hosts[&host(1)].services["etcd"]
        .etcd
        .as_ref()
        .unwrap();
    assert_eq!(etcd.version, "3.4.23");
    setting.full = true;
    setting.plights.clear();
    let mut model = setting.model();
    assert!(!model.put(&HostName::new("etcd1"), "one", "more"));
}

#[test]
fn a_failure_is_undone_where_the_plan_says_so() {
    let fails = Act::Order {
        host: host(1),
        step: 1,
        fault: Fault::Fails { action: 0 },
    };
    run(async {
        let world = SimWorld::new(cluster(3));
        let plan = Plan {
            on_failure: OnFailure::Rollback,
            ..restart()
        };
        let played = play(&world, &plan, &[fails]).await;
        assert_eq!(played.met, [true]);
        assert!(
            matches!(played.ending, Ending::Run(RunEnd::RolledBack { .. })),
            "{:?}",
            played.ending
        );
        let locks = world.model().hosts.into_values().map(|h| h.locks);
        assert!(locks.flatten().all(|(_, lock)| lock.run != RUN));
    });
}
