//! What hosts have and reach.

use std::collections::BTreeMap;

use runbook_model::cluster::MemberProbe;
use runbook_model::facts::{Connect, Listener};
use runbook_model::guard::{Guard, Verdict, evaluate, needs};
use runbook_model::view::View;

use crate::support::*;

#[test]
fn reachable() {
    let guard = Guard::Reachable { hosts: all(3) };
    expect(&guard, &world(3), "holds", "3 of 3");
    expect(
        &guard,
        &three(|v| cut(v, 2)),
        "violated",
        "`etcd2` is unreachable: no route to host",
    );
    expect(
        &guard,
        &three(|v| drop(v.hosts.remove(&host(3)))),
        "unknown",
        "`etcd3` was not asked",
    );
}

#[test]
fn disk_free() {
    let guard = |bytes| Guard::DiskFree {
        hosts: all(3),
        bytes,
        path: None,
    };
    expect(&guard(1 << 29), &world(3), "holds", "at least 1.0 GiB free");
    expect(&guard(1 << 31), &world(3), "violated", "2.0 GiB are needed");
    expect(
        &guard(1),
        &three(|v| facts(v, 1).disks.clear()),
        "unknown",
        "etcd1",
    );
}

#[test]
fn ports_free() {
    let guard = Guard::PortsFree { members: all(3) };
    expect(&guard, &three(all_down), "holds", "3 of 3");
    expect(&guard, &world(3), "holds", "3 of 3");
    let taken = three(|v| {
        drop(facts(v, 1).ports.insert(
            2379,
            Some(Listener {
                command: "nc".into(),
                pid: 5,
            }),
        ))
    });
    expect(
        &guard,
        &taken,
        "violated",
        "port 2379 of `etcd1` is taken by `nc` (pid 5)",
    );
    expect(
        &guard,
        &three(|v| facts(v, 1).ports.clear()),
        "unknown",
        "was not looked at",
    );
}

#[test]
fn clocks_agree() {
    let guard = Guard::ClocksAgree { hosts: all(3) };
    expect(&guard, &world(3), "holds", "20 ms apart");
    expect(
        &guard,
        &three(|v| facts(v, 2).clock_offset_ms = -3_600_000),
        "violated",
        "-3600000 ms off",
    );
    let apart = three(|v| {
        facts(v, 1).clock_offset_ms = 800;
        facts(v, 2).clock_offset_ms = -800;
    });
    expect(&guard, &apart, "violated", "1600 ms apart");
    expect(&guard, &three(|v| cut(v, 2)), "unknown", "unreachable");
}

#[test]
fn tools_present() {
    let guard = Guard::ToolsPresent {
        members: all(3),
        tools: vec!["etcd".into(), "etcdctl".into()],
    };
    expect(&guard, &world(3), "holds", "3 of 3");
    expect(
        &guard,
        &three(|v| facts(v, 2).tools.clear()),
        "violated",
        "`etcd2` lacks `etcd`, `etcdctl`",
    );
    expect(&guard, &three(|v| cut(v, 2)), "unknown", "unreachable");
}

#[test]
fn certificates_valid() {
    let guard = |days: u64| Guard::CertsValid {
        members: all(3),
        within_s: days * 86_400,
    };
    expect(&guard(30), &world(3), "holds", "3 of 3");
    expect(&guard(91), &world(3), "violated", "ends in 90 days");
    expect(&guard(30), &three(|v| cut(v, 1)), "unknown", "silent");
}

#[test]
fn certificates_served() {
    let guard = Guard::CertificatesServed { members: all(3) };
    let with = |served: Option<&str>, issued: Option<&str>| {
        three(|v| {
            for probe in v.cluster.members.values_mut() {
                if let MemberProbe::Serving(status) = probe {
                    status.certificate_serial = served.map(str::to_owned);
                    status.certificate_issued = issued.map(str::to_owned);
                }
            }
        })
    };
    expect(&guard, &with(Some("0a"), Some("0a")), "holds", "3 of 3");
    let other = with(Some("0a"), Some("0b"));
    expect(
        &guard,
        &other,
        "violated",
        "serves the certificate 0a, not 0b",
    );
    expect(
        &guard,
        &with(Some("0a"), None),
        "unknown",
        "no certificate of",
    );
    expect(&guard, &with(None, Some("0a")), "unknown", "was not seen");
    expect(&guard, &three(|v| cut(v, 1)), "unknown", "silent");
}

/// Every path as `seen`, but for the one from a host to another.
fn paths(view: &mut View, seen: &Connect, (from, to, other): (usize, usize, Option<Connect>)) {
    for a in 1..=3 {
        let ends = (1..=3).filter(|b| *b != a);
        let ends = ends.map(|b| (format!("198.18.0.1{b}:2380"), seen.clone()));
        facts(view, a).endpoints = ends.collect();
    }
    let end = format!("198.18.0.1{to}:2380");
    let ends = &mut facts(view, from).endpoints;
    match other {
        Some(other) => ends.insert(end, other),
        None => ends.remove(&end),
    };
}

#[test]
fn peers_reachable() {
    let guard = Guard::PeersReachable { members: all(3) };
    let with = |other| three(|v| paths(v, &Connect::Refused, (1, 3, other)));
    expect(
        &guard,
        &with(Some(Connect::Accepted)),
        "holds",
        "6 of 6 paths between the hosts are open, 5 to ports on which nothing listens",
    );
    let accepted = three(|v| paths(v, &Connect::Accepted, (1, 3, Some(Connect::Accepted))));
    expect(
        &guard,
        &accepted,
        "holds",
        "6 of 6 paths between the hosts are open",
    );
    let silent = with(Some(Connect::Silent { limit_s: 2 }));
    expect(
        &guard,
        &silent,
        "violated",
        "from `etcd1` to `etcd3` at 198.18.0.13:2380: no answer within 2 s",
    );
    let Verdict::Violated { help, observed } = evaluate(&guard, &silent) else {
        panic!("it is not refused");
    };
    // That path, and no other one.
    assert_eq!(observed.matches("from ").count(), 1, "{observed}");
    assert_eq!(
        help.unwrap(),
        "let through, in firewalls and routes: TCP to 198.18.0.13:2380 on `etcd3` from `etcd1`"
    );
    let why = "No route to host".to_owned();
    expect(
        &guard,
        &with(Some(Connect::Failed { why })),
        "violated",
        "13:2380: No route to host",
    );
    expect(
        &guard,
        &with(Some(Connect::Rejected)),
        "violated",
        "a firewall rejects",
    );
    let why = "it has no `bash`".to_owned();
    expect(
        &guard,
        &with(Some(Connect::NotTried { why })),
        "unknown",
        "it has no `bash`",
    );
    expect(&guard, &with(None), "unknown", "it was not tried");
    let mut lost = accepted;
    cut(&mut lost, 2);
    expect(&guard, &lost, "unknown", "unreachable");
    let alone = Guard::PeersReachable { members: all(1) };
    expect(&alone, &world(1), "holds", "no other host");
}

/// One connection to each other peer port, and nothing else but who is asked.
#[test]
fn each_path_is_asked_for_once() {
    let guard = Guard::PeersReachable { members: all(3) };
    let asked = needs(&guard, &three(|_| ()).specs);
    let ends: Vec<_> = asked.hosts[&host(2)]
        .endpoints
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ends, ["198.18.0.11:2380", "198.18.0.13:2380"]);
    assert!(asked.members.is_empty() && asked.snapshots.is_empty());
    let mut six = spec(1);
    six.address = "fd00::1".to_owned();
    let specs = BTreeMap::from([(host(1), six), (host(2), spec(2))]);
    let asked = needs(&Guard::PeersReachable { members: all(2) }, &specs);
    assert_eq!(
        asked.hosts[&host(2)].endpoints[0].to_string(),
        "[fd00::1]:2380"
    );
}
