//! Procedures by themselves: parameters, lines, and that none calls itself.

use std::rc::Rc;

use super::entry::Checker;
use super::program::by_way;
use super::rings::rings;
use super::scope::{Kind, Scope};
use super::substitute::Bindings;
use crate::ast::{self, Block, ProcedureParameter};
use crate::catalogue::{FUNCTIONS, GUARDS, Type, VERBS};
use crate::checked::{GuardUse, Item};
use crate::codes::{Code, Severity};
use crate::diagnostic::Diagnostic;
use crate::parse::ITEM_WORDS;
use crate::span::{Node, Span};

/// How a procedure is called, and what it holds.
#[derive(Debug)]
pub(super) struct Signature<'a> {
    pub name: &'a str,
    pub file: usize,
    pub parameters: Vec<Given>,
    pub block: &'a Block<ast::Item>,
    /// Nothing is wrong with it by itself.
    pub sound: bool,
    /// Lines in it, those of its blocks among them.
    pub lines: usize,
}

/// A procedure's parameter.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub name: Node<String>,
    /// None where it is wrong.
    pub ty: Option<Type>,
    /// A `target?`.
    pub may_be_empty: bool,
}

impl<'a> Checker<'a> {
    /// Checks every procedure of every file by itself.
    pub(super) fn procedures(&mut self) {
        for id in self.program.ids() {
            let Some((file, procedure)) = self.program.procedure(id) else {
                continue;
            };
            let before = self.problems.len();
            let parameters = self.given_parameters(file, procedure);
            self.procedure_named(procedure);
            self.signatures.push(Rc::new(Signature {
                name: &procedure.name.value,
                file,
                parameters,
                block: &procedure.block,
                sound: !self.wrong_since(before),
                lines: lines(&procedure.block),
            }));
        }
        self.no_recursion();
        for id in self.program.ids() {
            let before = self.problems.len();
            self.alone(id);
            if self.wrong_since(before) {
                self.unsound(id);
            }
        }
    }

    /// Whether an error was told since there were so many problems.
    fn wrong_since(&self, before: usize) -> bool {
        let told = self.problems.get(before..).unwrap_or_default();
        told.iter().any(|d| d.severity() == Severity::Error)
    }

    fn unsound(&mut self, id: usize) {
        if let Some(signature) = self.signatures.get_mut(id).and_then(Rc::get_mut) {
            signature.sound = false;
        }
    }

    /// Name and `about`.
    fn procedure_named(&mut self, procedure: &ast::Procedure) {
        let name = procedure.name.value.as_str();
        let what = if VERBS.iter().any(|v| v.name == name) {
            Some("a verb")
        } else if GUARDS.iter().any(|g| g.name == name) {
            Some("a guard")
        } else if FUNCTIONS.iter().any(|f| f.name == name) {
            Some("a function")
        } else {
            ITEM_WORDS
                .contains(&name)
                .then_some("a word of the language")
        };
        if let Some(what) = what {
            self.problem(
                Diagnostic::new(
                    Code::ShadowedName,
                    format!("`{name}` is {what}"),
                    procedure.name.span,
                )
                .label("taken")
                .help("choose another name"),
            );
        }
        if let Some(about) = &procedure.about
            && crate::parse::plain(about).is_none()
        {
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    "a procedure's description is a plain text",
                    about.span,
                )
                .label("has braces")
                .help("say it without values"),
            );
        }
        if procedure.block.lines.is_empty() {
            self.problem(
                Diagnostic::new(
                    Code::EmptyStep,
                    format!("the procedure `{name}` does nothing"),
                    procedure.name.span,
                )
                .label("no line in it")
                .help("remove it, or write what it is to do"),
            );
        }
    }

    fn given_parameters(&mut self, file: usize, procedure: &ast::Procedure) -> Vec<Given> {
        let outer = self.enter(file, Scope::default());
        let mut parameters = Vec::new();
        for parameter in &procedure.parameters {
            let ProcedureParameter { name, ty: written } = &parameter.value;
            let hosts = written.value.name.value == "target" && written.value.arguments.is_empty();
            let ty = if hosts {
                Some(Type::Target)
            } else {
                self.given_type(written)
            };
            let may_be_empty = hosts && written.value.optional;
            self.declare(name, kind(ty.as_ref()), ty.clone(), may_be_empty);
            parameters.push(Given {
                name: name.clone(),
                ty,
                may_be_empty,
            });
        }
        self.leave(outer);
        parameters
    }

    /// The type of a parameter that is no target.
    fn given_type(&mut self, written: &Node<ast::TypeRef>) -> Option<Type> {
        let ty = self.type_named(written)?;
        if !holds_secret(&ty) {
            return Some(ty);
        }
        self.problem(
            Diagnostic::new(
                Code::UnknownType,
                "a secret is not handed to a procedure",
                written.span,
            )
            .label("no type of a procedure's parameter")
            .help("secrets are read by templates, which know the runbook's own parameters"),
        );
        None
    }

    /// A procedure's lines, judged without a call.
    fn alone(&mut self, id: usize) {
        let Some(signature) = self.signatures.get(id).map(Rc::clone) else {
            return;
        };
        let before = self.problems.len();
        let outer = self.enter(signature.file, Scope::of_procedure(&signature, None));
        self.procedure_lines(signature.block, false);
        if signature.sound && !self.wrong_since(before) {
            self.unused_given();
        }
        self.leave(outer);
    }

    fn unused_given(&mut self) {
        let unused: Vec<(String, Span)> = self
            .scope
            .iter()
            .filter(|(_, symbol)| !symbol.used.get())
            .map(|(name, symbol)| (name.clone(), symbol.span))
            .collect();
        for (name, span) in unused {
            self.problem(
                Diagnostic::new(
                    Code::UnusedParameter,
                    format!("parameter `{name}` is never used"),
                    span,
                )
                .label("never used")
                .help("use it, or remove it: whoever calls the procedure would expect an effect"),
            );
        }
    }

    /// The lines of a procedure: what it requires, and what it does.
    pub(super) fn procedure_lines(
        &mut self,
        block: &Block<ast::Item>,
        in_outage: bool,
    ) -> (Vec<GuardUse>, Vec<Item>) {
        let (mut requires, mut items) = (Vec::new(), Vec::new());
        for line in &block.lines {
            match &line.value {
                ast::Item::Require(require) => {
                    if !items.is_empty() {
                        self.late_require(require, line.span);
                    }
                    requires.extend(self.require(require));
                }
                ast::Item::About(_)
                | ast::Item::Edition(_)
                | ast::Item::Param(_)
                | ast::Item::Target(_)
                | ast::Item::Let(..)
                | ast::Item::DoneWhen(_)
                | ast::Item::OnFailure(_) => self.misplaced_in_procedure(&line.value, line.span),
                _ => self.body_item(line, &mut items, in_outage),
            }
        }
        (requires, items)
    }

    fn misplaced_in_procedure(&mut self, item: &ast::Item, span: Span) {
        let help = match item {
            ast::Item::About(_) => "say it behind the parameters: `procedure NAME(...) \"...\" {`",
            ast::Item::Edition(_) => "move it to the top of the file",
            ast::Item::Param(_) | ast::Item::Target(_) => {
                "make it a parameter: `procedure NAME(members: target) {`"
            }
            ast::Item::Let(..) => "make it a parameter, or write the value where it is used",
            _ => "it speaks of the whole runbook: move it there",
        };
        let first_line = self
            .shown(span)
            .find('\n')
            .map_or(span.end, |n| span.start + n);
        self.problem(
            Diagnostic::new(
                Code::Misplaced,
                "this cannot stand in a procedure",
                Span {
                    end: first_line,
                    ..span
                },
            )
            .label("inside a procedure")
            .help(help),
        );
    }

    /// Refuses procedures that call themselves.
    fn no_recursion(&mut self) {
        let mut edges = Vec::new();
        let mut places = Vec::new();
        for id in self.program.ids() {
            let mut calls = Vec::new();
            if let Some((file, procedure)) = self.program.procedure(id) {
                let names = &self.program.files[file].names;
                called(&procedure.block, &mut |name| {
                    calls.extend(names.get(&name.value).map(|to| (*to, name.span)));
                });
            }
            edges.push(calls.iter().map(|(to, _)| *to).collect::<Vec<_>>());
            places.push(calls);
        }
        for ring in rings(&edges) {
            let names: Vec<String> = ring.through.iter().map(|id| self.name_of(*id)).collect();
            let (Some(first), Some((_, span))) = (names.first(), places[ring.from].get(ring.edge))
            else {
                continue;
            };
            let way = by_way(names.iter().skip(1));
            self.problem(
                Diagnostic::new(
                    Code::RecursiveProcedure,
                    format!("`{first}` calls itself{way}"),
                    *span,
                )
                .label("would never end")
                .help("write what is to be done again where it is needed"),
            );
            for id in ring.through {
                self.unsound(id);
            }
        }
    }

    fn name_of(&self, id: usize) -> String {
        self.signatures
            .get(id)
            .map(|s| s.name.to_owned())
            .unwrap_or_default()
    }
}

fn holds_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::Optional(inner) | Type::List(inner) => holds_secret(inner),
        _ => false,
    }
}

/// How a parameter of a type is declared.
pub(super) fn kind(ty: Option<&Type>) -> Kind {
    match ty {
        Some(Type::Target) => Kind::Target,
        _ => Kind::Given,
    }
}

impl Scope {
    /// The names that a procedure knows; with the arguments of a call, if there is one.
    pub(super) fn of_procedure(signature: &Signature<'_>, bindings: Option<Bindings>) -> Self {
        let mut scope = Self::default();
        for given in &signature.parameters {
            let kind = kind(given.ty.as_ref());
            scope.declare(&given.name, kind, given.ty.clone(), given.may_be_empty);
        }
        scope.in_procedure = true;
        scope.bindings = bindings;
        scope
    }
}

/// Every procedure's name that is called in a block.
fn called<'b>(block: &'b Block<ast::Item>, found: &mut impl FnMut(&'b Node<String>)) {
    for line in &block.lines {
        match &line.value {
            ast::Item::Invoke(invoke) => found(&invoke.name),
            ast::Item::Outage(_, inner) => called(inner, found),
            _ => {}
        }
    }
}

fn lines(block: &Block<ast::Item>) -> usize {
    let of_call = |call: &ast::Call| 1 + call.undo.as_ref().map_or(0, |u| u.lines.len());
    let of_line = |line: &Node<ast::Item>| match &line.value {
        ast::Item::Outage(_, inner) => 1 + lines(inner),
        ast::Item::Step(step) => {
            let statements = step.block.lines.iter().map(|l| match &l.value {
                ast::Statement::Call(call) => of_call(call),
                _ => 1,
            });
            1 + statements.sum::<usize>()
        }
        _ => 1,
    };
    block.lines.iter().map(of_line).sum()
}
