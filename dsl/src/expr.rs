//! Expressions, as parsed and as checked: the checker resolves names and types but does not change their shape.

use crate::span::Node;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `true`, `false`.
    Bool(bool),
    /// `3`, `1_000_000_000`.
    Int(i64),
    /// `200MiB`, in bytes.
    Bytes(u64),
    /// `5m`, `1m30s`, in milliseconds.
    Duration(u64),
    /// `"/var/tmp/{run.id}.db"`: text with expressions in braces; `{{` and `}}` are braces.
    Text(Vec<TextPart>),
    /// `[1, 2]`.
    List(Vec<Node<Expr>>),
    /// A name: parameter, let, target, or (as a verb's word) a word of the catalogue such as `data-dir`, `etcd`, `stopped`.
    Name(String),
    /// `snap.revision`, `run.id`, `host.etcd_data_dir`.
    Field(Box<Node<Expr>>, Node<String>),
    /// `group(etcd)`, `snapshot.inspect(snapshot)` (then the name is `snapshot.inspect`), `first(members)`.
    Call(Node<String>, Vec<Node<Expr>>),
    /// `a + b`, `members except gone`.
    Binary(Op, Box<Node<Expr>>, Box<Node<Expr>>),
    /// `not a`.
    Not(Box<Node<Expr>>),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum TextPart {
    /// As written, escapes resolved.
    Literal(String),
    /// In braces.
    Expr(Node<Expr>),
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `and`
    And,
    /// `or`
    Or,
    /// `union`, of targets.
    Union,
    /// `except`, of targets.
    Except,
}
