use insta::assert_snapshot;
use runbook_model::guard::Verdict;
use runbook_report::plan::{human, json, refused};
use runbook_report::style::Style;

use crate::support::plan;

#[test]
fn a_deploy_with_its_diffs() {
    assert_snapshot!(human(&plan("deploy"), Style::PLAIN, true));
}

#[test]
fn a_restore_fits_a_narrow_window() {
    let narrow = Style {
        colour: false,
        width: 80,
    };
    let text = human(&plan("restore"), narrow, false);
    // A word longer than the window cannot be broken; everything else is.
    let wide: Vec<_> = text.lines().filter(|l| l.chars().count() > 80).collect();
    assert!(
        wide.iter()
            .all(|l| l.split_whitespace().any(|w| w.len() > 50)),
        "{wide:#?}"
    );
    assert_snapshot!(text);
}

/// A restore that nobody overrides.
pub fn refusing() -> runbook_model::plan::Plan {
    let mut plan = plan("restore");
    for guard in &mut plan.requires {
        guard.overridden = None;
        if guard.text.starts_with("clocks-agree") {
            guard.verdict = Verdict::Unknown {
                why: "`etcd3` did not tell its time".to_owned(),
            };
        }
    }
    plan
}

#[test]
fn a_refused_run_shows_the_refusing_guards_alone() {
    assert_snapshot!(refused(&refusing(), Style::PLAIN));
}

#[test]
fn the_last_line_of_a_plan_is_its_verdict() {
    let last = |plan| {
        human(&plan, Style::PLAIN, false)
            .lines()
            .last()
            .unwrap()
            .trim()
            .to_owned()
    };
    assert!(last(plan("deploy")).ends_with("every guard that can be asked now holds"));
    let text = human(&refusing(), Style::PLAIN, false);
    let foot = &text[text.rfind("Plan:").unwrap()..];
    assert!(foot.contains("REFUSED now by"), "{foot}");
}

#[test]
fn the_stored_form_reads_back() {
    let plan = plan("restore");
    let again: runbook_model::plan::Plan = serde_json::from_str(&json(&plan).unwrap()).unwrap();
    assert_eq!(again, plan);
}

#[test]
fn colours_only_colour() {
    let plan = refusing();
    let coloured = Style {
        colour: true,
        width: 100,
    };
    let text = human(&plan, coloured, true);
    assert!(text.contains('\u{1b}'));
    assert_eq!(
        console::strip_ansi_codes(&text),
        human(&plan, Style::PLAIN, true)
    );
}
