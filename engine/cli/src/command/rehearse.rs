//! `runbook rehearse`: a runbook beside the living cluster, its times, and nothing left of it.

use std::collections::BTreeSet;

use runbook_model::event::{Record, RunEnd};
use runbook_model::host::HostName;
use runbook_model::plan::Plan;
use runbook_model::view::View;
use runbook_plan::{
    Prepared, RehearseError, as_never_restored, plan, rehearsal_of, rehearse as beside, restores,
};
use runbook_report::rehearsal::{rehearsed, table};
use runbook_run::RunState;

use super::exec::{Inputs, Planned, Reach, believe_snapshots, look, proceed, reach};
use super::runs::{runs_dir, undo, unlock};
use super::{Ended, print, print_json};
use crate::args::{
    ExecArgs, Output, PlanFormat, RehearseArgs, RehearseOutput, RunArgs, RunbookArgs,
};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories;
use crate::operator::run_id;
use crate::worlds;

/// Exit code of a run that was undone.
const ROLLED_BACK: u8 = 5;

/// Rehearses a runbook, or removes what dead rehearsals left.
pub fn rehearse(args: &RehearseArgs, environment: &Environment) -> Ended {
    let Some(runbook) = args.runbook.as_ref().filter(|_| !args.clean) else {
        return clean(args, environment);
    };
    let what = RunbookArgs {
        runbook: runbook.clone(),
        inventory: args.inventory.clone(),
        connection: args.connection.clone(),
        extra: args.extra.clone(),
        overrides: Vec::new(),
        reason: None,
        diff: false,
    };
    let mut inputs = Inputs::read(&what, args.dry_run, environment)?;
    if !restores(&inputs.checked) {
        return Err(nothing(inputs.checked.name(), &what));
    }
    if !args.dry_run {
        inputs.run = run_id(&format!("rehearse-{}", inputs.checked.name()));
        let members = inputs.prepare(&what)?;
        let cluster = members.members().first().map(|m| rehearsal_of(&m.cluster));
        clean_up(args, environment, |plan| {
            cluster.as_ref() == Some(&plan.cluster)
        })?;
    }
    let ended = worlds::run(async {
        let planned = planned(&what, &inputs, environment).await?;
        let exec = ExecArgs {
            what: what.clone(),
            dry_run: args.dry_run,
            yes: true,
            list_hosts: false,
            digest: None,
            format: PlanFormat::Human,
            step: false,
            start_at_step: None,
            output: args.output.progress(),
            quiet: false,
        };
        proceed(&exec, planned, None, environment).await
    });
    if args.dry_run {
        return ended;
    }
    let concluded = conclude(args, &inputs.run, environment);
    let code = ended?;
    concluded?;
    Ok(code)
}

fn nothing(runbook: &str, what: &RunbookArgs) -> Failure {
    let again = inventories::again(&what.inventory.inventory, &what.connection);
    Failure::input(
        format!("`{runbook}` has nothing to rehearse: it restores no data dir"),
        format!(
            "what it would change is shown by `runbook exec {}{again} --dry-run`; a runbook that restores can be rehearsed, as `restore.etcdrb`",
            inventories::quoted(&what.runbook)
        ),
    )
}

/// Resolves, observes, plans, and turns the plan into its rehearsal.
async fn planned(
    what: &RunbookArgs,
    inputs: &Inputs,
    environment: &Environment,
) -> Result<Planned, Failure> {
    let prepared = inputs.prepare(what)?;
    let reach = reach(what, inputs, &prepared, environment)?;
    believe_snapshots(&prepared, &reach.world).await?;
    let view = look(what, inputs, &prepared, &reach).await;
    refuse_beside_a_run(&view)?;
    rehearsal(&prepared, view, reach, what)
}

fn rehearsal(
    prepared: &Prepared<'_>,
    view: View,
    reach: Reach,
    what: &RunbookArgs,
) -> Result<Planned, Failure> {
    let real = plan(prepared, &as_never_restored(&view))
        .map_err(|errors| Failure::all(exit::BAD_INPUT, errors))?;
    let plan = beside(&real, &view).map_err(|error| match error {
        RehearseError::NothingToRestore { runbook } => nothing(&runbook, what),
        RehearseError::Id { .. } => Failure::input(error, None),
    })?;
    Ok(Planned { plan, view, reach })
}

/// Another run at work makes times that mean nothing. One that begins later goes its way: a rehearsal never holds it up.
fn refuse_beside_a_run(view: &View) -> Result<(), Failure> {
    let facts = view
        .hosts
        .iter()
        .filter_map(|(h, f)| Some((h, f.as_ref().ok()?)));
    let locked = facts.filter_map(|(host, f)| Some((host, f.lock.as_ref()?)));
    match locked.into_iter().next() {
        None => Ok(()),
        Some((host, lock)) => Err(Failure::say(
            exit::LOCKED,
            format!(
                "run `{}` of `{}` is at work on `{host}` since {}: times beside it would mean nothing",
                lock.run, lock.holder, lock.since
            ),
            "wait for it to end; where its process is dead, `runbook resume`, `rollback` or `unlock` it".to_owned(),
        )),
    }
}

/// What is left is removed, whatever became of the run; then its times are told.
fn conclude(args: &RehearseArgs, run: &str, environment: &Environment) -> Result<(), Failure> {
    let runs = runs_dir(environment);
    let Ok(records) = runs.read(run) else {
        return Ok(()); // refused before it began
    };
    if needs_cleaning(&records) {
        eprintln!(
            "\n{}",
            environment.stderr.bold("Removing what the rehearsal made:")
        );
        let code = remove(args, run, &records, environment)?;
        if code != exit::OK {
            let again = inventories::again(&args.inventory.inventory, &args.connection);
            eprintln!("not all could be removed: `runbook rehearse --clean{again}` tries again");
        }
    }
    let Some(told) = rehearsed(&records) else {
        return Ok(());
    };
    if args.output == RehearseOutput::Json {
        return print_json(&serde_json::to_value(&told).map_err(std::io::Error::from)?);
    }
    if !told.measured() {
        return Ok(());
    }
    print(&format!("\n{}", table(&told, environment.stdout)))
}

/// Whether a run may have left something on a host.
fn needs_cleaning(records: &[Record]) -> bool {
    let state = RunState::fold(records);
    let over = matches!(
        state.ended,
        Some(RunEnd::Done { .. } | RunEnd::RolledBack { .. })
    );
    !over && (state.touched_anything() || !state.unsettled().is_empty() || !state.locked.is_empty())
}

/// `--clean`: of every cluster whose members the inventory knows.
fn clean(args: &RehearseArgs, environment: &Environment) -> Ended {
    let inventory = inventories::read(&args.inventory)?;
    let hosts: BTreeSet<&HostName> = inventory.hosts().iter().collect();
    let known = |plan: &Plan| plan.members.keys().all(|host| hosts.contains(host));
    if clean_up(args, environment, known)? == 0 {
        eprintln!("no rehearsal from this machine left anything on these hosts");
    }
    Ok(exit::OK)
}

/// Removes what those unfinished rehearsals left that are meant: how many there were.
fn clean_up(
    args: &RehearseArgs,
    environment: &Environment,
    is_meant: impl Fn(&Plan) -> bool,
) -> Result<usize, Failure> {
    let runs = runs_dir(environment);
    let all = runs.list().map_err(|e| Failure::journal(&e))?;
    let mut found = 0;
    for run in all {
        let Ok(records) = runs.read(&run) else {
            continue; // no journal that could be gone on with
        };
        let plan = RunState::fold(&records).plan;
        let meant = plan.is_some_and(|p| p.is_rehearsal() && is_meant(&p));
        if !meant || !needs_cleaning(&records) {
            continue;
        }
        found += 1;
        eprintln!(
            "{} {run}",
            environment.stderr.bold("Removing what is left of")
        );
        let code = remove(args, &run, &records, environment)?;
        if code != exit::OK {
            return Err(Failure::say(
                code,
                format!("not all that `{run}` left could be removed"),
                format!("`runbook show {run}` tells what; the same command again tries again"),
            ));
        }
    }
    Ok(found)
}

/// Undoes a rehearsal, or gives back its locks where it did nothing.
fn remove(args: &RehearseArgs, run: &str, records: &[Record], environment: &Environment) -> Ended {
    let output = match args.output {
        RehearseOutput::Plain => Output::Plain,
        _ => Output::Quiet,
    };
    let of = RunArgs {
        run: run.to_owned(),
        inventory: args.inventory.inventory.clone(),
        connection: args.connection.clone(),
        yes: true,
        output,
    };
    let state = RunState::fold(records);
    if !state.touched_anything() && state.unsettled().is_empty() {
        return unlock(&of, environment);
    }
    match undo(&of, environment)? {
        ROLLED_BACK => Ok(exit::OK),
        code => Ok(code),
    }
}
