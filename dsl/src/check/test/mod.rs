//! Tests: what their words mean, and whether they can mean it together.

mod expect;
mod given;
mod happens;

use std::collections::BTreeMap;

use super::entry::Checker;
use crate::ast::{self, TestLine, Top};
use crate::checked::{CheckedRunbook, GuardUse, Item, Step};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Op, TextPart};
use crate::span::{Node, Span};
use crate::tested::{Given, Test};

/// Tests that a file may have.
const MOST: usize = 500;

impl Checker<'_> {
    /// The tests of the runbook's own file. Those that are wrong are told and left out.
    pub(super) fn tests(&mut self, runbook: &CheckedRunbook) -> Vec<Test> {
        let program = self.program;
        let lines = program.files.first().map_or(&[][..], |unit| &unit.lines);
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        let mut out = Vec::new();
        for line in lines {
            let Top::Test(test) = &line.value else {
                continue;
            };
            if out.len() == MOST {
                self.too_many_tests(line.span);
                break;
            }
            let Some(name) = self.test_name(test) else {
                continue;
            };
            match names.get(&name.value) {
                Some(first) => self.problem(
                    Diagnostic::new(
                        Code::DuplicateTest,
                        "two tests have the same name",
                        name.span,
                    )
                    .label("second")
                    .and(*first, "first")
                    .help("say in its name what sets this one apart"),
                ),
                None => {
                    names.insert(name.value.clone(), name.span);
                }
            }
            out.push(self.test(name, test, runbook));
        }
        out
    }

    /// Refuses tests where there is no runbook to test.
    pub(super) fn tests_of_nothing(&mut self) {
        let program = self.program;
        for (file, unit) in program.files.iter().enumerate() {
            if program.runbook(file).is_some() {
                continue;
            }
            for line in &unit.lines {
                let Top::Test(test) = &line.value else {
                    continue;
                };
                self.problem(
                    Diagnostic::new(
                        Code::Misplaced,
                        "a test is one of a runbook, and this file has none",
                        test.name.span,
                    )
                    .label("nothing here to carry out")
                    .help("move it into the file of a runbook that calls the procedure"),
                );
            }
        }
    }

    fn too_many_tests(&mut self, span: Span) {
        self.problem(
            Diagnostic::new(
                Code::TooManyItems,
                format!("the file has more than {MOST} tests"),
                span,
            )
            .label("one too many")
            .help("keep the tests that would fail for different reasons"),
        );
    }

    fn test_name(&mut self, test: &ast::Test) -> Option<Node<String>> {
        let name = crate::parse::plain(&test.name).filter(|n| !n.trim().is_empty());
        if name.is_none() {
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    "a test's name is a plain text",
                    test.name.span,
                )
                .label("empty, or has braces")
                .help("say what the runbook does: `test \"refuses a corrupt snapshot\"`"),
            );
        }
        Some(Node::new(name?, test.name.span))
    }

    fn test(&mut self, name: Node<String>, test: &ast::Test, runbook: &CheckedRunbook) -> Test {
        let lines = &test.block.lines;
        let given = self.given(&name, lines, runbook);
        let expect = self.expectations(&name, lines, runbook);
        let mut when = Vec::new();
        for line in lines {
            if let TestLine::When(terms) = &line.value {
                let found = self.happening(terms, line.span, (&given, runbook));
                when.extend(found.map(|found| Node::new(found, line.span)));
            }
        }
        self.happens_in_order(&when);
        Test {
            name,
            given,
            when,
            expect,
        }
    }

    /// Hosts of the test by their names, `etcd1 and etcd2`; those that are none are told.
    fn hosts_named(&mut self, subject: &Node<Expr>, given: &Given) -> Option<Vec<String>> {
        let mut names = Vec::new();
        if !collect(subject, &mut names) {
            self.unknown_fact(
                subject.span,
                "hosts are named one by one",
                "write `etcd1`, or `etcd1 and etcd2`",
            );
            return None;
        }
        let known = given.all_hosts();
        let mut good = true;
        for name in names.iter().filter(|n| !known.contains(n.value)) {
            good = false;
            let help = match known.as_slice() {
                [] => "say first how many there are: `given cluster of 3`".to_owned(),
                few if few.len() <= 8 => format!("its hosts are {}", few.join(", ")),
                [first, .., last] => format!("its hosts are {first} to {last}"),
                [one] => format!("its host is {one}"),
            };
            self.problem(
                Diagnostic::new(
                    Code::UnknownHost,
                    format!("the test has no host `{}`", name.value),
                    name.span,
                )
                .label("no such host")
                .help(help),
            );
        }
        let names = names.into_iter().map(|n| n.value.clone());
        good.then(|| names.collect())
    }

    fn unknown_fact(&mut self, span: Span, message: &str, help: &str) {
        self.problem(
            Diagnostic::new(Code::UnknownFact, message, span)
                .label("unknown here")
                .help(help),
        );
    }

    fn contradiction(&mut self, second: Span, first: Span, message: &str, help: &str) {
        self.problem(
            Diagnostic::new(Code::ContradictoryTest, message, second)
                .label("cannot be so beside the other")
                .and(first, "the other")
                .help(help),
        );
    }

    /// A step's title as a test names it: what stands in braces as written.
    fn title(&self, title: &Node<Expr>) -> String {
        let Expr::Text(parts) = &title.value else {
            return String::new();
        };
        let words = parts.iter().map(|part| match part {
            TextPart::Literal(literal) => literal.clone(),
            TextPart::Expr(value) => crate::parse::plain(value)
                .unwrap_or_else(|| format!("{{{}}}", self.shown(value.span))),
        });
        words.collect()
    }
}

/// Names joined by `and`; false where something else stands among them.
fn collect<'a>(subject: &'a Node<Expr>, names: &mut Vec<Node<&'a String>>) -> bool {
    match &subject.value {
        Expr::Name(name) => {
            names.push(Node::new(name, subject.span));
            true
        }
        Expr::Binary(Op::And, left, right) => collect(left, names) && collect(right, names),
        _ => false,
    }
}

/// A line's terms by kind: words as they are, `#` a whole number, `"` a plain text, `?` anything else.
fn shape(terms: &[Node<Expr>]) -> Vec<&str> {
    let kind = |term: &'_ Node<Expr>| match &term.value {
        Expr::Int(_) => "#",
        Expr::Text(_) => "\"",
        _ => "?",
    };
    terms
        .iter()
        .map(|term| match &term.value {
            Expr::Name(name) => name.as_str(),
            _ => kind(term),
        })
        .collect()
}

/// The steps of a runbook in order, opened.
fn steps<'a>(items: &'a [Item], out: &mut Vec<&'a Step>) {
    for item in items {
        match item {
            Item::Step(step) => out.push(step),
            Item::Outage { items, .. } | Item::Called { items, .. } => steps(items, out),
            _ => {}
        }
    }
}

/// What a runbook requires, anywhere.
fn required(runbook: &CheckedRunbook) -> Vec<&GuardUse> {
    let mut all = Vec::new();
    steps(&runbook.body, &mut all);
    let of_steps = all.into_iter().flat_map(|s| &s.requires);
    runbook.requires.iter().chain(of_steps).collect()
}

/// From the first of these places to the last.
fn whole(terms: &[Node<Expr>]) -> Span {
    match (terms.first(), terms.last()) {
        (Some(first), Some(last)) => crate::parse::join(first.span, last.span),
        _ => Span::default(),
    }
}
