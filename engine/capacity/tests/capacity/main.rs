//! Estimates against real members: what was predicted, and what the database then was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set up its case fails"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use runbook_capacity::{Kind, Load, Span, estimate, from_census};
use runbook_model::host::Scheme;
use runbook_snapshot::census;
use serde_json::Value;

#[path = "../../../../tests/support/etcd.rs"]
mod etcd;

use etcd::{Cluster, Options, versions};

/// What the estimate may be off, as the documents say: never less than nine tenths of what is, never more than five quarters.
const BOUND: std::ops::RangeInclusive<f64> = 0.9..=1.25;
/// Of what is alive, once compacted and defragmented.
const PACKED: std::ops::RangeInclusive<f64> = 0.92..=1.15;

/// A run: objects of a size, changed so many at a time between two compactions.
struct Case {
    objects: u64,
    value: usize,
    changes: u64,
    rounds: usize,
}

const CASES: [Case; 4] = [
    Case {
        objects: 3000,
        value: 500,
        changes: 1500,
        rounds: 5,
    },
    Case {
        objects: 1200,
        value: 1500,
        changes: 600,
        rounds: 5,
    },
    Case {
        objects: 500,
        value: 8000,
        changes: 500,
        rounds: 4,
    },
    Case {
        objects: 3000,
        value: 1000,
        changes: 0,
        rounds: 0,
    },
];

fn key(n: u64) -> String {
    // As long as those of Kubernetes: 80 bytes.
    format!(
        "/registry/pods/some-namespace/{:0>50}",
        format!("web-{n:08}")
    )
}

/// Puts these objects, sixty-four a transaction.
fn put(cluster: &Cluster, objects: &[u64], value: &str) {
    for some in objects.chunks(64) {
        let mut seen = std::collections::BTreeSet::new();
        let mut text = String::from("\n");
        for n in some.iter().filter(|n| seen.insert(**n)) {
            writeln!(text, "put {} {value}", key(*n)).unwrap();
        }
        text += "\n\n";
        let mut child = Command::new(cluster.bin.join("etcdctl"))
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &cluster.members[0].spec.client_url(), "txn"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success());
    }
}

/// Size, size in use, revision.
fn status(cluster: &Cluster) -> (f64, f64, i64) {
    let said: Value =
        serde_json::from_str(&cluster.etcdctl(0, &["endpoint", "status", "-w", "json"])).unwrap();
    let status = &said[0]["Status"];
    let number = |name: &str| status[name].as_f64().unwrap();
    (
        number("dbSize"),
        number("dbSizeInUse"),
        status["header"]["revision"].as_i64().unwrap(),
    )
}

fn load(case: &Case) -> Load {
    let size = case.value as f64;
    let kind = Kind {
        name: "pods".to_owned(),
        objects: case.objects,
        value: Span {
            low: size,
            high: size,
        },
        key: 80.0,
        writes_per_s: case.changes as f64,
        expires: false,
        history: (0, 0.0),
    };
    // One round a second.
    Load {
        kinds: vec![kind],
        retention_s: 1.0,
        now: None,
    }
}

fn within(what: &str, bound: &std::ops::RangeInclusive<f64>, predicted: f64, real: f64) {
    let ratio = predicted / real;
    println!("{what}: predicted {predicted:.0}, real {real:.0}: {ratio:.3}");
    assert!(
        bound.contains(&ratio),
        "{what}: predicted {predicted:.0}, real {real:.0}: {ratio:.3}"
    );
}

/// Fills a member, changes it round by round, and compares.
fn run(version: &str, case: &Case) {
    let cluster = Cluster::start(&Options {
        version,
        members: 1,
        scheme: Scheme::Http,
        flags: &["--quota-backend-bytes", "8589934592"],
    });
    let name = format!("{version}, {} of {} bytes", case.objects, case.value);
    let value = "v".repeat(case.value);
    put(&cluster, &(0..case.objects).collect::<Vec<_>>(), &value);
    let mut random: u64 = 1;
    let mut fullest: f64 = 0.0;
    for _ in 0..case.rounds {
        let mut some = Vec::new();
        for _ in 0..case.changes {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            some.push((random >> 33) % case.objects);
        }
        put(&cluster, &some, &value);
        fullest = fullest.max(status(&cluster).0);
        let revision = status(&cluster).2.to_string();
        cluster.etcdctl(0, &["compact", &revision, "--physical"]);
    }
    let predicted = estimate(&load(case)).unwrap();
    // A commit may be a tenth of a second behind: a read after a write of its own is not.
    fullest = fullest.max(status(&cluster).0);
    within(
        &format!("{name}, fullest"),
        &BOUND,
        predicted.database.high,
        fullest,
    );
    let file = cluster.dir.path().join("saved.db");
    cluster.etcdctl(0, &["snapshot", "save", &file.display().to_string()]);
    let counted = census(&file).unwrap();
    assert_eq!(counted.live.records, case.objects, "{name}");
    assert_eq!(counted.live.value_bytes, case.objects * case.value as u64);
    assert_eq!(counted.prefixes[0].prefix, "/registry/pods/");
    let of_file = estimate(&from_census(&counted, 1.0)).unwrap();
    cluster.etcdctl(0, &["defrag"]);
    let packed = status(&cluster).0;
    within(
        &format!("{name}, defragmented"),
        &PACKED,
        predicted.live.high,
        packed,
    );
    within(
        &format!("{name}, defragmented, by its snapshot"),
        &PACKED,
        of_file.live.high + of_file.history.high,
        packed,
    );
}

#[test]
fn an_estimate_comes_true() {
    for version in versions() {
        for case in &CASES {
            run(&version, case);
        }
    }
}
