//! Pages for reviewers and auditors: read each golden as who has to approve it.

use insta::assert_snapshot;
use runbook_model::event::{Event, Record, RunEnd, StepEnd};
use runbook_model::guard::Verdict;
use runbook_model::plan::{Change, Plan, PlanItem};
use runbook_report::plan::{html, markdown};
use runbook_report::review::{Footer, LIMIT, of_run};

use crate::support::{case, done, failed, journal, plan, starts, step_ended, work};

fn footer() -> Footer {
    Footer {
        command: "runbook exec restore.etcdrb -i prod.inv -e snapshot=backup.db".to_owned(),
        digest: Some("sha256:58afc59c2120".to_owned()),
    }
}

fn converged() -> Plan {
    let mut plan = case("restore-dead");
    plan.converged = Some("restored-from(members, \"/home/ops/backup.db\")".to_owned());
    plan.items.clear();
    plan
}

#[test]
fn a_deploy_on_bare_hosts() {
    assert_snapshot!(markdown(&case("deploy-bare"), Some(&footer())));
}

#[test]
fn a_restore_over_a_dead_cluster() {
    assert_snapshot!(markdown(&case("restore-dead"), None));
}

#[test]
fn a_restore_over_a_live_cluster() {
    assert_snapshot!(markdown(&plan("restore"), None));
}

#[test]
fn a_restore_that_is_refused() {
    assert_snapshot!(markdown(&case("restore-live"), None));
}

#[test]
fn a_plan_that_cannot_be_told() {
    let mut plan = case("restore-dead");
    for guard in &mut plan.requires {
        if guard.text.starts_with("clocks-agree") {
            let why = "`etcd3` did not tell its time".to_owned();
            guard.verdict = Verdict::Unknown { why };
        }
    }
    let text = markdown(&plan, None);
    assert!(text.starts_with("## CANNOT BE TOLD: `restore`"), "{text}");
    assert!(text.contains("`etcd3\\` did not tell its time") || text.contains("did not tell"));
}

#[test]
fn nothing_to_do() {
    assert_snapshot!(markdown(&converged(), Some(&footer())));
}

#[test]
fn shell_commands_and_restarts_stand_out() {
    let text = markdown(&case("shell"), None);
    for words in [
        "- **Step 1 runs a shell command of unknown effect**:",
        "- Step 2 restarts a service: restart etcd",
        // One of three at a time is down, if only for a moment.
        "●●●     ●●○     ●●●     2/3 meanwhile, then 3/3 healthy, can lose 1",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_finished_run() {
    let records = journal("restore", |_| false, Vec::new());
    assert_snapshot!(page(&records));
}

fn page(records: &[Record]) -> String {
    runbook_report::review::markdown(&of_run(records).unwrap(), None)
}

fn half_done() -> Vec<Record> {
    let mut events = vec![Event::StepStarted { step: 6 }];
    events.extend(work(6, "etcd1", false, vec![done(), done()]));
    let no_room = failed("exit status 1", "cp: <b>No space</b> left on device");
    events.extend(work(6, "etcd2", false, vec![no_room]));
    events.push(step_ended(6, StepEnd::Failed));
    let reason = "step 6 failed on `etcd2`: exit status 1".to_owned();
    events.push(Event::RunEnded {
        end: RunEnd::Failed { reason },
    });
    journal("restore", starts(6), events)
}

#[test]
fn a_run_that_failed() {
    assert_snapshot!(page(&half_done()));
}

#[test]
fn a_journal_without_an_end_is_no_finished_run() {
    let records = journal("restore", starts(6), Vec::new());
    let text = page(&records);
    assert!(text.starts_with("## NOT FINISHED: `restore`"), "{text}");
    assert!(
        text.contains("runbook resume 20261123T064013Z-restore-e817b3"),
        "{text}"
    );
    assert!(of_run(&[]).is_none());
}

/// A plan of many hosts, each with long diffs of its own.
fn huge(hosts: usize, lines: usize) -> Plan {
    let mut plan = case("deploy-bare");
    for item in &mut plan.items {
        if let PlanItem::Step(step) = item
            && let Some(one) = step.work.last().cloned()
        {
            step.work.extend((0..hosts).map(|n| {
                let mut work = one.clone();
                work.host = crate::support::host(&format!("etcd-{n:04}"));
                for action in &mut work.actions {
                    action.summary = format!("{} of {n}", action.summary);
                    if let Change::Changes {
                        diff: Some(diff), ..
                    } = &mut action.change
                    {
                        *diff += &format!("+# line {n}\n").repeat(lines);
                    }
                }
                work
            }));
        }
    }
    plan
}

#[test]
fn a_page_fits_a_comment_and_says_what_it_leaves_out() {
    for (hosts, lines) in [(1, 5_000), (3, 800), (40, 50), (250, 3)] {
        let text = markdown(&huge(hosts, lines), Some(&footer()));
        assert!(
            text.chars().count() < 65_000,
            "{hosts} hosts: {}",
            text.len()
        );
        assert!(text.contains("not shown here"), "{hosts} hosts");
        assert!(text.contains("--format json"), "{hosts} hosts");
        assert!(text.contains("### To run exactly this"), "{hosts} hosts");
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
    }
    let many = runbook_report::review::of_plan(&huge(40, 1));
    let mut alike = many
        .risks
        .iter()
        .filter(|r| r.title == "Step 1 has no undo");
    assert_eq!(
        alike.next_back().unwrap().text,
        "and 37 more, all among its lines below"
    );
    // What fits is not cut.
    assert!(!markdown(&case("deploy-bare"), None).contains("not shown here"));
}

#[test]
fn a_page_of_nothing_but_long_texts_fits_as_well() {
    let mut plan = huge(30, 10);
    let long = "🦀`|<".repeat(4_000);
    plan.about.clone_from(&long);
    plan.warnings = vec![long.clone(); 200];
    for guard in &mut plan.requires {
        guard.text.clone_from(&long);
        guard.verdict = Verdict::Unknown { why: long.clone() };
    }
    let guards = plan.requires.clone();
    for _ in 0..60 {
        plan.requires.extend(guards.clone());
    }
    for item in &mut plan.items {
        if let PlanItem::Step(step) = item {
            step.title.clone_from(&long);
        }
    }
    let text = markdown(
        &plan,
        Some(&Footer {
            command: long,
            digest: None,
        }),
    );
    assert!(text.len() <= LIMIT, "{}", text.len());
    assert!(text.starts_with("## CANNOT BE TOLD"));
}

#[test]
fn a_run_of_nothing_but_long_texts_fits_as_well() {
    let long = "🦀`|<\u{1b}".repeat(400);
    let mut plan = huge(30, 2);
    plan.runbook.clone_from(&long);
    plan.about.clone_from(&long);
    plan.cluster.clone_from(&long);
    plan.warnings = vec![long.clone(); 60];
    plan.parameters = vec![plan.parameters[0].clone(); 300];
    let hosts: Vec<_> = plan
        .steps()
        .nth(3)
        .unwrap()
        .work
        .iter()
        .map(|w| w.host.to_string())
        .collect();
    let mut events = vec![
        Event::RunStarted {
            plan: Box::new(plan),
            operator: long.clone(),
            saved: None,
            reached: None,
        },
        Event::StepStarted { step: 4 },
    ];
    for (index, host) in hosts.iter().enumerate() {
        let out = failed(&format!("{index} {long}"), &format!("{long}\n").repeat(30));
        events.extend(work(4, host, false, vec![out]));
    }
    events.push(Event::RunEnded {
        end: RunEnd::Failed {
            reason: long.clone(),
        },
    });
    let records = journal("deploy", |_| true, events);
    let review = of_run(&records).unwrap();
    let footer = Footer {
        command: long.clone(),
        digest: Some(long),
    };
    let text = runbook_report::review::markdown(&review, Some(&footer));
    assert!(text.len() <= LIMIT, "{}", text.len());
    assert!(text.contains("failures not shown here"), "{text}");
}

#[test]
fn the_html_page_is_whole_and_needs_nothing() {
    let run = of_run(&journal("restore", |_| false, Vec::new())).unwrap();
    let pages = [
        html(&case("deploy-bare"), Some(&footer())).unwrap(),
        html(&case("restore-live"), None).unwrap(),
        html(&converged(), None).unwrap(),
        runbook_report::review::html(&run, Some(&footer())).unwrap(),
        runbook_report::review::html(&of_run(&half_done()).unwrap(), None).unwrap(),
    ];
    for page in pages {
        assert!(page.starts_with("<!doctype html>"), "{page}");
        for outside in [
            "<script", "<link", "<img", "src=", "href=", "@import", "url(",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        for tag in [
            "details", "section", "table", "ul", "li", "span", "div", "pre",
        ] {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}

#[test]
fn the_html_page_of_a_run_shows_real_durations() {
    let records = journal("restore", |_| false, Vec::new());
    let page = runbook_report::review::html(&of_run(&records).unwrap(), None).unwrap();
    for words in [
        "outage: every member is rebuilt",
        "Timeline, as it ran",
        "4.1 s",
        "changed in 0.6 s",
        "no return",
        "held",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn a_pause_before_a_resume_takes_no_room() {
    let hour = 3_600_000;
    let mut records = half_done();
    let later = journal("restore", |_| false, Vec::new());
    let from = later
        .iter()
        .position(|r| matches!(r.event, Event::StepStarted { step: 6 }))
        .unwrap();
    let locked = later[1].clone();
    let again = std::iter::once(locked).chain(later[from..].iter().cloned());
    let base = records.last().unwrap().at_ms + hour - later[1].at_ms;
    for mut record in again {
        record.seq = records.len() as u64;
        record.at_ms += base;
        records.push(record);
    }
    let page = runbook_report::review::html(&of_run(&records).unwrap(), None).unwrap();
    assert!(page.contains("paused for 1h00m"), "{page}");
    assert!(page.contains(">done<"), "{page}");
}
