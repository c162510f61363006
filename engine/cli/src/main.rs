//! The command `runbook`: arguments in, exit code out.
//!
//! Knows: how the rooms are wired and what each way to end is called. Must not know: how anything is done.

mod args;
mod command;
mod environment;
mod exit;
mod failure;
mod library;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command, SnapshotCommand};
use environment::Environment;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                exit::USAGE
            } else {
                exit::OK
            });
        }
    };
    let environment = Environment::read();
    match dispatch(cli.command, &environment) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            for report in &failure.reports {
                eprint!("{}", failure::render(report.as_ref(), environment.stderr));
            }
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(command: Command, environment: &Environment) -> command::Ended {
    match command {
        Command::Snapshot(SnapshotCommand::Inspect(args)) => {
            command::snapshot::show(&args, environment)
        }
        Command::Snapshot(SnapshotCommand::Verify(args)) => {
            command::snapshot::judge(&args, environment)
        }
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "runbook", &mut out);
            command::print(&String::from_utf8_lossy(&out))?;
            Ok(exit::OK)
        }
        _ => todo!(),
    }
}
