//! Every diagnostic as an operator reads it: text, caret, help.
//!
//! `UPDATE=1 cargo test -p runbook-dsl` rewrites the expectations; read them critically before committing.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use miette::{GraphicalReportHandler, GraphicalTheme};
use runbook_dsl::checked::SourceText;
use runbook_dsl::codes::{CODES, Code};
use runbook_dsl::{Diagnostic, LoadError, Loader, check};

struct Folder(PathBuf);

impl Loader for Folder {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        match std::fs::read_to_string(self.0.join(name)) {
            Ok(text) => Ok(SourceText {
                name: name.to_owned(),
                text,
            }),
            Err(_) => Err(LoadError::NotFound {
                looked_in: vec!["templates".to_owned(), "embedded".to_owned()],
            }),
        }
    }

    fn import(&self, path: &str, from: &str) -> Result<SourceText, LoadError> {
        let beside = Path::new(from).parent().unwrap().join(path);
        match std::fs::read_to_string(self.0.join(&beside)) {
            Ok(text) => Ok(SourceText {
                name: beside.display().to_string(),
                text,
            }),
            Err(_) => Err(LoadError::NotFound {
                looked_in: vec![".".to_owned(), "the shipped ones".to_owned()],
            }),
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    cases.sort();
    cases
}

fn diagnostics(case: &Path) -> Vec<Diagnostic> {
    let source = SourceText {
        name: "runbook.etcdrb".to_owned(),
        text: std::fs::read_to_string(case.join("runbook.etcdrb")).unwrap(),
    };
    match check(source, &Folder(case.to_owned())) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
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
        let expected = case.join("expected.txt");
        let found = rendered(&diagnostics(&case));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &found).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{}\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    let found: Vec<Code> = cases()
        .iter()
        .flat_map(|c| diagnostics(c))
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
        assert!(!found.is_empty(), "{}", case.display());
        for diagnostic in found {
            let message = diagnostic.message();
            assert!(!message.ends_with('.'), "{}: {message}", case.display());
            let first = message.chars().next().unwrap();
            assert!(!first.is_uppercase(), "{}: {message}", case.display());
        }
    }
}

#[test]
fn a_text_too_large_is_refused_without_being_read() {
    let source = SourceText {
        name: "large".to_owned(),
        text: "#".repeat(5 << 20),
    };
    let found = check(source, &Folder(PathBuf::new())).unwrap_err();
    assert_eq!(found[0].code(), Code::TooLarge);
}
