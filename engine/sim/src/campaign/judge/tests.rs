//! Each rule sees what breaks it, and nothing else does.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook_model::event::RunEnd;
use runbook_model::facts::LockFacts;
use runbook_model::plan::{OnFailure, PLAN_VERSION, Plan};
use runbook_model::quorum::Quorum;

use super::{Rule, judge};
use crate::campaign::Start;
use crate::campaign::drive::{End, Story, drive};
use crate::campaign::schedule::Schedule;
use crate::cluster::Store;
use crate::model::{Doing, Effect, Model, QuorumLoss};
use crate::setup::member_spec;

const CALM: Schedule = Schedule {
    id: 0,
    start: 0,
    strikes: Vec::new(),
    rolls_back: false,
    leaves: true,
};

/// Three members, and a plan that does nothing with them.
fn start() -> Start {
    let specs: BTreeMap<_, _> = (1..=3)
        .map(member_spec)
        .map(|s| (s.host.clone(), s))
        .collect();
    let mut store = Store::empty();
    store.put("colour", "green");
    Start {
        name: "a healthy cluster".to_owned(),
        model: Model::formed(&specs, &store),
        plan: Arc::new(Plan {
            version: PLAN_VERSION,
            tool: String::new(),
            run: "r1".to_owned(),
            runbook: "idle".to_owned(),
            about: String::new(),
            sources: Vec::new(),
            cluster: "prod".to_owned(),
            parameters: Vec::new(),
            targets: BTreeMap::new(),
            members: specs,
            quorum_before: Quorum {
                voters: 3,
                healthy: 3,
            },
            converged: None,
            requires: Vec::new(),
            items: Vec::new(),
            on_failure: OnFailure::Rollback,
            warnings: Vec::new(),
        }),
    }
}

/// The rules that are broken once a good story is changed.
fn broken(change: impl FnOnce(&mut Story)) -> Vec<Rule> {
    let start = start();
    let mut story = drive(&start, &CALM);
    change(&mut story);
    let breaches = judge(&start, &CALM, &story);
    breaches.into_iter().map(|b| b.rule).collect()
}

fn effect(attempt: u32, boot: u32) -> Effect {
    Effect {
        host: member_spec(1).host,
        step: 1,
        attempt,
        undo: false,
        action: 0,
        changed: true,
        boot,
    }
}

#[test]
fn a_good_story_breaks_no_rule() {
    assert_eq!(broken(|_| {}), []);
}

#[test]
fn an_order_is_carried_out_once() {
    let twice = |story: &mut Story| story.model.log = vec![effect(1, 1), effect(1, 1)];
    assert_eq!(broken(twice), [Rule::Twice]);
}

#[test]
fn a_change_is_made_again_only_where_its_host_restarted() {
    let again =
        |boot| move |story: &mut Story| story.model.log = vec![effect(1, 1), effect(2, boot)];
    assert_eq!(broken(again(1)), [Rule::Twice]);
    assert_eq!(broken(again(2)), []);
}

#[test]
fn a_write_that_was_acknowledged_is_there() {
    let lost = |story: &mut Story| {
        for host in story.model.hosts.values_mut() {
            for dir in host.data.values_mut() {
                dir.member.as_mut().unwrap().store.keys.clear();
            }
        }
    };
    assert_eq!(broken(lost), [Rule::Writes]);
    // One member that lags behind loses nothing.
    let lags = |story: &mut Story| {
        let host = story.model.hosts.get_mut(&member_spec(3).host).unwrap();
        let data = host.data.get_mut("/var/lib/etcd").unwrap();
        data.member.as_mut().unwrap().store = Store::empty();
    };
    assert_eq!(broken(lags), []);
}

#[test]
fn quorum_is_lost_by_the_run_only_where_it_could_know() {
    let loss = |unforeseen, by: bool| {
        move |story: &mut Story| {
            let cluster = story
                .model
                .running_member(&member_spec(1).host)
                .unwrap()
                .cluster_id;
            let doing = Doing {
                host: member_spec(1).host,
                step: 1,
                undo: false,
                since_ms: 0,
            };
            story.model.quorum_losses.push(QuorumLoss {
                cluster,
                by: by.then_some(doing),
                unforeseen,
            });
        }
    };
    assert_eq!(broken(loss(false, true)), [Rule::Quorum]);
    assert_eq!(broken(loss(true, true)), [], "a fault came after its look");
    assert_eq!(broken(loss(false, false)), [], "a fault did it");
}

#[test]
fn a_run_that_is_over_holds_no_lock() {
    let held = |story: &mut Story| {
        let lock = LockFacts {
            run: "r1".to_owned(),
            holder: String::new(),
            since: String::new(),
        };
        let host = story.model.hosts.get_mut(&member_spec(2).host).unwrap();
        host.locks.insert("prod".to_owned(), lock);
    };
    assert_eq!(broken(held), [Rule::Locks]);
}

#[test]
fn a_run_ends() {
    let never = |story: &mut Story| story.end = End::Never(None);
    assert_eq!(broken(never), [Rule::End]);
    let stuck = |story: &mut Story| {
        story.end = End::Run(RunEnd::Stuck {
            reason: String::new(),
        });
    };
    assert!(broken(stuck).contains(&Rule::End));
}

#[test]
fn what_ended_before_any_change_changed_nothing() {
    let changed = |story: &mut Story| {
        story.end = End::Run(RunEnd::Refused {
            reason: String::new(),
        });
        let host = story.model.hosts.get_mut(&member_spec(2).host).unwrap();
        host.files.remove("/etc/etcd/etcd.conf");
    };
    assert_eq!(broken(changed), [Rule::Outcome]);
}

#[test]
fn done_means_that_what_was_ensured_holds() {
    let against = |story: &mut Story| story.against.push("`cluster-healthy(members)`".to_owned());
    assert_eq!(broken(against), [Rule::Outcome]);
}

#[test]
fn a_second_cluster_is_the_gravest() {
    let second = |story: &mut Story| {
        story.model.violations.push("a second one".to_owned());
        story.end = End::Never(None);
    };
    assert_eq!(broken(second), [Rule::SecondCluster, Rule::End]);
}
