//! Pairs of the grammar to the tree.

use pest::Parser;
use pest::iterators::Pair;

use super::{Grammar, Rule, recover, scan};
use crate::ast::{
    Block, Call, Ensure, Expect, File, Guard, Invoke, Item, OnFailure, Param, Require, Statement,
    Step, StepOption, Target, TypeRef,
};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::span::{Node, Span};

/// Largest text that is looked at.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// Parses one file. Errors are all that can be told independently of each other, in the order of their places.
pub fn parse(text: &str) -> Result<File, Vec<Diagnostic>> {
    parse_source(text, 0)
}

/// Parses the file that stands at this index of the texts.
pub(crate) fn parse_source(text: &str, source: usize) -> Result<File, Vec<Diagnostic>> {
    parsed(text, source).map_err(|problems| {
        let of_source = |d: Diagnostic| d.in_source(source);
        problems.into_iter().map(of_source).collect()
    })
}

fn parsed(text: &str, source: usize) -> Result<File, Vec<Diagnostic>> {
    if text.len() > MAX_BYTES {
        let start = Span::default();
        return Err(vec![
            Diagnostic::new(
                Code::TooLarge,
                format!("the text has {} bytes", text.len()),
                start,
            )
            .label("a runbook has at most 4 MiB"),
        ]);
    }
    let found = scan::scan(text);
    if !found.problems.is_empty() {
        return Err(found.problems);
    }
    let mut builder = Builder {
        offset: 0,
        source,
        problems: Vec::new(),
    };
    let lines = match Grammar::parse(Rule::file, &found.text) {
        Ok(pairs) => builder.file(pairs, &found.text),
        Err(error) => {
            builder.problem(recover::syntax(&error, &found.text, 0));
            Vec::new()
        }
    };
    let Builder { mut problems, .. } = builder;
    problems.sort_by_key(|d| d.span().start);
    if problems.is_empty() {
        Ok(File {
            lines,
            comments: found.comments,
        })
    } else {
        Err(problems)
    }
}

pub(super) struct Builder {
    /// Added to places: a text's expressions are parsed apart.
    pub(super) offset: usize,
    source: usize,
    problems: Vec<Diagnostic>,
}

impl Builder {
    pub(super) fn problem(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// A pair's place, without the blanks that the grammar lets it end in.
    pub(super) fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        let text = pair.as_str();
        Span {
            source: self.source,
            start: self.offset + span.start(),
            end: self.offset + span.start() + text.trim_end().len(),
        }
    }

    pub(super) fn name(&self, pair: &Pair<'_, Rule>) -> Node<String> {
        Node::new(pair.as_str().trim_end().to_owned(), self.span(pair))
    }

    pub(super) fn block<'i, T: Line>(
        &mut self,
        parts: impl Iterator<Item = Pair<'i, Rule>>,
    ) -> Block<T> {
        let mut block = Block {
            lines: Vec::new(),
            open: Node::default(),
            close: Node::default(),
        };
        for part in parts {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::open => block.open = Node::new((), span),
                Rule::close => block.close = Node::new((), span),
                Rule::bad_step => self.bad_block::<Statement>(part, Rule::only_step_head),
                Rule::bad_outage => self.bad_block::<Item>(part, Rule::only_outage_head),
                Rule::bad_item => {
                    let found = recover::line(part.as_str(), span, T::KIND);
                    self.problem(found);
                }
                _ => {
                    if let Some(line) = T::line(self, part) {
                        block.lines.push(Node::new(line, span));
                    }
                }
            }
        }
        block
    }

    /// A block whose head is wrong: the head's error, and those of its lines.
    pub(super) fn bad_block<T: Line>(&mut self, pair: Pair<'_, Rule>, head_rule: Rule) {
        let mut lines = Vec::new();
        for part in pair.into_inner() {
            if part.as_rule() == Rule::bad_head {
                let span = self.span(&part);
                let found = recover::head(part.as_str(), span, head_rule);
                self.problem(found);
            } else if !matches!(
                part.as_rule(),
                Rule::kw_runbook
                    | Rule::kw_procedure
                    | Rule::kw_test
                    | Rule::kw_step
                    | Rule::kw_outage
            ) {
                lines.push(part);
            }
        }
        let _: Block<T> = self.block(lines.into_iter());
    }

    fn item(&mut self, pair: Pair<'_, Rule>) -> Option<Item> {
        let rule = pair.as_rule();
        let mut parts = pair.into_inner().filter(|p| !is_keyword(p.as_rule()));
        Some(match rule {
            Rule::about => Item::About(self.text(parts.next()?)),
            Rule::edition => Item::Edition(self.number_node(&parts.next()?)),
            Rule::param => Item::Param(self.param(parts)?),
            Rule::target => Item::Target(self.target(parts)?),
            Rule::let_item => {
                let name = self.name(&parts.next()?);
                Item::Let(name, self.expr(parts.next()?))
            }
            Rule::done_when => Item::DoneWhen(self.guards(parts.next()?)),
            Rule::step => Item::Step(Box::new(self.step(parts)?)),
            Rule::outage => {
                let head = parts.next()?;
                let reason = head.into_inner().find(|p| p.as_rule() == Rule::text)?;
                let reason = self.text(reason);
                Item::Outage(reason, self.block(parts))
            }
            Rule::confirm => Item::Confirm(self.text(parts.next()?)),
            Rule::on_failure => {
                Item::OnFailure(match parts.find(|p| p.as_rule() != Rule::open)?.as_rule() {
                    Rule::rollback_before => OnFailure::RollbackBeforeIrreversible,
                    Rule::rollback => OnFailure::Rollback,
                    _ => OnFailure::Pause,
                })
            }
            Rule::invoke => Item::Invoke(Invoke {
                name: self.name(&parts.next()?),
                arguments: parts.next().map(|a| self.args(a)).unwrap_or_default(),
            }),
            _ => return None,
        })
    }

    pub(super) fn text(&mut self, pair: Pair<'_, Rule>) -> Node<Expr> {
        let span = self.span(&pair);
        Node::new(super::text::text(self, &pair), span)
    }

    fn param<'i>(&mut self, parts: impl Iterator<Item = Pair<'i, Rule>>) -> Option<Param> {
        let (mut name, mut ty, mut default, mut doc) = (None, None, None, None);
        for part in parts {
            match part.as_rule() {
                Rule::name => name = Some(self.name(&part)),
                Rule::type_ref => ty = Some(self.type_ref(part)),
                Rule::default => default = last(part).map(|e| self.expr(e)),
                Rule::text => doc = Some(self.text(part)),
                _ => {}
            }
        }
        Some(Param {
            name: name?,
            ty: ty?,
            default,
            doc,
        })
    }

    pub(super) fn type_ref(&mut self, pair: Pair<'_, Rule>) -> Node<TypeRef> {
        let span = self.span(&pair);
        let mut ty = TypeRef {
            name: Node::default(),
            arguments: Vec::new(),
            optional: false,
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::name => ty.name = self.name(&part),
                Rule::optional => ty.optional = true,
                _ => {
                    ty.arguments = part
                        .into_inner()
                        .filter(|p| p.as_rule() == Rule::type_ref)
                        .map(|p| self.type_ref(p))
                        .collect()
                }
            }
        }
        Node::new(ty, span)
    }

    fn target<'i>(&mut self, mut parts: impl Iterator<Item = Pair<'i, Rule>>) -> Option<Target> {
        let name = self.name(&parts.next()?);
        let hosts = self.expr(parts.next()?);
        let expect = parts.next().map(|expect| {
            let span = self.span(&expect);
            let mut counts = Vec::new();
            let mut any = false;
            for part in expect.into_inner() {
                match part.as_rule() {
                    Rule::any => any = true,
                    Rule::number => counts.push(self.number_node(&part)),
                    _ => {}
                }
            }
            let value = if any {
                Expect::Any
            } else {
                Expect::Counts(counts)
            };
            Node::new(value, span)
        });
        Some(Target {
            name,
            hosts,
            expect,
        })
    }

    fn guards(&mut self, pair: Pair<'_, Rule>) -> Vec<Node<Guard>> {
        pair.into_inner()
            .filter(|p| p.as_rule() == Rule::guard)
            .map(|p| self.guard(p))
            .collect()
    }

    pub(super) fn guard(&mut self, pair: Pair<'_, Rule>) -> Node<Guard> {
        let span = self.span(&pair);
        let mut guard = Guard {
            negated: false,
            name: Node::default(),
            arguments: Vec::new(),
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_not => guard.negated = true,
                Rule::name => guard.name = self.name(&part),
                _ => guard.arguments = self.args(part),
            }
        }
        Node::new(guard, span)
    }

    fn require(&mut self, pair: Pair<'_, Rule>) -> Option<Require> {
        let mut warn_only = false;
        let mut guard = None;
        let (mut otherwise, mut override_names) = (Vec::new(), Vec::new());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_warn => warn_only = true,
                Rule::guard => guard = Some(self.guard(part)),
                Rule::otherwise => otherwise.extend(last(part).map(|t| self.text(t))),
                Rule::override_as => override_names.extend(last(part).map(|n| self.name(&n))),
                _ => {}
            }
        }
        Some(Require {
            warn_only,
            guard: guard?,
            otherwise,
            override_names,
        })
    }

    fn ensure(&mut self, pair: Pair<'_, Rule>) -> Option<Ensure> {
        let mut guard = None;
        let (mut within, mut otherwise) = (Vec::new(), Vec::new());
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::guard => guard = Some(self.guard(part)),
                Rule::within => within.extend(last(part).map(|e| self.expr(e))),
                Rule::otherwise => otherwise.extend(last(part).map(|t| self.text(t))),
                _ => {}
            }
        }
        Some(Ensure {
            guard: guard?,
            within,
            otherwise,
        })
    }

    fn step<'i>(&mut self, mut parts: impl Iterator<Item = Pair<'i, Rule>>) -> Option<Step> {
        let head = parts.next()?;
        let head_span = self.span(&head);
        let (mut title, mut on, mut options) = (None, None, Vec::new());
        for part in head.into_inner().filter(|p| !is_keyword(p.as_rule())) {
            let span = self.span(&part);
            match part.as_rule() {
                Rule::text => title = Some(self.text(part)),
                Rule::expr => on = Some(self.expr(part)),
                _ => options.extend(self.option(part).map(|o| Node::new(o, span))),
            }
        }
        Some(Step {
            title: title?,
            on: on?,
            options,
            head: Node::new((), head_span),
            block: self.block(parts),
        })
    }

    fn option(&mut self, pair: Pair<'_, Rule>) -> Option<StepOption> {
        let rule = pair.as_rule();
        let mut parts = pair.into_inner().filter(|p| !is_keyword(p.as_rule()));
        Some(match rule {
            Rule::parallel => StepOption::Parallel,
            Rule::rolling => {
                let how = parts.next()?;
                match how.as_rule() {
                    Rule::quorum_safe => StepOption::RollingQuorumSafe,
                    _ => StepOption::Rolling(self.number_node(&how)),
                }
            }
            Rule::leader_last => StepOption::LeaderLast,
            Rule::timeout => StepOption::Timeout(self.expr(parts.next()?)),
            Rule::retry => {
                let count = self.number_node(&parts.next()?);
                StepOption::Retry(count, self.expr(parts.next()?))
            }
            Rule::on_unreachable => {
                let way = parts.next()?;
                match way.as_rule() {
                    Rule::fail => StepOption::UnreachableFail,
                    Rule::skip => StepOption::UnreachableSkip,
                    _ => StepOption::UnreachableWait(self.expr(last(way)?)),
                }
            }
            _ => StepOption::When(self.guards(parts.next()?)),
        })
    }

    fn call(&mut self, pair: Pair<'_, Rule>) -> Option<Call> {
        let mut verb = None;
        let (mut arguments, mut undo) = (Vec::new(), None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::verb => verb = Some(self.name(&part)),
                Rule::undo => {
                    let inner = part.into_inner().filter(|p| p.as_rule() != Rule::kw_undo);
                    undo = Some(self.block(inner));
                }
                _ => arguments.push(self.expr(part)),
            }
        }
        Some(Call {
            verb: verb?,
            arguments,
            undo,
        })
    }
}

/// What a block holds.
pub(super) trait Line: Sized {
    const KIND: recover::Kind;
    fn line(builder: &mut Builder, pair: Pair<'_, Rule>) -> Option<Self>;
}

impl Line for Item {
    const KIND: recover::Kind = recover::Kind::Item;
    fn line(builder: &mut Builder, pair: Pair<'_, Rule>) -> Option<Self> {
        match pair.as_rule() {
            Rule::require => builder.require(pair).map(Item::Require),
            Rule::ensure => builder.ensure(pair).map(Item::Ensure),
            Rule::irreversible => {
                let asks = pair
                    .clone()
                    .into_inner()
                    .any(|p| p.as_rule() == Rule::kw_confirm);
                let text = last(pair)?;
                Some(Item::Irreversible(builder.text(text), asks))
            }
            _ => builder.item(pair),
        }
    }
}

impl Line for Statement {
    const KIND: recover::Kind = recover::Kind::Statement;
    fn line(builder: &mut Builder, pair: Pair<'_, Rule>) -> Option<Self> {
        match pair.as_rule() {
            Rule::require => builder.require(pair).map(Statement::Require),
            Rule::ensure => builder.ensure(pair).map(Statement::Ensure),
            Rule::call => builder.call(pair).map(Statement::Call),
            _ => None,
        }
    }
}

impl Line for Call {
    const KIND: recover::Kind = recover::Kind::UndoCall;
    fn line(builder: &mut Builder, pair: Pair<'_, Rule>) -> Option<Self> {
        match pair.as_rule() {
            Rule::call => builder.call(pair),
            _ => None,
        }
    }
}

fn last(pair: Pair<'_, Rule>) -> Option<Pair<'_, Rule>> {
    pair.into_inner().last()
}

/// Keywords that carry no meaning beyond their rule.
pub(super) fn is_keyword(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::kw_about
            | Rule::kw_edition
            | Rule::kw_import
            | Rule::kw_procedure
            | Rule::kw_test
            | Rule::kw_given
            | Rule::kw_param
            | Rule::kw_target
            | Rule::kw_expect
            | Rule::kw_let
            | Rule::kw_done
            | Rule::kw_when
            | Rule::kw_step
            | Rule::kw_on
            | Rule::kw_rolling
            | Rule::kw_leader
            | Rule::kw_last
            | Rule::kw_timeout
            | Rule::kw_retry
            | Rule::kw_every
            | Rule::kw_unreachable
            | Rule::kw_wait
            | Rule::kw_outage
            | Rule::kw_confirm
            | Rule::kw_failure
            | Rule::colon
            | Rule::equals
            | Rule::comma
            | Rule::end_round
            | Rule::end_square
    )
}
