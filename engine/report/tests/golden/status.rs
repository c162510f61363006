use std::collections::BTreeMap;

use insta::assert_snapshot;
use runbook_model::cluster::{Alarm, ClusterView, Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::host::HostName;
use runbook_model::view::View;
use runbook_report::status::{table, to_json};
use runbook_report::style::Style;

use crate::support::{host, plan};

const NOW: i64 = 1_795_415_962;
const IDS: [u64; 3] = [
    0xb2bb_abf8_1eef_614c,
    0x18c7_27d4_c9f2_742b,
    0x3538_15ad_a22f_1138,
];

fn serving(n: usize) -> MemberStatus {
    MemberStatus {
        cluster_id: 0x35d2_d217_2164_7083,
        member_id: IDS[n],
        version: "3.5.16".to_owned(),
        leader: IDS[2],
        raft_term: 4,
        raft_index: 120_034,
        raft_applied_index: 120_034,
        db_size: 1_288_490_188,
        db_size_in_use: 805_306_368,
        revision: 98_112,
        members: Some(
            (0..3)
                .map(|n| member(IDS[n], &format!("etcd{}", n + 1)))
                .collect(),
        ),
        certificate_not_after: Some(NOW + 364 * 86_400 + 5),
        ..MemberStatus::default()
    }
}

fn as_inventory(name: &str) -> String {
    let members = plan("deploy").members;
    let own = members.values().find(|s| s.name == name);
    own.map_or_else(|| format!("https://{name}:2380"), |s| s.peer_url())
}

fn member(id: u64, name: &str) -> Member {
    Member {
        id,
        name: name.to_owned(),
        peer_urls: vec![as_inventory(name)],
        client_urls: vec![],
        is_learner: false,
    }
}

fn view(change: impl Fn(usize, &mut MemberStatus)) -> View {
    let members: BTreeMap<HostName, MemberProbe> = (0..3)
        .map(|n| {
            let mut status = serving(n);
            change(n, &mut status);
            (
                host(&format!("etcd{}", n + 1)),
                MemberProbe::Serving(Box::new(status)),
            )
        })
        .collect();
    View {
        specs: plan("deploy").members,
        cluster: ClusterView { members },
        now: NOW,
        ..View::default()
    }
}

fn down(view: &mut View, name: &str, cause: SilentCause, detail: &str) {
    let detail = detail.to_owned();
    view.cluster
        .members
        .insert(host(name), MemberProbe::Silent { cause, detail });
}

fn shown(view: &View) -> String {
    table(view, Style::PLAIN)
}

#[test]
fn healthy() {
    let view = view(|_, _| {});
    assert_snapshot!(shown(&view));
    assert_snapshot!("healthy_json", format!("{:#}", to_json(&view)));
}

#[test]
fn one_down() {
    let mut view = view(|_, _| {});
    down(
        &mut view,
        "etcd1",
        SilentCause::Refused,
        "connection refused",
    );
    assert_snapshot!(shown(&view));
    assert_snapshot!("one_down_json", format!("{:#}", to_json(&view)));
}

/// Three that answer and have a leader each are no quorum where they are not of one cluster.
#[test]
fn split() {
    let view = view(|n, s| s.cluster_id = n as u64);
    assert!(shown(&view).contains("members belong to DIFFERENT clusters: 0, 1, 2;"));
    assert_eq!(to_json(&view)["quorum"]["holds"], false);
}

#[test]
fn no_quorum() {
    let mut view = view(|_, s| {
        s.leader = 0;
        s.members = None;
    });
    down(
        &mut view,
        "etcd1",
        SilentCause::Refused,
        "connection refused",
    );
    down(
        &mut view,
        "etcd2",
        SilentCause::HostUnreachable,
        "no answer from 192.0.2.12 within 5 s",
    );
    assert_snapshot!(shown(&view));
}

#[test]
fn nothing_runs() {
    let mut view = view(|_, _| {});
    for name in ["etcd1", "etcd2", "etcd3"] {
        down(&mut view, name, SilentCause::Refused, "connection refused");
    }
    assert_snapshot!(shown(&view));
}

#[test]
fn two_clusters() {
    assert_snapshot!(shown(&view(|n, s| if n == 1 {
        s.cluster_id = 0x1111;
        s.leader = s.member_id;
        s.members = Some(vec![member(s.member_id, "etcd2")]);
        s.raft_term = 2;
    })));
}

#[test]
fn an_alarm_and_a_full_database() {
    assert_snapshot!(shown(&view(|_, s| {
        s.db_size = 2_147_483_648;
        s.alarms = vec![Alarm {
            member_id: IDS[0],
            kind: "NOSPACE".to_owned(),
        }];
        s.errors = vec!["NOSPACE".to_owned()];
    })));
}

#[test]
fn a_learner_behind() {
    assert_snapshot!(shown(&view(|n, s| {
        if n == 0 {
            s.is_learner = true;
            s.raft_applied_index = 100_000;
        }
        if let Some(all) = &mut s.members {
            all[0].is_learner = true;
        }
    })));
}

#[test]
fn certificates_that_end_soon() {
    assert_snapshot!(shown(&view(|n, s| {
        let days = [10, -2, 300][n];
        s.certificate_not_after = Some(NOW + days * 86_400);
    })));
}

#[test]
fn a_member_that_the_inventory_does_not_know() {
    assert_snapshot!(shown(&view(|_, s| {
        let mut all = s.members.take().unwrap_or_default();
        all.push(member(0xfeed, "etcd9"));
        all.push(member(0xbeef, ""));
        s.members = Some(all);
    })));
}

#[test]
fn a_host_that_the_cluster_does_not_know() {
    let mut view = view(|_, s| drop(s.members.as_mut().map(|m| m.remove(0))));
    let refused = "connection refused";
    down(&mut view, "etcd1", SilentCause::Refused, refused);
    assert_snapshot!(shown(&view));
}

#[test]
fn more_than_seven_members() {
    let mut view = view(|_, _| {});
    let all: Vec<_> = (1..=8).map(|n| member(n, &format!("etcd{n}"))).collect();
    for n in 1..=8 {
        let status = MemberStatus {
            member_id: n,
            leader: 1,
            members: Some(all.clone()),
            ..serving(0)
        };
        let name = host(&format!("etcd{n}"));
        let probe = MemberProbe::Serving(Box::new(status));
        view.cluster.members.insert(name, probe);
    }
    let words = shown(&view);
    let line = words.lines().find(|l| l.contains("members healthy"));
    assert_eq!(
        line,
        Some(
            "8 of 8 members healthy: quorum needs 5, 3 may fail; more than seven make every write slower and the cluster no safer"
        )
    );
}

#[test]
fn members_that_are_still_to_be_moved() {
    assert_snapshot!(shown(&view(|_, s| {
        for member in s.members.iter_mut().flatten().skip(1) {
            member.peer_urls = vec![as_inventory(&member.name).replace("https:", "http:")];
        }
    })));
}
