//! The order of hosts within a step, over many states of a cluster.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use runbook_model::cluster::{ClusterView, Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::plan::{OnUnreachable, Place, PlanStep, Strategy as Order};
use runbook_model::quorum::{Quorum, quorum};
use runbook_model::view::View;
use runbook_run::{Batch, choose};

/// What one member is in truth, and how much of it is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Healthy,
    /// Serves its peers, but not us.
    HealthyUnseen,
    /// Answers, and knows no leader.
    Leaderless,
    Down,
    /// Its host does not answer; it is down.
    Gone,
}

fn name(index: usize) -> HostName {
    HostName::new(format!("etcd{index}"))
}

fn spec(index: usize) -> MemberSpec {
    let member = serde_json::json!({
        "host": name(index), "name": name(index), "cluster": "prod", "address": format!("10.0.0.{index}"),
        "scheme": "https", "client_port": 2379, "peer_port": 2380, "data_dir": "/var/lib/etcd",
        "pki_dir": "/etc/etcd/pki", "config": "/etc/etcd/etcd.conf", "unit": "etcd", "manager": "systemd",
        "bin_dir": null, "user": "etcd", "install": {"from": "present"}, "quota_bytes": null, "extra": [],
        "control_pki_dir": "pki",
    });
    serde_json::from_value(member).unwrap()
}

fn view(members: &[Is], leader: usize) -> View {
    let list: Vec<_> = (0..members.len())
        .map(|i| Member {
            id: i as u64 + 1,
            name: name(i).to_string(),
            peer_urls: vec![],
            client_urls: vec![],
            is_learner: false,
        })
        .collect();
    let probe = |(index, is): (usize, &Is)| {
        let silent = |cause| MemberProbe::Silent {
            cause,
            detail: String::new(),
        };
        let serving = |leader| {
            MemberProbe::Serving(Box::new(MemberStatus {
                member_id: index as u64 + 1,
                leader,
                members: Some(list.clone()),
                ..MemberStatus::default()
            }))
        };
        let probe = match is {
            Is::Healthy => serving(leader as u64 + 1),
            Is::Leaderless => serving(0),
            Is::Down => silent(SilentCause::Refused),
            Is::HealthyUnseen | Is::Gone => silent(SilentCause::Timeout),
        };
        (name(index), probe)
    };
    View {
        specs: (0..members.len()).map(|i| (name(i), spec(i))).collect(),
        cluster: ClusterView {
            members: members
                .iter()
                .enumerate()
                .map(probe)
                .collect::<BTreeMap<_, _>>(),
        },
        ..View::default()
    }
}

fn step(strategy: Order, leader_last: bool) -> PlanStep {
    PlanStep {
        number: 1,
        title: "Restart".to_owned(),
        place: Place::default(),
        strategy,
        leader_last,
        timeout_ms: 60_000,
        retries: 0,
        retry_pause_ms: 0,
        on_unreachable: OnUnreachable::Fail,
        requires: vec![],
        ensures: vec![],
        work: vec![],
        skipped: None,
        quorum_after: Quorum {
            voters: 3,
            healthy: 3,
        },
    }
}

fn cluster() -> impl Strategy<Value = (Vec<Is>, usize, Vec<bool>)> {
    let is = prop_oneof![
        4 => Just(Is::Healthy),
        1 => Just(Is::HealthyUnseen),
        1 => Just(Is::Leaderless),
        1 => Just(Is::Down),
        1 => Just(Is::Gone),
    ];
    (1usize..8).prop_flat_map(move |n| {
        (
            prop::collection::vec(is.clone(), n),
            0..n,
            prop::collection::vec(any::<bool>(), n),
        )
    })
}

fn truly_healthy(members: &[Is], without: &[HostName]) -> usize {
    members
        .iter()
        .enumerate()
        .filter(|(i, is)| {
            matches!(is, Is::Healthy | Is::HealthyUnseen) && !without.contains(&name(*i))
        })
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// A cluster that has quorum in truth has it still when the whole batch is down.
    #[test]
    fn a_quorum_safe_batch_never_takes_quorum((members, leader, wanted) in cluster(), last in any::<bool>()) {
        let pending: Vec<_> = (0..members.len()).filter(|i| wanted[*i]).map(name).collect();
        let chosen = choose(&step(Order::RollingQuorumSafe, last), &pending, &view(&members, leader));
        let need = quorum(members.len());
        if let Batch::Hosts(hosts) = chosen && truly_healthy(&members, &[]) >= need {
            prop_assert!(truly_healthy(&members, &hosts) >= need, "{hosts:?} of {members:?}");
        }
    }

    /// With a spare voter in sight something can always be begun: the step cannot hang for no reason.
    #[test]
    fn a_quorum_safe_step_goes_on_where_it_may((members, leader, wanted) in cluster()) {
        let pending: Vec<_> = (0..members.len()).filter(|i| wanted[*i]).map(name).collect();
        let seen = members.iter().filter(|is| **is == Is::Healthy).count();
        if seen > quorum(members.len()) && !pending.is_empty() {
            let chosen = choose(&step(Order::RollingQuorumSafe, false), &pending, &view(&members, leader));
            prop_assert!(matches!(chosen, Batch::Hosts(hosts) if !hosts.is_empty()));
        }
    }

    /// The leader is never in a batch while a follower of the step is left.
    #[test]
    fn the_leader_goes_last((members, leader, wanted) in cluster(), n in 1usize..4) {
        let pending: Vec<_> = (0..members.len()).filter(|i| wanted[*i]).map(name).collect();
        let view = view(&members, leader);
        let leads = members[leader] == Is::Healthy && pending.contains(&name(leader));
        for order in [Order::Parallel, Order::Rolling { batch: n }, Order::RollingQuorumSafe] {
            if let Batch::Hosts(hosts) = choose(&step(order, true), &pending, &view) && leads && pending.len() > 1 {
                prop_assert!(!hosts.contains(&name(leader)), "{order:?}: {hosts:?}");
            }
        }
    }
}

#[test]
fn five_healthy_members_go_two_at_a_time_and_the_down_one_first() {
    let all: Vec<_> = (0..5).map(name).collect();
    let quorum_safe = step(Order::RollingQuorumSafe, true);
    let mut members = [Is::Healthy; 5];
    let chosen = choose(&quorum_safe, &all, &view(&members, 0));
    assert_eq!(chosen, Batch::Hosts(vec![name(1), name(2)]));
    members[4] = Is::Down;
    let chosen = choose(&quorum_safe, &all, &view(&members, 0));
    assert_eq!(chosen, Batch::Hosts(vec![name(4), name(1)]));
    members[3] = Is::Down;
    let chosen = choose(&quorum_safe, &[name(0), name(1)], &view(&members, 0));
    assert!(matches!(chosen, Batch::Wait(_)), "{chosen:?}");
}
