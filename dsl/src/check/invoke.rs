//! Calls of procedures: arguments against parameters, and the procedure's lines in the place of the call.

use std::rc::Rc;

use super::arguments::either;
use super::entry::Checker;
use super::procedures::{Given, Signature};
use super::scope::Scope;
use super::substitute::{Bindings, Substitution, parts};
use super::typing::{Place, described, hosts, textual};
use crate::ast;
use crate::catalogue::{GuardName, Type, VERBS, Verb};
use crate::checked::Item;
use crate::codes::{Code, Severity};
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, TextPart};
use crate::span::{Node, Span};
use crate::suggest;

/// So deep calls nest.
const MAX_CALLS: usize = 16;
/// Lines that all calls together open.
const MAX_LINES: usize = 2_000;
/// Bytes of text that all calls together open.
const MAX_BYTES: usize = 1 << 20;
/// Parts that arguments put into the lines of all calls together.
const MAX_PARTS: usize = 1 << 20;
/// Places of an error in nested calls, but for the runbook's own.
const SHOWN: usize = 4;
/// Names that are unknown, for which a near one is searched.
const SEARCHES: usize = 200;
/// Parts that an argument has after those of the calls around it were put in.
const MAX_ARGUMENT: usize = 256;

/// How far calls have been opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// Calls around the line that is read.
    depth: usize,
    lines: usize,
    bytes: usize,
    parts: usize,
    /// A limit was reached, and it was said.
    full: bool,
    /// A call of the runbook could not be opened, and it was said why.
    pub missing: bool,
}

impl Default for Opened {
    fn default() -> Self {
        Self {
            depth: 0,
            lines: MAX_LINES,
            bytes: MAX_BYTES,
            parts: MAX_PARTS,
            full: false,
            missing: false,
        }
    }
}

impl<'a> Checker<'a> {
    /// A call, opened where there is a runbook around it.
    pub(super) fn invoke(
        &mut self,
        invoke: &ast::Invoke,
        span: Span,
        out: &mut Vec<Item>,
        in_outage: bool,
    ) {
        let alone = self.scope.in_procedure && self.scope.bindings.is_none();
        let called = self.call_of(invoke, span, (in_outage, alone));
        self.opened.missing |= called.is_none() && !alone;
        out.extend(called);
    }

    fn call_of(
        &mut self,
        invoke: &ast::Invoke,
        span: Span,
        (in_outage, alone): (bool, bool),
    ) -> Option<Item> {
        let Some(id) = self.callee(&invoke.name) else {
            let name = &invoke.name.value;
            // What was meant as a verb takes words that are no names.
            if Verb::parse(name).is_none() && GuardName::parse(name).is_none() {
                for argument in &invoke.arguments {
                    self.type_of(argument, Place::Once);
                }
            }
            return None;
        };
        self.called.insert((self.at, id));
        let signature = self.signatures.get(id).map(Rc::clone)?;
        let arguments = self.call_arguments(&signature, invoke, span)?;
        let items = if alone {
            Vec::new()
        } else {
            self.open(&signature, &arguments, span, in_outage)?
        };
        Some(Item::Called {
            procedure: signature.name.to_owned(),
            arguments,
            items,
            span,
        })
    }

    /// The procedure of a name; none where there is none, which has then been said.
    fn callee(&mut self, name: &Node<String>) -> Option<usize> {
        let unit = &self.program.files[self.at];
        if let Some(id) = unit.names.get(&name.value) {
            return Some(*id);
        }
        if unit.torn {
            // What could not be read may hold it.
            return None;
        }
        let word = name.value.as_str();
        let help = if Verb::parse(word).is_some() {
            format!(
                "`{word}` is a verb: it stands in a step, and its arguments without parentheses"
            )
        } else if GuardName::parse(word).is_some() {
            format!("`{word}` is a guard: write `require {word}(...)` or `ensure {word}(...)`")
        } else {
            // Of very many errors few are shown, and each search looks at every name.
            let names = if self.problems.len() < SEARCHES {
                Some(unit.names.keys())
            } else {
                None
            };
            let known = names.into_iter().flatten().map(String::as_str);
            suggest::did_you_mean(word, known.chain(VERBS.iter().map(|v| v.name))).unwrap_or_else(
                || "a procedure stands in this file, or in one that it imports: `import \"lib/members.etcdrb\"`".to_owned(),
            )
        };
        self.problem(
            Diagnostic::new(
                Code::UnknownProcedure,
                format!("no procedure is called `{word}`"),
                name.span,
            )
            .label("unknown procedure")
            .help(help),
        );
        None
    }

    /// Arguments by the parameters' names, in the runbook's terms; none where one is wrong.
    fn call_arguments(
        &mut self,
        signature: &Signature<'_>,
        invoke: &ast::Invoke,
        span: Span,
    ) -> Option<Vec<(String, Node<Expr>)>> {
        let wanted = &signature.parameters;
        let mut arguments = Vec::new();
        for (given, value) in wanted.iter().zip(&invoke.arguments) {
            if let Some(value) = self.argument(given, value) {
                arguments.push((given.name.value.clone(), value));
            }
        }
        let usage = usage(signature);
        if let Some(extra) = invoke.arguments.get(wanted.len()) {
            let noun = if wanted.len() == 1 {
                "argument"
            } else {
                "arguments"
            };
            self.problem(
                Diagnostic::new(
                    Code::ExtraArgument,
                    format!("`{}` takes {} {noun}", signature.name, wanted.len()),
                    extra.span,
                )
                .label("one too many")
                .help(format!("write `{usage}`")),
            );
        }
        if let Some(missing) = wanted.get(invoke.arguments.len()) {
            let name = &missing.name.value;
            self.problem(
                Diagnostic::new(
                    Code::MissingArgument,
                    format!("`{}` lacks its argument `{name}`", signature.name),
                    span,
                )
                .label(format!("`{name}` is missing"))
                .and(missing.name.span, "the parameter")
                .help(format!("write `{usage}`")),
            );
        }
        (arguments.len() == wanted.len() && invoke.arguments.len() == wanted.len())
            .then_some(arguments)
    }

    fn argument(&mut self, given: &Given, value: &Node<Expr>) -> Option<Node<Expr>> {
        let ty = given.ty.as_ref()?;
        let mut value = self.fitting(given, ty, value)?;
        if let Some(bindings) = self.scope.bindings.take() {
            let mut substitution = Substitution::new(&bindings, self.opened.parts);
            substitution.expr(&mut value);
            self.opened.parts = substitution.left;
            self.scope.bindings = Some(bindings);
        }
        if parts(&value.value) > MAX_ARGUMENT {
            self.too_many(
                value.span,
                format!("the argument grows to more than {MAX_ARGUMENT} parts"),
            );
            return None;
        }
        Some(value)
    }

    /// One value against its parameter.
    fn fitting(&mut self, given: &Given, ty: &Type, value: &Node<Expr>) -> Option<Node<Expr>> {
        if let (Type::Enum(words), Expr::Name(word)) = (ty, &value.value)
            && self.scope.peek(word).is_none()
        {
            return self.word_given(words, word, value.span);
        }
        let found = self.type_of(value, Place::Once)?;
        if *ty == Type::Target {
            return self.hosts_given(given, &found, value);
        }
        let (ty, may_be_unset) = match ty {
            Type::Optional(inner) => (inner.as_ref(), true),
            other => (other, false),
        };
        let inner = match &found {
            Type::Optional(inner) if may_be_unset => inner.as_ref(),
            Type::Optional(_) => {
                self.maybe_unset(value);
                return None;
            }
            other => other,
        };
        if *inner == Type::Secret {
            self.secret(value.span, &format!("the argument `{}`", given.name.value));
            return None;
        }
        let fits = match (ty, inner) {
            (Type::Text | Type::Path, found) => textual(found),
            (Type::Enum(words), Type::Enum(found)) => found.iter().all(|w| words.contains(w)),
            (Type::Url | Type::Version | Type::Sha256, Type::Text) => {
                self.default_fits(ty, value);
                return Some(value.clone());
            }
            (ty, found) => ty == found,
        };
        if !fits {
            self.wrong(value.span, &ty.to_string(), &found);
            return None;
        }
        Some(value.clone())
    }

    /// One of the words of an `enum`.
    fn word_given(&mut self, words: &[String], word: &str, span: Span) -> Option<Node<Expr>> {
        if words.iter().any(|w| w == word) {
            // Where it is used it is a text as any other.
            let text = Expr::Text(vec![TextPart::Literal(word.to_owned())]);
            return Some(Node::new(text, span));
        }
        let known: Vec<&str> = words.iter().map(String::as_str).collect();
        let help = suggest::did_you_mean(word, known.iter().copied());
        self.problem(
            Diagnostic::new(
                Code::UnknownWord,
                format!("expected {}, found `{word}`", either(&known)),
                span,
            )
            .label("unknown here")
            .maybe_help(help),
        );
        None
    }

    fn hosts_given(
        &mut self,
        given: &Given,
        found: &Type,
        value: &Node<Expr>,
    ) -> Option<Node<Expr>> {
        if !hosts(found) {
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    format!("expected a target, found {}", described(found)),
                    value.span,
                )
                .label(format!("this is {}", described(found)))
                .help("name hosts by a target, `group(NAME)` or `hosts(\"PATTERN\")`"),
            );
            return None;
        }
        if !given.may_be_empty && self.may_be_empty(value) {
            let name = &given.name.value;
            self.problem(
                Diagnostic::new(
                    Code::MaybeEmptyTarget,
                    format!("these hosts may turn out to be none, and `{name}` must have some"),
                    value.span,
                )
                .label("may be no hosts")
                .and(given.name.span, "a `target?` may have none")
                .help("use a target that has hosts, or drop `expect any` from its declaration"),
            );
            return None;
        }
        Some(value.clone())
    }

    /// The lines of a procedure with the arguments of a call; none where they cannot be had, which has then been said.
    fn open(
        &mut self,
        signature: &Signature<'a>,
        arguments: &[(String, Node<Expr>)],
        span: Span,
        in_outage: bool,
    ) -> Option<Vec<Item>> {
        if !signature.sound || !self.has_room(signature, span) {
            return None;
        }
        let bindings: Bindings = arguments.iter().cloned().collect();
        let scope = Scope::of_procedure(signature, Some(bindings));
        let outer = self.enter(signature.file, scope);
        let told = std::mem::take(&mut self.problems);
        self.opened.depth += 1;
        let (mut requires, mut items) = self.procedure_lines(signature.block, in_outage);
        self.opened.depth -= 1;
        if let Some(bindings) = &self.scope.bindings {
            let mut substitution = Substitution::new(bindings, self.opened.parts);
            substitution.guards(&mut requires);
            substitution.items(&mut items);
            self.opened.parts = substitution.left;
        }
        self.leave(outer);
        let found = std::mem::replace(&mut self.problems, told);
        // Warnings were given when the procedure was judged by itself; what is wrong only now is so because of the call.
        let errors = found
            .into_iter()
            .filter(|d| d.severity() == Severity::Error);
        let outermost = self.opened.depth == 0;
        for error in errors {
            // The first calls and the runbook's own: what lies between tells a reader nothing more.
            let told = outermost || error.labels().len() < SHOWN;
            let error = if told {
                error.and(span, "called here")
            } else {
                error
            };
            self.problems.push(error);
        }
        if self.opened.parts == 0 {
            self.too_many(
                span,
                "its arguments make it too large to be read".to_owned(),
            );
        }
        self.lifted.extend(requires);
        Some(items)
    }

    /// Whether a call can be opened still.
    fn has_room(&mut self, signature: &Signature<'_>, span: Span) -> bool {
        if self.opened.full {
            return false;
        }
        if self.opened.depth == MAX_CALLS {
            self.too_many(span, format!("calls nest more than {MAX_CALLS} deep"));
            return false;
        }
        let (open, close) = (signature.block.open.span, signature.block.close.span);
        let bytes = close.end.saturating_sub(open.start);
        let left = (
            self.opened.lines.checked_sub(signature.lines),
            self.opened.bytes.checked_sub(bytes),
        );
        let (Some(lines), Some(bytes)) = left else {
            self.too_many(
                span,
                format!("with its procedures opened, the runbook has more than {MAX_LINES} lines"),
            );
            return false;
        };
        (self.opened.lines, self.opened.bytes) = (lines, bytes);
        true
    }

    fn too_many(&mut self, span: Span, message: String) {
        if self.opened.full {
            return;
        }
        self.opened.full = true;
        self.problem(
            Diagnostic::new(Code::TooManyItems, message, span)
                .label("not read further")
                .help("do with fewer calls, or split the runbook"),
        );
    }
}

/// `restart(members, patience)`.
fn usage(signature: &Signature<'_>) -> String {
    let names: Vec<&str> = signature
        .parameters
        .iter()
        .map(|p| p.name.value.as_str())
        .collect();
    format!("{}({})", signature.name, names.join(", "))
}
