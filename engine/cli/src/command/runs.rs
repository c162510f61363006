//! `runbook runs`, `show`, `resume`, `rollback`, `unlock`: what becomes of runs after they stopped.

use std::sync::Arc;

use runbook_model::event::Record;
use runbook_model::plan::Plan;
use runbook_report::rehearsal::{rehearsed, table};
use runbook_report::review::{Footer, html, markdown, of_run};
use runbook_report::run::{Verbosity, replay};
use runbook_report::text::escape;
use runbook_run::{Options, RunState, RunsDir, lock_hosts, resume, rollback, unlock as give_back};
use runbook_world::RealWorld;
use serde_json::json;

use super::reached::way;
use super::{Ended, print, print_json};
use crate::args::{Format, ResumeArgs, RunArgs, RunsArgs, ShowArgs, ShowFormat};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories;
use crate::operator::{can_ask_steps, confirmation, step_by_step};
use crate::progress::Telling;
use crate::worlds::{self, drive};

pub(super) fn runs_dir(environment: &Environment) -> RunsDir {
    RunsDir::new(environment.state_dir.join("runs"))
}

fn bad(error: impl std::fmt::Display) -> Failure {
    Failure::input(error, "`runbook runs` lists the runs kept here".to_owned())
}

/// Lists the runs kept on this machine, oldest first.
pub fn list(args: &RunsArgs, environment: &Environment) -> Ended {
    let runs = runs_dir(environment);
    let mut rows = Vec::new();
    for run in runs.list().map_err(bad)? {
        // A journal that cannot be believed is still listed: somebody has to look at it.
        let row = match runs.read(&run) {
            Ok(records) => {
                let state = RunState::fold(&records);
                let plan = state.plan.as_deref();
                json!({
                    "run": run, "runbook": plan.map(|p| &p.runbook), "cluster": plan.map(|p| &p.cluster), "end": state.ended,
                })
            }
            Err(error) => json!({ "run": run, "error": error.to_string() }),
        };
        rows.push(row);
    }
    match args.format {
        Format::Json => print_json(&json!(rows))?,
        Format::Table => {
            for row in &rows {
                let text = |key: &str| row[key].as_str().unwrap_or("").to_owned();
                let end = row["end"]["end"]
                    .as_str()
                    .map_or_else(|| "not finished".to_owned(), str::to_owned);
                let end = if row["error"].is_null() {
                    end
                } else {
                    text("error")
                };
                print(&format!(
                    "{:<40} {:<14} {end}\n",
                    text("run"),
                    text("cluster")
                ))?;
            }
        }
    }
    Ok(exit::OK)
}

/// Tells a run's story from its journal.
pub fn show(args: &ShowArgs, environment: &Environment) -> Ended {
    let runs = runs_dir(environment);
    let run = named(&args.run, &runs)?;
    let records = runs.read(&run).map_err(bad)?;
    let page = || {
        let review = of_run(&records).ok_or_else(no_plan)?;
        let command = format!("runbook show {run} --format json");
        let footer = Footer {
            command,
            digest: None,
        };
        Ok::<_, Failure>((review, footer))
    };
    match args.format {
        ShowFormat::Json => print_json(&json!(records))?,
        ShowFormat::Table => print(&replay(&records))?,
        ShowFormat::Markdown => {
            let (review, footer) = page()?;
            print(&markdown(&review, Some(&footer)))?;
        }
        ShowFormat::Html => {
            let (review, footer) = page()?;
            let page = html(&review, Some(&footer));
            print(&page.map_err(|e| Failure::say(exit::INTERNAL, e, None))?)?;
        }
    }
    Ok(exit::OK)
}

fn no_plan() -> Failure {
    bad("the journal holds no plan: the run never began")
}

fn named(run: &str, runs: &RunsDir) -> Result<String, Failure> {
    let all = runs.list().map_err(bad)?;
    if run != "last" {
        // A run of which only the directory is left is told by what reads it.
        return match all.iter().any(|known| known == run) || runs.path(run).is_err() {
            true => Ok(run.to_owned()),
            false => Err(no_run(run, all.last())),
        };
    }
    let newest = all.last().cloned();
    newest.ok_or_else(|| Failure::input("no run is kept here", not_here()))
}

fn no_run(run: &str, newest: Option<&String>) -> Failure {
    let help = match newest {
        Some(newest) => format!("`runbook runs` lists the runs kept here; `last` is {newest}"),
        None => format!(
            "`runbook runs` lists the runs kept here: none; {}",
            not_here()
        ),
    };
    Failure::input(format!("there is no run `{}` here", escape(run)), help)
}

fn not_here() -> String {
    "runs are kept by the user and machine that began them, or where RUNBOOK_STATE_DIR says"
        .to_owned()
}

fn plan_of(records: &[Record]) -> Result<Plan, Failure> {
    RunState::fold(records)
        .plan
        .map(|plan| *plan)
        .ok_or_else(no_plan)
}

fn world_of(
    (plan, records): (&Plan, &[Record]),
    args: &RunArgs,
    environment: &Environment,
) -> Result<Arc<RealWorld>, Failure> {
    let state = RunState::fold(records);
    let way = way((&plan.run, plan, &state), args, environment)?;
    worlds::real(
        way.connections,
        plan.members.clone(),
        &way.args,
        &way.inventory,
        environment,
    )
}

/// Goes on with a run.
pub fn go_on(args: &ResumeArgs, environment: &Environment) -> Ended {
    let repeat = args.repeat_unknown;
    let step = args.step;
    can_ask_steps(step, environment)?;
    again(&args.run, environment, Again::Resume { repeat, step })
}

/// Undoes a run.
pub fn undo(args: &RunArgs, environment: &Environment) -> Ended {
    again(args, environment, Again::Rollback)
}

/// What is to become of a run that stopped.
#[derive(Clone, Copy)]
enum Again {
    /// It goes on; `repeat`: what is unknown is done again; `step`: the operator is asked before each step.
    Resume {
        repeat: bool,
        step: bool,
    },
    Rollback,
}

fn again(args: &RunArgs, environment: &Environment, again: Again) -> Ended {
    let runs = runs_dir(environment);
    let run = named(&args.run, &runs)?;
    let (journal, records) = runs.open(&run).map_err(|e| Failure::journal(&e))?;
    let plan = plan_of(&records)?;
    let world = world_of((&plan, &records), args, environment)?;
    let times = runs.clone();
    let code = worlds::run(async {
        let before = records.clone();
        let telling = Telling {
            output: args.output,
            verbosity: Verbosity::of(args.connection.verbose),
            again: inventories::again(&args.inventory, &args.connection),
        };
        drive(telling, environment, before, |events, stop, progress| {
            let options = Options {
                operator: environment.operator.clone(),
                forks: args.connection.forks,
                confirm: confirmation(args.yes, &plan.cluster, progress.clone()),
                events,
                stop,
                local_lock: Some(runs),
                repeat_unknown: matches!(again, Again::Resume { repeat: true, .. }),
                saved: None,
                reached: None,
                ask_step: step_by_step(matches!(again, Again::Resume { step: true, .. }), progress),
            };
            let journal = Box::new(journal);
            let records = &records;
            async move {
                match again {
                    Again::Rollback => rollback(world, journal, records, options).await,
                    Again::Resume { .. } => resume(world, journal, records, options).await,
                }
            }
        })
        .await
    })?;
    if plan.is_rehearsal() && matches!(again, Again::Resume { .. }) {
        let records = times.read(&run).map_err(bad)?;
        let told = rehearsed(&records).map(|r| table(&r, environment.stdout));
        print(&told.unwrap_or_default())?;
    }
    Ok(code)
}

/// Gives back the lock of a run on its hosts.
pub fn unlock(args: &RunArgs, environment: &Environment) -> Ended {
    let runs = runs_dir(environment);
    let run = named(&args.run, &runs)?;
    // Held to the end: a process that carries the run on keeps its lock.
    let (_journal, records) = runs.open(&run).map_err(|e| Failure::journal(&e))?;
    let plan = plan_of(&records)?;
    let world = world_of((&plan, &records), args, environment)?;
    worlds::run(async {
        let freed = give_back(&world, &plan).await;
        for host in &freed {
            eprintln!("{host}: not locked by {run} any more");
        }
        let mut left = lock_hosts(&plan);
        left.retain(|host| !freed.contains(host));
        if left.is_empty() {
            return Ok(exit::OK);
        }
        let left: Vec<_> = left.iter().map(ToString::to_string).collect();
        Err(Failure::say(
            exit::UNREACHABLE,
            format!("not reached, and perhaps still locked: {}", left.join(", ")),
            "the same command again frees them once they can be reached".to_owned(),
        ))
    })
}
