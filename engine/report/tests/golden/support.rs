//! Recorded runs, and runs that end as a test wants.

use runbook_model::action::Outcome;
use runbook_model::event::{Event, Record, RunEnd, StepEnd};
use runbook_model::host::HostName;
use runbook_model::plan::Plan;
use runbook_report::run::{Tracker, summary};
use runbook_report::style::Style;
use serde::Deserialize;

/// A line of `--output jsonl`.
#[derive(Deserialize)]
pub struct Line {
    pub at_ms: i64,
    pub event: Event,
}

/// A recorded run: `deploy` or `restore`.
pub fn recorded(name: &str) -> Vec<Line> {
    let path = format!("{}/tests/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The plan that a recorded run carried out.
pub fn plan(name: &str) -> Plan {
    match recorded(name).swap_remove(0).event {
        Event::RunStarted { plan, .. } => *plan,
        other => panic!("a run begins with {other:?}"),
    }
}

pub fn host(name: &str) -> HostName {
    HostName::new(name)
}

/// The restore up to the first event that `until` picks, then `after`, then the end: its summary.
pub fn ended(until: impl Fn(&Event) -> bool, after: Vec<Event>, end: RunEnd) -> String {
    let mut tracker = Tracker::default();
    let mut now = 0;
    for line in recorded("restore")
        .into_iter()
        .take_while(|line| !until(&line.event))
    {
        now = line.at_ms;
        tracker.apply(now, &line.event);
    }
    for event in after.into_iter().chain([Event::RunEnded { end }]) {
        tracker.apply(now, &event);
    }
    summary(&tracker, now + 1_000, Style::PLAIN, " -i prod.inv")
}

/// Whether an event is the start of this step.
pub fn starts(step: usize) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::StepStarted { step: s } if *s == step)
}

/// A step's work on a host, and how it ended.
pub fn work(step: usize, name: &str, undo: bool, outcomes: Vec<Outcome>) -> [Event; 2] {
    [
        Event::WorkIntended {
            step,
            host: host(name),
            attempt: 1,
            undo,
        },
        Event::WorkEnded {
            step,
            host: host(name),
            attempt: 1,
            undo,
            outcomes,
            took_ms: 120,
        },
    ]
}

pub fn done() -> Outcome {
    Outcome::Done { changed: true }
}

pub fn failed(reason: &str, output: &str) -> Outcome {
    Outcome::Failed {
        status: Some(1),
        reason: reason.to_owned(),
        output: output.to_owned(),
    }
}

pub fn step_ended(step: usize, end: StepEnd) -> Event {
    Event::StepEnded { step, end }
}

/// A plan that `engine/plan` made for one of its cases.
pub fn case(name: &str) -> Plan {
    let path = format!(
        "{}/tests/fixtures/plans/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The journal of a recorded run, up to the first event that `until` picks, then `after`.
pub fn journal(name: &str, until: impl Fn(&Event) -> bool, after: Vec<Event>) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in recorded(name) {
        if until(&line.event) {
            break;
        }
        if line.event.is_durable() {
            let seq = records.len() as u64;
            records.push(Record {
                seq,
                at_ms: line.at_ms,
                event: line.event,
            });
        }
    }
    for event in after {
        let seq = records.len() as u64;
        let at_ms = records.last().map_or(0, |r| r.at_ms) + 150;
        records.push(Record { seq, at_ms, event });
    }
    records
}
