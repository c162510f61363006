use insta::assert_snapshot;
use runbook_model::action::Outcome;
use runbook_model::event::{Event, RunEnd, StepEnd};
use runbook_model::guard::Verdict;
use runbook_report::run::{Tracker, finished_step, json_line, plain_line, summary};
use runbook_report::style::Style;

use crate::support::{done, ended, failed, recorded, starts, step_ended, work};

#[test]
fn a_whole_run_in_plain_lines() {
    let mut tracker = Tracker::default();
    let mut out = String::new();
    for line in recorded("restore") {
        tracker.apply(line.at_ms, &line.event);
        if let Some(text) = plain_line(line.at_ms, &line.event, &tracker) {
            out += &format!("{text}\n");
        }
    }
    out += &summary(
        &tracker,
        tracker.started_ms + 4_100,
        Style::PLAIN,
        " -i prod.inv",
    );
    assert_snapshot!(out);
}

#[test]
fn a_whole_run_a_line_a_step() {
    let mut tracker = Tracker::default();
    let mut out = String::new();
    for line in recorded("deploy") {
        tracker.apply(line.at_ms, &line.event);
        if let Event::StepEnded { step, end } = line.event {
            out += &format!("{}\n", finished_step(step, end, &tracker));
        }
    }
    assert_snapshot!(out);
}

#[test]
fn json_lines_read_back() {
    for line in recorded("restore") {
        let text = json_line(line.at_ms, &line.event).unwrap();
        assert!(!text.contains('\n'));
        let again: crate::support::Line = serde_json::from_str(&text).unwrap();
        assert_eq!((again.at_ms, again.event), (line.at_ms, line.event));
    }
}

const NO_ROOM: &str = "cp: error writing '/srv/etcd2/data.part': No space left on device";

#[test]
fn a_step_that_failed_on_one_host() {
    let mut events = vec![Event::StepStarted { step: 6 }];
    events.extend(work(6, "etcd1", false, vec![done(), done()]));
    let out = vec![failed("exit status 1", NO_ROOM), Outcome::NotStarted];
    events.extend(work(6, "etcd2", false, out));
    events.push(step_ended(6, StepEnd::Failed));
    let reason = "step 6 failed on `etcd2`: exit status 1".to_owned();
    assert_snapshot!(ended(starts(6), events, RunEnd::Failed { reason }));
}

#[test]
fn what_failed_alike_is_told_once() {
    let mut events = vec![Event::StepStarted { step: 1 }];
    for host in ["etcd1", "etcd2", "etcd3"] {
        let out = vec![done(), failed("no room on the device", "")];
        events.extend(work(1, host, false, out));
    }
    events.push(step_ended(1, StepEnd::Failed));
    let reason = "no room on the device".to_owned();
    let text = ended(starts(1), events, RunEnd::Failed { reason });
    assert_eq!(text.matches('×').count(), 1, "{text}");
    assert_snapshot!(text);
}

#[test]
fn a_step_whose_outcome_is_not_known() {
    let mut events = vec![Event::StepStarted { step: 5 }];
    let lost = Outcome::Unknown {
        reason: "the connection was lost".to_owned(),
    };
    events.extend(work(5, "etcd1", false, vec![lost]));
    events.push(step_ended(5, StepEnd::Unknown));
    let reason = "the connection to `etcd1` was lost".to_owned();
    assert_snapshot!(ended(starts(5), events, RunEnd::Unknown { reason }));
}

fn violated(step: Option<usize>, text: &str) -> Event {
    Event::GuardChecked {
        step,
        host: None,
        text: text.to_owned(),
        verdict: Verdict::Violated {
            observed: "1 of 3 runs still: `etcd2`".to_owned(),
            help: None,
        },
        overridden: None,
    }
}

/// `all-stopped(members)` stands in steps 5 and 6: the one of the step that stopped is pointed at.
#[test]
fn a_guard_that_refused_in_a_step() {
    let events = vec![
        Event::StepStarted { step: 6 },
        violated(Some(6), "all-stopped(members)"),
        step_ended(6, StepEnd::Refused),
    ];
    let reason = "all-stopped(members): 1 of 3 runs still: `etcd2`".to_owned();
    let text = ended(starts(6), events, RunEnd::Failed { reason });
    let line = text.find("step \"Restore\"").unwrap_or(usize::MAX);
    assert!(line < text.find("steps:").unwrap(), "{text}");
    assert_snapshot!(text);
}

#[test]
fn a_guard_that_refused_before_the_start() {
    let events = vec![violated(None, "clocks-agree(members)")];
    let reason = "clocks-agree(members)".to_owned();
    let first = |event: &Event| matches!(event, Event::GuardChecked { .. });
    assert_snapshot!(ended(first, events, RunEnd::Refused { reason }));
}

/// A guard that once said no, and was waited for until it held, is not what stopped the run.
#[test]
fn a_guard_that_only_waited_is_not_blamed() {
    let mut events = vec![
        Event::StepStarted { step: 7 },
        violated(Some(7), "cluster-healthy(members)"),
    ];
    let out = vec![failed("exit status 1", "")];
    events.extend(work(7, "etcd1", false, out));
    events.push(step_ended(7, StepEnd::Failed));
    let reason = "exit status 1".to_owned();
    let text = ended(starts(7), events, RunEnd::Failed { reason });
    assert!(!text.contains("does not hold"), "{text}");
    assert!(text.contains("no rollback"), "{text}");
}

fn undone(outcome: Outcome) -> Vec<Event> {
    let mut events = vec![Event::StepStarted { step: 5 }];
    events.extend(work(
        5,
        "etcd1",
        false,
        vec![failed("exit status 1", "mv: Device or resource busy")],
    ));
    events.push(step_ended(5, StepEnd::Failed));
    events.push(Event::RollbackStarted {
        reason: "exit status 1".to_owned(),
    });
    for host in ["etcd1", "etcd2", "etcd3"] {
        let out = if host == "etcd2" {
            outcome.clone()
        } else {
            done()
        };
        events.extend(work(4, host, true, vec![out]));
    }
    events
}

#[test]
fn a_run_that_was_rolled_back() {
    let reason = "exit status 1".to_owned();
    assert_snapshot!(ended(
        starts(5),
        undone(done()),
        RunEnd::RolledBack { reason }
    ));
}

#[test]
fn a_run_that_is_stuck() {
    let events = undone(failed("etcd did not start", "bind: address already in use"));
    let reason = "undo of step 4 failed on `etcd2`".to_owned();
    assert_snapshot!(ended(starts(5), events, RunEnd::Stuck { reason }));
}

#[test]
fn a_run_that_found_the_cluster_locked() {
    let holder = "ops2@control, run 20261123T060000Z-deploy-00aa11, since 06:00".to_owned();
    let first = |event: &Event| matches!(event, Event::Locked { .. });
    assert_snapshot!(ended(first, vec![], RunEnd::Locked { holder }));
}

#[test]
fn a_run_that_was_interrupted() {
    let events = vec![Event::StopRequested];
    assert_snapshot!(ended(starts(5), events, RunEnd::Interrupted));
}

#[test]
fn a_host_that_could_not_be_reached() {
    let events = vec![
        Event::StepStarted { step: 4 },
        step_ended(4, StepEnd::Unreachable),
    ];
    let reason = "`etcd2` did not answer within 10 s".to_owned();
    assert_snapshot!(ended(starts(4), events, RunEnd::Unreachable { reason }));
}
