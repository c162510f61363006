//! Every diagnostic as an operator reads it: text, caret, help.
//!
//! `UPDATE=1 cargo test -p runbook-dsl` rewrites the expectations; read them critically before committing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use common::{Beside, check_as};
use miette::{GraphicalReportHandler, GraphicalTheme};
use runbook_dsl::checked::SourceText;
use runbook_dsl::codes::{CODES, Code};
use runbook_dsl::{Diagnostic, check};

/// A runbook with what is said of it: a folder of tests/cases, or a file of the other two with a text beside it.
struct Case {
    runbook: PathBuf,
    expected: PathBuf,
}

impl Case {
    fn name(&self) -> String {
        self.runbook.display().to_string()
    }
}

fn cases() -> Vec<Case> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let entries = |folder: &str| std::fs::read_dir(tests.join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = ["cases", "breaks", "seed"]
        .into_iter()
        .flat_map(entries)
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    let cases = paths.into_iter().filter_map(|path| {
        if path.is_dir() {
            let (runbook, expected) = (path.join("runbook.etcdrb"), path.join("expected.txt"));
            return Some(Case { runbook, expected });
        }
        let expected = path.with_extension("txt");
        let runbook = path.extension().is_some_and(|e| e == "etcdrb");
        runbook.then_some(Case {
            runbook: path,
            expected,
        })
    });
    cases.collect()
}

fn diagnostics(case: &Case) -> Vec<Diagnostic> {
    let name = case.runbook.file_name().unwrap().to_str().unwrap();
    check_as(name, &case.runbook)
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .with_links(false);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let mut one = String::new();
        handler.render_report(&mut one, diagnostic).unwrap();
        let trimmed: Vec<&str> = one.lines().map(str::trim_end).collect();
        writeln!(out, "{}", trimmed.join("\n")).unwrap();
    }
    out
}

#[test]
fn every_case_reads_as_expected() {
    let mut wrong = Vec::new();
    for case in cases() {
        let expected = &case.expected;
        let found = rendered(&diagnostics(&case));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(expected, &found).unwrap();
        } else if std::fs::read_to_string(expected).unwrap_or_default() != found {
            wrong.push(format!("{}\n{found}", case.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let found: Vec<Code> = cases()
        .iter()
        .flat_map(diagnostics)
        .map(|d| d.code())
        .collect();
    let missing: Vec<&str> = CODES
        .iter()
        // Not to be had from a small text, or at all.
        .filter(|row| !matches!(row.code, Code::TooLarge | Code::FormatDiffers))
        .filter(|row| !found.contains(&row.code))
        .map(|row| row.name)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_case_finds_something_and_says_how_to_mend_it() {
    for case in cases() {
        let found = diagnostics(&case);
        assert!(!found.is_empty(), "{}", case.name());
        for diagnostic in found {
            let message = diagnostic.message();
            assert!(!message.ends_with('.'), "{}: {message}", case.name());
            let first = message.chars().next().unwrap();
            assert!(!first.is_uppercase(), "{}: {message}", case.name());
        }
    }
}

#[test]
fn a_text_too_large_is_refused_without_being_read() {
    let source = SourceText {
        name: "large".to_owned(),
        text: "#".repeat(5 << 20),
    };
    let found = check(source, &Beside(PathBuf::new())).unwrap_err();
    assert_eq!(found[0].code(), Code::TooLarge);
}
