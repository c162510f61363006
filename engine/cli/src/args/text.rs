//! `check`, `fmt`, `explain`, `view`: texts alone, no hosts.

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
