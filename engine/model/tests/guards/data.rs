//! Data, snapshots, revisions.

use std::collections::BTreeMap;

use runbook_model::facts::{EtcdProcess, Listener};
use runbook_model::guard::{Guard, Verdict, evaluate};

use crate::support::*;

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
