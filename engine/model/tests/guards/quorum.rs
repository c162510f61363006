//! Who votes, leads, serves and takes writes.

use std::collections::BTreeMap;

use runbook_model::cluster::{Alarm, Member, SilentCause};
use runbook_model::guard::{Guard, evaluate, needs};
use runbook_model::quorum::{fault_tolerance, quorum};
use runbook_model::view::View;

use crate::support::*;

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
