//! Scripts that do not end, print too much or print nothing.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use runbook_inventory::{Files, StdFiles};

fn run(files: &StdFiles, body: &str) -> Result<Option<i32>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hosts.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    files
        .run_script(&path, &["--list"])
        .map(|o| o.status)
        .map_err(|e| e.to_string())
}

#[test]
fn a_script_is_bounded() {
    let brief = StdFiles {
        script_limit: Duration::from_millis(50),
        ..StdFiles::default()
    };
    assert_eq!(
        run(&brief, "exec sleep 60"),
        Err("not done after 0.05 s".into())
    );
    assert_eq!(
        run(&brief, "exec sleep 60 >/dev/null 2>&1"),
        Err("not done after 0.05 s".into()),
        "though its pipes are closed"
    );
    let small = StdFiles {
        size_limit: 1000,
        ..StdFiles::default()
    };
    assert_eq!(
        run(&small, "exec yes"),
        Err("larger than 1000 bytes".into())
    );
    assert_eq!(run(&StdFiles::default(), "exit 3"), Ok(Some(3)));
    assert_eq!(run(&StdFiles::default(), "kill -9 $$"), Ok(None));
}
