//! `exec`, and what a runbook is given.

use clap::{Args, ValueEnum};

use super::{ConnectionArgs, InventoryArgs, PlanFormat};

/// What a runbook is given.
#[derive(Args, Clone, Debug)]
pub struct RunbookArgs {
    /// A path, or a name looked up in RUNBOOK_PATH, ./playbooks and among the shipped ones
    #[arg(value_name = "RUNBOOK")]
    pub runbook: String,
    #[command(flatten)]
    pub inventory: InventoryArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Parameter; `@FILE` reads a YAML or JSON file of them
    #[arg(short = 'e', long = "extra-vars", value_name = "NAME=VALUE")]
    pub extra: Vec<String>,
    /// Let a guard pass that may be overridden; needs --reason
    #[arg(long = "override", value_name = "NAME", requires = "reason")]
    pub overrides: Vec<String>,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Show diffs of files that change
    #[arg(short = 'D', long)]
    pub diff: bool,
}

/// `exec`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  runbook exec deploy.etcdrb -i prod.inv
  runbook exec backup.etcdrb -i prod.inv -e to=backup.db
  runbook exec restore.etcdrb -i prod.inv -e snapshot=backup.db --dry-run
  runbook exec change.plan --digest HEX      # a plan that `runbook plan ... -o change.plan` saved

A saved plan brings its own inventory and parameters. It runs once, before it expires, and only
where all that it was made of is still so: texts, inventory, files, hosts. Else: exit code 8.")]
pub struct ExecArgs {
    #[command(flatten)]
    pub what: RunbookArgs,
    /// Show the plan and stop: nothing is changed
    #[arg(short = 'C', long, visible_alias = "check")]
    pub dry_run: bool,
    /// Do not ask before what cannot be undone
    #[arg(short, long)]
    pub yes: bool,
    /// Form of the plan that --dry-run shows
    #[arg(long, value_enum, default_value_t = PlanFormat::Human, requires = "dry_run")]
    pub format: PlanFormat,
    /// Ask before each step; a no stops the run there, to be resumed
    #[arg(long, conflicts_with = "dry_run")]
    pub step: bool,
    /// Refuse unless everything before this step is already so
    #[arg(long, value_name = "STEP")]
    pub start_at_step: Option<String>,
    /// Print the hosts of each target and stop
    #[arg(long)]
    pub list_hosts: bool,
    /// Of a saved plan: the digest that was approved
    #[arg(long, value_name = "SHA256")]
    pub digest: Option<String>,
    /// How progress is shown; `human` wants a terminal and no -v
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub output: Output,
    /// Short for `--output quiet`
    #[arg(short, long, conflicts_with = "output")]
    pub quiet: bool,
}

impl ExecArgs {
    /// The form of progress that was asked for.
    pub const fn shown(&self) -> Output {
        if self.quiet {
            Output::Quiet
        } else {
            self.output
        }
    }
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// The plan, then a live view on a terminal
    Human,
    /// One line a finished step, then how it ended
    Quiet,
    /// One timestamped line an event
    Plain,
    /// One JSON object an event, on standard output
    Jsonl,
}
