//! Expressions: literals as the author spelled them, everything else with one blank where one belongs.

use super::printer::Printer;
use crate::ast::{Guard, TypeRef};
use crate::check::spelled;
use crate::expr::Expr;
use crate::parse::precedence;
use crate::span::{Node, Span};

/// Binds tighter than any operator.
const PRIMARY: u8 = 8;
const NOT: u8 = 7;

impl<'a> Printer<'a> {
    /// The author's own spelling.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    pub(super) fn expr(&self, expr: &Node<Expr>) -> String {
        self.bound(expr, 0)
    }

    /// In parentheses where it binds less than `least`.
    fn bound(&self, expr: &Node<Expr>, least: u8) -> String {
        let (text, binds) = match &expr.value {
            Expr::Binary(op, left, right) => {
                let own = precedence(*op);
                // Left-associative: the right side must bind tighter.
                let left = self.bound(left, own);
                let right = self.bound(right, own + 1);
                (format!("{left} {} {right}", spelled(*op)), own)
            }
            Expr::Not(inner) => (format!("not {}", self.bound(inner, NOT)), NOT),
            Expr::Field(of, field) => (
                format!("{}.{}", self.bound(of, PRIMARY), field.value),
                PRIMARY,
            ),
            Expr::Call(name, arguments) => (
                format!("{}{}", name.value, self.arguments(arguments)),
                PRIMARY,
            ),
            Expr::List(items) => {
                let items: Vec<String> = items.iter().map(|i| self.expr(i)).collect();
                (format!("[{}]", items.join(", ")), PRIMARY)
            }
            Expr::Name(name) => (name.clone(), PRIMARY),
            Expr::Bool(value) => (value.to_string(), PRIMARY),
            Expr::Int(_) | Expr::Bytes(_) | Expr::Duration(_) | Expr::Text(_) => {
                (self.slice(expr.span).to_owned(), PRIMARY)
            }
        };
        if binds < least {
            format!("({text})")
        } else {
            text
        }
    }

    pub(super) fn arguments(&self, arguments: &[Node<Expr>]) -> String {
        let list: Vec<String> = arguments.iter().map(|a| self.expr(a)).collect();
        format!("({})", list.join(", "))
    }

    pub(super) fn guard(&self, guard: &Guard) -> String {
        let not = if guard.negated { "not " } else { "" };
        format!(
            "{not}{}{}",
            guard.name.value,
            self.arguments(&guard.arguments)
        )
    }

    pub(super) fn guards(&self, guards: &[Node<Guard>]) -> String {
        let list: Vec<String> = guards.iter().map(|g| self.guard(&g.value)).collect();
        list.join(" and ")
    }
}

/// A type as written.
pub(super) fn type_ref(ty: &TypeRef) -> String {
    let mut out = ty.name.value.clone();
    if !ty.arguments.is_empty() {
        let list: Vec<String> = ty.arguments.iter().map(|a| type_ref(&a.value)).collect();
        out.push_str(&format!("({})", list.join(", ")));
    }
    if ty.optional {
        out.push('?');
    }
    out
}
