//! The lines of a runbook and of its outages.

use super::entry::Checker;
use super::scope::{Kind, OPERATORS, RESERVED};
use super::typing::{Place, described, hosts};
use crate::ast;
use crate::catalogue::Type;
use crate::checked::{CheckedRunbook, Item, Let, OnFailure, Parameter, Target};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::span::{Node, Span};

impl Checker<'_> {
    /// All lines in order.
    pub(super) fn runbook(&mut self, runbook: &ast::Runbook) -> CheckedRunbook {
        let mut out = Self::blank(&runbook.name.value);
        self.header(runbook, &mut out);
        for line in &runbook.block.lines {
            let begun = !out.body.is_empty();
            match &line.value {
                ast::Item::About(_) | ast::Item::Edition(_) => {}
                ast::Item::Param(param) => out.parameters.extend(self.param(param)),
                ast::Item::Target(target) => out.targets.extend(self.target(target)),
                ast::Item::Let(name, value) => out.lets.extend(self.let_value(name, value)),
                ast::Item::DoneWhen(guards) => out.done_when.extend(self.guards(guards)),
                ast::Item::Require(require) => {
                    if begun {
                        self.late_require(require, line.span);
                    }
                    out.requires.extend(self.require(require));
                }
                ast::Item::OnFailure(way) => {
                    out.on_failure = match way {
                        ast::OnFailure::Pause => OnFailure::Pause,
                        ast::OnFailure::Rollback => OnFailure::Rollback,
                        ast::OnFailure::RollbackBeforeIrreversible => {
                            OnFailure::RollbackBeforeIrreversible
                        }
                    };
                }
                _ => self.body_item(line, &mut out.body, false),
            }
        }
        out
    }

    /// `about`, `edition` and what may stand once.
    fn header(&mut self, runbook: &ast::Runbook, out: &mut CheckedRunbook) {
        let lines = &runbook.block.lines;
        let spans = |wanted: fn(&ast::Item) -> bool| -> Vec<Span> {
            lines
                .iter()
                .filter(|l| wanted(&l.value))
                .map(|l| l.span)
                .collect()
        };
        let abouts = spans(|i| matches!(i, ast::Item::About(_)));
        let editions = spans(|i| matches!(i, ast::Item::Edition(_)));
        self.once("`about`", abouts.iter().copied());
        self.once("`edition`", editions.iter().copied());
        self.once(
            "`on failure`",
            spans(|i| matches!(i, ast::Item::OnFailure(_))).into_iter(),
        );
        if abouts.is_empty() {
            self.problem(
                Diagnostic::new(
                    Code::MissingAbout,
                    "the runbook does not say what it is about",
                    runbook.name.span,
                )
                .label("no `about`")
                .help("add `about \"what it does, in a sentence\"`"),
            );
        }
        if editions.is_empty() {
            self.problem(
                Diagnostic::new(
                    Code::MissingEdition,
                    "the runbook does not say its edition",
                    runbook.name.span,
                )
                .label("no `edition`")
                .help("add `edition 1`"),
            );
        }
        for line in lines {
            match &line.value {
                ast::Item::About(text) => match crate::parse::plain(text) {
                    Some(text) => out.about = text,
                    None => self.problem(
                        Diagnostic::new(Code::WrongType, "`about` is a plain text", text.span)
                            .label("has braces")
                            .help("say it without values; a brace itself is written `{{`"),
                    ),
                },
                ast::Item::Edition(number) => self.edition(number),
                _ => {}
            }
        }
    }

    pub(super) fn late_require(&mut self, require: &ast::Require, span: Span) {
        let guard = self.shown(require.guard.span);
        self.problem(
            Diagnostic::new(
                Code::Misplaced,
                "this is required before the run begins, so it cannot stand after a step",
                Span {
                    end: require.guard.span.end,
                    ..span
                },
            )
            .label("after a step")
            .help(format!(
                "move it above the first step; into a step, where it is checked before each host; or write `ensure {guard}`"
            )),
        );
    }

    /// Declares a name, or says why it cannot be.
    pub(super) fn declare(
        &mut self,
        name: &Node<String>,
        kind: Kind,
        ty: Option<Type>,
        may_be_empty: bool,
    ) {
        let name_text = name.value.as_str();
        // `-e member=NAME` is what operators type.
        let parameter = kind == Kind::Param && name_text == "member";
        let reserved = RESERVED.contains(&name_text) && !parameter;
        if reserved || OPERATORS.contains(&name_text) {
            self.problem(
                Diagnostic::new(
                    Code::ShadowedName,
                    format!("`{}` is a word of the language", name.value),
                    name.span,
                )
                .label("taken")
                .help("choose another name"),
            );
            return;
        }
        if let Some(first) = self.scope.peek(&name.value).map(|s| s.span) {
            self.problem(
                Diagnostic::new(
                    Code::DuplicateName,
                    format!("`{}` is declared twice", name.value),
                    name.span,
                )
                .label("second")
                .and(first, "first")
                .help("a name means one thing: choose another"),
            );
            return;
        }
        self.scope.declare(name, kind, ty, may_be_empty);
    }

    fn param(&mut self, param: &ast::Param) -> Option<Parameter> {
        let ty = self.type_named(&param.ty);
        if let (Some(ty), Some(default)) = (&ty, &param.default) {
            self.default_fits(ty, default);
        }
        let doc = match &param.doc {
            Some(text) => crate::parse::plain(text).or_else(|| {
                self.problem(
                    Diagnostic::new(
                        Code::WrongType,
                        "a parameter's description is a plain text",
                        text.span,
                    )
                    .label("has braces")
                    .help("say it without values"),
                );
                None
            }),
            None => None,
        };
        self.declare(&param.name, Kind::Param, ty.clone(), false);
        Some(Parameter {
            name: param.name.clone(),
            ty: ty?,
            default: param.default.clone(),
            doc: doc.unwrap_or_default(),
        })
    }

    fn target(&mut self, target: &ast::Target) -> Option<Target> {
        let ty = self.type_of(&target.hosts, Place::Once);
        let good = match &ty {
            Some(Type::Optional(ty)) if hosts(ty) => {
                self.maybe_unset(&target.hosts);
                false
            }
            Some(ty) if !hosts(ty) => {
                self.problem(
                    Diagnostic::new(
                        Code::WrongType,
                        format!("expected hosts, found {}", described(ty)),
                        target.hosts.span,
                    )
                    .label(format!("this is {}", described(ty)))
                    .help("hosts are named by `group(NAME)` or `hosts(\"PATTERN\")`"),
                );
                false
            }
            other => other.is_some(),
        };
        let mut counts = Vec::new();
        let mut may_be_empty = false;
        match target.expect.as_ref().map(|e| &e.value) {
            Some(ast::Expect::Any) => may_be_empty = true,
            Some(ast::Expect::Counts(list)) => {
                for count in list {
                    let help = "a target that may have no hosts says `expect any`";
                    counts.extend(self.count(count, help));
                }
            }
            None => {}
        }
        let kind = good.then_some(Type::Target);
        self.declare(&target.name, Kind::Target, kind, may_be_empty);
        good.then(|| Target {
            name: target.name.clone(),
            hosts: target.hosts.clone(),
            counts,
            may_be_empty,
        })
    }

    fn let_value(&mut self, name: &Node<String>, value: &Node<Expr>) -> Option<Let> {
        let ty = self.type_of(value, Place::Once);
        if let Some(ty) = &ty
            && hosts(ty)
            && !matches!(ty, Type::Host | Type::HostOf(_))
        {
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    "hosts are named by `target`, not by `let`",
                    value.span,
                )
                .label("this is a target")
                .help(format!("write `target {} = ...`", name.value)),
            );
        }
        self.declare(name, Kind::Let, ty.clone(), false);
        Some(Let {
            name: name.clone(),
            value: value.clone(),
            ty: ty?,
        })
    }

    /// A line that is carried out, in a runbook or in an outage.
    pub(super) fn body_item(
        &mut self,
        line: &Node<ast::Item>,
        out: &mut Vec<Item>,
        in_outage: bool,
    ) {
        let span = line.span;
        match &line.value {
            ast::Item::Step(step) => out.extend(self.step(step).map(|s| Item::Step(Box::new(s)))),
            ast::Item::Ensure(ensure) => out.extend(self.ensure(ensure).map(Item::Ensure)),
            ast::Item::Confirm(text) => {
                self.type_of(text, Place::Once);
                out.push(Item::Confirm {
                    prompt: text.clone(),
                    span,
                });
            }
            ast::Item::Irreversible(text, asks) => {
                self.type_of(text, Place::Once);
                if *asks {
                    out.push(Item::Confirm {
                        prompt: text.clone(),
                        span,
                    });
                }
                out.push(Item::Irreversible {
                    prompt: text.clone(),
                    span,
                });
            }
            ast::Item::Outage(reason, block) if !in_outage => {
                self.type_of(reason, Place::Once);
                let mut items = Vec::new();
                for inner in &block.lines {
                    self.body_item(inner, &mut items, true);
                }
                out.push(Item::Outage {
                    reason: reason.clone(),
                    items,
                    span: Span {
                        end: reason.span.end,
                        ..span
                    },
                });
            }
            ast::Item::Invoke(invoke) => self.invoke(invoke, span, out, in_outage),
            other => self.misplaced(other, span),
        }
    }

    /// What may not stand in an outage.
    fn misplaced(&mut self, item: &ast::Item, span: Span) {
        let (what, help) = match item {
            ast::Item::Outage(..) => (
                "`outage`",
                "an outage is one: take the inner `outage` away and keep its steps",
            ),
            ast::Item::Require(_) => (
                "`require`",
                "move it above the first step; into a step, where it is checked before each host; or write `ensure`",
            ),
            ast::Item::OnFailure(_) => (
                "`on failure`",
                "it speaks of the whole runbook: move it to its end",
            ),
            _ => (
                "this",
                "move it to the top level of the runbook, above the first step",
            ),
        };
        let first_line = self
            .shown(span)
            .find('\n')
            .map_or(span.end, |n| span.start + n);
        self.problem(
            Diagnostic::new(
                Code::Misplaced,
                format!("{what} cannot stand in an outage"),
                Span {
                    end: first_line,
                    ..span
                },
            )
            .label("inside an outage")
            .help(help),
        );
    }

    /// Even and large numbers of members.
    pub(super) fn counts(&mut self, runbook: &CheckedRunbook) {
        for target in &runbook.targets {
            if !self.member_targets.contains(&target.name.value) {
                continue;
            }
            let (name, span) = (&target.name.value, target.name.span);
            if let Some(even) = target.counts.iter().find(|n| **n % 2 == 0) {
                self.problems.push(
                    Diagnostic::new(
                        Code::EvenMembers,
                        format!("`{name}` may have {even} members, an even number"),
                        span,
                    )
                    .label(format!(
                        "{even} members need {} to commit and can lose {}: no more than {} members",
                        even / 2 + 1,
                        (even - 1) / 2,
                        even - 1
                    ))
                    .help("expect odd numbers: `expect 1 | 3 | 5 | 7`"),
                );
            }
            if let Some(many) = target.counts.iter().find(|n| **n > 7) {
                self.problems.push(
                    Diagnostic::new(
                        Code::ManyMembers,
                        format!("`{name}` may have {many} members, more than 7"),
                        span,
                    )
                    .label(format!("each write waits for {} members", many / 2 + 1))
                    .help("7 members survive the loss of 3; more only makes writes slower"),
                );
            }
        }
    }
}
