//! Text from hosts and files drives no terminal and breaks no table.

use runbook_model::event::{Event, RunEnd, StepEnd};
use runbook_model::host::HostName;
use runbook_report::plan::{html, human, markdown};
use runbook_report::review::{Footer, of_run};
use runbook_report::run::{Details, Tracker, Verbosity, plain_line};
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
    harmless(&markdown(&plan, None));
    harmless(&html(&plan, None).unwrap());
    let event = Event::RunStarted {
        plan: Box::new(plan),
        operator: EVIL.to_owned(),
        saved: Some(EVIL.to_owned()),
        reached: None,
    };
    let mut tracker = Tracker::default();
    let mut details = Details::new(Verbosity::Connections);
    tracker.apply(0, &event);
    for work in tracker.planned(1).unwrap().clone().work {
        let host = work.host.as_str();
        for event in crate::support::work(1, host, false, vec![failed(EVIL, EVIL)]) {
            harmless(&details.lines(0, &event, &tracker).concat());
        }
    }
    harmless(&plain_line(0, &event, &tracker).unwrap());
    let step = Event::StepStarted { step: 1 };
    harmless(&plain_line(0, &step, &tracker).unwrap());
}

#[test]
fn markdown_cells_stay_cells() {
    let mut plan = plan("restore");
    plan.parameters[0].value = "a|b`c\n# d".to_owned();
    plan.parameters[0].from = "<img src=x> @all [x](y)".to_owned();
    let text = markdown(&plan, None);
    let row = text.lines().find(|l| l.contains("a\\|b")).unwrap();
    assert!(
        row.contains("``a\\|b`c # d``") && row.contains("&lt;img") && row.contains("\\[x\\]"),
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

/// Every text of a value replaced, names of forms and fields kept.
fn poisoned(value: &mut serde_json::Value, with: &str) {
    const KEPT: [&str; 14] = [
        "item",
        "change",
        "action",
        "guard",
        "verdict",
        "kind",
        "state",
        "manager",
        "scheme",
        "from",
        "event",
        "end",
        "outcome",
        "on_failure",
    ];
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if !(field.is_string() && KEPT.contains(&name.as_str())) {
                    poisoned(field, with);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| poisoned(item, with)),
        serde_json::Value::String(text) => with.clone_into(text),
        _ => {}
    }
}

const INJECTIONS: [&str; 6] = [
    "</pre></td></details></style><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)\" x='",
    "{{ 7*7 }}{% include 'x' %}",
    "`|\n\n# owned\n| a | b |\n```\n</details>\n<script>alert(1)</script>\n[x](javascript:alert(1)) ![y](https://evil.example/p.png)",
    "@everyone www.evil.example https://evil.example/ #1 <!-- ",
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}drow\u{200b}\u{2066}\u{61c}\u{e0041}",
];

/// What Markdown's and HTML's markup would need, outside code.
fn no_markup(page: &str, with: &str) {
    harmless(page);
    let mut fence: Option<String> = None;
    for line in page.lines() {
        let bare = line.trim_start();
        let ticks: String = bare.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if bare == open => fence = None,
            Some(_) => continue,
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                let text = outside_code(line);
                let text = text
                    .replace("<details><summary>", "")
                    .replace("</summary>", "");
                let text = text.replace("</details>", "");
                for bad in ["<", "](", "://", "www.", "@e", "| a |", "# owned"] {
                    assert!(!text.contains(bad), "{bad} of {with:?} in {line:?}");
                }
            }
        }
    }
    assert_eq!(fence, None);
}

/// The line without what Markdown takes literally: code spans (a run of ticks opens, the next run as long closes) and
/// characters behind a backslash.
fn outside_code(line: &str) -> String {
    let run = |text: &str| text.chars().take_while(|c| *c == '`').count();
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\\') {
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        let opening = run(rest);
        rest = &rest[opening..];
        let mut inner = rest;
        while let Some(at) = inner.find('`') {
            let closing = run(&inner[at..]);
            inner = &inner[at + closing..];
            if closing == opening {
                rest = inner;
                break;
            }
        }
    }
    out + rest
}

#[test]
fn no_value_becomes_markup() {
    for with in INJECTIONS {
        for name in ["deploy", "restore"] {
            let mut value = serde_json::to_value(plan(name)).unwrap();
            poisoned(&mut value, with);
            let plan: runbook_model::plan::Plan = serde_json::from_value(value).unwrap();
            let footer = Footer {
                command: with.to_owned(),
                digest: Some(with.to_owned()),
            };
            no_markup(&markdown(&plan, Some(&footer)), with);
            only_our_tags(&html(&plan, Some(&footer)).unwrap(), with);
        }
    }
}

#[test]
fn no_value_of_a_run_becomes_markup() {
    for with in INJECTIONS {
        let mut events = vec![Event::StepStarted { step: 5 }];
        events.extend(work(5, "etcd1", false, vec![failed(with, with)]));
        events.push(step_ended(5, StepEnd::Failed));
        let reason = with.to_owned();
        events.push(Event::RunEnded {
            end: RunEnd::Failed { reason },
        });
        let records = crate::support::journal("restore", starts(5), events);
        let review = of_run(&records).unwrap();
        no_markup(&runbook_report::review::markdown(&review, None), with);
        only_our_tags(&runbook_report::review::html(&review, None).unwrap(), with);
    }
}

/// Each tag of the page is one of the template's, with attributes of the template's.
fn only_our_tags(page: &str, with: &str) {
    harmless(page);
    let body = &page[page.find("<body>").unwrap()..];
    for tag in body.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        let known = [
            "body", "main", "header", "section", "span", "div", "h1", "h2", "h3", "p", "dl", "dt",
            "dd", "ul", "li", "table", "thead", "tr", "th", "td", "code", "pre", "details",
            "summary", "b", "i", "br", "html",
        ];
        assert!(known.contains(&name), "<{tag}> from {with:?}");
        let mut rest = tag;
        while let Some(at) = rest.find('=') {
            let attribute = rest[..at].rsplit(' ').next().unwrap();
            let known = ["class", "style", "title", "id", "colspan", "data-label"];
            assert!(
                known.contains(&attribute),
                "{attribute} in <{tag}> from {with:?}"
            );
            let value = rest[at + 1..].strip_prefix('"').unwrap();
            rest = &value[value.find('"').unwrap() + 1..];
        }
    }
}
