//! Host patterns. What is right was measured with `ansible --list-hosts` (core 2.19); where we are stricter, a test says so.

#![allow(clippy::unwrap_used)]

mod support;

use runbook_inventory::{Inventory, PatternError};
use support::{Memory, read};

fn inventory() -> Inventory {
    let text = b"lone\n[etcd]\netcd[1:3]\n[web]\nweb[1:2].example.com\netcd3\nfe80::1\n[prod:children]\netcd\n[none]\n";
    read("hosts.ini", text).unwrap()
}

fn of(pattern: &str) -> String {
    let hosts = inventory()
        .pattern(pattern)
        .unwrap_or_else(|e| panic!("{pattern}: {e}"));
    hosts
        .iter()
        .map(|h| h.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

fn refused(pattern: &str) -> PatternError {
    inventory().pattern(pattern).unwrap_err()
}

#[test]
fn names_groups_and_sets() {
    assert_eq!(of("etcd"), "etcd1 etcd2 etcd3");
    assert_eq!(of("prod"), "etcd1 etcd2 etcd3");
    assert_eq!(of("etcd2"), "etcd2");
    assert_eq!(of("fe80::1"), "fe80::1");
    assert_eq!(
        of("etcd1:web"),
        "etcd1 web1.example.com web2.example.com etcd3 fe80::1"
    );
    assert_eq!(of("lone,etcd2"), "lone etcd2");
    assert_eq!(of(" lone , etcd2 "), "lone etcd2");
    assert_eq!(of("etcd:&web"), "etcd3");
    assert_eq!(of("etcd:!web"), "etcd1 etcd2");
    assert_eq!(of("!web"), "lone etcd1 etcd2");
    assert_eq!(of("!web:!lone"), "etcd1 etcd2");
    assert_eq!(of("&web:etcd"), "etcd3");
    assert_eq!(of("none"), "");
    assert_eq!(of("ungrouped"), "lone");
}

#[test]
fn globs_and_regular_expressions() {
    assert_eq!(of("e*"), "etcd1 etcd2 etcd3");
    assert_eq!(of("*.example.com"), "web1.example.com web2.example.com");
    assert_eq!(of("etcd?"), "etcd1 etcd2 etcd3");
    assert_eq!(of("etcd[!2]*"), "etcd1 etcd3");
    assert_eq!(of("etcd[12]*"), "etcd1 etcd2");
    assert_eq!(of("~etcd[13]$"), "etcd1 etcd3");
    assert_eq!(of("~(lone|web1)"), "lone web1.example.com");
    assert_eq!(of("~we"), "web1.example.com web2.example.com etcd3 fe80::1");
}

#[test]
fn subscripts() {
    assert_eq!(of("etcd[0]"), "etcd1");
    assert_eq!(of("etcd[-1]"), "etcd3");
    assert_eq!(of("etcd[0:1]"), "etcd1 etcd2");
    assert_eq!(of("etcd[1:]"), "etcd2 etcd3");
    assert_eq!(of("etcd[1:3]:lone"), "etcd2 etcd3 lone");
    assert_eq!(of("all:!etcd[0]:!web"), "lone etcd2");
    assert_eq!(of("none[0]"), "");
    assert!(matches!(
        refused("etcd[3]"),
        PatternError::Subscript { count: 3, .. }
    ));
    assert!(matches!(
        refused("etcd[-4]"),
        PatternError::Subscript { .. }
    ));
    assert!(matches!(
        refused("etcd[2:1]"),
        PatternError::Subscript { .. }
    ));
}

#[test]
fn stricter_than_ansible() {
    for pattern in ["", " ", ",", ":", ", ,"] {
        assert!(
            matches!(refused(pattern), PatternError::Empty(_)),
            "{pattern:?}"
        );
    }
    for pattern in [
        "etdc",
        "etcd:nowhere",
        "all:!nowhere",
        "all:&nowhere",
        "x*",
        "localhost",
    ] {
        assert!(
            matches!(refused(pattern), PatternError::Unknown { .. }),
            "{pattern:?}"
        );
    }
    let PatternError::Unknown { help, .. } = refused("all:!etdc") else {
        panic!()
    };
    assert_eq!(help.as_deref(), Some("did you mean `etcd`?"));
    assert!(matches!(refused("~etcd(?!1)"), PatternError::Regex { .. }));
    assert!(matches!(refused("@hosts"), PatternError::List { .. }));
}

#[test]
fn limit_is_an_intersection() {
    let inventory = inventory();
    let all = inventory.pattern("etcd").unwrap();
    let files = Memory::of(&[("retry", b"etcd3\n\netcd1\n"), ("empty", b"\n")]);
    let of = |limit: &str| {
        inventory
            .limit(&all, limit, &files)
            .map(|h| h.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(of("web").unwrap(), ["etcd3"]);
    assert_eq!(of("@retry").unwrap(), ["etcd1", "etcd3"]);
    assert_eq!(of("lone").unwrap(), [""; 0]);
    assert_eq!(of("@retry:!etcd1").unwrap(), ["etcd3"]);
    assert!(
        matches!(of("@empty"), Err(PatternError::List { .. })),
        "an empty list is never all"
    );
    assert!(matches!(of("@nowhere"), Err(PatternError::List { .. })));
}

#[test]
fn many_stars_are_quick() {
    // A backtracking matcher would not come back from this.
    let name = "a".repeat(5000);
    let inventory = read("hosts.ini", name.as_bytes()).unwrap();
    assert!(
        inventory
            .pattern(&format!("{}b", "a*".repeat(500)))
            .is_err()
    );
}
