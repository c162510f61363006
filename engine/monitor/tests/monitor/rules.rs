//! Each alert fires where it should and is silent where it should be, in Prometheus' own evaluation.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use runbook_monitor::{ALERTS, Answer, RULES, RUNBOOKS};
use serde_json::{Value, json};

use crate::support::{promtool, text, three, value, watched, write};

/// A member's number, a series of it, and its values as promtool's test files write them: one a minute.
type Series<'a> = (u32, &'a str, &'a str);

/// A series of member `n`: `name` or `name{labels}` with the labels of its target.
fn of_member(n: u32, name: &str) -> String {
    let target =
        format!("job=\"etcd\",cluster=\"etcd\",member=\"etcd{n}\",instance=\"192.0.2.1{n}:2379\"");
    match name.strip_suffix('}') {
        Some(open) => format!("{open},{target}}}"),
        None => format!("{name}{{{target}}}"),
    }
}

/// One alert in two worlds.
struct Case {
    alert: &'static str,
    /// Series of the members 1, 2, 3 in which it fires for `fires` label sets, from minute `at` on.
    sick: &'static [Series<'static>],
    fires: usize,
    /// The last minute at which it does not fire yet, and the first at which it must.
    silent: u32,
    at: u32,
    /// Series in which it never fires.
    well: &'static [Series<'static>],
}

const UP: &str = "1x400";
const DOWN: &str = "0x400";

const CASES: &[Case] = &[
    Case {
        alert: "EtcdInsufficientMembers",
        sick: &[(1, "up", UP), (2, "up", DOWN), (3, "up", DOWN)],
        fires: 1,
        silent: 1,
        at: 2,
        well: &[(1, "up", UP), (2, "up", UP), (3, "up", DOWN)],
    },
    Case {
        alert: "EtcdInsufficientMembers",
        // Two of four are no quorum; three of four are.
        sick: &[
            (1, "up", UP),
            (2, "up", UP),
            (3, "up", DOWN),
            (4, "up", DOWN),
        ],
        fires: 1,
        silent: 1,
        at: 2,
        well: &[(1, "up", UP), (2, "up", UP), (3, "up", UP), (4, "up", DOWN)],
    },
    Case {
        alert: "EtcdNoLeader",
        sick: &[
            (1, "etcd_server_has_leader", DOWN),
            (2, "etcd_server_has_leader", UP),
        ],
        fires: 1,
        silent: 0,
        at: 1,
        // An election of less than a minute.
        well: &[
            (1, "etcd_server_has_leader", "1x10 0 1x300"),
            (2, "etcd_server_has_leader", UP),
        ],
    },
    Case {
        alert: "EtcdSeveralLeaders",
        sick: &[
            (1, "etcd_server_is_leader", UP),
            (2, "etcd_server_is_leader", UP),
            (3, "etcd_server_is_leader", DOWN),
        ],
        fires: 1,
        silent: 1,
        at: 2,
        // A move of the leader, seen at two scrapes.
        well: &[
            (1, "etcd_server_is_leader", "1x10 0x300"),
            (2, "etcd_server_is_leader", "0x9 1x300"),
        ],
    },
    Case {
        alert: "EtcdMemberDown",
        sick: &[(1, "up", DOWN), (2, "up", UP)],
        fires: 1,
        silent: 2,
        at: 3,
        // A restart.
        well: &[(1, "up", "1x10 0 0 1x300"), (2, "up", UP)],
    },
    Case {
        alert: "EtcdNotScraped",
        sick: &[(1, "etcd_server_has_leader{job=\"other\"}", UP)],
        fires: 1,
        silent: 4,
        at: 5,
        well: &[(1, "etcd_server_has_leader", UP)],
    },
    Case {
        alert: "EtcdPeerUnreachable",
        sick: &[
            (
                1,
                "etcd_network_peer_sent_failures_total{To=\"a1\"}",
                "0+6x400",
            ),
            (
                1,
                "etcd_network_peer_sent_failures_total{To=\"b2\"}",
                "0x400",
            ),
        ],
        fires: 1,
        silent: 10,
        at: 12,
        well: &[(
            1,
            "etcd_network_peer_sent_failures_total{To=\"a1\"}",
            "0x10 5x400",
        )],
    },
    Case {
        alert: "EtcdHighNumberOfLeaderChanges",
        // Three members that saw the same changes are one cluster that had them.
        sick: &[
            (1, "etcd_server_leader_changes_seen_total", "0+1x400"),
            (2, "etcd_server_leader_changes_seen_total", "0+1x400"),
            (3, "etcd_server_leader_changes_seen_total", "0+1x400"),
        ],
        fires: 1,
        silent: 6,
        at: 12,
        // Two changes that all three saw are two, not six.
        well: &[
            (
                1,
                "etcd_server_leader_changes_seen_total",
                "1x20 2x20 3x300",
            ),
            (
                2,
                "etcd_server_leader_changes_seen_total",
                "1x20 2x20 3x300",
            ),
            (
                3,
                "etcd_server_leader_changes_seen_total",
                "1x20 2x20 3x300",
            ),
        ],
    },
    Case {
        alert: "EtcdLearnerLeft",
        sick: &[
            (3, "etcd_server_is_learner", UP),
            (1, "etcd_server_is_learner", DOWN),
        ],
        fires: 1,
        silent: 59,
        at: 60,
        well: &[(3, "etcd_server_is_learner", "1x30 0x300")],
    },
    Case {
        alert: "EtcdVersionsDiffer",
        sick: &[
            (1, "etcd_server_version{server_version=\"3.5.16\"}", UP),
            (2, "etcd_server_version{server_version=\"3.5.17\"}", UP),
        ],
        fires: 1,
        silent: 119,
        at: 120,
        well: &[
            (1, "etcd_server_version{server_version=\"3.5.16\"}", UP),
            (2, "etcd_server_version{server_version=\"3.5.16\"}", UP),
        ],
    },
    Case {
        alert: "EtcdHighNumberOfFailedProposals",
        sick: &[
            (1, "etcd_server_proposals_failed_total", "0+1x400"),
            (2, "etcd_server_proposals_failed_total", "0x400"),
        ],
        fires: 1,
        silent: 8,
        at: 14,
        well: &[(1, "etcd_server_proposals_failed_total", "0x10 3x400")],
    },
    Case {
        alert: "EtcdProposalsPending",
        sick: &[(1, "etcd_server_proposals_pending", "101x400")],
        fires: 1,
        silent: 4,
        at: 5,
        well: &[(1, "etcd_server_proposals_pending", "100x400")],
    },
    Case {
        alert: "EtcdApplyLag",
        sick: &[
            (1, "etcd_server_proposals_committed_total", "3000+10x400"),
            (1, "etcd_server_proposals_applied_total", "1000+10x400"),
        ],
        fires: 1,
        silent: 4,
        at: 5,
        well: &[
            (1, "etcd_server_proposals_committed_total", "3000+10x400"),
            (1, "etcd_server_proposals_applied_total", "2900+10x400"),
        ],
    },
    Case {
        alert: "EtcdHighNumberOfFailedGRPCRequests",
        sick: &[
            (
                1,
                "grpc_server_handled_total{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",grpc_code=\"OK\"}",
                "0+90x400",
            ),
            (
                1,
                "grpc_server_handled_total{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",grpc_code=\"Unavailable\"}",
                "0+10x400",
            ),
        ],
        fires: 1,
        silent: 5,
        at: 7,
        // What callers do wrong, and streams that end, are no failures of the member.
        well: &[
            (
                1,
                "grpc_server_handled_total{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",grpc_code=\"InvalidArgument\"}",
                "0+90x400",
            ),
            (
                1,
                "grpc_server_handled_total{grpc_service=\"etcdserverpb.Watch\",grpc_method=\"Watch\",grpc_type=\"bidi_stream\",grpc_code=\"Unavailable\"}",
                "0+90x400",
            ),
        ],
    },
    Case {
        alert: "EtcdGRPCRequestsSlow",
        // Half between the bounds of the slowest two in a hundred: 175 ms, and 75 ms where it is well.
        sick: &[
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",le=\"0.1\"}",
                "0+98x400",
            ),
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",le=\"0.25\"}",
                "0+100x400",
            ),
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",le=\"+Inf\"}",
                "0+100x400",
            ),
        ],
        fires: 1,
        silent: 10,
        at: 12,
        well: &[
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",le=\"0.05\"}",
                "0+98x400",
            ),
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",le=\"0.1\"}",
                "0+100x400",
            ),
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",le=\"+Inf\"}",
                "0+100x400",
            ),
            // Maintenance takes its time.
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.Maintenance\",grpc_method=\"Defragment\",grpc_type=\"unary\",le=\"0.1\"}",
                "0x400",
            ),
            (
                1,
                "grpc_server_handling_seconds_bucket{grpc_service=\"etcdserverpb.Maintenance\",grpc_method=\"Defragment\",grpc_type=\"unary\",le=\"+Inf\"}",
                "0+60x400",
            ),
        ],
    },
    Case {
        alert: "EtcdHighPeerRTT",
        // 154 ms, 77 ms.
        sick: &[
            (
                1,
                "etcd_network_peer_round_trip_time_seconds_bucket{To=\"a1\",le=\"0.1024\"}",
                "0+98x400",
            ),
            (
                1,
                "etcd_network_peer_round_trip_time_seconds_bucket{To=\"a1\",le=\"0.2048\"}",
                "0+100x400",
            ),
            (
                1,
                "etcd_network_peer_round_trip_time_seconds_bucket{To=\"a1\",le=\"+Inf\"}",
                "0+100x400",
            ),
        ],
        fires: 1,
        silent: 10,
        at: 12,
        well: &[
            (
                1,
                "etcd_network_peer_round_trip_time_seconds_bucket{To=\"a1\",le=\"0.0512\"}",
                "0+98x400",
            ),
            (
                1,
                "etcd_network_peer_round_trip_time_seconds_bucket{To=\"a1\",le=\"0.1024\"}",
                "0+100x400",
            ),
            (
                1,
                "etcd_network_peer_round_trip_time_seconds_bucket{To=\"a1\",le=\"+Inf\"}",
                "0+100x400",
            ),
        ],
    },
    Case {
        alert: "EtcdHighFsyncDurations",
        // 768 ms, 384 ms.
        sick: &[
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.512\"}",
                "0+98x400",
            ),
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"1.024\"}",
                "0+100x400",
            ),
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"}",
                "0+100x400",
            ),
        ],
        fires: 1,
        silent: 5,
        at: 7,
        well: &[
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.256\"}",
                "0+98x400",
            ),
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.512\"}",
                "0+100x400",
            ),
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"}",
                "0+100x400",
            ),
        ],
    },
    Case {
        alert: "EtcdHighCommitDurations",
        // 384 ms, 192 ms.
        sick: &[
            (
                1,
                "etcd_disk_backend_commit_duration_seconds_bucket{le=\"0.256\"}",
                "0+98x400",
            ),
            (
                1,
                "etcd_disk_backend_commit_duration_seconds_bucket{le=\"0.512\"}",
                "0+100x400",
            ),
            (
                1,
                "etcd_disk_backend_commit_duration_seconds_bucket{le=\"+Inf\"}",
                "0+100x400",
            ),
        ],
        fires: 1,
        silent: 10,
        at: 12,
        well: &[
            (
                1,
                "etcd_disk_backend_commit_duration_seconds_bucket{le=\"0.128\"}",
                "0+98x400",
            ),
            (
                1,
                "etcd_disk_backend_commit_duration_seconds_bucket{le=\"0.256\"}",
                "0+100x400",
            ),
            (
                1,
                "etcd_disk_backend_commit_duration_seconds_bucket{le=\"+Inf\"}",
                "0+100x400",
            ),
            // The fsync of the log is another matter.
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"1.024\"}",
                "0x400",
            ),
            (
                1,
                "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"}",
                "0+60x400",
            ),
        ],
    },
    Case {
        alert: "EtcdNoSpace",
        sick: &[
            (
                1,
                "grpc_server_handled_total{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",grpc_code=\"ResourceExhausted\"}",
                "0+1x400",
            ),
            (
                2,
                "etcd_debugging_server_alarms{server_id=\"a1\",alarm_type=\"NOSPACE\"}",
                UP,
            ),
        ],
        fires: 2,
        silent: 0,
        at: 3,
        well: &[
            (
                1,
                "grpc_server_handled_total{grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\",grpc_code=\"ResourceExhausted\"}",
                "7x400",
            ),
            (
                2,
                "etcd_debugging_server_alarms{server_id=\"a1\",alarm_type=\"CORRUPT\"}",
                UP,
            ),
        ],
    },
    Case {
        alert: "EtcdCorrupt",
        sick: &[(
            1,
            "etcd_debugging_server_alarms{server_id=\"a1\",alarm_type=\"CORRUPT\"}",
            "_x10 1x400",
        )],
        fires: 1,
        silent: 9,
        at: 12,
        well: &[
            (
                1,
                "etcd_debugging_server_alarms{server_id=\"a1\",alarm_type=\"CORRUPT\"}",
                "0x400",
            ),
            (
                1,
                "etcd_debugging_server_alarms{server_id=\"a1\",alarm_type=\"NOSPACE\"}",
                UP,
            ),
        ],
    },
    Case {
        alert: "EtcdDatabaseQuotaLowSpace",
        sick: &[
            (1, "etcd_mvcc_db_total_size_in_bytes", "96x400"),
            (1, "etcd_server_quota_backend_bytes", "100x400"),
        ],
        fires: 1,
        silent: 4,
        at: 5,
        well: &[
            (1, "etcd_mvcc_db_total_size_in_bytes", "94x400"),
            (1, "etcd_server_quota_backend_bytes", "100x400"),
            (2, "etcd_mvcc_db_total_size_in_bytes", "94x400"),
            (2, "etcd_server_quota_backend_bytes", "-1x400"),
        ],
    },
    Case {
        alert: "EtcdBackendQuotaLowSpace",
        sick: &[
            (1, "etcd_mvcc_db_total_size_in_bytes", "81x400"),
            (1, "etcd_server_quota_backend_bytes", "100x400"),
        ],
        fires: 1,
        silent: 4,
        at: 5,
        well: &[
            (1, "etcd_mvcc_db_total_size_in_bytes", "79x400"),
            (1, "etcd_server_quota_backend_bytes", "100x400"),
            (2, "etcd_mvcc_db_total_size_in_bytes", "99x400"),
            (2, "etcd_server_quota_backend_bytes", "-1x400"),
        ],
    },
    Case {
        alert: "EtcdExcessiveDatabaseGrowth",
        sick: &[
            (1, "etcd_mvcc_db_total_size_in_bytes", "0+1x400"),
            (1, "etcd_server_quota_backend_bytes", "200x400"),
        ],
        fires: 1,
        silent: 5,
        at: 20,
        // Growth that the quota bears, and a member without one.
        well: &[
            (1, "etcd_mvcc_db_total_size_in_bytes", "0+1x400"),
            (1, "etcd_server_quota_backend_bytes", "2000x400"),
            (2, "etcd_mvcc_db_total_size_in_bytes", "0+1x400"),
            (2, "etcd_server_quota_backend_bytes", "-1x400"),
        ],
    },
    Case {
        alert: "EtcdDatabaseHighFragmentationRatio",
        sick: &[
            (
                1,
                "etcd_mvcc_db_total_size_in_use_in_bytes",
                "200000000x400",
            ),
            (1, "etcd_mvcc_db_total_size_in_bytes", "500000000x400"),
        ],
        fires: 1,
        silent: 9,
        at: 10,
        // Half empty and small.
        well: &[
            (1, "etcd_mvcc_db_total_size_in_use_in_bytes", "20000x400"),
            (1, "etcd_mvcc_db_total_size_in_bytes", "500000000x400"),
            (
                2,
                "etcd_mvcc_db_total_size_in_use_in_bytes",
                "300000000x400",
            ),
            (2, "etcd_mvcc_db_total_size_in_bytes", "500000000x400"),
        ],
    },
    Case {
        alert: "EtcdFileDescriptorsExhausted",
        sick: &[
            (1, "process_open_fds", "900x400"),
            (1, "process_max_fds", "1000x400"),
        ],
        fires: 1,
        silent: 9,
        at: 10,
        well: &[
            (1, "process_open_fds", "700x400"),
            (1, "process_max_fds", "1000x400"),
        ],
    },
];

fn series(of: &[Series<'_>]) -> Vec<Value> {
    of.iter()
        .map(|(n, name, values)| json!({ "series": of_member_or_own(*n, name), "values": values }))
        .collect()
}

/// A series that names its own job is somebody else's.
fn of_member_or_own(n: u32, name: &str) -> String {
    if name.contains("job=") {
        name.to_owned()
    } else {
        of_member(n, name)
    }
}

/// Promtool counts the alerts that fire at some minutes.
fn test(of: &[Series<'_>], alert: &str, at: &[(u32, usize)]) -> Value {
    let expr = format!("count(ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}})");
    let expected = |(minute, count): &(u32, usize)| {
        let samples = match count {
            0 => json!([]),
            n => json!([{ "labels": "{}", "value": n }]),
        };
        json!({ "expr": expr, "eval_time": format!("{minute}m"), "exp_samples": samples })
    };
    json!({
        "interval": "1m",
        "input_series": series(of),
        "promql_expr_test": at.iter().map(expected).collect::<Vec<_>>(),
    })
}

fn run(tests: &[Value]) {
    let dir = tempfile::tempdir().unwrap();
    write(&watched(three()), dir.path());
    let file = json!({ "rule_files": [RULES], "evaluation_interval": "1m", "tests": tests });
    std::fs::write(dir.path().join("test.yml"), file.to_string()).unwrap();
    promtool(dir.path(), &["check", "rules", RULES]);
    promtool(dir.path(), &["test", "rules", "test.yml"]);
}

#[test]
fn each_alert_fires_where_it_should() {
    let sick = |case: &Case| {
        test(
            case.sick,
            case.alert,
            &[
                (case.silent, 0),
                (case.at, case.fires),
                (case.at + 10, case.fires),
            ],
        )
    };
    run(&CASES.iter().map(sick).collect::<Vec<_>>());
}

#[test]
fn each_alert_is_silent_where_it_should_be() {
    let every: Vec<_> = (0..26).map(|n| (n * 5, 0)).collect();
    let well = |case: &Case| test(case.well, case.alert, &every);
    run(&CASES.iter().map(well).collect::<Vec<_>>());
}

#[test]
fn no_alert_is_without_its_cases() {
    let named: HashSet<_> = CASES.iter().map(|c| c.alert).collect();
    let all: HashSet<_> = ALERTS.iter().map(|a| a.name).collect();
    assert_eq!(named, all);
    assert_eq!(all.len(), ALERTS.len(), "a name stands twice");
}

/// A cluster of three that serves: not one alert, pending or firing, in two hours.
#[test]
fn a_healthy_cluster_raises_nothing() {
    let histogram = |name: &str, label: &str| {
        [("0.008", "0+60x400"), ("+Inf", "0+60x400")]
            .map(|(le, values)| (format!("{name}_bucket{{{label}le=\"{le}\"}}"), values))
    };
    let rpc = "grpc_service=\"etcdserverpb.KV\",grpc_method=\"Put\",grpc_type=\"unary\"";
    let mut all: Vec<(String, &str)> = vec![
        ("up".into(), UP),
        ("etcd_server_has_leader".into(), UP),
        ("etcd_server_is_learner".into(), DOWN),
        ("etcd_server_leader_changes_seen_total".into(), UP),
        ("etcd_server_version{server_version=\"3.5.16\"}".into(), UP),
        ("etcd_server_proposals_failed_total".into(), DOWN),
        ("etcd_server_proposals_pending".into(), "2x400"),
        ("etcd_server_proposals_committed_total".into(), "50+60x400"),
        ("etcd_server_proposals_applied_total".into(), "48+60x400"),
        (
            "etcd_network_peer_sent_failures_total{To=\"a1\"}".into(),
            DOWN,
        ),
        ("etcd_mvcc_db_total_size_in_bytes".into(), "500000000x400"),
        (
            "etcd_mvcc_db_total_size_in_use_in_bytes".into(),
            "400000000x400",
        ),
        ("etcd_server_quota_backend_bytes".into(), "2147483648x400"),
        ("process_open_fds".into(), "100x400"),
        ("process_max_fds".into(), "40000x400"),
        (
            format!("grpc_server_handled_total{{{rpc},grpc_code=\"OK\"}}"),
            "0+60x400",
        ),
        (
            format!("grpc_server_handled_total{{{rpc},grpc_code=\"ResourceExhausted\"}}"),
            DOWN,
        ),
    ];
    all.extend(histogram(
        "grpc_server_handling_seconds",
        &format!("{rpc},"),
    ));
    all.extend(histogram(
        "etcd_network_peer_round_trip_time_seconds",
        "To=\"a1\",",
    ));
    all.extend(histogram("etcd_disk_wal_fsync_duration_seconds", ""));
    all.extend(histogram("etcd_disk_backend_commit_duration_seconds", ""));
    let mut members: Vec<Series<'_>> = (1..=3)
        .flat_map(|n| {
            all.iter()
                .map(move |(name, values)| (n, name.as_str(), *values))
        })
        .collect();
    members.extend([
        (1, "etcd_server_is_leader", UP),
        (2, "etcd_server_is_leader", DOWN),
        (3, "etcd_server_is_leader", DOWN),
    ]);
    let minutes: Vec<_> = (0..36)
        .map(
            |n| json!({ "expr": "ALERTS", "eval_time": format!("{}m", n * 10), "exp_samples": [] }),
        )
        .collect();
    run(&[
        json!({ "interval": "1m", "input_series": series(&members), "promql_expr_test": minutes }),
    ]);
}

/// Labels that a description speaks of are there: a template that finds none says nothing.
#[test]
fn descriptions_say_whom_they_mean() {
    let mut tests = Vec::new();
    for case in CASES {
        let alert = ALERTS.iter().find(|a| a.name == case.alert).unwrap();
        let mut labels = BTreeMap::new();
        for part in alert.description.split("$labels.").skip(1) {
            let name: String = part
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            labels.insert(name, ());
        }
        if let Answer::Exec(runbook) = alert.answer
            && runbook.name() == "replace.etcdrb"
        {
            labels.insert("member".into(), ());
        }
        let mut unequal = String::new();
        for name in labels.keys() {
            write!(unequal, ", {name}!=\"\"").unwrap();
        }
        let expr = format!(
            "count(ALERTS{{alertname=\"{}\", alertstate=\"firing\"{unequal}}})",
            case.alert
        );
        tests.push(json!({
            "interval": "1m",
            "input_series": series(case.sick),
            "promql_expr_test": [{ "expr": expr, "eval_time": format!("{}m", case.at + 10), "exp_samples": [{ "labels": "{}", "value": case.fires }] }],
        }));
    }
    run(&tests);
}

#[test]
fn each_alert_names_what_answers_it() {
    let rules = value(&text(&watched(three()), RULES));
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), ALERTS.len());
    let mut named = HashSet::new();
    for rule in rules {
        let notes = &rule["annotations"];
        let command = notes["runbook_command"].as_str().unwrap();
        match notes["runbook"].as_str() {
            None => assert_eq!(command, "runbook status -i prod.inv"),
            Some(name) => {
                let begin = format!("runbook exec {name} -i prod.inv");
                assert!(
                    command.starts_with(&begin) && command.ends_with(" -C"),
                    "{command}"
                );
                named.insert(name.to_owned());
            }
        }
        assert!(notes["summary"].as_str().unwrap().len() > 10);
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()));
    }
    // None is named that no alert needs, but for certificates, which no metric of etcd tells of.
    let table: HashSet<_> = RUNBOOKS.iter().map(|r| r.name().to_owned()).collect();
    assert!(named.is_subset(&table), "{named:?}");
}

/// The guide's table has every alert, in this order, with what answers it.
#[test]
fn the_guide_names_every_alert() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let table = guide.split("| alert | when | answer |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|l| l.starts_with('|'));
    let told: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row
                .split('|')
                .map(|c| c.trim().trim_matches('`').to_owned())
                .collect();
            (cells[1].clone(), cells[3].clone())
        })
        .collect();
    let answer = |answer: Answer| match answer {
        Answer::Status => "runbook status".to_owned(),
        Answer::Exec(runbook) => runbook.name().to_owned(),
    };
    let wanted: Vec<_> = ALERTS
        .iter()
        .map(|a| (a.name.to_owned(), answer(a.answer)))
        .collect();
    assert_eq!(told, wanted);
}
