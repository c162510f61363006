//! Shipped runbooks on clusters that are not fit for them: refused before anything changes, in words that say what to type.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot build its case fails"
)]

mod desk;
mod states;
mod table;

use std::fmt::Write as _;

use desk::typed;
use states::ALL;
use table::{ROWS, RUNBOOKS};

#[test]
fn a_bad_state_is_refused_in_its_words_before_anything_changes() {
    let mut wrong = String::new();
    for row in ROWS {
        let said = typed(row.runbook, row.arguments, &row.state.build());
        let missing: Vec<_> = row.says.iter().filter(|w| !said.text.contains(**w)).collect();
        if said.code != row.code || !missing.is_empty() || !said.unchanged {
            let cell = format!("{} {:?} on {:?}", row.runbook, row.arguments, row.state);
            let _ = writeln!(
                wrong,
                "{cell}: exit code {} (wanted {}), unchanged: {}, not said: {missing:?}\n{}",
                said.code, row.code, said.unchanged, said.text
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever the state: a run that is not refused comes to its end, and one that is has changed nothing.
#[test]
fn no_run_begins_that_cannot_end() {
    let mut wrong = String::new();
    for (runbook, arguments) in RUNBOOKS {
        for state in ALL {
            let said = typed(runbook, arguments, &state.build());
            if std::env::var_os("RUNBOOK_TEST_SHOWN").is_some() {
                println!("=== {runbook} {arguments:?} ON {state:?}: {} (nothing changed: {})\n{}RAN: {:?}", said.code, said.unchanged, said.text, said.end);
            }
            let fine = match said.code {
                0 => said.is_done(),
                _ => said.unchanged,
            };
            if !fine {
                let _ = writeln!(wrong, "{runbook} {arguments:?} on {state:?}: exit code {}, then {:?}", said.code, said.end);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
