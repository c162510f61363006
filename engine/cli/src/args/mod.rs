//! The command line: every flag once, one file a command.

mod capacity;
mod exec;
mod hosts;
mod inventory;
mod monitor;
mod plan;
mod rehearse;
mod runs;
mod simulate;
mod snapshot;
mod test;
mod text;

use clap::{Parser, Subcommand, ValueEnum};

pub use capacity::CapacityArgs;
pub use exec::{ExecArgs, Output, RunbookArgs};
pub use hosts::{ConnectionArgs, InventoryArgs};
pub use inventory::{InventoryCommand, InventoryShow, StatusArgs, StatusFormat, VarsArgs};
pub use monitor::MonitorArgs;
pub use plan::{DiffArgs, PlanArgs, PlanCommand, PlanFormat};
pub use rehearse::{RehearseArgs, RehearseOutput};
pub use runs::{ResumeArgs, RunArgs, RunsArgs, ShowArgs, ShowFormat};
pub use simulate::{SimulateArgs, SimulateFormat};
pub use snapshot::{SnapshotArgs, SnapshotCommand};
pub use test::{NewArgs, TestArgs, TestFormat};
pub use text::{CheckArgs, ExplainArgs, FmtArgs, ManArgs, ViewArgs};

/// `--help` on a screen of 24 lines and 80 columns. Kept true by a test: each visible command stands in it once.
const OVERVIEW: &str = "\
Every day:
  runbook status -i prod.inv                                    how all is
  runbook exec restore.etcdrb -i prod.inv -e snapshot=b.db -C   what it changes
  runbook exec restore.etcdrb -i prod.inv -e snapshot=b.db      do it

Usage: runbook COMMAND ...         runbook COMMAND --help: options and examples

  exec       run a runbook or plan       new          begin a runbook
  plan       show or save a run's plan   check        check runbooks
  rehearse   restore beside a cluster    test         run runbooks' tests
  status     how a cluster is            simulate     try one under faults
  resume     go on with a stopped run    fmt          format runbooks
  rollback   undo a stopped run          explain      a verb, guard or error
  unlock     free a dead run's lock      view         print a shipped runbook
  runs       list runs                   inventory    what an inventory means
  show       a run's story               vars         a host's variables
  snapshot   read snapshot files         capacity     size a database
  monitor    Prometheus and Grafana      completions  for a shell
  man        man pages                   -V           print the version

Exit codes: 0 ok, 2 failed, 3 refused, 4 unreachable, 5 rolled back, 6 unknown,
7 locked, 8 plan stale, 9 stuck, 10 bad input, 64 usage, 130 interrupted
";

/// Deploys, restores and maintains etcd clusters by runbooks.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, about = "Deploys, restores and maintains etcd clusters by runbooks", override_help = OVERVIEW, disable_help_subcommand = true, disable_help_flag = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    // One help, that fits a screen: the long form has a paragraph an option.
    /// Print help
    #[arg(short, long, action = clap::ArgAction::HelpShort, global = true)]
    pub help: Option<bool>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a runbook (a path, or the name of a shipped one), or exactly what a saved plan says
    Exec(ExecArgs),
    /// Show what a run would do, and save it for review; changes nothing
    Plan(PlanArgs),
    /// Do beside the living cluster what a runbook would do, and tell how long a recovery takes
    Rehearse(RehearseArgs),
    /// Show the state of a cluster
    #[command(
        after_help = "Examples:\n  runbook status -i prod.inv\n  runbook status -i prod.inv -w json\n  runbook status -i prod.inv --format prometheus > etcd.prom"
    )]
    Status(StatusArgs),
    /// Go on with a run that was interrupted
    #[command(
        after_help = "Examples:\n  runbook resume last\n  runbook resume last --step\n  runbook resume last -i moved.inv     # where the inventory stands elsewhere now"
    )]
    Resume(ResumeArgs),
    /// Undo what an interrupted run did
    #[command(after_help = "Examples:\n  runbook rollback last")]
    Rollback(RunArgs),
    /// List runs
    #[command(after_help = "Examples:\n  runbook runs\n  runbook runs --format json")]
    Runs(RunsArgs),
    /// Tell the story of a run from its journal
    #[command(
        after_help = "Examples:\n  runbook show last\n  runbook show last --format html > run.html"
    )]
    Show(ShowArgs),
    /// Give back the lock of a run whose process is dead, by its id
    #[command(after_help = "Examples:\n  runbook unlock 20261123T064013Z-restore-e817b3")]
    Unlock(RunArgs),
    /// Write a runbook to begin with, and its tests
    New(NewArgs),
    /// Check runbooks without contacting any host
    #[command(after_help = "Examples:\n  runbook check my-own.etcdrb")]
    Check(CheckArgs),
    /// Run a runbook through fault schedules in a simulated cluster; contacts no host
    Simulate(SimulateArgs),
    /// Run the tests that stand in runbooks, in a simulated cluster; contacts no host
    Test(TestArgs),
    /// Format runbooks
    #[command(
        after_help = "Examples:\n  runbook fmt my-own.etcdrb\n  runbook fmt --check my-own.etcdrb"
    )]
    Fmt(FmtArgs),
    /// Explain a diagnostic's code, a verb, a guard, a type
    #[command(after_help = "Examples:\n  runbook explain quorum-safe\n  runbook explain restore")]
    Explain(ExplainArgs),
    /// Print the text of a shipped runbook, or list them
    #[command(
        after_help = "Examples:\n  runbook view\n  runbook view restore.etcdrb > my-own.etcdrb"
    )]
    View(ViewArgs),
    /// Show what an inventory means
    #[command(
        subcommand,
        after_help = "Examples:\n  runbook inventory graph -i prod.inv\n  runbook inventory hosts -i prod.inv -l 'etcd[0:1]'"
    )]
    Inventory(InventoryCommand),
    /// Show a host's variables and where each comes from
    #[command(after_help = "Examples:\n  runbook vars etcd1 -i prod.inv")]
    Vars(VarsArgs),
    /// Read etcd snapshot files
    #[command(
        subcommand,
        after_help = "Examples:\n  runbook snapshot verify backup.db\n  runbook snapshot inspect backup.db --format json"
    )]
    Snapshot(SnapshotCommand),
    /// Write Prometheus' targets and alert rules and Grafana's dashboard
    #[command(
        after_help = "Examples:\n  runbook monitor -i prod.inv --out monitoring\n  runbook monitor -i prod.inv --out monitoring -C -D    # what would change"
    )]
    Monitor(MonitorArgs),
    /// Estimate how large a database becomes, and the quota that fits it
    #[command(
        after_help = "Examples:\n  runbook capacity --pods 10000 --secrets 3000 --configmaps 2000 --events 20000 --writes pods=20\n  runbook capacity --objects leases=5000:400 --writes leases=500 --retention 10m\n  runbook capacity --snapshot backup.db --writes /registry/pods/=20 --format json"
    )]
    Capacity(CapacityArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  runbook completions bash > /etc/bash_completion.d/runbook"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page of a command, or write all of them
    #[command(
        after_help = "Examples:\n  runbook man | man -l -\n  runbook man exec | man -l -\n  runbook man --out /usr/local/share/man/man1"
    )]
    Man(ManArgs),
}

/// Table or JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}
