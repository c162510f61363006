//! The journal: what it promises to keep, and what it finds out.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use runbook_model::event::{Event, RunEnd};
use runbook_model::facts::LockFacts;
use runbook_model::host::HostName;
use runbook_run::{JournalError, Ledger, LocalLockError, RunsDir};

fn events() -> Vec<Event> {
    let host = HostName::new("etcd1");
    let mut events = vec![Event::Locked {
        hosts: vec![host.clone()],
    }];
    for step in 1..4 {
        events.push(Event::StepStarted { step });
        events.push(Event::WorkIntended {
            step,
            host: host.clone(),
            attempt: 1,
            undo: false,
        });
    }
    events.push(Event::RunEnded {
        end: RunEnd::Done { changed: true },
    });
    events
}

fn written() -> (tempfile::TempDir, RunsDir) {
    let dir = tempfile::tempdir().unwrap();
    let runs = RunsDir::new(dir.path().join("runs"));
    let mut journal = runs.create("r1").unwrap();
    for event in events() {
        journal.append(&[event], 7).unwrap();
    }
    (dir, runs)
}

#[test]
fn what_was_appended_is_read_back_by_one_owner_only() {
    let (_dir, runs) = written();
    let records = runs.read("r1").unwrap();
    let read: Vec<_> = records.iter().map(|r| r.event.clone()).collect();
    assert_eq!(read, events());
    assert_eq!(records[3].seq, 3);
    let path = runs.path("r1").unwrap();
    let mode = |p: &std::path::Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(runs.list().unwrap(), ["r1"]);
}

#[test]
fn live_events_are_not_kept() {
    let (_dir, runs) = written();
    let (mut journal, before) = runs.open("r1").unwrap();
    let live = Event::ActionStarted {
        step: 1,
        host: HostName::new("etcd1"),
        action: 0,
    };
    journal.append(&[live], 8).unwrap();
    assert_eq!(runs.read("r1").unwrap(), before);
}

/// F06, F45: a cut at every byte leaves the whole records before it, and the journal can go on from there.
#[test]
fn a_torn_last_line_is_dropped_wherever_it_tears() {
    let (_dir, runs) = written();
    let path = runs.path("r1").unwrap();
    let text = fs::read(&path).unwrap();
    for cut in 0..=text.len() {
        fs::write(&path, &text[..cut]).unwrap();
        let whole = text[..cut].iter().filter(|b| **b == b'\n').count();
        assert_eq!(runs.read("r1").unwrap().len(), whole, "cut at {cut}");
        let (mut journal, records) = runs.open("r1").unwrap();
        assert_eq!(records.len(), whole);
        journal.append(&[Event::StopRequested], 9).unwrap();
        let records = runs.read("r1").unwrap();
        assert_eq!(records.len(), whole + 1, "appended after a cut at {cut}");
    }
}

#[test]
fn every_flipped_byte_is_found_and_named_by_record() {
    let (_dir, runs) = written();
    let path = runs.path("r1").unwrap();
    let text = fs::read(&path).unwrap();
    // The last newline flipped is a torn line, not damage.
    for at in 0..text.len() - 1 {
        let mut bad = text.clone();
        bad[at] ^= 0x01;
        fs::write(&path, &bad).unwrap();
        let line = text[..at].iter().filter(|b| **b == b'\n').count() as u64;
        match runs.read("r1") {
            Err(JournalError::Corrupt { record, .. }) => assert_eq!(record, line, "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_line_taken_out_or_swapped_is_found() {
    let (_dir, runs) = written();
    let path = runs.path("r1").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let mut without = lines.clone();
    without.remove(2);
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    for bad in [without, swapped] {
        fs::write(&path, bad.join("\n") + "\n").unwrap();
        let error = runs.read("r1").unwrap_err();
        assert!(
            matches!(error, JournalError::Corrupt { record: 2, .. }),
            "{error}"
        );
    }
}

/// F08: a full disk (here: a directory where the runs should be made that is a file) is told by its path, before anything.
#[test]
fn a_journal_that_cannot_be_made_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("runs"), "").unwrap();
    let error = RunsDir::new(dir.path().join("runs"))
        .create("r1")
        .unwrap_err();
    assert!(
        error.to_string().contains("runs/r1/journal.jsonl"),
        "{error}"
    );
}

#[test]
fn an_id_is_used_once_and_is_a_plain_name() {
    let (_dir, runs) = written();
    assert!(matches!(
        runs.create("r1").unwrap_err(),
        JournalError::Exists { .. }
    ));
    for bad in ["", "..", "../x", "a/b", "-x", "a\nb", ".locks"] {
        let error = runs.create(bad).unwrap_err();
        assert!(matches!(error, JournalError::RunId { .. }), "{bad:?}");
    }
}

#[test]
fn one_lock_a_cluster_and_it_tells_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let runs = RunsDir::new(dir.path());
    let facts = LockFacts {
        run: "r1".to_owned(),
        holder: "root@ops1".to_owned(),
        since: "2026-11-23T06:00:00Z".to_owned(),
    };
    let held = runs.lock("prod/../x", &facts).unwrap();
    match runs.lock("prod/../x", &facts) {
        Err(LocalLockError::Held(by)) => assert_eq!(by, facts),
        other => panic!("{other:?}"),
    }
    runs.lock("prod", &facts).unwrap();
    drop(held);
    runs.lock("prod/../x", &facts).unwrap();
}

#[test]
fn one_process_carries_a_run_on_and_others_may_read() {
    let (_dir, runs) = written();
    let (mut journal, _) = runs.open("r1").unwrap();
    assert!(matches!(
        runs.open("r1").unwrap_err(),
        JournalError::Busy { .. }
    ));
    journal.append(&[Event::StopRequested], 9).unwrap();
    assert_eq!(
        runs.read("r1").unwrap().last().unwrap().event,
        Event::StopRequested
    );
    drop(journal);
    runs.open("r1").unwrap();
}

/// Records of before plans could be saved still read; a plan that was not saved writes the same bytes as then.
#[test]
fn a_run_that_was_not_saved_is_recorded_as_ever() {
    let plan = r#"{"version":1,"tool":"0","run":"r1","runbook":"x","about":"","sources":[],"cluster":"c","parameters":[],"targets":{},"members":{},"quorum_before":{"voters":0,"healthy":0},"converged":null,"requires":[],"items":[],"on_failure":"pause","warnings":[]}"#;
    let old = format!(r#"{{"event":"run-started","plan":{plan},"operator":"ann@ops1"}}"#);
    let read: Event = serde_json::from_str(&old).unwrap();
    assert!(matches!(&read, Event::RunStarted { saved: None, .. }));
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
}

/// The id of a saved plan's run is older than the run.
#[test]
fn runs_are_listed_as_they_began() {
    let (dir, runs) = written();
    for run in ["20260102T000000Z-b", "20260101T000000Z-a"] {
        runs.create(run).unwrap();
    }
    // Nothing here sleeps: the clock is set back for those that began before.
    for (run, day) in [("r1", 1), ("20260102T000000Z-b", 2)] {
        let began =
            std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(day * 86_400);
        let file = fs::File::open(dir.path().join("runs").join(run)).unwrap();
        file.set_modified(began).unwrap();
    }
    let order = ["r1", "20260102T000000Z-b", "20260101T000000Z-a"];
    assert_eq!(runs.list().unwrap(), order);
}
