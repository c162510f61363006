//! docs/language.md says what is so.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use runbook_dsl::catalogue::{FUNCTIONS, GUARDS, TYPES, VERBS, WORDS};
use runbook_dsl::checked::SourceText;
use runbook_dsl::codes::{CODES, Code};
use runbook_dsl::{Diagnostic, LoadError, Loader, catalogue_markdown, check_file, explain, format};

const MARK: &str =
    "<!-- From here on generated from the catalogue: `UPDATE=1 cargo test -p runbook-dsl`. -->\n\n";

struct Shipped;

impl Loader for Shipped {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        let path = root().join("playbooks/templates").join(name);
        let text = std::fs::read_to_string(&path).map_err(|e| LoadError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        })?;
        Ok(SourceText {
            name: name.to_owned(),
            text,
        })
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        self.template(&format!("../{path}"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn problems(text: &str) -> Vec<Diagnostic> {
    let source = SourceText {
        name: "example.etcdrb".to_owned(),
        text: text.to_owned(),
    };
    match check_file(source, &Shipped) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}

#[test]
fn the_reference_is_not_stale() {
    let path = root().join("docs/language.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (written, _) = page.split_once(MARK).expect("the mark");
    let wanted = format!("{written}{MARK}{}", catalogue_markdown());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(
            page == wanted,
            "docs/language.md is stale: run `UPDATE=1 cargo test -p runbook-dsl`"
        );
    }
}

#[test]
fn examples_of_the_reference_check_clean_and_are_laid_out() {
    let page = std::fs::read_to_string(root().join("docs/language.md")).unwrap();
    let mut seen = 0;
    for block in page.split("```etcdrb\n").skip(1) {
        let (text, _) = block.split_once("```").unwrap();
        seen += 1;
        let found = problems(text);
        assert!(found.is_empty(), "{text}\n{found:#?}");
        assert_eq!(format(text).unwrap(), text);
    }
    assert!(seen >= 4);
}

#[test]
fn examples_of_import_and_procedure_are_valid() {
    let example = |word: &str| WORDS.iter().find(|r| r.name == word).unwrap().example;
    let text = format!(
        "{}\n\n{}\n\n{}",
        example("import"),
        example("procedure"),
        around("  restart-rolling(members)\n  prove(members, 1m)")
    );
    let found = misspellings(&text);
    assert!(found.is_empty(), "{text}\n{found:#?}");
    assert_eq!(
        format(example("procedure")).unwrap().trim_end(),
        example("procedure")
    );
}

/// A runbook in which the examples' names are declared.
fn around(lines: &str) -> String {
    format!(
        "runbook example {{\n  about \"x\"\n  edition 1\n  param snapshot: path\n  param sha256: sha256?\n  param bump: int\n  param to: path\n  param leaving: list(host)\n  param version: version\n  param joining: list(host)\n  param chosen: host\n  target members = group(etcd)\n  target dead = gone(members)   expect any\n  let snap = snapshot.inspect(snapshot)\n{lines}\n}}\n"
    )
}

/// Problems other than what an example by itself owes or leaves unused.
fn misspellings(text: &str) -> Vec<Diagnostic> {
    let mut found = problems(text);
    found.retain(|d| {
        let name = d.code().as_str();
        name.starts_with("runbook::parse")
            || matches!(
                d.code(),
                Code::UnknownVerb
                    | Code::UnknownGuard
                    | Code::UnknownFunction
                    | Code::UnknownType
                    | Code::UnknownWord
                    | Code::UnknownField
                    | Code::UndefinedName
                    | Code::WrongType
                    | Code::MissingArgument
                    | Code::ExtraArgument
                    | Code::TemplateMissing
            )
    });
    found
}

#[test]
fn every_example_of_the_catalogue_is_valid() {
    for row in VERBS {
        let text = around(&format!(
            "  step \"x\" on members parallel {{\n    {}\n  }}",
            row.example
        ));
        let found = misspellings(&text);
        assert!(found.is_empty(), "{}: {found:#?}", row.name);
    }
    for example in GUARDS
        .iter()
        .map(|r| r.example)
        .chain(FUNCTIONS.iter().map(|r| r.example))
        .chain(TYPES.iter().map(|r| r.example))
    {
        let example = example.replace("{ ... }", "{\n    install etcd\n  }");
        // Examples may declare what the frame declares: then the frame gives way.
        let text = around(&format!("  {example}"));
        let mut lines: Vec<&str> = text.lines().collect();
        let name = example.split([' ', ':']).nth(1).unwrap_or_default();
        let declares = ["param", "target", "let"]
            .iter()
            .any(|k| example.starts_with(k));
        if declares {
            let own = example.lines().next().unwrap();
            lines.retain(|l| l.trim() == own || l.trim().split([' ', ':']).nth(1) != Some(name));
        }
        let text = lines.join("\n");
        let found = misspellings(&text);
        assert!(found.is_empty(), "{text}\n{found:#?}");
    }
}

#[test]
fn explain_knows_every_word_and_code() {
    for name in VERBS
        .iter()
        .map(|r| r.name)
        .chain(GUARDS.iter().map(|r| r.name))
        .chain(FUNCTIONS.iter().map(|r| r.name))
        .chain(TYPES.iter().map(|r| r.name))
        .chain(WORDS.iter().map(|r| r.name))
        .chain(CODES.iter().map(|r| r.name))
    {
        let text = explain(name).unwrap_or_else(|| panic!("{name}"));
        assert!(text.contains(name), "{text}");
        assert!(text.ends_with('\n'), "{text}");
    }
    assert!(explain("quorum-save").is_none());
    assert!(
        explain("unknown_verb")
            .unwrap()
            .contains("begins with a verb")
    );
    assert!(explain("verbs").unwrap().contains("trial-restore"));
}

#[test]
fn labels_of_verbs_are_the_grammar_s() {
    // A line that begins with a label goes on with the call above it: the grammar lists the labels, the catalogue has them.
    let grammar = include_str!("../src/grammar.pest");
    let (_, rule) = grammar.split_once("label = @{").unwrap();
    let (rule, _) = rule.split_once('}').unwrap();
    let mut listed: Vec<&str> = rule.split('"').skip(1).step_by(2).collect();
    let mut labels: Vec<&str> = VERBS
        .iter()
        .flat_map(|v| v.arguments)
        .filter_map(|a| a.label)
        .collect();
    listed.sort_unstable();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(listed, labels);
    assert!(VERBS.iter().all(|v| !labels.contains(&v.name)));
}

#[test]
fn every_name_of_the_catalogue_finds_its_own_row() {
    for row in VERBS {
        assert_eq!(row.verb.row().name, row.name);
    }
    for row in GUARDS {
        assert_eq!(row.guard.row().name, row.name);
    }
    for row in FUNCTIONS {
        assert_eq!(row.function.row().name, row.name);
    }
    for row in CODES {
        assert_eq!(row.code.row().name, row.name);
    }
}
