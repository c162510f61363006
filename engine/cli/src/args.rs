//! The command line: every flag once.

mod test;

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use test::{NewArgs, TestArgs, TestFormat};

const EVERYDAY: &str = "\
Every day:
  runbook status -i prod.inv                                          how is the cluster
  runbook exec restore.etcdrb -i prod.inv -e snapshot=backup.db -C    what would change (dry run)
  runbook exec restore.etcdrb -i prod.inv -e snapshot=backup.db       do it
";

const EXIT_CODES: &str = "\
Exit codes:
  0 ok   2 a step failed   3 a guard refused, nothing changed   4 a host is unreachable
  5 failed and rolled back   6 outcome unknown, resume   7 locked by another run
  8 plan stale, used or mismatched   9 a person is needed   10 bad input   64 usage
  130 interrupted, resumable";

/// Deploys, restores and maintains etcd clusters by runbooks.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, about = "Deploys, restores and maintains etcd clusters by runbooks", before_help = EVERYDAY, after_help = EXIT_CODES, disable_help_subcommand = true, disable_help_flag = true)]
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
    #[command(after_help = "Examples:\n  runbook resume last -i prod.inv")]
    Resume(ResumeArgs),
    /// Undo what an interrupted run did
    #[command(after_help = "Examples:\n  runbook rollback last -i prod.inv")]
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
    #[command(
        after_help = "Examples:\n  runbook unlock 20261123T064013Z-restore-e817b3 -i prod.inv"
    )]
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
    /// Write the man page to standard output
    #[command(hide = true)]
    Man,
}

/// Inventories and how to choose from them.
#[derive(Args, Clone, Debug, Default)]
pub struct InventoryArgs {
    /// Inventory: INI, YAML, a directory, an executable, or a list `h1,h2,`; may be given several times
    #[arg(
        short,
        long,
        value_name = "INV",
        env = "RUNBOOK_INVENTORY",
        value_delimiter = '\u{1f}'
    )]
    pub inventory: Vec<String>,
    /// Only hosts that match this pattern
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
}

/// How to reach hosts; each wins over the inventory.
#[derive(Args, Clone, Debug, Default)]
pub struct ConnectionArgs {
    /// Log in as this user
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Private key file
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<String>,
    /// Seconds to wait for a connection
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u32>,
    /// Gain rights by sudo
    #[arg(short, long)]
    pub r#become: bool,
    /// Ask for sudo's password
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// Hosts worked on at once
    #[arg(short, long, value_name = "N", default_value_t = 50)]
    pub forks: usize,
}

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
    /// Let a guard pass that the runbook allows to be overridden; needs --reason
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

A saved plan brings its own inventory and parameters. It runs once, before it expires, and only where
all that it was made of is still so: texts, inventory, files, hosts, members. Else: exit code 8.")]
pub struct ExecArgs {
    #[command(flatten)]
    pub what: RunbookArgs,
    /// Show the plan and stop: nothing is changed anywhere
    #[arg(short = 'C', long, visible_alias = "check")]
    pub dry_run: bool,
    /// Do not ask before what cannot be undone
    #[arg(short, long)]
    pub yes: bool,
    /// Print the hosts of each target and stop
    #[arg(long)]
    pub list_hosts: bool,
    /// Of a saved plan: the digest that was approved; another one is refused
    #[arg(long, value_name = "SHA256")]
    pub digest: Option<String>,
    /// How progress is shown; `human` becomes `plain` where there is no terminal
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

/// `simulate`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  runbook simulate deploy.etcdrb -i prod.inv
  runbook simulate restore.etcdrb -i prod.inv --faults 10000 --seed 7
  runbook simulate restore.etcdrb -i prod.inv --schedule 5c0d3a8e91f2b764   # the same faults again

Real planner, real executor, simulated hosts. A file that is not there is a simulated one. Nothing is
written. 0: no schedule broke a rule; 10: one did, and is shown; 3: guards refuse every starting state.")]
pub struct SimulateArgs {
    #[command(flatten)]
    pub what: RunbookArgs,
    /// Fault schedules to run
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000_000))]
    pub faults: usize,
    /// Decides what goes wrong: the same number, the same faults
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Run this one schedule again, by the id that a finding shows
    #[arg(long, value_name = "ID", value_parser = schedule_id, conflicts_with_all = ["faults", "seed"])]
    pub schedule: Option<u64>,
    /// Form
    #[arg(long, value_enum, default_value_t = SimulateFormat::Human)]
    pub output: SimulateFormat,
}

/// Forms of a simulation's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SimulateFormat {
    /// For a terminal
    Human,
    /// For programs
    Json,
}

fn schedule_id(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16)
        .map_err(|_| "a schedule's id is a number in hex, as a finding shows it".to_owned())
}

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

/// Table or JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// How `status` shows a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// For node_exporter's textfile collector: ends of certificates, alarms, quorum
    Prometheus,
}

/// `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    #[command(flatten)]
    pub inventory: InventoryArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Inventory group that holds the members
    #[arg(long, value_name = "GROUP", default_value = "etcd")]
    pub group: String,
    /// Form
    #[arg(short = 'w', long, value_enum, default_value_t = StatusFormat::Table)]
    pub format: StatusFormat,
}

/// `resume`.
#[derive(Args, Clone, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Do again what is still unknown after asking the host (as after a power cut)
    #[arg(long)]
    pub repeat_unknown: bool,
}

/// `resume`, `rollback`, `unlock`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The run's id, as `runbook runs` lists it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    #[command(flatten)]
    pub inventory: InventoryArgs,
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

/// `vars`.
#[derive(Args, Clone, Debug)]
pub struct VarsArgs {
    /// Host
    pub host: String,
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// Show passwords for login and sudo, which are masked otherwise
    #[arg(long)]
    pub show_secrets: bool,
}

/// `inventory`.
#[derive(Debug, Subcommand)]
pub enum InventoryCommand {
    /// Groups, hosts and variables, in the shape of `ansible-inventory --list`
    List(InventoryShow),
    /// Groups and hosts as a tree
    Graph(InventoryShow),
    /// Host names, one a line
    Hosts(InventoryShow),
}

/// What to show of an inventory.
#[derive(Args, Clone, Debug)]
pub struct InventoryShow {
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// Form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Show passwords for login and sudo, which are masked otherwise
    #[arg(long)]
    pub show_secrets: bool,
}

/// `monitor`.
#[derive(Args, Clone, Debug)]
pub struct MonitorArgs {
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// Directory to write into; it is made where it is missing
    #[arg(short = 'o', long, value_name = "DIR")]
    pub out: PathBuf,
    /// Inventory group that holds the members; may be given several times
    #[arg(long, value_name = "GROUP", default_value = "etcd")]
    pub group: Vec<String>,
    /// Authority's certificate, a path on the Prometheus host [default: /etc/prometheus/JOB-ca.crt]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<String>,
    /// Client certificate, likewise [default: /etc/prometheus/JOB-client.crt]
    #[arg(long, value_name = "FILE")]
    pub cert: Option<String>,
    /// Its key, likewise; only the path is written [default: /etc/prometheus/JOB-client.key]
    #[arg(long, value_name = "FILE")]
    pub key: Option<String>,
    /// Time between two scrapes
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    pub interval: String,
    /// Write nothing, say what would be written
    #[arg(short = 'C', long, visible_alias = "check")]
    pub dry_run: bool,
    /// Show what changes in each file
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Overwrite files that this command did not write
    #[arg(long)]
    pub force: bool,
}

/// `capacity`.
#[derive(Args, Clone, Debug)]
pub struct CapacityArgs {
    /// Pods alive: 1 to 2 KB each
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub pods: Option<u64>,
    /// Secrets: 1 to 10 KB each
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub secrets: Option<u64>,
    /// ConfigMaps: 1 to 10 KB each
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub configmaps: Option<u64>,
    /// Events alive: 0.5 KB each, replaced within an hour
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub events: Option<u64>,
    /// Other objects: how many, and the bytes of each; may be given several times
    #[arg(long, value_name = "NAME=N:BYTES", conflicts_with = "snapshot")]
    pub objects: Vec<String>,
    /// Take kinds, counts and sizes from this snapshot instead
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Changes a second of a kind, or in a snapshot of what keys begin with; may be given several times
    #[arg(long, value_name = "NAME=RATE")]
    pub writes: Vec<String>,
    /// How long the oldest revision lives; Kubernetes compacts every 5m what is older than 5m
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub retention: String,
    /// Kubernetes nodes: tells the hardware that members want
    #[arg(long, value_name = "N")]
    pub nodes: Option<u64>,
    /// Form
    #[arg(long, alias = "output", value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `snapshot`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// What a snapshot holds
    Inspect(SnapshotArgs),
    /// Whether a snapshot is whole: 0 valid, 10 refused
    Verify(SnapshotArgs),
}

/// A snapshot file.
#[derive(Args, Clone, Debug)]
pub struct SnapshotArgs {
    /// The file
    pub file: PathBuf,
    /// Form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// SHA-256 that the file must have
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Accept a file without the trailing hash (a copied db file)
    #[arg(long)]
    pub allow_missing_hash: bool,
}
