//! `test` and `new`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `test`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  runbook test my-own.etcdrb
  runbook test my-own.etcdrb --name corrupt
  runbook test playbooks/*.etcdrb --format junit > tests.xml

Real planner, real executor, simulated hosts: no inventory is wanted, no file read or written.
`runbook explain test` shows how a test is written. 0: all pass; 2: one failed; 10: bad input.")]
pub struct TestArgs {
    /// Runbooks: paths, or names of shipped ones
    #[arg(value_name = "FILES", required = true)]
    pub files: Vec<String>,
    /// Run those tests alone whose name contains this
    #[arg(long, value_name = "PATTERN")]
    pub name: Option<String>,
    /// Form
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    pub format: TestFormat,
}

/// Forms of a test's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For a terminal
    Human,
    /// For continuous integration
    Junit,
    /// For programs
    Json,
}

/// `new`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  runbook new my-own.etcdrb\n  runbook test my-own.etcdrb")]
pub struct NewArgs {
    /// File to write; its runbook is named after it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
