//! `plan` and its own commands.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand, ValueEnum};

use super::RunbookArgs;

/// `plan`.
#[derive(Args, Clone, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  runbook plan deploy.etcdrb -i prod.inv --diff
  runbook plan restore.etcdrb -i prod.inv -e snapshot=backup.db -o change.plan
  runbook plan restore.etcdrb -i prod.inv -e snapshot=backup.db --format markdown > change.md
  runbook plan restore.etcdrb -i prod.inv -e snapshot=backup.db --format html > change.html"
)]
pub struct PlanArgs {
    #[command(subcommand)]
    pub command: Option<PlanCommand>,
    #[command(flatten)]
    pub what: Planned,
    /// Save the plan too: `runbook exec FILE` carries out exactly that
    #[arg(short = 'o', long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How long a saved plan may be carried out
    #[arg(long, value_name = "DURATION", default_value = "24h", requires = "out")]
    pub valid_for: String,
    /// Form
    #[arg(long, value_enum, default_value_t = PlanFormat::Human)]
    pub format: PlanFormat,
    /// Exit with 20 where something would change, 0 where nothing would
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// What is planned; none where `plan` has a command of its own. clap's derive cannot leave away arguments that hold others.
#[derive(Clone, Debug)]
pub struct Planned(pub Option<RunbookArgs>);

impl FromArgMatches for Planned {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = matches.contains_id("runbook");
        let what = given.then(|| RunbookArgs::from_arg_matches(matches));
        what.transpose().map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Planned {
    fn augment_args(command: clap::Command) -> clap::Command {
        RunbookArgs::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        RunbookArgs::augment_args_for_update(command)
    }
}

/// `plan`'s own commands.
#[derive(Clone, Debug, Subcommand)]
pub enum PlanCommand {
    /// Compare two saved plans: 0 the same, 20 different
    #[command(after_help = "Examples:\n  runbook plan diff monday.plan tuesday.plan")]
    Diff(DiffArgs),
}

/// `plan diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// A saved plan
    #[arg(value_name = "A")]
    pub first: PathBuf,
    /// Another
    #[arg(value_name = "B")]
    pub second: PathBuf,
}

/// Forms of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal
    Human,
    /// For a pull request or ticket
    Markdown,
    /// The plan as data; its schema is docs/plan.schema.json
    Json,
    /// One page for a browser, which needs nothing else
    Html,
}
