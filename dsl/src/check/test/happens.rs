//! What befalls a test's run, and what its operator does.

use super::{shape, steps, whole};
use crate::check::entry::Checker;
use crate::checked::CheckedRunbook;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::parse::plain;
use crate::span::{Node, Span};
use crate::suggest;
use crate::tested::{Given, Happening, HostState, Moment, Side};

const HAPPENINGS: &str = "what can happen: `etcd2 is dead after \"STEP\"` (also `down`, `unreachable`, `back`; `before` or `in` a step), `connection to etcd2 drops in \"STEP\"`, `etcd2 fails in \"STEP\"`, `runbook is killed after \"STEP\"`, `operator resumes`, `operator rolls back`";

/// The test's hosts, and the runbook whose steps it names.
type Of<'a> = (&'a Given, &'a CheckedRunbook);

impl Checker<'_> {
    pub(super) fn happening(
        &mut self,
        terms: &[Node<Expr>],
        line: Span,
        of: Of<'_>,
    ) -> Option<Happening> {
        let shape = shape(terms);
        match shape.as_slice() {
            ["operator", "resumes"] => Some(Happening::Resumes),
            ["operator", "rolls", "back"] => Some(Happening::RollsBack),
            ["runbook", "is", "killed", side, "\""] => {
                let side = self.side(side, &terms[3])?;
                let step = self.step_named(&terms[4], of)?;
                Some(Happening::Killed(Moment { side, step }))
            }
            ["connection", "to", _, "drops", "in", "\""] => {
                let host = self.host_named(&terms[2], of)?;
                let step = self.step_named(&terms[5], of)?;
                Some(Happening::Drops { host, step })
            }
            [_, "fails", "in", "\""] => {
                let host = self.host_named(&terms[0], of)?;
                let step = self.step_named(&terms[3], of)?;
                Some(Happening::Fails { host, step })
            }
            [_, "is" | "are", state, rest @ ..] => {
                let state = self.becomes(state, &terms[2])?;
                let hosts = self.hosts_named(&terms[0], of.0);
                let at = match rest {
                    [] => None,
                    [side, "\""] => {
                        let side = self.side(side, &terms[3])?;
                        let step = self.step_named(&terms[4], of)?;
                        Some(Moment { side, step })
                    }
                    _ => {
                        self.unknown_fact(
                            whole(&terms[3..]),
                            "this is no moment of a run",
                            "a moment is `before \"STEP\"`, `in \"STEP\"` or `after \"STEP\"`",
                        );
                        return None;
                    }
                };
                let hosts = hosts?;
                Some(Happening::Befalls { hosts, state, at })
            }
            _ => {
                self.unknown_fact(
                    line,
                    "this is nothing that a test can let happen",
                    HAPPENINGS,
                );
                None
            }
        }
    }

    fn becomes(&mut self, word: &str, term: &Node<Expr>) -> Option<HostState> {
        const KNOWN: [&str; 4] = ["down", "dead", "unreachable", "back"];
        match word {
            "down" => Some(HostState::Down),
            "dead" => Some(HostState::Dead),
            "unreachable" => Some(HostState::Unreachable),
            "back" => Some(HostState::Back),
            other => {
                let near = suggest::did_you_mean(other, KNOWN);
                let all =
                    "a host becomes `down` (its etcd stopped), `dead`, `unreachable`, or is `back`";
                self.unknown_fact(
                    term.span,
                    "this is nothing that a host becomes",
                    &near.unwrap_or_else(|| all.to_owned()),
                );
                None
            }
        }
    }

    fn side(&mut self, word: &str, term: &Node<Expr>) -> Option<Side> {
        match word {
            "before" => Some(Side::Before),
            "in" => Some(Side::In),
            "after" => Some(Side::After),
            other => {
                let near = suggest::did_you_mean(other, ["before", "in", "after"]);
                self.unknown_fact(
                    term.span,
                    "this is no moment of a run",
                    &near.unwrap_or_else(|| {
                        "a moment is `before \"STEP\"`, `in \"STEP\"` or `after \"STEP\"`"
                            .to_owned()
                    }),
                );
                None
            }
        }
    }

    fn host_named(&mut self, term: &Node<Expr>, (given, _): Of<'_>) -> Option<String> {
        self.hosts_named(term, given)?.into_iter().next()
    }

    /// The place of the first step of this title.
    fn step_named(&mut self, title: &Node<Expr>, (_, runbook): Of<'_>) -> Option<Span> {
        let mut all = Vec::new();
        steps(&runbook.body, &mut all);
        let wanted = self.title(title);
        let titles: Vec<String> = all.iter().map(|s| self.title(&s.title)).collect();
        if let Some(at) = titles.iter().position(|t| *t == wanted) {
            return all.get(at).map(|step| step.span);
        }
        // What could not be opened may hold it.
        if !self.opened.missing {
            let shown = plain(title).unwrap_or(wanted);
            let near = suggest::did_you_mean(&shown, titles.iter().map(String::as_str));
            let some: Vec<String> = titles.iter().take(6).map(|t| format!("`{t}`")).collect();
            let help = near.unwrap_or_else(|| match some.as_slice() {
                [] => "the runbook has no step".to_owned(),
                some => format!("its steps are {}", some.join(", ")),
            });
            self.problem(
                Diagnostic::new(
                    Code::UnknownStep,
                    "the runbook has no step of this title",
                    title.span,
                )
                .label("no such step")
                .help(help),
            );
        }
        None
    }

    /// A killed process does nothing more until somebody goes on with it.
    pub(super) fn happens_in_order(&mut self, when: &[Node<Happening>]) {
        let mut killed: Option<Span> = None;
        for line in when {
            match &line.value {
                Happening::Killed(_) => match killed {
                    Some(first) => self.contradiction(
                        line.span,
                        first,
                        "the process was killed already",
                        "put `when operator resumes` between them",
                    ),
                    None => killed = Some(line.span),
                },
                Happening::Resumes | Happening::RollsBack => killed = None,
                _ => {}
            }
        }
    }
}
