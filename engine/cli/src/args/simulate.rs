//! `simulate`.

use clap::{Args, ValueEnum};

use super::RunbookArgs;

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
