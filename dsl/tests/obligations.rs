//! Static obligations: for each a runbook that breaks it and nothing else; and the mistakes of the text that this project began with,
//! written as runbooks: all are refused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::check_file;
use runbook_dsl::codes::{CODES, Code, Severity};
use runbook_dsl::explain;

fn folder(name: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    let mut files: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "etcdrb"))
        .collect();
    files.sort();
    files
}

/// Codes that speak of what a runbook owes to the cluster, to its operator or to its reader; the others speak of words and types.
fn is_obligation(code: Code) -> bool {
    use Code as C;
    matches!(
        code,
        C::StopsVoters
            | C::DataOutsideOutage
            | C::DataWithoutSnapshot
            | C::DataWhileRunning
            | C::RestoreUnfit
            | C::RestoreUntried
            | C::RestoreOtherFile
            | C::NewStateFormed
            | C::RollbackPastIrreversible
            | C::UndoAfterIrreversible
            | C::ReversibleStart
            | C::IrreversibleUnconfirmed
            | C::VoterAdded
            | C::SecondAdd
            | C::DirtyJoin
            | C::MembershipUnguarded
            | C::MembershipAtOnce
            | C::RemovedLeftRunning
            | C::PausesVoters
            | C::CompactUnsaved
            | C::DisarmFirst
            | C::AuthorityUntrusted
            | C::AuthorityInUse
            | C::AuthorityReversible
            | C::AuthorityKept
            | C::ShellBypasses
            | C::OpaqueShell
            | C::ConfirmInOutage
            | C::NothingIrreversible
            | C::SecretExposed
            | C::UnreachableStep
            | C::EmptyStep
            | C::MaybeEmptyTarget
            | C::UnusedParameter
            | C::UnusedTarget
            | C::UnusedLet
            | C::ShadowedName
            | C::UndefinedName
            | C::TemplateUndefined
            | C::EvenMembers
            | C::ManyMembers
    )
}

#[test]
fn each_obligation_has_a_runbook_that_breaks_only_it() {
    let mut broken = BTreeSet::new();
    for file in folder("breaks") {
        let found = check_file(&file);
        let codes: BTreeSet<_> = found.iter().map(|d| d.code()).collect();
        let name = file
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .replace('-', "_");
        let names: Vec<_> = codes.iter().map(|c| c.as_str()).collect();
        assert_eq!(
            names,
            [format!("runbook::check::{name}")],
            "{}",
            file.display()
        );
        assert!(
            found.iter().all(|d| d.help_text().is_some()),
            "{name} names no mend"
        );
        broken.extend(codes);
    }
    let owed: BTreeSet<_> = CODES
        .iter()
        .map(|c| c.code)
        .filter(|c| is_obligation(*c))
        .collect();
    assert_eq!(broken, owed);
    for code in owed {
        let answer = explain(code.as_str()).expect("explained");
        assert!(answer.contains(code.row().explanation.split('.').next().unwrap()));
    }
}

/// The first line of each says which codes refuse it: `# refused: stops_voters data_outside_outage`.
#[test]
fn the_mistakes_of_the_seed_are_refused() {
    let files = folder("seed");
    assert!(files.len() >= 7);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let told = text
            .lines()
            .next()
            .unwrap()
            .strip_prefix("# refused: ")
            .unwrap();
        let told: BTreeSet<_> = told.split_whitespace().map(str::to_owned).collect();
        let errors = check_file(&file);
        let found: BTreeSet<_> = errors
            .iter()
            .filter(|d| d.severity() == Severity::Error)
            .map(|d| {
                d.code()
                    .as_str()
                    .trim_start_matches("runbook::check::")
                    .to_owned()
            })
            .collect();
        assert!(!found.is_empty());
        assert_eq!(found, told, "{}", file.display());
    }
}
