//! What `-v` and its like add to a run's lines.

use insta::assert_snapshot;
use runbook_model::action::Outcome;
use runbook_model::event::{Event, StepEnd};
use runbook_report::run::{Details, Tracker, Verbosity, plain_line, step_question};

use crate::support::{Line, done, failed, recorded, starts, step_ended, work};

/// A run in plain lines with the details of `-v`, `-vv`, ...
fn told(count: u8, lines: impl IntoIterator<Item = Line>) -> String {
    let mut tracker = Tracker::default();
    let mut details = Details::new(Verbosity::of(count));
    let mut out = String::new();
    for line in lines {
        tracker.apply(line.at_ms, &line.event);
        let plain = plain_line(line.at_ms, &line.event, &tracker);
        let more = details.lines(line.at_ms, &line.event, &tracker);
        for text in plain.into_iter().chain(more) {
            out += &format!("{text}\n");
        }
    }
    out
}

#[test]
fn results_of_every_action() {
    assert_snapshot!(told(1, recorded("restore")));
}

#[test]
fn commands_output_and_durations() {
    assert_snapshot!(told(2, recorded("restore")));
}

#[test]
fn connections_are_told_elsewhere() {
    let of = |count| told(count, recorded("restore"));
    assert_eq!(of(3), of(2));
    assert_eq!(of(9), of(2));
    assert!(of(0).lines().all(|line| !line.starts_with("      ")));
}

#[test]
fn what_came_to_nothing_says_why() {
    let mut events = vec![Event::StepStarted { step: 5 }];
    events.extend(work(5, "etcd1", false, vec![done()]));
    let gone = "No space left on device";
    events.extend(work(
        5,
        "etcd2",
        false,
        vec![failed(gone, ""), Outcome::NotStarted],
    ));
    events.push(step_ended(5, StepEnd::Failed));
    events.extend(work(5, "etcd1", true, vec![done()]));
    let mut before = recorded("restore");
    let at = before.iter().position(|line| starts(5)(&line.event));
    before.truncate(at.unwrap());
    let at_ms = before.last().unwrap().at_ms;
    let from = before.len();
    before.extend(events.into_iter().map(|event| Line { at_ms, event }));
    let whole = told(1, before.drain(..));
    let without = told(1, recorded("restore").into_iter().take(from));
    assert_snapshot!(whole.strip_prefix(&without).unwrap());
}

#[test]
fn a_question_before_each_step_tells_what_a_no_would_leave() {
    let mut tracker = Tracker::default();
    let mut questions = Vec::new();
    for line in recorded("restore") {
        if let Event::StepStarted { step } = line.event {
            questions.push(step_question(&tracker, step));
        }
        tracker.apply(line.at_ms, &line.event);
    }
    assert_snapshot!(questions.join("\n"));
}
