//! `runs`, `show`, `resume`, `rollback`, `unlock`.

use clap::{Args, ValueEnum};

use super::{ConnectionArgs, Format, Output};

/// `resume`.
#[derive(Args, Clone, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Do again what is still unknown after asking the host (as after a power cut)
    #[arg(long)]
    pub repeat_unknown: bool,
    /// Ask before each step; a no stops the run there again
    #[arg(long)]
    pub step: bool,
}

/// `resume`, `rollback`, `unlock`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The run's id, as `runbook runs` lists it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    // Not InventoryArgs: RUNBOOK_INVENTORY must not send a run to other hosts than it began on, and a run has no limit but its own.
    /// Inventory [default: what the run was started with, as long as it means the same hosts]
    #[arg(short, long, value_name = "INV")]
    pub inventory: Vec<String>,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Do not ask before what cannot be undone
    #[arg(short, long)]
    pub yes: bool,
    /// How progress is shown
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// `runs`.
#[derive(Args, Clone, Debug)]
pub struct RunsArgs {
    /// Form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The run's id, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Form
    #[arg(long, value_enum, default_value_t = ShowFormat::Table)]
    pub format: ShowFormat,
}

/// Forms of a run's story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// One timestamped line an event
    Table,
    /// The journal's records
    Json,
    /// For a ticket
    Markdown,
    /// One page for a browser, which needs nothing else
    Html,
}
