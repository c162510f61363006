//! What holds for any text.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use runbook_dsl::checked::SourceText;
use runbook_dsl::{LoadError, Loader, check, format, parse};

mod common;

/// Every template and every import exists and holds this.
struct Templates(String);

impl Loader for Templates {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        Ok(SourceText {
            name: name.to_owned(),
            text: self.0.clone(),
        })
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        self.template(path)
    }
}

/// Parses, checks, formats and renders; any panic fails the test.
fn try_everything(text: &str) {
    let source = SourceText {
        name: "any.etcdrb".to_owned(),
        text: text.to_owned(),
    };
    if let Err(problems) = check(source, &Templates(text.to_owned())) {
        assert!(!problems.is_empty());
        let handler = miette::NarratableReportHandler::new();
        for problem in &problems {
            let mut out = String::new();
            handler.render_report(&mut out, problem).unwrap();
            let span = problem.span();
            assert!(span.start <= span.end, "{problem:?}");
        }
    }
    if let Ok(out) = format(text) {
        assert_eq!(format(&out).unwrap(), out, "not idempotent:\n{text}");
    }
}

const WORDS: &[&str] = &[
    "runbook",
    "about",
    "edition",
    "param",
    "target",
    "let",
    "done",
    "when",
    "require",
    "warn",
    "ensure",
    "else",
    "override",
    "within",
    "step",
    "on",
    "rolling",
    "parallel",
    "quorum-safe",
    "leader",
    "last",
    "timeout",
    "retry",
    "every",
    "unreachable",
    "wait",
    "skip",
    "outage",
    "confirm",
    "irreversible",
    "failure",
    "rollback",
    "before",
    "pause",
    "undo",
    "and",
    "or",
    "not",
    "union",
    "except",
    "expect",
    "any",
    "true",
    "members",
    "group",
    "etcd",
    "service",
    "stopped",
    "running",
    "archive",
    "data-dir",
    "restore",
    "from",
    "to",
    "mode",
    "0644",
    "5m",
    "64MiB",
    "1",
    "-1",
    "3.5",
    "x.y",
    "\"a {run.id} b\"",
    "\"{\"",
    "\"\"\"\n  x\n  y\n\"\"\"",
    "\"é{x}漢\"",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "=",
    "|",
    "+",
    "- ",
    "*",
    "/",
    "==",
    "<",
    "?",
    "#c",
    "# }\n",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\"",
    "“",
    "\u{1b}",
    "template",
    "\"t.j2\"",
    "configure",
    "member",
    "state",
    "new",
    "shell",
    "import",
    "procedure",
    "restart",
    "restart(",
    "x: target",
    "target?",
    "\"lib/x.etcdrb\"",
    "test",
    "given",
    "is",
    "down",
    "cluster",
    "of",
    "refused",
    "by",
    "param",
    "var",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        try_everything(&text);
    }

    #[test]
    fn no_soup_of_the_language_s_words_panics(
        words in proptest::collection::vec((proptest::sample::select(WORDS), any::<bool>()), 0..60),
        inside in any::<bool>(),
    ) {
        let mut soup = String::new();
        for (word, blank) in words {
            soup.push_str(word);
            if blank {
                soup.push(' ');
            }
        }
        if inside {
            soup = format!("runbook x {{\n about \"x\"\n edition 1\n{soup}\n}}\n");
        }
        try_everything(&soup);
    }

    #[test]
    fn no_damage_to_a_runbook_panics(
        which in 0usize..6,
        cut in any::<prop::sample::Index>(),
        length in 0usize..40,
        put in "\\PC{0,6}",
    ) {
        let texts = [
            include_str!("format/canonical.etcdrb"),
            include_str!("format/ugly.etcdrb"),
            include_str!("../../playbooks/restore.etcdrb"),
            include_str!("../../playbooks/rolling-restart.etcdrb"),
            include_str!("../../playbooks/lib/members.etcdrb"),
            include_str!("../../playbooks/lib/membership.etcdrb"),
        ];
        let text = texts[which];
        let at: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        let start = cut.index(at.len());
        let end = (start + length).min(at.len() - 1);
        let damaged = format!("{}{put}{}", &text[..at[start]], &text[at[end]..]);
        try_everything(&damaged);
    }
}

#[test]
fn nothing_nests_deep_enough_to_exhaust_the_stack() {
    for bomb in [
        "(".repeat(100_000),
        "{".repeat(100_000),
        "[".repeat(50_000) + &"]".repeat(50_000),
        format!(
            "runbook x {{ let a = {}1{} }}",
            "(".repeat(5_000),
            ")".repeat(5_000)
        ),
        format!("runbook x {{ let a = {}1 }}", "not ".repeat(100_000)),
        format!("runbook x {{ let a = 1{} }}", " + 1".repeat(100_000)),
        format!("runbook x {{ let a = x{} }}", ".y".repeat(100_000)),
        format!("runbook x {{ confirm \"{{a{}}}\" }}", ".y".repeat(100_000)),
        format!("runbook x {{ {} }}", "outage \"a\" { ".repeat(30)),
        format!(
            "runbook x {{\n{}{}\n}}",
            "outage \"a\" {\n".repeat(30),
            "}\n".repeat(30)
        ),
        format!(
            "runbook x {{\n{}{}\n}}",
            "step a {\n".repeat(30),
            "}\n".repeat(30)
        ),
        format!(
            "runbook x {{\n param p: {}int{}\n}}",
            "list(".repeat(30),
            ")".repeat(30)
        ),
        "\"".repeat(100_000),
        "#\n".repeat(100_000),
        "runbook x {\n".to_owned() + &"nonsense here\n".repeat(20_000) + "}\n",
    ] {
        try_everything(&bomb);
    }
}

#[test]
fn line_ends_and_byte_order_marks_of_other_editors_are_read() {
    let text = include_str!("../../playbooks/restore.etcdrb");
    let foreign = format!("\u{FEFF}{}", text.replace('\n', "\r\n"));
    assert_eq!(parse(&foreign).unwrap().lines, parse(text).unwrap().lines);
    assert_eq!(format(&foreign).unwrap(), text);
}

#[test]
fn generated_runbooks_check_clean_and_are_laid_out() {
    let text = common::runbook_of(20);
    let source = SourceText {
        name: "generated".to_owned(),
        text: text.clone(),
    };
    let (runbook, warnings) = check(source, &Templates(String::new())).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(runbook.body().len(), 20);
    assert_eq!(format(&text).unwrap(), text);
}
