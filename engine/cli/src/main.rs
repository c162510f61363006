//! The command `runbook`: arguments in, exit code out.
//!
//! Knows: how the rooms are wired and what each way to end is called. Must not know: how anything is done.

mod args;
mod command;
mod environment;
mod exit;
mod failure;
mod inventories;
mod library;
mod operator;
mod progress;
mod runbooks;
mod terminal;
mod typed;
mod worlds;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command, PlanCommand, SnapshotCommand};
use environment::Environment;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if let Some(tip) = typed::meant(&error) {
                eprintln!("\n  tip: {tip}");
            }
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
        Command::Exec(args) => command::exec::exec(&args, environment),
        Command::Plan(args) => match (&args.command, &args.what.0) {
            (Some(PlanCommand::Diff(args)), _) => command::plan_file::compare(args, environment),
            (None, Some(what)) => command::exec::show(&args, what, environment),
            // INVARIANT: clap asks for one of the two.
            (None, None) => Ok(exit::USAGE),
        },
        Command::Rehearse(args) => command::rehearse::rehearse(&args, environment),
        Command::Status(args) => command::status::status(&args, environment),
        Command::Resume(args) => command::runs::go_on(&args, environment),
        Command::Rollback(args) => command::runs::undo(&args, environment),
        Command::Unlock(args) => command::runs::unlock(&args, environment),
        Command::Runs(args) => command::runs::list(&args, environment),
        Command::Show(args) => command::runs::show(&args, environment),
        Command::New(args) => command::new::new(&args),
        Command::Check(args) => command::check::check(&args, environment),
        Command::Simulate(args) => command::simulate::simulate(&args, environment),
        Command::Test(args) => command::test::test(&args, environment),
        Command::Fmt(args) => command::check::fmt(&args, environment),
        Command::Explain(args) => command::check::explain_word(&args),
        Command::View(args) => command::check::view(&args, environment),
        Command::Inventory(args) => command::inventory::show(&args, environment),
        Command::Vars(args) => command::inventory::variables(&args, environment),
        Command::Snapshot(SnapshotCommand::Inspect(args)) => {
            command::snapshot::show(&args, environment)
        }
        Command::Snapshot(SnapshotCommand::Verify(args)) => {
            command::snapshot::judge(&args, environment)
        }
        Command::Monitor(args) => command::monitor::monitor(&args, environment),
        Command::Capacity(args) => command::capacity::capacity(&args, environment),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "runbook", &mut out);
            command::print(&String::from_utf8_lossy(&out))?;
            Ok(exit::OK)
        }
        Command::Man(args) => command::man::man(&args),
    }
}
