//! Names and what they stand for.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::substitute::Bindings;
use crate::ast::{Item, Runbook};
use crate::catalogue::Type;
use crate::expr::Expr;
use crate::span::{Node, Span};

/// Names of the language that nothing may hide.
pub(super) const RESERVED: &[&str] = &[
    "run",
    "cluster",
    "host",
    "member",
    "initial_cluster",
    "token",
    "state",
];

/// Words that an expression reads as something else.
pub(super) const OPERATORS: &[&str] = &[
    "and", "or", "not", "union", "except", "true", "false", "undo",
];

/// What a name was declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Param,
    Target,
    Let,
    /// A procedure's parameter that is no target.
    Given,
}

/// A declared name.
#[derive(Debug)]
pub(super) struct Symbol {
    pub kind: Kind,
    /// None where the declaration itself is wrong: then uses are not judged.
    pub ty: Option<Type>,
    pub span: Span,
    pub used: Cell<bool>,
    /// A target that may have no hosts.
    pub may_be_empty: bool,
}

/// All names of a runbook.
#[derive(Debug, Default)]
pub(super) struct Scope {
    symbols: BTreeMap<String, Symbol>,
    /// Declared anywhere in the file.
    declared: BTreeMap<String, Span>,
    /// The names are a procedure's.
    pub in_procedure: bool,
    /// What a call gives to a procedure's parameters, in the runbook's terms.
    pub bindings: Option<Bindings>,
}

impl Scope {
    pub fn new(runbook: &Runbook) -> Self {
        let mut scope = Self::default();
        for line in &runbook.block.lines {
            let name = match &line.value {
                Item::Param(p) => &p.name,
                Item::Target(t) => &t.name,
                Item::Let(name, _) => name,
                _ => continue,
            };
            scope
                .declared
                .entry(name.value.clone())
                .or_insert(name.span);
        }
        scope
    }

    /// Looks a name up and marks it as used.
    pub fn get(&self, name: &str) -> Option<&Symbol> {
        let symbol = self.symbols.get(name)?;
        symbol.used.set(true);
        Some(symbol)
    }

    /// What a call gives for a name.
    pub fn bound(&self, name: &str) -> Option<&Node<Expr>> {
        self.bindings.as_ref()?.get(name)
    }

    /// Looks a name up without using it.
    pub fn peek(&self, name: &str) -> Option<&Symbol> {
        self.symbols.get(name)
    }

    pub fn declare(
        &mut self,
        name: &Node<String>,
        kind: Kind,
        ty: Option<Type>,
        may_be_empty: bool,
    ) {
        self.symbols.entry(name.value.clone()).or_insert(Symbol {
            kind,
            ty,
            span: name.span,
            used: Cell::new(false),
            may_be_empty,
        });
    }

    /// Where a name is declared that is not known yet at this place.
    pub fn declared_later(&self, name: &str) -> Option<Span> {
        self.declared.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.symbols.keys().map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Symbol)> {
        self.symbols.iter()
    }
}
