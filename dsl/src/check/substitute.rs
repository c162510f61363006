//! A procedure's items with the arguments of a call in the place of its parameters.
//!
//! Hygienic: parameters are replaced all at once and what replaces them is not looked at again, words of the catalogue (a service's
//! name, a group's) are never taken for parameters, and a call within has been opened before, in its own terms.

use std::collections::BTreeMap;

use crate::catalogue::{Argument, ArgumentType, Function, Verb};
use crate::checked::{Call, GuardUse, Item, Step};
use crate::expr::{Expr, TextPart};
use crate::span::Node;

/// Arguments by parameter.
pub(super) type Bindings = BTreeMap<String, Node<Expr>>;

/// Puts arguments in the place of names.
pub(super) struct Substitution<'a> {
    pub bindings: &'a Bindings,
    /// Parts that may still be put in; what would go beyond stays as it is, and this is zero.
    pub left: usize,
    /// Texts stay in pieces: in a program's text a piece in braces is a value, and what is written around it is the program.
    in_pieces: bool,
}

impl<'a> Substitution<'a> {
    /// Of these arguments, at most so many parts.
    pub fn new(bindings: &'a Bindings, left: usize) -> Self {
        Self {
            bindings,
            left,
            in_pieces: false,
        }
    }

    pub fn items(&mut self, items: &mut [Item]) {
        for item in items {
            match item {
                Item::Step(step) => self.step(step),
                Item::Outage { reason, items, .. } => {
                    self.expr(reason);
                    self.items(items);
                }
                Item::Confirm { prompt, .. } | Item::Irreversible { prompt, .. } => {
                    self.expr(prompt);
                }
                Item::Ensure(guard) => self.guard(guard),
                // Its arguments and items speak in the runbook's terms already.
                Item::Called { .. } => {}
            }
        }
    }

    pub fn guards(&mut self, guards: &mut [GuardUse]) {
        for guard in guards {
            self.guard(guard);
        }
    }

    fn step(&mut self, step: &mut Step) {
        self.expr(&mut step.title);
        self.expr(&mut step.on);
        self.guards(&mut step.when);
        self.guards(&mut step.requires);
        self.guards(&mut step.ensures);
        self.calls(&mut step.calls);
    }

    fn calls(&mut self, calls: &mut [Call]) {
        for call in calls {
            self.in_pieces = call.verb == Verb::Shell;
            self.arguments(call.verb.row().arguments, &mut call.arguments);
            self.in_pieces = false;
            if let Some(undo) = &mut call.undo {
                self.calls(undo);
            }
        }
    }

    fn guard(&mut self, guard: &mut GuardUse) {
        self.arguments(guard.name.row().arguments, &mut guard.arguments);
        if let Some(text) = &mut guard.otherwise {
            self.expr(text);
        }
    }

    fn arguments(
        &mut self,
        row: &'static [Argument],
        arguments: &mut BTreeMap<&'static str, Node<Expr>>,
    ) {
        for (name, value) in arguments {
            let ty = row.iter().find(|a| a.name == *name).map(|a| a.ty);
            if !ty.is_some_and(|ty| is_word(ty, &value.value)) {
                self.expr(value);
            }
        }
    }

    /// An expression, in its place.
    pub fn expr(&mut self, expr: &mut Node<Expr>) {
        match &mut expr.value {
            Expr::Name(name) => {
                if let Some(argument) = self.bindings.get(name)
                    && self.afford(&argument.value)
                {
                    *expr = argument.clone();
                }
            }
            Expr::Text(parts) => *parts = self.text(std::mem::take(parts)),
            Expr::List(items) => items.iter_mut().for_each(|i| self.expr(i)),
            Expr::Field(of, _) | Expr::Not(of) => self.expr(of),
            Expr::Call(name, arguments) => {
                let row = Function::parse(&name.value).map_or(&[][..], |f| f.row().arguments);
                for (i, argument) in arguments.iter_mut().enumerate() {
                    if !row.get(i).is_some_and(|a| is_word(a.ty, &argument.value)) {
                        self.expr(argument);
                    }
                }
            }
            Expr::Binary(_, left, right) => {
                self.expr(left);
                self.expr(right);
            }
            Expr::Bool(_) | Expr::Int(_) | Expr::Bytes(_) | Expr::Duration(_) => {}
        }
    }

    /// A text whose parameters are texts is one text: what is compared as words must not differ by how it was put together.
    fn text(&mut self, parts: Vec<TextPart>) -> Vec<TextPart> {
        let mut out: Vec<TextPart> = Vec::new();
        for part in parts {
            match part {
                TextPart::Literal(_) => push(&mut out, part),
                TextPart::Expr(mut inner) => {
                    let was_name = matches!(inner.value, Expr::Name(_));
                    self.expr(&mut inner);
                    match inner.value {
                        Expr::Text(parts) if was_name && !self.in_pieces => {
                            parts.into_iter().for_each(|p| push(&mut out, p));
                        }
                        _ => out.push(TextPart::Expr(inner)),
                    }
                }
            }
        }
        out
    }

    fn afford(&mut self, argument: &Expr) -> bool {
        match self.left.checked_sub(parts(argument)) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }
}

fn push(out: &mut Vec<TextPart>, part: TextPart) {
    match (out.last_mut(), part) {
        (Some(TextPart::Literal(last)), TextPart::Literal(more)) => last.push_str(&more),
        (_, part) => out.push(part),
    }
}

/// Whether a name at this place is the word itself.
fn is_word(ty: ArgumentType, value: &Expr) -> bool {
    match ty {
        ArgumentType::Word(_) | ArgumentType::Words(_) | ArgumentType::Template => true,
        ArgumentType::WordOrText => matches!(value, Expr::Name(_)),
        ArgumentType::Value(_) | ArgumentType::Target => false,
    }
}

/// How many parts an expression has.
pub(super) fn parts(expr: &Expr) -> usize {
    let all = |list: &[Node<Expr>]| list.iter().map(|e| parts(&e.value)).sum::<usize>();
    1 + match expr {
        Expr::Text(texts) => texts
            .iter()
            .map(|part| match part {
                TextPart::Literal(_) => 1,
                TextPart::Expr(inner) => parts(&inner.value),
            })
            .sum(),
        Expr::List(items) | Expr::Call(_, items) => all(items),
        Expr::Field(of, _) | Expr::Not(of) => parts(&of.value),
        Expr::Binary(_, left, right) => parts(&left.value) + parts(&right.value),
        Expr::Bool(_) | Expr::Int(_) | Expr::Bytes(_) | Expr::Duration(_) | Expr::Name(_) => 0,
    }
}
