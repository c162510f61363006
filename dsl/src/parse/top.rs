//! What stands at the top of a file: the runbook, or a library's procedures; imports.

use pest::iterators::{Pair, Pairs};

use super::build::{Builder, is_keyword};
use super::{Rule, recover};
use crate::ast::{Item, Procedure, ProcedureParameter, Runbook, TestLine, Top};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::span::{Node, Span};

impl Builder {
    /// Every line that could be read.
    pub(super) fn file(&mut self, pairs: Pairs<'_, Rule>, text: &str) -> Vec<Node<Top>> {
        let mut lines: Vec<Node<Top>> = Vec::new();
        let mut seen = false;
        for pair in pairs.flat_map(Pair::into_inner) {
            if pair.as_rule() == Rule::EOI {
                continue;
            }
            let span = self.span(&pair);
            match pair.as_rule() {
                Rule::bad_runbook => self.bad_block::<Item>(pair, Rule::only_runbook_head),
                Rule::bad_procedure => self.bad_block::<Item>(pair, Rule::only_procedure_head),
                Rule::bad_test => self.bad_block::<TestLine>(pair, Rule::only_test_head),
                // A file of another kind is told so once, not line by line.
                Rule::bad_item
                    if seen && lines.is_empty() && !recover::begins_top(pair.as_str()) => {}
                Rule::bad_item => self.problem(recover::top(pair.as_str(), span)),
                _ => {
                    if let Some(line) = self.top(pair) {
                        self.only_runbook(&lines, &line);
                        lines.push(Node::new(line, span));
                    }
                }
            }
            seen = true;
        }
        let holds = |l: &Node<Top>| matches!(l.value, Top::Runbook(_) | Top::Procedure(_));
        if !lines.iter().any(holds) && (!seen || !lines.is_empty()) {
            let end = Span {
                source: 0,
                start: text.len(),
                end: text.len(),
            };
            self.no_runbook(lines.last().map_or(end, |l| l.span));
        }
        lines
    }

    fn top(&mut self, pair: Pair<'_, Rule>) -> Option<Top> {
        let rule = pair.as_rule();
        let mut parts = pair.into_inner().filter(|p| !is_keyword(p.as_rule()));
        Some(match rule {
            Rule::edition => Top::Edition(self.number_node(&parts.next()?)),
            Rule::import => Top::Import(self.text(parts.next()?)),
            Rule::procedure => Top::Procedure(Box::new(self.procedure(parts)?)),
            Rule::test => Top::Test(Box::new(self.test(parts)?)),
            Rule::runbook => {
                let mut parts = parts.filter(|p| p.as_rule() != Rule::kw_runbook);
                Top::Runbook(Box::new(Runbook {
                    name: self.name(&parts.next()?),
                    block: self.block(parts),
                }))
            }
            _ => return None,
        })
    }

    fn procedure<'i>(
        &mut self,
        mut parts: impl Iterator<Item = Pair<'i, Rule>>,
    ) -> Option<Procedure> {
        let (mut name, mut parameters, mut about) = (None, Vec::new(), None);
        for part in parts.next()?.into_inner() {
            match part.as_rule() {
                Rule::name => name = Some(self.name(&part)),
                Rule::parameters => {
                    let given = part.into_inner().filter(|p| p.as_rule() == Rule::parameter);
                    parameters = given.filter_map(|p| self.parameter(p)).collect();
                }
                Rule::text => about = Some(self.text(part)),
                _ => {}
            }
        }
        Some(Procedure {
            name: name?,
            parameters,
            about,
            block: self.block(parts),
        })
    }

    fn parameter(&mut self, pair: Pair<'_, Rule>) -> Option<Node<ProcedureParameter>> {
        let span = self.span(&pair);
        let mut parts = pair.into_inner().filter(|p| !is_keyword(p.as_rule()));
        let name = self.name(&parts.next()?);
        let ty = self.type_ref(parts.next()?);
        Some(Node::new(ProcedureParameter { name, ty }, span))
    }

    /// Refuses a second runbook.
    fn only_runbook(&mut self, before: &[Node<Top>], line: &Top) {
        let Top::Runbook(second) = line else { return };
        let first = before.iter().rev().find_map(|l| match &l.value {
            Top::Runbook(first) => Some(first.name.span),
            _ => None,
        });
        if let Some(first) = first {
            self.problem(
                Diagnostic::new(
                    Code::NoRunbook,
                    "the file holds a second runbook",
                    second.name.span,
                )
                .label("second")
                .and(first, "first")
                .help("write it into a file of its own"),
            );
        }
    }

    fn no_runbook(&mut self, last: Span) {
        self.problem(
            Diagnostic::new(Code::NoRunbook, "the file holds no runbook", last)
                .label("`runbook NAME { ... }` is wanted, or a `procedure`")
                .help("`runbook new` writes one to begin with"),
        );
    }
}
