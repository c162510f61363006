//! `check`, `fmt`, `explain`, `view`, `man`: texts alone, no hosts.

use std::path::PathBuf;

use clap::Args;

use super::Format;

/// `check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Runbooks
    #[arg(value_name = "FILES", required = true)]
    pub files: Vec<String>,
    /// Form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `fmt`.
#[derive(Args, Clone, Debug)]
pub struct FmtArgs {
    /// Runbooks; `-` reads standard input and writes standard output
    #[arg(value_name = "FILES", required = true)]
    pub files: Vec<PathBuf>,
    /// Change nothing; fail where something would be
    #[arg(long)]
    pub check: bool,
}

/// `man`.
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Of this command, as `exec` or `plan diff`; none: of `runbook` itself
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub command: Vec<String>,
    /// Write one page a command into this directory
    #[arg(short = 'o', long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// A code such as `runbook::check::unknown_verb`, a verb, a guard, a function, a type or `procedure`
    pub word: String,
}

/// `view`.
#[derive(Args, Clone, Debug)]
pub struct ViewArgs {
    /// Name, as `restore.etcdrb`; none lists them
    pub name: Option<String>,
}
