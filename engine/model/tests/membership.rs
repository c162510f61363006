//! Guards about who belongs to the cluster: settled, safe to remove from, as the inventory says.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot build its case fails"
)]

use proptest::prelude::*;
use runbook_model::cluster::{Alarm, Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::guard::{Guard, Verdict, all_asked, evaluate, listed};
use runbook_model::host::{HostName, MemberSpec, Scheme};
use runbook_model::view::View;

const CLUSTER: u64 = 0xc1;
const FOREIGN: &str = "add its host to the inventory's group; `scale-down.etcdrb` then removes it, if it is not wanted";

/// What is said of a member that was left half-way.
fn half_way(host: &str) -> String {
    format!(
        "`runbook resume` or `runbook rollback` of the run that added it; or take it out: `scale-down.etcdrb` with `-e member={host}`"
    )
}

fn host(n: usize) -> HostName {
    HostName::new(format!("etcd{n}"))
}

fn hosts(numbers: impl IntoIterator<Item = usize>) -> Vec<HostName> {
    numbers.into_iter().map(host).collect()
}

fn url(n: usize) -> String {
    format!("https://198.18.0.1{n}:2380")
}

fn spec(n: usize) -> MemberSpec {
    serde_json::from_value(serde_json::json!({
        "host": host(n), "name": format!("etcd{n}"), "cluster": "etcd", "address": format!("198.18.0.1{n}"),
        "scheme": "https", "client_port": 2379, "peer_port": 2380, "data_dir": "/d", "pki_dir": "/etc/etcd/pki",
        "config": "/etc/etcd/etcd.conf", "unit": "etcd", "manager": "systemd", "bin_dir": null, "user": "etcd",
        "install": { "from": "present" }, "quota_bytes": null, "extra": [], "control_pki_dir": "pki"
    }))
    .unwrap()
}

fn member(n: usize) -> Member {
    Member {
        id: n as u64,
        name: format!("etcd{n}"),
        peer_urls: vec![url(n)],
        client_urls: vec![],
        is_learner: false,
    }
}

/// A cluster of `n` members that the inventory knows, all well; member 1 leads.
fn world(n: usize) -> View {
    let mut view = View::default();
    let all: Vec<_> = (1..=n).map(member).collect();
    for i in 1..=n {
        let status = MemberStatus {
            cluster_id: CLUSTER,
            member_id: i as u64,
            leader: 1,
            raft_term: 2,
            raft_index: 9_000,
            raft_applied_index: 9_000,
            members: Some(all.clone()),
            ..MemberStatus::default()
        };
        let serving = MemberProbe::Serving(Box::new(status));
        view.cluster.members.insert(host(i), serving);
        view.specs.insert(host(i), spec(i));
    }
    view
}

fn status(view: &mut View, n: usize) -> &mut MemberStatus {
    match view.cluster.members.get_mut(&host(n)) {
        Some(MemberProbe::Serving(status)) => status,
        other => panic!("{other:?}"),
    }
}

fn listing(view: &mut View, change: impl Fn(&mut Vec<Member>)) {
    for probe in view.cluster.members.values_mut() {
        if let MemberProbe::Serving(status) = probe {
            change(status.members.as_mut().unwrap());
        }
    }
}

fn silence(view: &mut View, n: usize, cause: SilentCause) {
    let detail = "no answer".to_owned();
    let silent = MemberProbe::Silent { cause, detail };
    view.cluster.members.insert(host(n), silent);
}

fn settled(view: &View, joining: &[usize]) -> Verdict {
    let members = view.specs.keys().cloned().collect();
    let joining = hosts(joining.iter().copied());
    evaluate(&Guard::MembershipSettled { members, joining }, view)
}

fn removal(view: &View, leaving: &[usize]) -> Verdict {
    let members = view.specs.keys().cloned().collect();
    let leaving = hosts(leaving.iter().copied());
    evaluate(&Guard::RemovalSafe { members, leaving }, view)
}

fn unlisted(view: &View, joining: &[usize]) -> Verdict {
    let joining = hosts(joining.iter().copied());
    evaluate(&Guard::AllUnlisted { joining }, view)
}

fn matches(view: &View) -> Verdict {
    let members = view.specs.keys().cloned().collect();
    evaluate(&Guard::InventoryMatches { members }, view)
}

#[track_caller]
fn violated(verdict: Verdict, text: &str, helped: &str) {
    let wanted = Verdict::Violated {
        observed: text.to_owned(),
        help: Some(helped.to_owned()),
    };
    assert_eq!(verdict, wanted);
}

#[track_caller]
fn holds(verdict: Verdict, text: &str) {
    let observed = text.to_owned();
    assert_eq!(verdict, Verdict::Holds { observed });
}

#[track_caller]
fn unknown(verdict: Verdict, text: &str) {
    let why = text.to_owned();
    assert_eq!(verdict, Verdict::Unknown { why });
}

#[test]
fn what_nobody_tells_is_unknown() {
    let mut view = world(3);
    for n in 1..=3 {
        status(&mut view, n).members = None;
    }
    let untold = "no member tells the membership";
    unknown(settled(&view, &[]), untold);
    unknown(removal(&view, &[3]), untold);
    unknown(matches(&view), untold);
}

#[test]
fn a_settled_membership() {
    holds(settled(&world(3), &[]), "3 of 3 listed members settled");

    let mut view = world(3);
    listing(&mut view, |l| l[2].is_learner = true);
    let learner = "`etcd3` is a learner left half-way";
    violated(settled(&view, &[]), learner, &half_way("etcd3"));
    holds(settled(&view, &[3]), "2 of 2 listed members settled");

    listing(&mut view, |l| l[2].name.clear());
    let unnamed = "`etcd3` (https://198.18.0.13:2380) is a learner left half-way";
    violated(settled(&view, &[]), unnamed, &half_way("etcd3"));
    holds(settled(&view, &[3]), "2 of 2 listed members settled");

    listing(&mut view, |l| l[2].is_learner = false);
    let unstarted = "member `etcd3` (https://198.18.0.13:2380) never started";
    violated(settled(&view, &[]), unstarted, &half_way("etcd3"));
}

#[test]
fn a_member_that_the_inventory_does_not_know() {
    let mut view = world(3);
    view.specs.remove(&host(3));
    let foreign = "the cluster has a member `etcd3` that the inventory does not know";
    violated(settled(&view, &[]), foreign, FOREIGN);
    violated(settled(&view, &[3]), foreign, FOREIGN);
    violated(matches(&view), foreign, FOREIGN);
    // It never started, and is nobody's to take up again.
    listing(&mut view, |l| l[2].name.clear());
    let unnamed =
        "the cluster has a member 3 (https://198.18.0.13:2380) that the inventory does not know";
    violated(settled(&view, &[]), unnamed, FOREIGN);
}

#[test]
fn a_sick_member_is_not_settled() {
    let mut view = world(3);
    silence(&mut view, 3, SilentCause::Refused);
    violated(
        settled(&view, &[]),
        "`etcd3` is down: no answer",
        "start it again; if it is lost, `replace.etcdrb` brings it back, and `scale-down.etcdrb` with `-e member=etcd3` takes it out",
    );
    silence(&mut view, 3, SilentCause::Timeout);
    unknown(settled(&view, &[]), "`etcd3` is silent: no answer");

    let mut view = world(3);
    for n in 1..=3 {
        status(&mut view, n).alarms.push(Alarm {
            member_id: 2,
            kind: "NOSPACE".to_owned(),
        });
    }
    violated(
        settled(&view, &[]),
        "alarm NOSPACE is active on `etcd2`",
        "`recover-nospace.etcdrb` frees room and disarms it; disarmed without room it is back with the next write",
    );

    // The one that raised it does not serve: the list has its name; and where it is listed no more, its id is all there is.
    silence(&mut view, 2, SilentCause::Timeout);
    let told = |view: &View| settled(view, &[2]).text().to_owned();
    assert_eq!(told(&view), "alarm NOSPACE is active on `etcd2`");
    listing(&mut view, |l| drop(l.remove(1)));
    assert_eq!(told(&view), "alarm NOSPACE is active on member 2");

    let lagging = "wait until it has caught up: `runbook status` shows the lag";
    let mut view = world(3);
    status(&mut view, 2).raft_applied_index = 4_000;
    holds(settled(&view, &[]), "3 of 3 listed members settled");
    status(&mut view, 2).raft_applied_index = 3_999;
    violated(
        settled(&view, &[]),
        "`etcd2` is 5001 entries behind",
        lagging,
    );

    let mut view = world(3);
    status(&mut view, 3).leader = 0;
    violated(
        settled(&view, &[]),
        "`etcd3` knows no leader",
        "`runbook status` tells who is missing: bring them back; if they are gone for good, `recover-majority.etcdrb` goes on from what a survivor has",
    );
    status(&mut view, 3).leader = 2;
    unknown(
        settled(&view, &[]),
        "the members do not agree on the leader yet",
    );
    status(&mut view, 3).cluster_id = 0xc2;
    let verdict = settled(&view, &[]);
    let several = "the members belong to different clusters: `etcd1`, `etcd2` to c1; `etcd3` to c2";
    assert_eq!(verdict.text(), several);
    assert!(matches!(verdict, Verdict::Violated { .. }));
    // A former cluster's list may name the same members: nothing matches by that.
    assert_eq!(matches(&view), verdict);
}

#[test]
fn members_that_leave_safely() {
    let after =
        |h, v, q| format!("afterwards {h} of {v} voters are healthy, {q} needed for quorum");
    let view = world(5);
    holds(removal(&view, &[4, 5]), &after(3, 3, 2));
    // A name that is given twice is one member, and one that is no member is none.
    holds(removal(&view, &[5, 9, 5]), &after(4, 4, 3));
    violated(
        removal(&world(3), &[1, 2, 3]),
        "`etcd3` is the last member",
        "leave at least one: a cluster ends by stopping its members, not by removing them",
    );

    // The sick go first, in whatever order they are named.
    let mut view = world(5);
    silence(&mut view, 4, SilentCause::Refused);
    silence(&mut view, 5, SilentCause::Refused);
    holds(removal(&view, &[1, 4, 5]), &after(2, 2, 2));
    holds(removal(&view, &[4, 5]), &after(3, 3, 2));
    violated(
        removal(&view, &[1]),
        "without `etcd1` 2 of 4 voters are healthy, 3 are needed for quorum",
        "remove fewer of those that are healthy, or bring the others back first",
    );
    silence(&mut view, 3, SilentCause::Refused);
    violated(
        removal(&view, &[5]),
        "quorum is lost already: 2 of 5 voters healthy",
        "a removal has to be committed by the others; if they are gone for good, recover-majority.etcdrb rebuilds the cluster",
    );
}

#[test]
fn a_learner_leaves_without_a_vote() {
    let mut view = world(3);
    listing(&mut view, |l| l[2].is_learner = true);
    status(&mut view, 3).is_learner = true;
    holds(
        removal(&view, &[3]),
        "afterwards 2 of 2 voters are healthy, 2 needed for quorum",
    );
}

#[test]
fn an_inventory_that_matches() {
    holds(matches(&world(3)), "3 members, as in the inventory");

    let mut view = world(3);
    view.specs.insert(host(4), spec(4));
    view.specs.insert(host(5), spec(5));
    violated(
        matches(&view),
        "the cluster does not know `etcd4`, `etcd5`",
        "`scale-up.etcdrb` makes members of them; or take them out of the inventory's group",
    );

    // One that was added and left half-way is not there yet.
    let mut view = world(3);
    listing(&mut view, |l| l[2].is_learner = true);
    let learner = "`etcd3` is a learner left half-way";
    violated(matches(&view), learner, &half_way("etcd3"));
}

#[test]
fn a_member_that_moved_is_found_by_its_name() {
    let mut view = world(3);
    listing(&mut view, |l| l[2].peer_urls = vec![url(9)]);
    assert_eq!(listed(&host(3), &view).unwrap().id, 3);
    // The one at its own URL comes first.
    let mut new = member(7);
    new.peer_urls = vec![url(3)];
    listing(&mut view, |l| l.push(new.clone()));
    assert_eq!(listed(&host(3), &view).unwrap().id, 7);
    assert_eq!(listed(&host(8), &view), None);
}

/// Half of the way from http to https: all are the inventory's members, and settled.
#[test]
fn members_that_are_still_to_be_moved() {
    let mut view = world(3);
    listing(&mut view, |l| {
        for member in l.iter_mut().skip(1) {
            member.peer_urls = vec![member.peer_urls[0].replace("https:", "http:")];
        }
    });
    holds(
        matches(&view),
        "3 members, as in the inventory; `etcd2`, `etcd3` under other peer URLs, which `member-update.etcdrb` mends",
    );
    holds(settled(&view, &[]), "3 of 3 listed members settled");
    assert!(all_asked(&view));
    // The inventory's own word, where it says http for peers alone.
    for spec in view.specs.values_mut() {
        spec.peer_scheme = Some(Scheme::Http);
    }
    holds(
        matches(&view),
        "3 members, as in the inventory; `etcd1` under other peer URLs, which `member-update.etcdrb` mends",
    );
    assert_eq!(
        view.specs[&host(1)].client_url(),
        "https://198.18.0.11:2379"
    );
    assert_eq!(view.specs[&host(1)].peer_url(), "http://198.18.0.11:2380");
}

#[test]
fn whether_everybody_was_asked() {
    let mut view = world(3);
    silence(&mut view, 3, SilentCause::Timeout);
    assert!(all_asked(&view), "asked, and silent");
    view.cluster.members.remove(&host(3));
    assert!(!all_asked(&view));
    view.specs.remove(&host(3));
    assert!(!all_asked(&view), "listed, and nobody knows where");
    let mut view = world(3);
    for n in 1..=3 {
        status(&mut view, n).members = None;
    }
    assert!(all_asked(&view), "nobody lists any: the inventory's");
    view.specs.insert(host(4), spec(4));
    assert!(!all_asked(&view));
    assert!(!all_asked(&View::default()));
}

/// Whether they can leave one after the other in some order, so that what is left has quorum each time.
fn some_order(voters: usize, healthy: usize, sick: usize, well: usize) -> bool {
    if voters == 0 || healthy * 2 <= voters {
        return false;
    }
    (sick == 0 && well == 0)
        || (sick > 0 && some_order(voters - 1, healthy, sick - 1, well))
        || (well > 0 && some_order(voters - 1, healthy - 1, sick, well - 1))
}

proptest! {
    /// Exactly what can be done in some order is allowed.
    #[test]
    fn removal_is_allowed_where_an_order_keeps_quorum(
        health in prop::collection::vec(any::<bool>(), 1..=7),
        leaves in prop::collection::vec(any::<bool>(), 7),
        turn in 0_usize..7,
    ) {
        let mut view = world(health.len());
        for (n, _) in health.iter().enumerate().filter(|(_, up)| !**up) {
            silence(&mut view, n + 1, SilentCause::Refused);
        }
        // Without anybody nobody tells the membership.
        prop_assume!(health.contains(&true));
        let mut leaving: Vec<_> = (0..health.len()).filter(|n| leaves[*n]).collect();
        if !leaving.is_empty() {
            let by = turn % leaving.len();
            leaving.rotate_left(by);
        }
        let healthy = health.iter().filter(|h| **h).count();
        let well = leaving.iter().filter(|n| health[**n]).count();
        let expected = some_order(health.len(), healthy, leaving.len() - well, well);
        let leaving: Vec<_> = leaving.iter().map(|n| n + 1).collect();
        let verdict = removal(&view, &leaving);
        prop_assert_eq!(verdict.holds(), expected, "{:?}", verdict);
    }
}

#[test]
fn only_those_that_are_no_members_may_join() {
    let mut view = world(3);
    view.specs.insert(host(4), spec(4));
    holds(unlisted(&view, &[4]), "the cluster lists none of them");
    holds(unlisted(&view, &[]), "the cluster lists none of them");
    violated(
        unlisted(&view, &[1, 4, 2]),
        "`etcd1`, `etcd2` are members of the cluster already",
        "name a host that is no member yet",
    );
    let mut half = world(3);
    listing(&mut half, |list| list[2].is_learner = true);
    violated(
        unlisted(&half, &[3]),
        "`etcd3` is a member of the cluster already",
        &half_way("etcd3"),
    );
    let mut silent = world(3);
    (1..=3).for_each(|n| silence(&mut silent, n, SilentCause::Timeout));
    unknown(unlisted(&silent, &[3]), "no member tells the membership");
}
