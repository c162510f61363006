//! `rehearse`.

use clap::{Args, ValueEnum};

use super::{ConnectionArgs, InventoryArgs, Output};

/// `rehearse`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  runbook rehearse restore.etcdrb -i prod.inv -e snapshot=backup.db
  runbook rehearse restore.etcdrb -i prod.inv -e snapshot=backup.db --output json > times.json
  runbook rehearse --clean -i prod.inv       # what a rehearsal left that was killed

Pushes, tries and restores the snapshot on every host, beside the data; starts the copy as a cluster
of its own, on sockets in its directory; reads it back; removes all of it. No unit, configuration,
data dir or port of the living cluster is touched. Times are told last, on standard output.")]
pub struct RehearseArgs {
    /// A path, or a name looked up in RUNBOOK_PATH, ./playbooks and among the shipped ones
    #[arg(value_name = "RUNBOOK", required_unless_present = "clean")]
    pub runbook: Option<String>,
    #[command(flatten)]
    pub inventory: InventoryArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Parameter; `@FILE` reads a YAML or JSON file of them
    #[arg(short = 'e', long = "extra-vars", value_name = "NAME=VALUE")]
    pub extra: Vec<String>,
    /// Show the plan and stop: nothing is changed anywhere
    #[arg(short = 'C', long, visible_alias = "check")]
    pub dry_run: bool,
    /// Remove what dead rehearsals from this machine left on the hosts, and stop
    #[arg(long, conflicts_with_all = ["runbook", "extra", "dry_run"])]
    pub clean: bool,
    /// What is shown
    #[arg(long, value_enum, default_value_t = RehearseOutput::Human)]
    pub output: RehearseOutput,
}

/// What a rehearsal shows; its times come last, on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RehearseOutput {
    /// The plan, a live view on a terminal, a table of times
    Human,
    /// One line a finished step, a table of times
    Quiet,
    /// One timestamped line an event, a table of times
    Plain,
    /// One line a finished step, the times as JSON
    Json,
}

impl RehearseOutput {
    /// How its progress is shown.
    pub const fn progress(self) -> Output {
        match self {
            RehearseOutput::Human => Output::Human,
            RehearseOutput::Quiet | RehearseOutput::Json => Output::Quiet,
            RehearseOutput::Plain => Output::Plain,
        }
    }
}
