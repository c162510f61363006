//! What a test expects, and whether it can come all at once.

use super::{required, shape};
use crate::ast::TestLine;
use crate::catalogue::GuardName;
use crate::check::entry::Checker;
use crate::checked::CheckedRunbook;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::span::{Node, Span};
use crate::suggest;
use crate::tested::{End, Expectation};

const ENDS: &str = "a run is `done`, `failed`, `refused` (`by GUARD`), `unreachable`, `rolled back`, `unknown`, `stuck`, `bad input` or `interrupted`; besides `nothing changed` or a guard such as `cluster-healthy(members)` is expected";

impl Checker<'_> {
    pub(super) fn expectations(
        &mut self,
        name: &Node<String>,
        lines: &[Node<TestLine>],
        runbook: &CheckedRunbook,
    ) -> Vec<Node<Expectation>> {
        let mut out: Vec<Node<Expectation>> = Vec::new();
        let mut any = false;
        for line in lines {
            let found = match &line.value {
                TestLine::Expect(terms) => self.end(terms, line.span, runbook),
                TestLine::ExpectGuard(guard) => {
                    self.guard(guard).map(|g| Expectation::Guard(Box::new(g)))
                }
                _ => continue,
            };
            any = true;
            if let Some(found) = found {
                self.fits(&out, &found, line.span);
                out.push(Node::new(found, line.span));
            }
        }
        if !any {
            self.problem(
                Diagnostic::new(
                    Code::EmptyTest,
                    "the test expects nothing, so it could not fail",
                    name.span,
                )
                .label("no `expect`")
                .help("add how the run ends: `expect done`, `expect refused by GUARD`"),
            );
        }
        out
    }

    fn end(
        &mut self,
        terms: &[Node<Expr>],
        line: Span,
        runbook: &CheckedRunbook,
    ) -> Option<Expectation> {
        let words = shape(terms);
        if words.as_slice() == ["nothing", "changed"] {
            return Some(Expectation::NothingChanged);
        }
        if let ["refused", "by", guard] = words.as_slice() {
            let guard = Node::new((*guard).to_owned(), terms[2].span);
            let name = self.refusing(&guard, runbook)?;
            return Some(Expectation::End(End::Refused, Some(name)));
        }
        let said = words.join(" ");
        if let Some(end) = End::ALL.into_iter().find(|end| end.as_str() == said) {
            return Some(Expectation::End(end, None));
        }
        let known = End::ALL.iter().map(|end| end.as_str());
        let near = suggest::did_you_mean(&said, known.chain(["nothing changed"]));
        let lone = match words.as_slice() {
            [word] if GuardName::parse(word).is_some() => {
                Some(format!("a guard has arguments: `{word}(members)`"))
            }
            _ => None,
        };
        let help = lone.or(near).unwrap_or_else(|| ENDS.to_owned());
        self.unknown_fact(line, "this is nothing that a test can expect", &help);
        None
    }

    /// A guard that can refuse this runbook.
    fn refusing(&mut self, word: &Node<String>, runbook: &CheckedRunbook) -> Option<GuardName> {
        let Some(name) = GuardName::parse(&word.value) else {
            self.unknown_guard(word);
            return None;
        };
        // Verbs bring these two with them.
        let implied = [GuardName::Reachable, GuardName::ToolsPresent];
        let mut all = required(runbook).into_iter();
        let asked = all.any(|g| g.name == name && !g.warn_only);
        if !asked && !implied.contains(&name) && !self.opened.missing {
            self.problem(
                Diagnostic::new(
                    Code::ContradictoryTest,
                    format!("the runbook never requires `{}`", word.value),
                    word.span,
                )
                .label("cannot refuse")
                .help("name a guard that it requires, or add `require` to the runbook"),
            );
        }
        Some(name)
    }

    fn fits(&mut self, before: &[Node<Expectation>], new: &Expectation, span: Span) {
        for old in before {
            let problem = match (&old.value, new) {
                // A guard that refuses since a host does not answer ends the run as unreachable.
                (Expectation::End(a, by), Expectation::End(b, also))
                    if [*a, *b].contains(&End::Unreachable) && (by.is_some() || also.is_some()) =>
                {
                    continue;
                }
                (Expectation::End(a, _), Expectation::End(b, _)) if a != b => {
                    format!("a run that is {} is not {} as well", a.as_str(), b.as_str())
                }
                (Expectation::End(_, Some(a)), Expectation::End(_, Some(b))) if a != b => continue,
                (Expectation::Guard(a), Expectation::Guard(b))
                    if a.name == b.name && a.arguments == b.arguments && a.negated != b.negated =>
                {
                    "this and its contrary are both expected".to_owned()
                }
                (Expectation::Guard(a), Expectation::Guard(b)) if a.same(b) => {
                    self.once("the expectation", [old.span, span].into_iter());
                    continue;
                }
                (Expectation::End(..), Expectation::End(..))
                | (Expectation::NothingChanged, Expectation::NothingChanged) => {
                    self.once("the expectation", [old.span, span].into_iter());
                    continue;
                }
                _ => continue,
            };
            self.contradiction(span, old.span, &problem, "keep the one that is meant");
        }
    }
}
