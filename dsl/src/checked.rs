//! What `check` makes: a runbook whose names, types, arguments and obligations hold. Only the checker constructs it.

use std::collections::BTreeMap;

use crate::catalogue::{GuardName, Type, Verb};
use crate::expr::Expr;
use crate::span::{Node, Span};
use crate::tested::Test;

/// A runbook that passed every check.
#[derive(Clone, Debug)]
pub struct CheckedRunbook {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) sources: Vec<SourceText>,
    /// How many of the texts are files of the language.
    pub(crate) files: usize,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) targets: Vec<Target>,
    pub(crate) lets: Vec<Let>,
    pub(crate) done_when: Vec<GuardUse>,
    pub(crate) requires: Vec<GuardUse>,
    pub(crate) body: Vec<Item>,
    pub(crate) on_failure: OnFailure,
    pub(crate) tests: Vec<Test>,
}

impl CheckedRunbook {
    /// `restore` of `runbook restore { ... }`.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The `about` text; empty where there is none.
    pub fn about(&self) -> &str {
        &self.about
    }
    /// Every text read: the runbook at 0, then imports and templates.
    pub fn sources(&self) -> &[SourceText] {
        &self.sources
    }
    /// The texts that were imported.
    pub fn imports(&self) -> &[SourceText] {
        self.sources.get(1..self.files).unwrap_or_default()
    }
    /// The templates' texts.
    pub fn templates(&self) -> &[SourceText] {
        self.sources.get(self.files..).unwrap_or_default()
    }
    /// In order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
    /// In order; later ones may use earlier ones.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }
    /// In order.
    pub fn lets(&self) -> &[Let] {
        &self.lets
    }
    /// `done when GUARD`: where all hold at plan time, nothing is left to do.
    pub fn done_when(&self) -> &[GuardUse] {
        &self.done_when
    }
    /// `require` and `warn` before the first step, those of procedures that are called after the runbook's own.
    pub fn requires(&self) -> &[GuardUse] {
        &self.requires
    }
    /// Steps, outages, confirmations, ensures in order.
    pub fn body(&self) -> &[Item] {
        &self.body
    }
    /// Its tests, in order.
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }
    /// What a failure leads to.
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure
    }
}

/// What a file holds that passed every check.
#[derive(Clone, Debug)]
pub enum Checked {
    /// A runbook.
    Runbook(Box<CheckedRunbook>),
    /// Procedures for other files.
    Library(CheckedLibrary),
}

/// A file of procedures that passed every check.
#[derive(Clone, Debug)]
pub struct CheckedLibrary {
    pub(crate) procedures: Vec<CheckedProcedure>,
}

impl CheckedLibrary {
    /// In order.
    pub fn procedures(&self) -> &[CheckedProcedure] {
        &self.procedures
    }
}

/// A procedure of a library: how it is called and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedProcedure {
    /// Name.
    pub name: String,
    /// Names and types of its parameters, as written.
    pub parameters: Vec<(String, String)>,
    /// What it does, in a sentence; empty where it does not say.
    pub about: String,
}

/// One text that the runbook stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Path, or `embedded:NAME`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// `param NAME: TYPE = DEFAULT "what it is"`.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name.
    pub name: Node<String>,
    /// Type; an optional one may stay unset.
    pub ty: Type,
    /// Default.
    pub default: Option<Node<Expr>>,
    /// What it is.
    pub doc: String,
}

/// `target NAME = EXPR expect 1 | 3 | 5` (or `expect any`).
#[derive(Clone, Debug)]
pub struct Target {
    /// Name.
    pub name: Node<String>,
    /// Which hosts.
    pub hosts: Node<Expr>,
    /// Allowed counts; empty: any count from 1.
    pub counts: Vec<u64>,
    /// `expect any`: zero is allowed as well.
    pub may_be_empty: bool,
}

/// `let NAME = EXPR`.
#[derive(Clone, Debug)]
pub struct Let {
    /// Name.
    pub name: Node<String>,
    /// Value.
    pub value: Node<Expr>,
    /// Its type.
    pub ty: Type,
}

/// A guard as used: `require quorum-lost(members) else "..." override NAME`.
#[derive(Clone, Debug)]
pub struct GuardUse {
    /// Which.
    pub name: GuardName,
    /// By the catalogue's argument names.
    pub arguments: BTreeMap<&'static str, Node<Expr>>,
    /// `not GUARD`.
    pub negated: bool,
    /// `else` message.
    pub otherwise: Option<Node<Expr>>,
    /// `override NAME`.
    pub override_name: Option<Node<String>>,
    /// `warn` instead of `require`.
    pub warn_only: bool,
    /// `within T` of an `ensure`, milliseconds.
    pub within_ms: Option<u64>,
    /// The guard's text.
    pub span: Span,
}

impl GuardUse {
    /// Whether another demands the same in the same words, wherever it stands.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let words = |g: &Self| (g.name, g.negated, g.warn_only, g.within_ms);
        words(self) == words(other)
            && self.arguments == other.arguments
            && self.otherwise == other.otherwise
            && self.override_name == other.override_name
    }
}

/// An element of the body.
#[derive(Clone, Debug)]
pub enum Item {
    /// `step "..." on TARGET ...`.
    Step(Box<Step>),
    /// `outage "..." { ... }`.
    Outage {
        /// Why.
        reason: Node<Expr>,
        /// Steps in it.
        items: Vec<Item>,
        /// The `outage` line.
        span: Span,
    },
    /// `confirm "..."`: the operator is asked here, before what follows.
    Confirm {
        /// What is confirmed.
        prompt: Node<Expr>,
        /// The line.
        span: Span,
    },
    /// `irreversible "..."`: what stands before cannot be undone once this is passed. Asks nothing by itself;
    /// `irreversible confirm "..."` is checked to a `Confirm` followed by an `Irreversible`.
    Irreversible {
        /// What happens here, in words.
        prompt: Node<Expr>,
        /// The line.
        span: Span,
    },
    /// `ensure GUARD within T`.
    Ensure(GuardUse),
    /// `NAME(ARGUMENTS)`: what a procedure does, with the arguments in the place of its parameters. Means its items, in order.
    Called {
        /// The procedure's name.
        procedure: String,
        /// Arguments by its parameters' names.
        arguments: Vec<(String, Node<Expr>)>,
        /// Its items.
        items: Vec<Item>,
        /// The call.
        span: Span,
    },
}

/// `step "..." on TARGET STRATEGY OPTIONS { ... }`.
#[derive(Clone, Debug)]
pub struct Step {
    /// Title.
    pub title: Node<Expr>,
    /// On which hosts.
    pub on: Node<Expr>,
    /// Order among them.
    pub strategy: Strategy,
    /// `leader last`.
    pub leader_last: bool,
    /// `timeout T`, milliseconds.
    pub timeout_ms: Option<u64>,
    /// `retry N every T`: attempts after the first, pause in milliseconds.
    pub retry: Option<(u32, u64)>,
    /// `on unreachable ...`.
    pub on_unreachable: OnUnreachable,
    /// `when GUARD`: left out, with the reason shown, where it does not hold.
    pub when: Vec<GuardUse>,
    /// `require` in the step: on a fresh view before each host.
    pub requires: Vec<GuardUse>,
    /// `ensure` in the step.
    pub ensures: Vec<GuardUse>,
    /// In order.
    pub calls: Vec<Call>,
    /// The step's head.
    pub span: Span,
}

/// A verb with its arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which.
    pub verb: Verb,
    /// By the catalogue's argument names; words (enums) are `Expr::Name`.
    pub arguments: BTreeMap<&'static str, Node<Expr>>,
    /// `undo { ... }` written by the author; none: the catalogue's own undo, if it knows one.
    pub undo: Option<Vec<Call>>,
    /// The call.
    pub span: Span,
}

/// Order among hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All at once.
    #[default]
    Parallel,
    /// So many at a time.
    Rolling(usize),
    /// As many as the quorum budget allows.
    RollingQuorumSafe,
}

/// What an unreachable host means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnreachable {
    /// Failure.
    #[default]
    Fail,
    /// Try again, milliseconds.
    Wait(u64),
    /// Leave it out.
    Skip,
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// `on failure { pause }`.
    #[default]
    Pause,
    /// `on failure { rollback }`.
    Rollback,
    /// `on failure { rollback before irreversible, else pause }`.
    RollbackBeforeIrreversible,
}
