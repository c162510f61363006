//! What a parsed runbook is: shape and places, no names resolved. Equality ignores places, so that a text and its
//! formatted self are equal.

use crate::expr::Expr;
use crate::span::{Node, Span};

/// A parsed file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// In order.
    pub lines: Vec<Node<Top>>,
    /// Every comment, in order.
    pub comments: Vec<Comment>,
}

impl File {
    /// Its runbook; none in a library.
    pub fn runbook(&self) -> Option<&Runbook> {
        self.lines.iter().find_map(|line| match &line.value {
            Top::Runbook(runbook) => Some(runbook.as_ref()),
            _ => None,
        })
    }

    /// Its tests, in order.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        self.lines.iter().filter_map(|line| match &line.value {
            Top::Test(test) => Some(test.as_ref()),
            _ => None,
        })
    }

    /// Its procedures, in order.
    pub fn procedures(&self) -> impl Iterator<Item = &Procedure> {
        self.lines.iter().filter_map(|line| match &line.value {
            Top::Procedure(procedure) => Some(procedure.as_ref()),
            _ => None,
        })
    }
}

/// What stands at the top of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Top {
    /// `edition N`, of a library.
    Edition(Node<Expr>),
    /// `import PATH`.
    Import(Node<Expr>),
    /// `procedure NAME(...) { ... }`.
    Procedure(Box<Procedure>),
    /// `runbook NAME { ... }`.
    Runbook(Box<Runbook>),
    /// `test NAME { ... }`.
    Test(Box<Test>),
}

/// `test NAME { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// What it shows, in words.
    pub name: Node<Expr>,
    /// What stands in it.
    pub block: Block<TestLine>,
}

/// A line of a test. Words are names; what they mean is the checker's to say.
#[derive(Clone, Debug, PartialEq)]
pub enum TestLine {
    /// `given WORDS`.
    Given(Vec<Node<Expr>>),
    /// `given param NAME = VALUE`.
    Parameter(Node<String>, Node<Expr>),
    /// `given var NAME = VALUE`.
    Variable(Node<String>, Node<Expr>),
    /// `when WORDS`.
    When(Vec<Node<Expr>>),
    /// `expect WORDS`.
    Expect(Vec<Node<Expr>>),
    /// `expect GUARD`.
    ExpectGuard(Node<Guard>),
}

/// `procedure NAME(PARAMETER: TYPE, ...) ABOUT { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Procedure {
    /// Name.
    pub name: Node<String>,
    /// In parentheses.
    pub parameters: Vec<Node<ProcedureParameter>>,
    /// What it does.
    pub about: Option<Node<Expr>>,
    /// What stands in it.
    pub block: Block<Item>,
}

/// `NAME: TYPE` of a procedure.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcedureParameter {
    /// Name.
    pub name: Node<String>,
    /// Type.
    pub ty: Node<TypeRef>,
}

/// A comment, without the line's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// From `#` on, trailing blanks cut.
    pub text: String,
    /// Where.
    pub span: Span,
    /// Nothing but blanks stands before it on its line.
    pub own_line: bool,
}

/// `runbook NAME { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Runbook {
    /// Name.
    pub name: Node<String>,
    /// What stands in it.
    pub block: Block<Item>,
}

/// Lines between braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Block<T> {
    /// In order; a node's place runs from the first word to the last character, a block's closing brace included.
    pub lines: Vec<Node<T>>,
    /// `{`.
    pub open: Node<()>,
    /// `}`.
    pub close: Node<()>,
}

/// A line of a runbook or an outage.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `about TEXT`.
    About(Node<Expr>),
    /// `edition N`.
    Edition(Node<Expr>),
    /// `param NAME: TYPE = DEFAULT DOC`.
    Param(Param),
    /// `target NAME = EXPR expect ...`.
    Target(Target),
    /// `let NAME = EXPR`.
    Let(Node<String>, Node<Expr>),
    /// `done when GUARDS`.
    DoneWhen(Vec<Node<Guard>>),
    /// `require` or `warn`.
    Require(Require),
    /// `ensure`.
    Ensure(Ensure),
    /// `step`.
    Step(Box<Step>),
    /// `outage`.
    Outage(Node<Expr>, Block<Item>),
    /// `confirm TEXT`.
    Confirm(Node<Expr>),
    /// `irreversible TEXT`; whether it asks as well.
    Irreversible(Node<Expr>, bool),
    /// `on failure { ... }`.
    OnFailure(OnFailure),
    /// `NAME(ARGUMENTS)`: a procedure is called.
    Invoke(Invoke),
}

/// A procedure's name with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoke {
    /// Name.
    pub name: Node<String>,
    /// In parentheses.
    pub arguments: Vec<Node<Expr>>,
}

/// `param NAME: TYPE = DEFAULT DOC`.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Name.
    pub name: Node<String>,
    /// Type.
    pub ty: Node<TypeRef>,
    /// Default.
    pub default: Option<Node<Expr>>,
    /// What it is.
    pub doc: Option<Node<Expr>>,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeRef {
    /// `list`.
    pub name: Node<String>,
    /// In parentheses.
    pub arguments: Vec<Node<TypeRef>>,
    /// `?` after it.
    pub optional: bool,
}

/// `target NAME = EXPR expect ...`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Name.
    pub name: Node<String>,
    /// Hosts.
    pub hosts: Node<Expr>,
    /// How many are allowed.
    pub expect: Option<Node<Expect>>,
}

/// After `expect`.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// `any`.
    Any,
    /// `1 | 3 | 5`.
    Counts(Vec<Node<Expr>>),
}

/// A guard as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// After `not`.
    pub negated: bool,
    /// Name.
    pub name: Node<String>,
    /// In parentheses.
    pub arguments: Vec<Node<Expr>>,
}

/// `require GUARD else TEXT override NAME`.
#[derive(Clone, Debug, PartialEq)]
pub struct Require {
    /// `warn` instead.
    pub warn_only: bool,
    /// Guard.
    pub guard: Node<Guard>,
    /// `else` texts; more than one is refused by the checker.
    pub otherwise: Vec<Node<Expr>>,
    /// `override` names; as above.
    pub override_names: Vec<Node<String>>,
}

/// `ensure GUARD within T else TEXT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensure {
    /// Guard.
    pub guard: Node<Guard>,
    /// `within` times; more than one is refused by the checker.
    pub within: Vec<Node<Expr>>,
    /// `else` texts; as above.
    pub otherwise: Vec<Node<Expr>>,
}

/// `step TITLE on EXPR OPTIONS { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Title.
    pub title: Node<Expr>,
    /// Hosts.
    pub on: Node<Expr>,
    /// Between head and block.
    pub options: Vec<Node<StepOption>>,
    /// Head's place.
    pub head: Node<()>,
    /// Lines.
    pub block: Block<Statement>,
}

/// An option of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOption {
    /// `parallel`.
    Parallel,
    /// `rolling N`.
    Rolling(Node<Expr>),
    /// `rolling quorum-safe`.
    RollingQuorumSafe,
    /// `leader last`.
    LeaderLast,
    /// `timeout T`.
    Timeout(Node<Expr>),
    /// `retry N every T`.
    Retry(Node<Expr>, Node<Expr>),
    /// `on unreachable fail`.
    UnreachableFail,
    /// `on unreachable wait T`.
    UnreachableWait(Node<Expr>),
    /// `on unreachable skip`.
    UnreachableSkip,
    /// `when GUARDS`.
    When(Vec<Node<Guard>>),
}

impl StepOption {
    /// The word by which two options exclude each other.
    pub fn kind(&self) -> &'static str {
        match self {
            StepOption::Parallel | StepOption::Rolling(_) | StepOption::RollingQuorumSafe => {
                "order among the hosts"
            }
            StepOption::LeaderLast => "`leader last`",
            StepOption::Timeout(_) => "`timeout`",
            StepOption::Retry(..) => "`retry`",
            StepOption::UnreachableFail
            | StepOption::UnreachableWait(_)
            | StepOption::UnreachableSkip => "`on unreachable`",
            StepOption::When(_) => "`when`",
        }
    }
}

/// A line of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `require` or `warn`.
    Require(Require),
    /// `ensure`.
    Ensure(Ensure),
    /// A verb with its arguments.
    Call(Call),
}

/// A verb with its arguments, labels among them as names.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Verb.
    pub verb: Node<String>,
    /// Words and values, in order.
    pub arguments: Vec<Node<Expr>>,
    /// `undo { ... }`.
    pub undo: Option<Block<Call>>,
}

/// What `on failure` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// `pause`.
    Pause,
    /// `rollback`.
    Rollback,
    /// `rollback before irreversible, else pause`.
    RollbackBeforeIrreversible,
}
