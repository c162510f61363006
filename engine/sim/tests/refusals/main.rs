//! Shipped runbooks on clusters that are not fit for them: refused before anything changes, in words that say what to type.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot build its case fails"
)]

mod desk;
mod states;
mod table;

use std::fmt::Write as _;

use desk::{Said, typed};
use states::ALL;
use table::{DOCUMENTED, ROWS, RUNBOOKS, Row, WARNED};

#[test]
fn a_bad_state_is_refused_in_its_words_before_anything_changes() {
    let wrong = differing(ROWS, |said| said.unchanged);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_only_warned_of_is_carried_out() {
    let wrong = differing(WARNED, Said::is_done);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_guide_says_what_the_program_says() {
    let guide = std::fs::read_to_string(desk::root().join("docs/operations.md")).unwrap();
    let (_, table) = guide.split_once("## Refused, and what then").unwrap();
    let texts: Vec<_> = ROWS
        .iter()
        .map(|row| typed(row.runbook, row.arguments, &row.state.build()).text)
        .collect();
    for words in DOCUMENTED {
        assert!(
            texts.iter().any(|text| text.contains(words)),
            "no cell says `{words}`"
        );
        assert!(table.contains(words), "the guide does not say `{words}`");
    }
}

/// Cells that are not as their row says.
fn differing(rows: &[Row], fine: impl Fn(&Said) -> bool) -> String {
    let mut wrong = String::new();
    for row in rows {
        let said = typed(row.runbook, row.arguments, &row.state.build());
        let missing = row.says.iter().filter(|w| !said.text.contains(**w));
        let missing: Vec<_> = missing.collect();
        if said.code != row.code || !missing.is_empty() || !fine(&said) {
            let cell = format!("{} {:?} on {:?}", row.runbook, row.arguments, row.state);
            let _ = writeln!(
                wrong,
                "{cell}: exit code {} (wanted {}), unchanged: {}, {:?}, not said: {missing:?}\n{}",
                said.code, row.code, said.unchanged, said.end, said.text
            );
        }
    }
    wrong
}

/// Whatever the state: a run that is not refused comes to its end, and one that is has changed nothing.
#[test]
fn no_run_begins_that_cannot_end() {
    let mut wrong = String::new();
    for (runbook, arguments) in RUNBOOKS {
        for state in ALL {
            let said = typed(runbook, arguments, &state.build());
            let fine = match said.code {
                0 => said.is_done(),
                _ => said.unchanged,
            };
            if !fine {
                let _ = writeln!(
                    wrong,
                    "{runbook} {arguments:?} on {state:?}: exit code {}, then {:?}",
                    said.code, said.end
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
