//! `runbook capacity`: counts or a snapshot in, sizes and a quota out.

use serde_json::Value;

use crate::support::Place;

#[test]
fn counts_become_a_quota() {
    let place = Place::new();
    let said = place.runbook(&[
        "capacity", "--pods", "10000", "--writes", "pods=20", "--nodes", "300",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    for words in [
        "pods",
        "12000",
        "etcd_quota_bytes=2147483648",
        "medium (below 500 nodes): 4 cores, 16 GB",
    ] {
        assert!(said.out.contains(words), "`{words}`: {}", said.out);
    }
    // The line is one that an inventory takes.
    let line = said
        .out
        .lines()
        .find(|l| l.starts_with("etcd_quota_bytes"))
        .unwrap();
    let line = line.split_whitespace().next().unwrap();
    place.write(
        "q.inv",
        format!("[etcd]\nh1\n[etcd:vars]\n{line}\n").as_bytes(),
    );
    assert_eq!(place.runbook(&["vars", "h1", "-i", "q.inv"]).code, 0);
}

#[test]
fn what_no_quota_holds_is_refused() {
    let place = Place::new();
    let said = place.runbook(&[
        "capacity",
        "--objects",
        "crds=9000000:1000",
        "--format",
        "json",
    ]);
    assert_eq!(said.code, 3, "{}", said.err);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["estimate"]["quota"]["fits"], false);
    assert_eq!(json["estimate"]["quota"]["bytes"], 8_589_934_592_u64);
    assert!(json["estimate"]["database"]["high"].as_u64().unwrap() > 9_000_000_000);
}

#[test]
fn a_snapshot_tells_its_own_numbers() {
    let place = Place::new();
    place.snapshot("a.db");
    let before = place.tree();
    let said = place.runbook(&["capacity", "--snapshot", "a.db", "--output", "json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let inspected = place.runbook(&["snapshot", "inspect", "a.db", "--format", "json"]);
    let inspected: Value = serde_json::from_str(&inspected.out).unwrap();
    assert_eq!(json["estimate"]["now"], inspected["totalSize"]);
    let alive: u64 = json["estimate"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["objects"].as_u64().unwrap())
        .sum();
    assert_eq!(alive, inspected["totalKey36"].as_u64().unwrap());
    assert_eq!(place.tree(), before);
}

#[test]
fn bad_numbers_are_told() {
    let place = Place::new();
    place.write("no.db", b"this is no snapshot");
    for (words, code, told) in [
        (vec![], 10, "nothing to store"),
        (vec!["--pods", "0"], 10, "nothing to store"),
        (vec!["--pods", "many"], 64, "many"),
        (vec!["--pods", "-1"], 64, "-1"),
        (
            vec!["--pods", "18446744073709551615"],
            10,
            "more than any etcd holds",
        ),
        (
            vec!["--pods", "1", "--writes", "nodes=1"],
            10,
            "no objects `nodes`",
        ),
        (
            vec!["--pods", "1", "--writes", "pods=NaN"],
            10,
            "no number of changes",
        ),
        (
            vec!["--pods", "1", "--writes", "pods"],
            64,
            "--writes pods=20",
        ),
        (
            vec!["--pods", "1", "--retention", "never"],
            64,
            "--retention never",
        ),
        (vec!["--objects", "a=1"], 64, "--objects a=1"),
        (
            vec!["--objects", "a=1:99999999"],
            10,
            "no value of 99999999 bytes",
        ),
        (
            vec!["--objects", "pods=1:1", "--pods", "1"],
            10,
            "given twice",
        ),
        (vec!["--snapshot", "absent.db"], 10, "absent.db"),
        (vec!["--snapshot", "no.db"], 10, "damaged"),
        (vec!["--snapshot", "no.db", "--pods", "1"], 64, "--pods"),
    ] {
        place
            .runbook(&[&["capacity"], &words[..]].concat())
            .refuses(code, &[told]);
    }
}

/// The guide shows what the command prints.
#[test]
fn the_example_of_the_guide_is_real() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let line = guide
        .lines()
        .map(str::trim)
        .find(|l| l.starts_with("runbook capacity --pods"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let said = Place::new().runbook(&words);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(guide.contains(&said.out), "{}", said.out);
}
