//! Arguments against the catalogue.

use std::collections::BTreeMap;

use super::entry::Checker;
use super::scope::Kind;
use super::typing::{Place, described, hosts, textual};
use crate::catalogue::{Argument, ArgumentType, Function, SimpleType, Type};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Op};
use crate::span::{Node, Span};
use crate::suggest;

/// Arguments by the catalogue's names.
pub(super) type Arguments = BTreeMap<&'static str, Node<Expr>>;

impl Checker<'_> {
    /// Arguments of a guard or function. `spans`: of its name, of the whole.
    pub(super) fn by_position(
        &mut self,
        of: &'static str,
        wanted: &'static [Argument],
        given: &[Node<Expr>],
        spans: (Span, Span),
        place: Place,
    ) -> Arguments {
        let mut arguments = Arguments::new();
        for (argument, value) in wanted.iter().zip(given) {
            if let Some(value) = self.accept(argument, value, place) {
                arguments.insert(argument.name, value);
            }
        }
        if let Some(extra) = given.get(wanted.len()) {
            self.problem(
                Diagnostic::new(
                    Code::ExtraArgument,
                    format!("`{of}` takes {}", arity(wanted)),
                    extra.span,
                )
                .label("one too many")
                .help(format!("write `{}`", signature(of, wanted))),
            );
        }
        for missing in wanted.iter().skip(given.len()).filter(|a| !a.optional) {
            self.problem(
                Diagnostic::new(
                    Code::MissingArgument,
                    format!(
                        "`{of}` lacks its argument `{}`: {}",
                        missing.name, missing.doc
                    ),
                    spans.1,
                )
                .label(format!("`{}` is missing", missing.name))
                .help(format!("write `{}`", signature(of, wanted))),
            );
        }
        arguments
    }

    /// One value against its argument; none where it is wrong, which has then been said.
    pub(super) fn accept(
        &mut self,
        argument: &'static Argument,
        value: &Node<Expr>,
        place: Place,
    ) -> Option<Node<Expr>> {
        match argument.ty {
            ArgumentType::Value(types) => self.accept_value(argument, types, value, place)?,
            ArgumentType::Word(words) => self.accept_word(argument, words, value)?,
            ArgumentType::Words(words) => return self.accept_words(argument, words, value),
            ArgumentType::WordOrText => self.accept_word_or_text(value, place)?,
            ArgumentType::Target => self.accept_target(argument, value, place)?,
            ArgumentType::Template => {
                if crate::parse::plain(value).is_none() {
                    self.problem(
                        Diagnostic::new(Code::WrongType, "expected a template's name", value.span)
                            .label("not a plain text")
                            .help("a template is named by a text without braces, so that it can be checked"),
                    );
                    return None;
                }
            }
        }
        Some(value.clone())
    }

    fn accept_value(
        &mut self,
        argument: &Argument,
        types: &[SimpleType],
        value: &Node<Expr>,
        place: Place,
    ) -> Option<()> {
        let found = self.type_of(value, place)?;
        let (inner, optional) = match &found {
            Type::Optional(inner) => (inner.as_ref(), true),
            other => (other, false),
        };
        if *inner == Type::Secret && !types.contains(&SimpleType::Secret) {
            self.secret(value.span, &format!("the argument `{}`", argument.name));
            return None;
        }
        if !types.iter().any(|t| fits(*t, inner, value)) {
            let wanted: Vec<&str> = types.iter().map(|t| simple(*t)).collect();
            self.wrong(value.span, &wanted.join(" or "), &found);
            return None;
        }
        if optional && !argument.optional {
            self.maybe_unset(value);
            return None;
        }
        Some(())
    }

    fn accept_word(
        &mut self,
        argument: &Argument,
        words: &[&str],
        value: &Node<Expr>,
    ) -> Option<()> {
        if let Expr::Name(word) = &value.value
            && words.contains(&word.as_str())
        {
            return Some(());
        }
        let shown = self.shown(value.span);
        let known = either(words);
        let help = suggest::did_you_mean(&shown, words.iter().copied())
            .unwrap_or_else(|| argument.doc.to_owned());
        self.problem(
            Diagnostic::new(
                Code::UnknownWord,
                format!("expected {known}, found `{shown}`"),
                value.span,
            )
            .label("unknown here")
            .help(help),
        );
        None
    }

    fn accept_words(
        &mut self,
        argument: &Argument,
        words: &[&str],
        value: &Node<Expr>,
    ) -> Option<Node<Expr>> {
        let items = match &value.value {
            Expr::List(items) => items.clone(),
            _ => vec![value.clone()],
        };
        for item in &items {
            self.accept_word(argument, words, item)?;
        }
        Some(Node::new(Expr::List(items), value.span))
    }

    fn accept_word_or_text(&mut self, value: &Node<Expr>, place: Place) -> Option<()> {
        let Expr::Name(word) = &value.value else {
            let ty = self.type_of(value, place)?;
            if matches!(value.value, Expr::Text(_)) {
                return Some(());
            }
            if ty == Type::Secret {
                self.secret(value.span, "a name");
            } else {
                self.problem(
                    Diagnostic::new(Code::WrongType, "expected a word or a text", value.span)
                        .label(format!("this is {}", described(&ty)))
                        .help("put a value into a text: `\"{value}\"`"),
                );
            }
            return None;
        };
        let symbol = self
            .scope
            .peek(word)
            .is_some_and(|s| s.kind != Kind::Target)
            && self
                .scope
                .peek(word)
                .and_then(|s| s.ty.as_ref())
                .is_some_and(|ty| textual(ty) || *ty == Type::Secret);
        if symbol {
            // It is plain what was meant to be read, so it counts as used.
            let declared = self.scope.get(word).map(|s| s.span).unwrap_or_default();
            self.problem(
                Diagnostic::new(
                    Code::AmbiguousWord,
                    format!("`{word}` is the word here, not the value of that name"),
                    value.span,
                )
                .label("taken as the word")
                .and(declared, "a value of this name is declared here")
                .help(format!(
                    "write `\"{{{word}}}\"` for the value, `\"{word}\"` for the word"
                )),
            );
            return None;
        }
        Some(())
    }

    fn accept_target(
        &mut self,
        argument: &Argument,
        value: &Node<Expr>,
        place: Place,
    ) -> Option<()> {
        let found = self.type_of(value, place)?;
        if !hosts(&found) {
            let help = match &value.value {
                Expr::Text(_) => {
                    Some("name hosts by `group(NAME)` or `hosts(\"PATTERN\")`".to_owned())
                }
                _ => None,
            };
            self.problem(
                Diagnostic::new(
                    Code::WrongType,
                    format!("expected a target, found {}", described(&found)),
                    value.span,
                )
                .label(format!("this is {}", described(&found)))
                .maybe_help(help),
            );
            return None;
        }
        if argument.name == "members" {
            self.stand_for_members(value);
            // A step on no hosts is left out, and what it demands of them is not asked.
            let own = self.working_on.as_ref() == Some(&value.value);
            if self.may_be_empty(value) && !own {
                self.problem(
                    Diagnostic::new(
                        Code::MaybeEmptyTarget,
                        "a guard over no members would hold without proving anything",
                        value.span,
                    )
                    .label("may turn out to be no hosts")
                    .help("use a target that has hosts, or drop `expect any` from its declaration"),
                );
                return None;
            }
        }
        Some(())
    }

    /// Remembers a target as a cluster's members: the runbook's own, also where a procedure calls it otherwise.
    pub(super) fn stand_for_members(&mut self, hosts: &Node<Expr>) {
        let Expr::Name(name) = &hosts.value else {
            return;
        };
        let own = match self.scope.bound(name).map(|argument| &argument.value) {
            Some(Expr::Name(own)) => own.clone(),
            Some(_) => return,
            None if self.scope.in_procedure => return,
            None => name.clone(),
        };
        self.member_targets.insert(own);
    }

    /// Whether an expression of hosts can turn out to be none.
    pub(super) fn may_be_empty(&self, expr: &Node<Expr>) -> bool {
        match &expr.value {
            Expr::Name(name) => self.scope.peek(name).is_some_and(|s| s.may_be_empty),
            Expr::Call(name, arguments) => {
                Function::parse(&name.value).is_some_and(|f| f.row().may_be_empty)
                    || arguments.iter().any(|a| {
                        !matches!(a.value, Expr::Text(_))
                            && self.may_be_empty_argument(&name.value, a)
                    })
            }
            Expr::Binary(Op::Except, ..) => true,
            Expr::Binary(Op::Union, l, r) => self.may_be_empty(l) && self.may_be_empty(r),
            Expr::Binary(Op::Or, l, r) => self.may_be_empty(l) || self.may_be_empty(r),
            _ => false,
        }
    }

    fn may_be_empty_argument(&self, function: &str, argument: &Node<Expr>) -> bool {
        // A group's name may be spelled like a target; it is not one.
        function != "group" && self.may_be_empty(argument)
    }

    /// The text at a place.
    pub(super) fn shown(&self, span: Span) -> String {
        self.sources
            .get(span.source)
            .and_then(|s| s.text.get(span.start..span.end))
            .unwrap_or_default()
            .to_owned()
    }
}

/// `(path, sha256?)`, as in messages and the reference.
pub(crate) fn signature(name: &str, arguments: &[Argument]) -> String {
    let list: Vec<String> = arguments
        .iter()
        .map(|a| format!("{}{}", a.name, if a.optional { "?" } else { "" }))
        .collect();
    format!("{name}({})", list.join(", "))
}

/// "`a`, `b` or `c`".
pub(super) fn either(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
    match quoted.as_slice() {
        [init @ .., last] if !init.is_empty() => format!("{} or {last}", init.join(", ")),
        _ => quoted.join(""),
    }
}

fn arity(arguments: &[Argument]) -> String {
    let most = arguments.len();
    let least = arguments.iter().filter(|a| !a.optional).count();
    let noun = if most == 1 { "argument" } else { "arguments" };
    if least == most {
        format!("{most} {noun}")
    } else {
        format!("{least} to {most} {noun}")
    }
}

fn fits(wanted: SimpleType, found: &Type, value: &Node<Expr>) -> bool {
    match wanted {
        SimpleType::Bool => *found == Type::Bool,
        SimpleType::Int => *found == Type::Int,
        SimpleType::Bytes => *found == Type::Bytes,
        SimpleType::Duration => *found == Type::Duration,
        SimpleType::Text | SimpleType::Path => textual(found),
        SimpleType::Sha256 => {
            *found == Type::Sha256
                || crate::parse::plain(value).is_some_and(|t| super::constants::is_sha256(&t))
        }
        SimpleType::Version => *found == Type::Version,
        SimpleType::Snapshot => *found == Type::Snapshot,
        SimpleType::Secret => *found == Type::Secret,
    }
}

pub(crate) const fn simple(ty: SimpleType) -> &'static str {
    match ty {
        SimpleType::Bool => "bool",
        SimpleType::Int => "int",
        SimpleType::Bytes => "bytes",
        SimpleType::Duration => "duration",
        SimpleType::Text => "string",
        SimpleType::Path => "path",
        SimpleType::Sha256 => "sha256",
        SimpleType::Version => "version",
        SimpleType::Snapshot => "snapshot",
        SimpleType::Secret => "secret",
    }
}
