//! The catalogue: one table of verbs, guards, functions and types. Checker, planner, simulator, `explain`, completion and
//! editor read it; nobody else knows a verb's shape.

mod args;
mod functions;
mod guards;
mod types;
mod verbs;
mod words;

pub use functions::{FUNCTIONS, Function, FunctionRow};
pub use guards::{GUARDS, GuardName, GuardRow};
pub use types::{TYPES, Type, TypeRow};
pub use verbs::{Effect, VERBS, Verb, VerbRow};
pub use words::{WORDS, WordRow};

/// One argument of a verb, guard or function.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Name by which planner and documentation know it.
    pub name: &'static str,
    /// Word before it in the text (`to`, `from`, `bump`); none: by position.
    pub label: Option<&'static str>,
    /// Its type.
    pub ty: ArgumentType,
    /// May be left out.
    pub optional: bool,
    /// What it is, one sentence.
    pub doc: &'static str,
}

/// Type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentType {
    /// A value of a type.
    Value(&'static [SimpleType]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// One or, in brackets, several of these words; checked to an `Expr::List` of `Expr::Name`.
    Words(&'static [&'static str]),
    /// Any bare word or text (a service's name).
    WordOrText,
    /// A target.
    Target,
    /// Name of a template beside the runbook.
    Template,
}

/// Value types an argument may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimpleType {
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `bytes`
    Bytes,
    /// `duration`
    Duration,
    /// `string`
    Text,
    /// `path`
    Path,
    /// `sha256`
    Sha256,
    /// `version`
    Version,
    /// A snapshot as `snapshot.inspect` gives it.
    Snapshot,
    /// `secret`
    Secret,
}
