//! Every guard holds, is violated and is unknown where it ought to be.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot build its case fails"
)]

use std::collections::BTreeMap;

use runbook_model::cluster::{Alarm, HashKv, Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::facts::{
    BlockDevice, Connect, DataDirFacts, DataDirOrigin, DiskFacts, EtcdProcess, EtcdServers,
    EtcdServersUntold, FsyncFacts, HostError, HostFacts, LinkFacts, Listener, ServiceFacts, Tool,
};
use runbook_model::guard::{Guard, Verdict, evaluate, needs};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::quorum::{fault_tolerance, quorum};
use runbook_model::sizing::SizeClass;
use runbook_model::view::{SnapshotFacts, View};

const CLUSTER: u64 = 0xc1;
const DATA: &str = "/var/lib/etcd";

fn host(n: usize) -> HostName {
    HostName::new(format!("etcd{n}"))
}

fn spec(n: usize) -> MemberSpec {
    serde_json::from_value(serde_json::json!({
        "host": host(n), "name": format!("etcd{n}"), "cluster": "etcd", "address": format!("198.18.0.1{n}"),
        "scheme": "https", "client_port": 2379, "peer_port": 2380, "data_dir": DATA, "pki_dir": "/etc/etcd/pki",
        "config": "/etc/etcd/etcd.conf", "unit": "etcd", "manager": "systemd", "bin_dir": null, "user": "etcd",
        "install": { "from": "present" }, "quota_bytes": null, "extra": [], "control_pki_dir": "pki"
    }))
    .unwrap()
}

/// A healthy cluster of `n` on `n` reached hosts; member 1 leads.
fn world(n: usize) -> View {
    let listed: Vec<Member> = (1..=n)
        .map(|i| Member {
            id: i as u64,
            name: format!("etcd{i}"),
            peer_urls: vec![format!("https://198.18.0.1{i}:2380")],
            client_urls: vec![],
            is_learner: false,
        })
        .collect();
    let mut view = View {
        now: 1_000_000,
        ..View::default()
    };
    for i in 1..=n {
        let status = MemberStatus {
            cluster_id: CLUSTER,
            member_id: i as u64,
            version: "3.5.16".into(),
            leader: 1,
            revision: 10,
            members: Some(listed.clone()),
            hash: Some(HashKv {
                hash: 7,
                revision: 10,
                compact_revision: -1,
            }),
            certificate_not_after: Some(1_000_000 + 90 * 86_400),
            ..MemberStatus::default()
        };
        view.cluster
            .members
            .insert(host(i), MemberProbe::Serving(Box::new(status)));
        view.hosts.insert(host(i), Ok(running(i)));
        view.specs.insert(host(i), spec(i));
    }
    view.snapshots.insert("s.db".into(), snapshot());
    view
}

fn snapshot() -> SnapshotFacts {
    SnapshotFacts {
        size: 20_512,
        sha256: "ab".repeat(32),
        revision: 9,
        has_hash: true,
        ..SnapshotFacts::default()
    }
}

fn running(i: usize) -> HostFacts {
    let listener = Some(Listener {
        command: "etcd".into(),
        pid: 100,
    });
    HostFacts {
        user: "root".into(),
        services: BTreeMap::from([(
            "etcd".into(),
            ServiceFacts {
                exists: true,
                active: "active".into(),
                pid: 100,
                ..ServiceFacts::default()
            },
        )]),
        ports: BTreeMap::from([(2379, listener.clone()), (2380, listener)]),
        disks: BTreeMap::from([(
            DATA.into(),
            DiskFacts {
                available: 1 << 30,
                total: 1 << 31,
                mount: "/".into(),
            },
        )]),
        data_dirs: BTreeMap::from([(
            DATA.into(),
            DataDirFacts {
                exists: true,
                has_member: true,
                bytes: 9,
                origin: Some(DataDirOrigin {
                    run: "r1".into(),
                    snapshot_sha256: "ab".repeat(32),
                    token: "t".into(),
                    cluster_id: format!("{CLUSTER:x}"),
                    revision: 9,
                }),
                ..DataDirFacts::default()
            },
        )]),
        etcd_processes: vec![EtcdProcess {
            pid: 100,
            data_dir: Some(DATA.into()),
            settings: BTreeMap::new(),
        }],
        tools: vec![tool("etcd"), tool("etcdctl")],
        clock_offset_ms: 10 * i64::try_from(i).unwrap(),
        ..HostFacts::default()
    }
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.into(),
        path: format!("/usr/bin/{name}"),
        version: "3.5.16".into(),
        restore_bump: true,
        can_restore: name == "etcdctl",
    }
}

/// The host is reached; etcd is stopped and its data is there.
fn stop(view: &mut View, n: usize) {
    let facts = facts(view, n);
    facts.services.get_mut("etcd").unwrap().active = "inactive".into();
    facts
        .ports
        .values_mut()
        .for_each(|listener| *listener = None);
    facts.etcd_processes.clear();
    silence(view, n, SilentCause::Refused);
}

fn wipe(view: &mut View, n: usize) {
    stop(view, n);
    facts(view, n)
        .data_dirs
        .insert(DATA.into(), DataDirFacts::default());
}

fn silence(view: &mut View, n: usize, cause: SilentCause) {
    view.cluster.members.insert(
        host(n),
        MemberProbe::Silent {
            cause,
            detail: "gone".into(),
        },
    );
}

/// The host itself is out of reach, and its member with it.
fn cut(view: &mut View, n: usize) {
    let detail = "no route to host".to_owned();
    view.hosts.insert(
        host(n),
        Err(HostError::Unreachable {
            host: host(n),
            detail,
        }),
    );
    silence(view, n, SilentCause::HostUnreachable);
}

fn facts(view: &mut View, n: usize) -> &mut HostFacts {
    view.hosts.get_mut(&host(n)).unwrap().as_mut().unwrap()
}

fn status(view: &mut View, n: usize) -> &mut MemberStatus {
    match view.cluster.members.get_mut(&host(n)).unwrap() {
        MemberProbe::Serving(status) => status,
        MemberProbe::Silent { .. } => panic!("member {n} is silent"),
    }
}

fn all(n: usize) -> Vec<HostName> {
    (1..=n).map(host).collect()
}

/// The verdict's word and text.
fn said(guard: &Guard, view: &View) -> (&'static str, String) {
    let verdict = evaluate(guard, view);
    let word = match verdict {
        Verdict::Holds { .. } => "holds",
        Verdict::Violated { .. } => "violated",
        Verdict::Unknown { .. } => "unknown",
    };
    (word, verdict.text().to_owned())
}

/// Checks the word, and that the text names what it is about.
#[track_caller]
fn expect(guard: &Guard, view: &View, word: &str, text: &str) {
    let (got, why) = said(guard, view);
    assert_eq!(got, word, "{why}");
    assert!(why.contains(text), "`{why}` does not say `{text}`");
}

fn after(n: usize, change: impl FnOnce(&mut View)) -> View {
    let mut view = world(n);
    change(&mut view);
    view
}

fn three(change: impl FnOnce(&mut View)) -> View {
    after(3, change)
}

fn all_down(view: &mut View) {
    (1..=3).for_each(|n| stop(view, n));
}

#[test]
fn arithmetic_of_the_table() {
    for (n, needed, tolerated) in [
        (1, 1, 0),
        (2, 2, 0),
        (3, 2, 1),
        (4, 3, 1),
        (5, 3, 2),
        (7, 4, 3),
    ] {
        assert_eq!(
            (quorum(n), fault_tolerance(n)),
            (needed, tolerated),
            "{n} members"
        );
    }
}

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
fn quorum_safe() {
    let one = |n| Guard::QuorumSafe {
        members: all(3),
        stopping: vec![host(n)],
    };
    expect(&one(1), &world(3), "holds", "1 may stop");
    expect(
        &one(1),
        &three(|v| stop(v, 2)),
        "violated",
        "stopping `etcd1` would lose quorum",
    );
    // The one that is down already may be worked on.
    expect(
        &one(2),
        &three(|v| stop(v, 2)),
        "holds",
        "2 of 3 members healthy",
    );
    expect(
        &one(1),
        &three(all_down),
        "violated",
        "quorum is lost already",
    );
    let two = Guard::QuorumSafe {
        members: all(5),
        stopping: vec![host(1), host(2)],
    };
    expect(&two, &world(5), "holds", "2 may stop");
    expect(
        &two,
        &after(5, |v| cut(v, 5)),
        "violated",
        "would lose quorum",
    );
    expect(
        &one(1),
        &three(|v| status(v, 3).cluster_id = 9),
        "violated",
        "different clusters",
    );
}

/// Half of four is not quorum; learners and members that know no leader do not count.
#[test]
fn quorum_counts_voters_that_can_commit() {
    let four = Guard::QuorumSafe {
        members: all(4),
        stopping: vec![host(1)],
    };
    expect(&four, &after(4, |v| stop(v, 2)), "violated", "3 of 4");
    let three_left = Guard::QuorumSafe {
        members: all(3),
        stopping: vec![host(1)],
    };
    expect(
        &three_left,
        &three(|v| status(v, 2).leader = 0),
        "violated",
        "2 of 3",
    );
    let learner = three(|v| {
        for n in 1..=3 {
            status(v, n).members.as_mut().unwrap()[2].is_learner = true;
        }
        status(v, 3).is_learner = true;
    });
    expect(&three_left, &learner, "violated", "2 of 2");
}

#[test]
fn quorum_lost() {
    let guard = Guard::QuorumLost { members: all(3) };
    expect(&guard, &three(all_down), "holds", "0 of 3");
    expect(&guard, &world(3), "violated", "3 of 3");
    // Unreachable is not dead: behind a partition two may be well.
    let two_cut = three(|v| {
        cut(v, 1);
        cut(v, 2);
        status(v, 3).leader = 0;
    });
    expect(&guard, &two_cut, "unknown", "`etcd1`, `etcd2` may be alive");
    let hung = three(|v| {
        stop(v, 1);
        silence(v, 2, SilentCause::Timeout);
        silence(v, 3, SilentCause::Timeout);
    });
    expect(&guard, &hung, "unknown", "hung");
    let one_cut = three(|v| {
        stop(v, 1);
        stop(v, 2);
        cut(v, 3);
    });
    expect(&guard, &one_cut, "holds", "0 of 3");
    // The leader died a moment ago: the others elect a new one in a second.
    let electing = three(|v| {
        stop(v, 1);
        status(v, 2).leader = 0;
        status(v, 3).leader = 0;
    });
    expect(
        &guard,
        &electing,
        "unknown",
        "`etcd2`, `etcd3` may elect a leader",
    );
    // The one that is cut may be alive, and find the other before we find it.
    let with_one_cut = three(|v| {
        stop(v, 1);
        cut(v, 2);
        status(v, 3).leader = 0;
    });
    expect(
        &guard,
        &with_one_cut,
        "unknown",
        "`etcd2` may be alive behind a partition or hung; and `etcd3`",
    );
    let survivor = three(|v| {
        stop(v, 1);
        stop(v, 2);
        status(v, 3).leader = 0;
    });
    expect(&guard, &survivor, "holds", "0 of 3");
}

#[test]
fn snapshot_verified() {
    let guard = |sha256: Option<&str>| Guard::SnapshotVerified {
        path: "s.db".into(),
        sha256: sha256.map(Into::into),
    };
    expect(&guard(None), &world(3), "holds", "revision 9");
    expect(
        &guard(Some(&"AB".repeat(32))),
        &world(3),
        "holds",
        "revision 9",
    );
    expect(&guard(Some("00")), &world(3), "violated", "expected 00");
    let bad = three(|v| {
        v.snapshots
            .get_mut("s.db")
            .unwrap()
            .refused
            .push("page 3 is cut".into())
    });
    expect(&guard(None), &bad, "violated", "page 3 is cut");
    expect(
        &guard(None),
        &three(|v| v.snapshots.clear()),
        "unknown",
        "was not read",
    );
}

#[test]
fn snapshot_fits() {
    let guard = Guard::SnapshotFits {
        members: all(3),
        path: "s.db".into(),
    };
    expect(&guard, &world(3), "holds", "3 of 3");
    let newer = three(|v| v.snapshots.get_mut("s.db").unwrap().needs_version = Some("3.6".into()));
    expect(
        &guard,
        &newer,
        "violated",
        "written by etcd 3.6 or later, `etcd1` has 3.5.16",
    );
    expect(
        &guard,
        &three(|v| facts(v, 2).tools.retain(|t| !t.can_restore)),
        "violated",
        "`etcd2` has neither",
    );
    expect(&guard, &three(|v| cut(v, 2)), "unknown", "unreachable");
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
fn cluster_healthy() {
    let guard = Guard::ClusterHealthy { members: all(3) };
    expect(
        &guard,
        &world(3),
        "holds",
        "3 of 3 members healthy, one leader, cluster c1",
    );
    expect(
        &guard,
        &three(|v| stop(v, 2)),
        "violated",
        "`etcd2` is down",
    );
    expect(
        &guard,
        &three(|v| cut(v, 2)),
        "unknown",
        "`etcd2` is silent",
    );
    expect(
        &guard,
        &three(|v| status(v, 2).leader = 0),
        "violated",
        "knows no leader",
    );
    expect(
        &guard,
        &three(|v| status(v, 2).leader = 3),
        "unknown",
        "do not agree on the leader",
    );
    expect(
        &guard,
        &three(|v| status(v, 2).cluster_id = 9),
        "violated",
        "different clusters: 9, c1",
    );
    let alarm = Alarm {
        member_id: 2,
        kind: "NOSPACE".into(),
    };
    expect(
        &guard,
        &three(|v| status(v, 2).alarms.push(alarm)),
        "violated",
        "NOSPACE",
    );
    let renamed = three(|v| status(v, 1).members.as_mut().unwrap()[0].name = "other".into());
    expect(&guard, &renamed, "violated", "named `other`");
    let unstarted = three(|v| {
        let member = Member {
            id: 9,
            name: String::new(),
            peer_urls: vec![],
            client_urls: vec![],
            is_learner: false,
        };
        status(v, 1).members.as_mut().unwrap().push(member);
    });
    expect(&guard, &unstarted, "violated", "inventory does not know");
    expect(
        &guard,
        &three(|v| status(v, 3).members = None),
        "unknown",
        "does not tell its member list",
    );
}

#[test]
fn same_hash() {
    let guard = Guard::SameHash { members: all(3) };
    expect(&guard, &world(3), "holds", "00000007 at revision 10");
    expect(
        &guard,
        &three(|v| status(v, 2).hash.as_mut().unwrap().hash = 8),
        "violated",
        "`etcd2` 00000008",
    );
    expect(
        &guard,
        &three(|v| status(v, 2).hash.as_mut().unwrap().revision = 11),
        "unknown",
        "different revisions",
    );
    expect(
        &guard,
        &three(|v| status(v, 2).hash = None),
        "unknown",
        "gave no hash",
    );
    expect(
        &guard,
        &three(|v| stop(v, 2)),
        "violated",
        "`etcd2` is down",
    );
}

#[test]
fn all_stopped() {
    let guard = Guard::AllStopped { members: all(3) };
    expect(&guard, &three(all_down), "holds", "3 of 3 stopped");
    expect(
        &guard,
        &world(3),
        "violated",
        "`etcd` still runs on `etcd1`",
    );
    let stray = three(|v| {
        all_down(v);
        facts(v, 2).etcd_processes.push(EtcdProcess {
            pid: 7,
            data_dir: Some(DATA.into()),
            settings: BTreeMap::new(),
        });
    });
    expect(&guard, &stray, "violated", "pid 7");
    let neighbour = three(|v| {
        all_down(v);
        facts(v, 2).etcd_processes.push(EtcdProcess {
            pid: 7,
            data_dir: Some("/elsewhere".into()),
            settings: BTreeMap::new(),
        });
    });
    expect(&guard, &neighbour, "holds", "3 of 3");
    let hidden = three(|v| {
        all_down(v);
        facts(v, 2).etcd_processes.push(EtcdProcess {
            pid: 7,
            data_dir: None,
            settings: BTreeMap::new(),
        });
    });
    expect(&guard, &hidden, "unknown", "hides its data dir");
    let listening = three(|v| {
        all_down(v);
        facts(v, 3).ports.insert(
            2380,
            Some(Listener {
                command: "other".into(),
                pid: 3,
            }),
        );
    });
    expect(
        &guard,
        &listening,
        "violated",
        "`other` still listens on port 2380",
    );
    expect(&guard, &three(|v| cut(v, 1)), "violated", "etcd2");
    let gone = three(|v| {
        all_down(v);
        cut(v, 1);
    });
    expect(&guard, &gone, "unknown", "unreachable");
}

#[test]
fn data_dir_empty() {
    let guard = Guard::DataDirEmpty { members: all(3) };
    expect(
        &guard,
        &three(|v| (1..=3).for_each(|n| wipe(v, n))),
        "holds",
        "3 of 3",
    );
    let left = three(|v| {
        all_down(v);
        (1..=2).for_each(|n| wipe(v, n));
    });
    expect(&guard, &left, "violated", "`etcd3` holds 9 B");
    let Verdict::Violated { help, .. } = evaluate(&guard, &left) else {
        panic!("it is violated");
    };
    let aside = help.unwrap();
    assert!(aside.contains(".old` on `etcd3` sets it aside"), "{aside}");
    // What a living member has is not to be moved away.
    let living = three(|v| (1..=2).for_each(|n| wipe(v, n)));
    let already = "`etcd3` is a member of the cluster already";
    expect(&guard, &living, "violated", already);
    let half_seen = three(|v| {
        all_down(v);
        facts(v, 1).data_dirs.clear();
    });
    expect(&guard, &half_seen, "violated", "etcd2");
    let unseen = three(|v| {
        all_down(v);
        (2..=3).for_each(|n| wipe(v, n));
        facts(v, 1).data_dirs.clear();
    });
    expect(&guard, &unseen, "unknown", "not looked at");
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
fn no_alarm() {
    let guard = Guard::NoAlarm { members: all(3) };
    expect(&guard, &world(3), "holds", "no alarm");
    let alarm = Alarm {
        member_id: 0xab,
        kind: "CORRUPT".into(),
    };
    expect(
        &guard,
        &three(|v| status(v, 3).alarms.push(alarm)),
        "violated",
        "alarm CORRUPT is active on member ab",
    );
    expect(&guard, &three(all_down), "unknown", "no member answers");
}

#[test]
fn cluster_formed() {
    let guard = Guard::ClusterFormed { members: all(3) };
    expect(&guard, &world(3), "holds", "3 members");
    // One that answers is enough to know the membership.
    expect(
        &guard,
        &three(|v| (2..=3).for_each(|n| stop(v, n))),
        "holds",
        "3 members",
    );
    expect(
        &guard,
        &three(|v| (1..=3).for_each(|n| wipe(v, n))),
        "violated",
        "no host has data",
    );
    expect(
        &guard,
        &three(all_down),
        "unknown",
        "there is data on `etcd1`, `etcd2`, `etcd3`",
    );
    expect(
        &guard,
        &three(|v| (1..=3).for_each(|n| cut(v, n))),
        "unknown",
        "could not be looked at",
    );
    let smaller =
        three(|v| (1..=3).for_each(|n| drop(status(v, n).members.as_mut().unwrap().pop())));
    expect(&guard, &smaller, "violated", "does not know `etcd3`");
}

#[test]
fn cluster_absent() {
    let guard = Guard::ClusterAbsent { members: all(3) };
    expect(
        &guard,
        &three(|v| (1..=3).for_each(|n| wipe(v, n))),
        "holds",
        "3 of 3",
    );
    expect(
        &guard,
        &world(3),
        "violated",
        "cluster c1 serves on `etcd1`",
    );
    expect(&guard, &three(all_down), "violated", "of data");
    let unseen = three(|v| {
        (1..=3).for_each(|n| wipe(v, n));
        cut(v, 2);
    });
    expect(&guard, &unseen, "unknown", "unreachable");
}

#[test]
fn restored_from() {
    let guard = Guard::RestoredFrom {
        members: all(3),
        path: "s.db".into(),
    };
    expect(&guard, &world(3), "holds", "by run r1");
    expect(
        &guard,
        &three(|v| v.snapshots.get_mut("s.db").unwrap().sha256 = "cd".into()),
        "violated",
        "another snapshot",
    );
    expect(
        &guard,
        &three(|v| status(v, 2).cluster_id = 0xbad),
        "violated",
        "`etcd2` serves cluster bad",
    );
    expect(&guard, &three(|v| stop(v, 2)), "violated", "does not serve");
    expect(
        &guard,
        &three(|v| wipe(v, 2)),
        "violated",
        "not restored by runbook",
    );
    expect(&guard, &three(|v| cut(v, 2)), "unknown", "unreachable");
    expect(
        &guard,
        &three(|v| v.snapshots.clear()),
        "unknown",
        "was not read",
    );
}

/// Who joined the cluster that was made of the snapshot has its data.
#[test]
fn restored_from_and_joined_since() {
    let guard = Guard::RestoredFrom {
        members: all(3),
        path: "s.db".into(),
    };
    let joined = |n| {
        three(|v| (2..=n).for_each(|n| facts(v, n).data_dirs.get_mut(DATA).unwrap().origin = None))
    };
    expect(
        &guard,
        &joined(3),
        "holds",
        "1 of 3 members restored from this snapshot by run r1, 2 joined since",
    );
    let mut other = joined(2);
    status(&mut other, 2).cluster_id = 0xbad;
    expect(&guard, &other, "violated", "not restored by runbook");
    let mut none = joined(3);
    facts(&mut none, 1).data_dirs.get_mut(DATA).unwrap().origin = None;
    expect(&guard, &none, "violated", "not restored by runbook");
    let mut former = joined(3);
    status(&mut former, 1).cluster_id = 0xbad;
    expect(&guard, &former, "violated", "`etcd1` serves cluster bad");
    let mut lost = joined(3);
    cut(&mut lost, 3);
    expect(&guard, &lost, "unknown", "unreachable");
}

#[test]
fn furthest_ahead() {
    let guard = |n| Guard::FurthestAhead {
        members: all(3),
        chosen: vec![host(n)],
    };
    let behind = three(|v| {
        status(v, 1).revision = 90;
        status(v, 2).revision = 100;
        status(v, 3).revision = 99;
    });
    expect(
        &guard(2),
        &behind,
        "holds",
        "`etcd2` is at revision 100, and none that answers is later",
    );
    expect(
        &guard(1),
        &behind,
        "violated",
        "`etcd1` is at revision 90, `etcd2` at revision 100: the 10 revisions after it would be lost",
    );
    expect(
        &guard(3),
        &behind,
        "violated",
        "the revision after it would be lost",
    );
    let mut alone = behind;
    stop(&mut alone, 2);
    expect(&guard(3), &alone, "holds", "`etcd3` is at revision 99");
    expect(&guard(2), &alone, "violated", "`etcd2` is down");
    expect(&guard(2), &three(|v| cut(v, 2)), "unknown", "silent");
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
fn any_serving() {
    let guard = Guard::AnyServing { members: all(3) };
    expect(
        &guard,
        &three(|v| (1..=2).for_each(|n| stop(v, n))),
        "holds",
        "1 of 3 answer: `etcd3`",
    );
    expect(&guard, &three(all_down), "violated", "down");
    expect(
        &guard,
        &three(|v| (1..=3).for_each(|n| cut(v, n))),
        "unknown",
        "silent",
    );
}

#[test]
fn revision_at_least() {
    let guard = |revision| Guard::RevisionAtLeast {
        members: all(3),
        revision,
    };
    expect(&guard(10), &world(3), "holds", "revision 10 or later");
    expect(
        &guard(11),
        &world(3),
        "violated",
        "at revision 10, below 11",
    );
    expect(&guard(1), &three(|v| cut(v, 1)), "unknown", "silent");
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

#[test]
fn writable() {
    let guard = Guard::Writable { members: all(3) };
    expect(&guard, &world(3), "unknown", "nothing was written");
    expect(
        &guard,
        &three(|v| v.written = Some(Ok("read back from 3".into()))),
        "holds",
        "read back",
    );
    expect(
        &guard,
        &three(|v| v.written = Some(Err("no leader".into()))),
        "violated",
        "no leader",
    );
}

/// `not` keeps what is unknown unknown: it never turns into permission.
#[test]
fn negation_keeps_unknown() {
    let guard = Guard::ClusterFormed { members: all(3) };
    assert!(!evaluate(&guard, &three(all_down)).negate().holds());
    assert!(!evaluate(&guard, &world(3)).negate().holds());
    assert!(
        evaluate(&guard, &three(|v| (1..=3).for_each(|n| wipe(v, n))))
            .negate()
            .holds()
    );
}

/// A guard asks for what it looks at: on an empty view it is unknown, never a false yes.
#[test]
fn guards_ask_for_what_they_need() {
    let specs: BTreeMap<_, _> = (1..=3).map(|n| (host(n), spec(n))).collect();
    let guards = [
        Guard::AllStopped { members: all(3) },
        Guard::SameHash { members: all(3) },
        Guard::RestoredFrom {
            members: all(3),
            path: "s.db".into(),
        },
        Guard::DiskFree {
            hosts: all(3),
            bytes: 1,
            path: None,
        },
    ];
    for guard in guards {
        let needed = needs(&guard, &specs);
        assert!(
            needed.hosts.len() == 3 || needed.members.len() == 3,
            "{guard:?}"
        );
        assert_eq!(said(&guard, &View::default()).0, "unknown", "{guard:?}");
    }
    assert_eq!(
        needs(&Guard::SameHash { members: all(3) }, &specs)
            .query
            .hash_at,
        Some(0)
    );
    let batch = Guard::QuorumSafe {
        members: all(3),
        stopping: all(3),
    }
    .for_batch(&[host(2)]);
    assert_eq!(
        batch,
        Guard::QuorumSafe {
            members: all(3),
            stopping: vec![host(2)]
        }
    );
}

/// A host that fits `medium`, and what it would take for `large`.
fn big(view: &mut View) {
    for n in 1..=3 {
        let facts = facts(view, n);
        facts.cores = 4;
        facts.memory_bytes = 16 << 30;
        let disk = facts.disks.get_mut(DATA).unwrap();
        (disk.total, disk.available) = (120_000_000_000, 80_000_000_000);
        let ssd = BlockDevice {
            name: "sda".into(),
            rotational: Some(false),
        };
        facts.media = BTreeMap::from([(DATA.into(), vec![ssd])]);
        let link = LinkFacts {
            interface: "eth0".into(),
            mbit: Some(1_000),
        };
        facts.links = BTreeMap::from([(format!("198.18.0.1{n}"), link)]);
    }
}

fn large_enough(change: impl FnOnce(&mut View)) -> View {
    three(|v| {
        big(v);
        change(v);
    })
}

#[test]
fn fits_size() {
    let guard = |size| Guard::FitsSize {
        members: all(3),
        size,
    };
    let medium = guard(SizeClass::Medium);
    let good = large_enough(|_| {});
    expect(&medium, &good, "holds", "3 of 3 hosts fit `medium`");
    expect(
        &guard(SizeClass::Small),
        &good,
        "holds",
        "3 of 3 hosts fit `small`",
    );
    expect(
        &guard(SizeClass::Large),
        &good,
        "violated",
        "`etcd1`: cores 4, 8 required; `etcd1`: memory 17.1 GB, 32.0 GB required",
    );
    let short = large_enough(|v| facts(v, 2).memory_bytes = 15_900_000_000);
    expect(
        &medium,
        &short,
        "violated",
        "`etcd2`: memory 15.9 GB, 16.0 GB required",
    );
    let full = large_enough(|v| facts(v, 3).disks.get_mut(DATA).unwrap().total = 99_999_999_999);
    expect(
        &medium,
        &full,
        "violated",
        "`etcd3`: disk 99.9 GB, 80.0 GB free on /, 100.0 GB required",
    );
    // One disk of a stack that spins makes the stack spin.
    let spins = large_enough(|v| {
        facts(v, 1).media.get_mut(DATA).unwrap().push(BlockDevice {
            name: "sdb".into(),
            rotational: Some(true),
        });
    });
    expect(
        &medium,
        &spins,
        "violated",
        "SSD (sda), HDD (sdb), SSD or faster required",
    );
}

#[test]
fn what_cannot_be_told_fits_no_size() {
    let medium = Guard::FitsSize {
        members: all(3),
        size: SizeClass::Medium,
    };
    // A hypervisor's disk that says that it spins says nothing; one that says that it does not was told so.
    let vague = |rotational| {
        large_enough(move |v| {
            facts(v, 1).media.get_mut(DATA).unwrap()[0] = BlockDevice {
                name: "vda".into(),
                rotational: Some(rotational),
            };
        })
    };
    expect(&medium, &vague(true), "unknown", "disk kind virtual (vda)");
    expect(&medium, &vague(false), "holds", "3 of 3");
    for hide in [
        (|f: &mut HostFacts| f.cores = 0) as fn(&mut HostFacts),
        |f| f.memory_bytes = 0,
        |f| f.disks.clear(),
        |f| f.media.clear(),
        |f| f.links.clear(),
        |f| f.links.values_mut().for_each(|l| l.mbit = None),
    ] {
        expect(
            &medium,
            &large_enough(|v| hide(facts(v, 2))),
            "unknown",
            "`etcd2`: ",
        );
    }
    expect(
        &medium,
        &large_enough(|v| cut(v, 2)),
        "unknown",
        "unreachable",
    );
    // One that is too small is worth more to know than one that cannot be told.
    let both = large_enough(|v| {
        facts(v, 1).cores = 1;
        facts(v, 2).links.clear();
    });
    expect(&medium, &both, "violated", "`etcd1`: cores 1, 4 required");
}

#[test]
fn a_size_is_told_as_a_table() {
    let guard = Guard::FitsSize {
        members: all(2),
        size: SizeClass::Medium,
    };
    let view = large_enough(|v| {
        facts(v, 2).cores = 2;
        facts(v, 2).links.clear();
    });
    let verdict = evaluate(&guard, &view);
    assert_eq!(
        verdict.table().unwrap(),
        "\
host              required       found                           verdict
etcd1  cores      4              4                               ok
etcd1  memory     16.0 GB        17.1 GB                         ok
etcd1  disk       100.0 GB       120.0 GB, 80.0 GB free on /     ok
etcd1  disk kind  SSD or faster  SSD (sda)                       ok
etcd1  network    1.0 Gbit/s     1.0 Gbit/s (eth0)               ok
etcd2  cores      4              2                               TOO SMALL
etcd2  memory     16.0 GB        17.1 GB                         ok
etcd2  disk       100.0 GB       120.0 GB, 80.0 GB free on /     ok
etcd2  disk kind  SSD or faster  SSD (sda)                       ok
etcd2  network    1.0 Gbit/s     no interface holds its address  UNKNOWN"
    );
    assert_eq!(verdict.headline(), "`etcd2`: cores 2, 4 required");
}

#[test]
fn fsync_within() {
    let guard = Guard::FsyncWithin {
        members: all(3),
        limit_ms: 10,
        run: "r1".into(),
    };
    let measured = |slowest: f64| {
        three(move |v| {
            for n in 1..=3 {
                let mut seconds = vec![0.001; 499];
                // 1 of 100 may be slow; here 6 of 500 are.
                seconds.extend([if n == 2 { slowest } else { 0.001 }; 6]);
                facts(v, n).fsync = FsyncFacts::of("/var/lib", &seconds);
            }
        })
    };
    expect(
        &guard,
        &measured(0.010),
        "holds",
        "3 of 3 disks are fast enough",
    );
    expect(
        &guard,
        &measured(0.0101),
        "violated",
        "`etcd2`: fsync p99 10.10 ms, longest 10.10 ms, of 505 on /var/lib, p99 10.00 ms required",
    );
    expect(&guard, &world(3), "unknown", "`measure-disk` does it");
    let partly = three(|v| facts(v, 1).fsync = FsyncFacts::of("/", &[0.001]));
    expect(&guard, &partly, "unknown", "`etcd2`: fsync not measured");
    assert_eq!(FsyncFacts::of("/", &[]), None);
    let of_100 = FsyncFacts::of("/", &[[0.002; 99].as_slice(), &[0.5]].concat()).unwrap();
    assert_eq!(
        (of_100.count, of_100.p99_us, of_100.max_us),
        (100, 2_000, 500_000)
    );
}

#[test]
fn revision_bumps() {
    let guard = |watchers: &[usize], bump| Guard::RevisionBumps {
        members: all(3),
        watchers: watchers.iter().map(|n| host(*n)).collect(),
        bump,
    };
    let able = three(|v| {
        for n in 1..=3 {
            facts(v, n)
                .tools
                .iter_mut()
                .for_each(|t| t.restore_bump = t.can_restore);
        }
    });
    expect(&guard(&[1], 5), &able, "holds", "3 of 3 can bump revisions");
    let one_old = {
        let mut view = able.clone();
        facts(&mut view, 2)
            .tools
            .iter_mut()
            .for_each(|t| t.restore_bump = false);
        view
    };
    expect(
        &guard(&[1], 5),
        &one_old,
        "violated",
        "of `etcd2` cannot bump revisions",
    );
    expect(&guard(&[], 5), &one_old, "holds", "no API servers");
    expect(&guard(&[1], 0), &able, "violated", "`bump` is 0");
    let none = three(|v| facts(v, 3).tools.clear());
    expect(&guard(&[1], 5), &none, "violated", "`etcd3` has no tool");
    let mut lost = able;
    cut(&mut lost, 2);
    expect(&guard(&[1], 5), &lost, "unknown", "unreachable");
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

    // One connection to each other peer port, and nothing else but who is asked.
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

const MANIFEST: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

fn url(n: usize) -> String {
    format!("https://198.18.0.1{n}:2379")
}

/// Three members that tell their client URLs, and an API server on each host named with these endpoints.
fn api_servers(of: &[(&str, &[&str])]) -> View {
    let mut view = three(|_| ());
    listing(&mut view, |list| {
        for member in list {
            member.client_urls = vec![url(usize::try_from(member.id).unwrap())];
        }
    });
    for (name, ends) in of {
        let name = HostName::new(*name);
        let facts = view
            .hosts
            .entry(name)
            .or_insert_with(|| Ok(HostFacts::default()));
        facts.as_mut().unwrap().api_server = Some(EtcdServers {
            source: MANIFEST.to_owned(),
            endpoints: Ok(ends.iter().map(|e| (*e).to_owned()).collect()),
        });
    }
    view
}

fn listing(view: &mut View, change: impl Fn(&mut Vec<Member>)) {
    for n in 1..=3 {
        change(status(view, n).members.as_mut().unwrap());
    }
}

fn of_apis(names: &[&str]) -> Guard {
    Guard::EtcdServersMatch {
        apis: names.iter().map(|n| HostName::new(*n)).collect(),
        members: all(3),
    }
}

#[test]
fn etcd_servers_match() {
    let urls = [url(1), url(2), url(3)];
    let [one, two, three] = urls.each_ref().map(String::as_str);
    let guard = of_apis(&["master"]);
    let seen = |ends: &[&str]| api_servers(&[("master", ends)]);
    expect(
        &guard,
        &seen(&[three, one, two]),
        "holds",
        "1 of 1 API servers name the 3 voters",
    );
    // The same, written otherwise.
    let otherwise = ["HTTPS://198.18.0.11:2379/", "198.18.0.12:2379", three];
    expect(&guard, &seen(&otherwise), "holds", "1 of 1");
    expect(
        &guard,
        &seen(&[one, two]),
        "violated",
        "`master` does not name `etcd3`",
    );
    expect(
        &guard,
        &seen(&[one, two, three, "https://198.18.0.14:2379"]),
        "violated",
        "`master` names https://198.18.0.14:2379, no voter's",
    );
    expect(
        &guard,
        &seen(&["http://198.18.0.11:2379", two, three]),
        "violated",
        "does not name `etcd1`",
    );
    expect(
        &guard,
        &seen(&[]),
        "violated",
        "does not name `etcd1`, `etcd2`, `etcd3`",
    );
    // A name may stand for any of them, and so may an address for a member that is known by name.
    expect(
        &guard,
        &seen(&["https://etcd.example:2379"]),
        "unknown",
        "cannot be told",
    );
    let mut by_name = seen(&["https://10.0.0.3:2379", one, two]);
    listing(&mut by_name, |list| {
        list[2].client_urls = vec!["https://three.example:2379".into()]
    });
    expect(
        &guard,
        &by_name,
        "unknown",
        "https://10.0.0.3:2379: which members",
    );
    // A proxy, perhaps.
    expect(
        &guard,
        &seen(&["https://127.0.0.1:2379"]),
        "unknown",
        "cannot be told",
    );

    let mut untold = seen(&[]);
    let master = untold
        .hosts
        .get_mut(&HostName::new("master"))
        .unwrap()
        .as_mut()
        .unwrap();
    master.api_server = Some(EtcdServers {
        source: "kube-apiserver.service".to_owned(),
        endpoints: Err(EtcdServersUntold::Variables),
    });
    expect(
        &guard,
        &untold,
        "unknown",
        "kube-apiserver.service of `master`: its flags come from variables",
    );
    expect(
        &guard,
        &api_servers(&[]),
        "unknown",
        "`master` was not asked",
    );
    let mut dead = seen(&[one, two, three]);
    all_down(&mut dead);
    expect(&guard, &dead, "unknown", "no member tells the membership");
    // Without API servers nobody is asked anything.
    expect(&of_apis(&[]), &dead, "holds", "no API servers");
    assert_eq!(needs(&of_apis(&[]), &dead.specs), Default::default());
    let asked = needs(&guard, &dead.specs);
    assert_eq!(
        asked.hosts[&HostName::new("master")].api_server.as_deref(),
        Some(MANIFEST)
    );
    assert_eq!((asked.hosts.len(), asked.members.len()), (1, 3));
}

#[test]
fn an_api_server_beside_a_member_may_ask_that_one_alone() {
    let (one, two, three) = (url(1), url(2), url(3));
    let guard = of_apis(&["etcd1", "etcd2"]);
    let stacked = [
        ("etcd1", &["https://127.0.0.1:2379"][..]),
        ("etcd2", &[two.as_str()]),
    ];
    let view = api_servers(&stacked);
    expect(
        &guard,
        &view,
        "holds",
        "2 of 2 API servers name the 3 voters, 2 of them by the one on their own host alone",
    );
    let ipv6 = [
        ("etcd1", &["https://[::1]:2379"][..]),
        ("etcd2", &["localhost:2379", one.as_str(), three.as_str()]),
    ];
    expect(&guard, &api_servers(&ipv6), "holds", "1 of them by the one");

    // Its member has left: what it asks is nobody's.
    let mut left = view;
    listing(&mut left, |list| list.retain(|m| m.id != 1));
    expect(
        &guard,
        &left,
        "violated",
        "`etcd1` does not name `etcd2`, `etcd3` and names https://127.0.0.1:2379, no voter's",
    );
    expect(&of_apis(&["etcd2"]), &left, "holds", "1 of 1");
    // Nor is a learner anybody's to ask.
    let mut learner = api_servers(&stacked);
    listing(&mut learner, |list| list[0].is_learner = true);
    expect(
        &guard,
        &learner,
        "violated",
        "names https://127.0.0.1:2379, no voter's",
    );
    // Another port than its member's.
    let other = [("etcd1", &["https://127.0.0.1:12379"][..])];
    expect(
        &of_apis(&["etcd1"]),
        &api_servers(&other),
        "violated",
        "names https://127.0.0.1:12379, no voter's",
    );
}

#[test]
fn the_flag_to_put_there_is_told_host_by_host() {
    let (one, two, three, gone) = (url(1), url(2), url(3), url(9));
    let view = api_servers(&[
        ("etcd1", &["https://127.0.0.1:2379", &two]),
        ("master-a", &[&three, &gone, &one]),
        ("master-b", &[&one, &two, &three]),
    ]);
    let verdict = evaluate(&of_apis(&["etcd1", "master-a", "master-b"]), &view);
    assert!(matches!(verdict, Verdict::Violated { .. }), "{verdict:?}");
    assert_eq!(
        verdict.headline(),
        "`etcd1` does not name `etcd3`; `master-a` does not name `etcd2` and names https://198.18.0.19:2379, no voter's"
    );
    // What is right keeps its place.
    let lines: Vec<_> = verdict.table().unwrap().lines().collect();
    assert_eq!(
        lines,
        [
            format!(
                "host      in{}  flag to put there",
                " ".repeat(MANIFEST.len() - 2)
            ),
            format!("etcd1     {MANIFEST}  --etcd-servers={one},{two},{three}"),
            format!("master-a  {MANIFEST}  --etcd-servers={three},{one},{two}"),
        ]
    );
}
