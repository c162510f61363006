//! What a rehearsal measured, as the operator reads it.

use insta::assert_snapshot;
use runbook_model::action::Outcome;
use runbook_model::event::{Event, Record, RunEnd};
use runbook_report::rehearsal::{rehearsed, table};
use runbook_report::review::{markdown, of_run};
use runbook_report::style::Style;

use crate::support::{failed, host, journal, starts, work};

fn whole() -> Vec<Record> {
    journal("rehearsal", |_| false, vec![])
}

fn told(records: &[Record]) -> String {
    table(&rehearsed(records).unwrap(), Style::PLAIN)
}

#[test]
fn a_rehearsal_that_came_to_its_end() {
    assert_snapshot!(told(&whole()));
    let json = serde_json::to_string_pretty(&rehearsed(&whole())).unwrap();
    assert_snapshot!("a_rehearsal_as_json", json);
}

#[test]
fn only_rehearsals_have_times() {
    assert_eq!(rehearsed(&journal("restore", |_| false, vec![])), None);
    assert_eq!(rehearsed(&[]), None);
}

#[test]
fn the_slowest_host_counts() {
    let mut records = whole();
    for record in &mut records {
        if let Event::WorkEnded {
            step: 6,
            host,
            took_ms,
            ..
        } = &mut record.event
        {
            *took_ms = if host.as_str() == "etcd2" {
                61_000
            } else {
                9_000
            };
        }
    }
    let told = rehearsed(&records).unwrap();
    let restore = &told.phases[2];
    assert_eq!(
        (restore.counts_ms, restore.hosts_ms[&host("etcd1")]),
        (61_000, 9_000)
    );
    let all: u64 = told.phases.iter().map(|p| p.counts_ms).sum();
    assert_eq!(told.estimate_ms, Some(all + told.checks_ms));
}

#[test]
fn a_copy_that_does_not_read_back_gives_no_recovery_time() {
    let reason = "the copy holds 6 keys at revision 3, the snapshot 7";
    let mut after = vec![Event::StepStarted { step: 8 }];
    after.extend(work(8, "etcd1", false, vec![failed(reason, "")]));
    after.push(Event::RollbackStarted {
        reason: reason.to_owned(),
    });
    after.extend(work(
        7,
        "etcd1",
        true,
        vec![Outcome::Done { changed: true }],
    ));
    after.push(Event::RunEnded {
        end: RunEnd::RolledBack {
            reason: reason.to_owned(),
        },
    });
    let records = journal("rehearsal", starts(8), after);
    let told = rehearsed(&records).unwrap();
    assert!(!told.done && told.estimate_ms.is_none());
    assert_snapshot!(table(&told, Style::PLAIN));
}

#[test]
fn one_that_was_gone_on_with_gives_no_recovery_time() {
    let mut records = whole();
    let again = records
        .iter()
        .find(|r| matches!(r.event, Event::Locked { .. }));
    let again = again.unwrap().clone();
    let at = records.len() - 2;
    records.insert(at, again);
    let told = rehearsed(&records).unwrap();
    assert!(told.done && told.estimate_ms.is_none());
    assert!(table(&told, Style::PLAIN).contains("No recovery time: it was broken off"));
}

#[test]
fn a_reviewer_reads_of_no_data_that_is_replaced() {
    let page = markdown(&of_run(&whole()).unwrap(), None);
    assert!(!page.contains("replaces data"), "{page}");
    assert!(page.contains("Start the copy"), "{page}");
}
