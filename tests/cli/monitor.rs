//! `runbook monitor`: what it writes, what it leaves alone.

use std::fs;

use crate::support::Place;

const MONITOR: [&str; 5] = ["monitor", "-i", "local.inv", "--out", "mon"];
const FILES: [&str; 3] = ["prometheus.yml", "etcd.rules.yml", "etcd.dashboard.json"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&MONITOR[..], more].concat()
}

#[test]
fn files_are_written_once_and_then_unchanged() {
    let place = Place::new();
    let said = place.runbook(&MONITOR);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.out.matches("new ").count(), 3, "{}", said.out);
    let before = place.tree();
    for name in FILES {
        assert!(place.path().join("mon").join(name).is_file());
        assert!(
            !place
                .path()
                .join("mon")
                .join(format!(".{name}.part"))
                .exists()
        );
    }
    let again = place.runbook(&MONITOR);
    assert_eq!(again.out.matches("unchanged").count(), 3, "{}", again.out);
    assert_eq!(place.tree(), before);
    // The command of an alert is one: it is typed as it stands there.
    let rules = fs::read_to_string(place.path().join("mon/etcd.rules.yml")).unwrap();
    assert!(rules.contains("runbook status -i local.inv"), "{rules}");
    assert_eq!(place.runbook(&["status", "-i", "local.inv"]).code, 3);
}

#[test]
fn a_dry_run_writes_nothing_and_shows_what_would_change() {
    let place = Place::new();
    let before = place.tree();
    let said = place.runbook(&with(&["-C"]));
    assert_eq!((said.code, place.tree()), (0, before), "{}", said.err);
    assert_eq!(place.runbook(&MONITOR).code, 0);
    let before = place.tree();
    let said = place.runbook(&with(&["-C", "-D", "--interval", "30s"]));
    assert!(
        said.out
            .contains("-  scrape_interval: 15s\n+  scrape_interval: 30s"),
        "{}",
        said.out
    );
    assert_eq!(said.out.matches("unchanged").count(), 2, "{}", said.out);
    assert_eq!(place.tree(), before);
}

#[test]
fn a_strangers_file_stays() {
    let place = Place::new();
    fs::create_dir(place.path().join("mon")).unwrap();
    place.write("mon/etcd.rules.yml", b"groups: []\n");
    let before = place.tree();
    place
        .runbook(&MONITOR)
        .refuses(10, &["etcd.rules.yml", "--force"]);
    assert_eq!(
        place.tree(),
        before,
        "nothing is written where one file is refused"
    );
    assert_eq!(place.runbook(&with(&["--force"])).code, 0);
    // What it wrote it may write again.
    assert_eq!(place.runbook(&with(&["--interval", "1m"])).code, 0);
}

#[test]
fn bad_input_is_told() {
    let place = Place::new();
    place
        .runbook(&with(&["--interval", "soon"]))
        .refuses(64, &["--interval soon", "15s"]);
    place
        .runbook(&with(&["--group", "etc"]))
        .refuses(10, &["no group `etc`", "etcd"]);
    place
        .runbook(&with(&["-l", "nobody"]))
        .refuses(10, &["nobody"]);
    place
        .runbook(&["monitor", "--out", "mon"])
        .refuses(64, &["-i prod.inv"]);
    place.write("empty.inv", b"[etcd]\n[other]\nh1\n");
    place
        .runbook(&["monitor", "-i", "empty.inv", "--out", "mon"])
        .refuses(10, &["no member to watch"]);
    place.write(
        "bad.yml",
        b"etcd: {hosts: {h1: {ansible_host: 192.0.2.1, etcd_extra: {ETCD_LISTEN_METRICS_URLS: nonsense}}}}\n",
    );
    place
        .runbook(&["monitor", "-i", "bad.yml", "--out", "mon"])
        .refuses(10, &["nonsense", "ETCD_LISTEN_METRICS_URLS"]);
    assert!(!place.path().join("mon").exists());
}
