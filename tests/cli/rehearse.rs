//! `runbook rehearse` on this machine, with real etcd and no cluster at all beside it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{INVENTORY, Place};

const RESTORE: [&str; 6] = [
    "rehearse",
    "restore.etcdrb",
    "-i",
    "own.inv",
    "-e",
    "snapshot=backup.db",
];

/// A place with a cluster's name of its own, since root's runs leave their receipts outside of it.
struct Stage {
    place: Place,
    cluster: String,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for name in [
            self.cluster.clone(),
            format!("{}%20%28rehearsal%29", self.cluster),
        ] {
            let _ = fs::remove_dir_all(PathBuf::from("/var/lib/runbook").join(name));
        }
    }
}

impl Stage {
    fn new() -> Self {
        let place = Place::new();
        let dir = place.path().file_name().unwrap().to_str().unwrap();
        let letters: String = dir.chars().filter(char::is_ascii_alphanumeric).collect();
        let cluster = format!("stage_{letters}");
        let inventory = format!("{INVENTORY}etcd_cluster={cluster}\n");
        place.write("own.inv", inventory.as_bytes());
        let packed = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/snapshots/3.4.23/before.db.gz"
        );
        let unpacked = Command::new("gzip").args(["-dc", packed]).output().unwrap();
        place.write("backup.db", &unpacked.stdout);
        Self { place, cluster }
    }

    /// What stands here beside runs and the connections' sockets.
    fn files(&self) -> Vec<String> {
        let kept = |path: &String| !path.contains("/state/") && !path.contains("/runbook-");
        self.place.tree().into_keys().filter(kept).collect()
    }
}

#[test]
fn times_come_last_and_nothing_is_left() {
    let stage = Stage::new();
    fs::create_dir(stage.place.path().join("state")).unwrap();
    let before = stage.files();
    let said = stage
        .place
        .runbook(&[&RESTORE[..], &["--output", "json"]].concat());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let times: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(times["done"], true);
    assert_eq!(times["compared"], "revision 31, 5 keys");
    let kinds: Vec<_> = times["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["kind"])
        .collect();
    assert_eq!(
        kinds,
        ["push", "trial-restore", "restore", "start", "read-back"]
    );
    for phase in times["phases"].as_array().unwrap() {
        assert_eq!(phase["hosts_ms"].as_object().unwrap().len(), 3, "{phase}");
    }
    assert!(times["estimate_ms"].as_u64().unwrap() > 0);

    // A person gets a table.
    let table = stage
        .place
        .runbook(&[&RESTORE[..], &["--output", "quiet"]].concat());
    assert_eq!(table.code, 0, "{}{}", table.out, table.err);
    for words in [
        "PHASE",
        "Start the copy",
        "Recovery time",
        "Not measured",
        "Stop etcd",
    ] {
        assert!(table.out.contains(words), "`{words}`: {}", table.out);
    }
    let mut after = stage.files();
    after.retain(|path| !before.contains(path));
    assert_eq!(after, [""; 0], "something is left");
    let clean = stage
        .place
        .runbook(&["rehearse", "--clean", "-i", "own.inv"]);
    assert_eq!(clean.code, 0, "{}", clean.err);
    assert!(
        clean
            .err
            .contains("no rehearsal from this machine left anything"),
        "{}",
        clean.err
    );
}

#[test]
fn a_dry_run_shows_what_is_left_out_and_writes_nothing() {
    let stage = Stage::new();
    let before = stage.place.tree();
    let said = stage
        .place
        .runbook(&[&RESTORE[..], &["--dry-run"]].concat());
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("Restore a copy beside the data"),
        "{}",
        said.out
    );
    assert!(said.out.contains("not rehearsed: "), "{}", said.out);
    let mut after = stage.place.tree();
    after.retain(|path, _| !path.contains("/runbook-") && !path.contains("/state/"));
    assert!(
        after
            .keys()
            .all(|path| before.contains_key(path) || path.ends_with("/state/"))
    );
}

#[test]
fn what_restores_nothing_is_no_rehearsal() {
    let place = Place::new();
    for name in ["deploy.etcdrb", "backup.etcdrb"] {
        let said = place.runbook(&["rehearse", name, "-i", "local.inv"]);
        said.refuses(
            10,
            &[
                "has nothing to rehearse: it restores no data dir",
                &format!("runbook exec {name} -i local.inv --dry-run"),
            ],
        );
    }
    place
        .runbook(&["rehearse", "-i", "local.inv"])
        .refuses(64, &["<RUNBOOK>"]);
    let both = ["rehearse", "restore", "--clean", "-i", "local.inv"];
    place.runbook(&both).refuses(64, &["cannot be used with"]);
}

#[test]
fn a_rehearsal_beside_a_run_is_refused() {
    let stage = Stage::new();
    let host = PathBuf::from("/var/lib/runbook")
        .join(&stage.cluster)
        .join("etcd2");
    let home = stage
        .place
        .path()
        .join(".local/state/runbook")
        .join(&stage.cluster)
        .join("etcd2");
    for dir in [host, home] {
        // Root's locks are in the first, a user's in the second.
        if fs::create_dir_all(&dir).is_ok() {
            let lock = r#"{"run":"r7","holder":"ann@ops2","since":"2026-01-01T00:00:00Z"}"#;
            fs::write(dir.join("lock"), format!("r7\n{lock}\n")).unwrap();
        }
    }
    let said = stage.place.runbook(&RESTORE);
    said.refuses(7, &["run `r7` of `ann@ops2` is at work on `etcd2`"]);
}
