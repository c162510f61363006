//! What API servers name.

use runbook_model::cluster::Member;
use runbook_model::facts::{EtcdServers, EtcdServersUntold, HostFacts};
use runbook_model::guard::{Guard, Verdict, evaluate, needs};
use runbook_model::host::HostName;
use runbook_model::view::View;

use crate::support::*;

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
}

/// A name may stand for any of them, and so may an address for a member that is known by name.
#[test]
fn what_an_api_server_names_cannot_always_be_told() {
    let urls = [url(1), url(2), url(3)];
    let [one, two, three] = urls.each_ref().map(String::as_str);
    let guard = of_apis(&["master"]);
    let seen = |ends: &[&str]| api_servers(&[("master", ends)]);
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
