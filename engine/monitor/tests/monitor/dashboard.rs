//! The dashboard is one that Grafana loads, and asks what Prometheus understands.

use std::collections::HashSet;

use runbook_monitor::DASHBOARD;
use serde_json::{Value, json};

use crate::support::{promtool, text, three, watched};

fn dashboard() -> Value {
    serde_json::from_str(&text(&watched(three()), DASHBOARD)).unwrap()
}

pub fn panels() -> Vec<Value> {
    dashboard()["panels"].as_array().unwrap().clone()
}

/// Every query with the panel that asks it.
pub fn queries() -> Vec<(String, String)> {
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets
            .into_iter()
            .map(move |t| (title.clone(), t["expr"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    panels().iter().flat_map(of).collect()
}

#[test]
fn it_has_what_the_model_asks_for() {
    let board = dashboard();
    assert_eq!(board["uid"], "runbook-etcd");
    assert!(board["uid"].as_str().unwrap().len() <= 40);
    assert!(board["schemaVersion"].as_u64().unwrap() >= 36);
    // Grafana assigns it; one in a file clashes with a stranger's.
    assert!(board.get("id").is_none());
    assert_eq!(board["annotations"], json!({ "list": [] }));
    let mut ids = HashSet::new();
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(!title.is_empty());
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{title}: its id stands twice"
        );
        let kind = panel["type"].as_str().unwrap();
        assert!(["row", "stat", "timeseries"].contains(&kind), "{kind}");
        let targets = panel["targets"].as_array();
        assert_eq!(targets.is_none(), kind == "row", "{title}");
        let mut refs = HashSet::new();
        for target in targets.into_iter().flatten() {
            assert!(refs.insert(target["refId"].as_str().unwrap()), "{title}");
            assert_eq!(target["datasource"]["uid"], "${datasource}");
        }
        if kind != "row" {
            assert_eq!(
                panel["datasource"],
                json!({ "type": "prometheus", "uid": "${datasource}" })
            );
            assert!(
                panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "{title}"
            );
            assert_eq!(panel["fieldConfig"]["overrides"], json!([]));
        }
    }
}

#[test]
fn no_panel_covers_another() {
    let mut taken = HashSet::new();
    for panel in panels() {
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= 24);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}

#[test]
fn what_is_looked_at_first_is_there() {
    let all: Vec<_> = queries().into_iter().map(|(_, expr)| expr).collect();
    for metric in [
        "etcd_server_is_leader",
        "etcd_mvcc_db_total_size_in_bytes",
        "etcd_disk_wal_fsync_duration_seconds_bucket",
        "etcd_network_peer_round_trip_time_seconds_bucket",
    ] {
        assert!(all.iter().any(|expr| expr.contains(metric)), "{metric}");
    }
}

#[test]
fn every_variable_is_one_and_is_used() {
    let board = dashboard();
    let list = board["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = list.iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "cluster", "member"]);
    let used = regex::Regex::new(r"\$\{?([a-z_]+)").unwrap();
    let mut seen = HashSet::new();
    for found in used.captures_iter(&board.to_string()) {
        let name = found[1].to_owned();
        assert!(
            names.contains(&name.as_str()) || name == "__rate_interval",
            "{name}"
        );
        seen.insert(name);
    }
    assert!(names.iter().all(|name| seen.contains(*name)), "{seen:?}");
}

#[test]
fn every_query_is_one() {
    let rules: Vec<_> = queries()
        .iter()
        .enumerate()
        .map(|(n, (_, expr))| {
            let expr = expr
                .replace("$cluster", "etcd")
                .replace("$member", ".+")
                .replace("$__rate_interval", "1m");
            json!({ "record": format!("panel:{n}"), "expr": expr })
        })
        .collect();
    assert!(rules.len() > 20);
    let dir = tempfile::tempdir().unwrap();
    let text = json!({ "groups": [{ "name": "panels", "rules": rules }] }).to_string();
    std::fs::write(dir.path().join("panels.yml"), text).unwrap();
    let said = promtool(dir.path(), &["check", "rules", "panels.yml"]);
    assert!(
        said.contains(&format!("{} rules found", queries().len())),
        "{said}"
    );
}
