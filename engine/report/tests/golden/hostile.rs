//! Text from hosts and files drives no terminal and breaks no table.

use runbook_model::event::{Event, RunEnd, StepEnd};
use runbook_model::host::HostName;
use runbook_report::plan::{human, markdown};
use runbook_report::run::{Tracker, plain_line};
use runbook_report::style::Style;

use crate::support::{ended, failed, plan, starts, step_ended, work};

const EVIL: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\rrm -rf\u{202e}drow\u{200b}";

fn harmless(text: &str) {
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(bad), "{text:?}");
}

#[test]
fn output_of_a_host_drives_no_terminal() {
    let mut events = vec![Event::StepStarted { step: 5 }];
    events.extend(work(
        5,
        "etcd1",
        false,
        vec![failed(EVIL, &format!("one\n{EVIL}\nlast"))],
    ));
    events.push(step_ended(5, StepEnd::Failed));
    let reason = EVIL.to_owned();
    harmless(&ended(starts(5), events, RunEnd::Failed { reason }));
}

#[test]
fn plans_and_lines_drive_no_terminal() {
    let mut plan = plan("restore");
    plan.cluster = EVIL.to_owned();
    plan.about = EVIL.to_owned();
    plan.warnings.push(EVIL.to_owned());
    for parameter in &mut plan.parameters {
        parameter.value = EVIL.to_owned();
        parameter.from = EVIL.to_owned();
    }
    for guard in &mut plan.requires {
        guard.text = EVIL.to_owned();
        guard.otherwise = Some(EVIL.to_owned());
    }
    for item in &mut plan.items {
        if let runbook_model::plan::PlanItem::Step(step) = item {
            step.title = EVIL.to_owned();
            for action in step.work.iter_mut().flat_map(|w| &mut w.actions) {
                action.summary = EVIL.to_owned();
            }
        }
    }
    harmless(&human(&plan, Style::PLAIN, true));
    harmless(&markdown(&plan));
    let event = Event::RunStarted {
        plan: Box::new(plan),
        operator: EVIL.to_owned(),
        saved: Some(EVIL.to_owned()),
    };
    let mut tracker = Tracker::default();
    tracker.apply(0, &event);
    harmless(&plain_line(0, &event, &tracker).unwrap());
    let step = Event::StepStarted { step: 1 };
    harmless(&plain_line(0, &step, &tracker).unwrap());
}

#[test]
fn markdown_cells_stay_cells() {
    let mut plan = plan("restore");
    plan.parameters[0].value = "a|b`c\n# d".to_owned();
    plan.parameters[0].from = "<img src=x> @all [x](y)".to_owned();
    let text = markdown(&plan);
    let row = text.lines().find(|l| l.contains("a\\|b")).unwrap();
    assert!(
        row.contains("'c # d") && row.contains("&lt;img") && row.contains("\\[x\\]"),
        "{row}"
    );
}

#[test]
fn many_hosts_with_long_names_stay_readable() {
    let mut plan = plan("deploy");
    let long = |n: usize| HostName::new(format!("{}{n}", "x".repeat(199)));
    for item in &mut plan.items {
        if let runbook_model::plan::PlanItem::Step(step) = item
            && let Some(work) = step.work.last().cloned()
        {
            step.work.extend((0..9).map(|n| {
                let mut work = work.clone();
                work.host = long(n);
                work
            }));
        }
    }
    let text = human(&plan, Style::PLAIN, false);
    assert!(text.contains("all 12"), "{text}");
}
