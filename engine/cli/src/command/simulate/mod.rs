//! `runbook simulate`: the planner's plans and the executor's runs, in a world that is none.

mod control;
mod inputs;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use miette::Diagnostic as _;
use runbook_model::host::HostName;
use runbook_model::plan::Plan;
use runbook_plan::{PlanError, Prepared, plan};
use runbook_report::plan::readiness;
use runbook_run::observe;
use runbook_sim::campaign::{Campaign, Start};
use runbook_sim::{Ground, Model, SimWorld, starting_states};

use super::{Ended, print, print_json};
use crate::args::{SimulateArgs, SimulateFormat};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use inputs::Inputs;
use told::Told;

/// Hosts observed at a time: all of them.
const FORKS: usize = 50;

/// Runs a runbook through fault schedules.
pub fn simulate(args: &SimulateArgs, environment: &Environment) -> Ended {
    let inputs = Inputs::read(&args.what, environment)?;
    let prepared = inputs.prepare(&args.what)?;
    let ground = ground(&inputs, &prepared, environment)?;
    let (mut starts, mut left_out) = (Vec::new(), Vec::new());
    for (name, model) in starting_states(&ground) {
        match begin(&prepared, &ground, &model) {
            Ok(plan) => starts.push(Start {
                name: name.to_owned(),
                model,
                plan: Arc::new(plan),
            }),
            Err(why) => left_out.push((name.to_owned(), why)),
        }
    }
    let plan = starts.first().map(|start| start.plan.clone());
    let campaign = Campaign::new(starts);
    let idle = campaign.idle().iter();
    left_out.extend(idle.map(|(name, why)| (name.clone(), format!("ends by itself: {why}"))));
    let Some(plan) = plan.filter(|_| !campaign.is_empty()) else {
        return Err(nothing_runs(&left_out));
    };
    let ids = match args.schedule {
        Some(id) => vec![id],
        None => campaign.ids(args.seed, args.faults),
    };
    let told = Told {
        args,
        plan: &plan,
        left_out: &left_out,
        stand_ins: inputs.stand_ins(),
        report: campaign.run(&ids),
    };
    match args.output {
        SimulateFormat::Human => print(&told.human(environment.stdout))?,
        SimulateFormat::Json => print_json(&told.json())?,
    }
    Ok(if told.report.broken == 0 {
        exit::OK
    } else {
        exit::BAD_INPUT
    })
}

/// What the inventory, the runbook and this machine say of the simulated world.
fn ground(
    inputs: &Inputs,
    prepared: &Prepared<'_>,
    environment: &Environment,
) -> Result<Ground, Failure> {
    let members: BTreeMap<_, _> = prepared
        .members()
        .iter()
        .map(|m| (m.host.clone(), m.clone()))
        .collect();
    let mut units: BTreeMap<HostName, Vec<String>> = BTreeMap::new();
    for (host, request) in &prepared.needs().hosts {
        let own = members.get(host).map(|m| m.unit.as_str());
        let others = request.services.iter().map(|s| s.unit.clone());
        let others = others.filter(|unit| Some(unit.as_str()) != own).collect();
        units.insert(host.clone(), others);
    }
    let (control, snapshots) = inputs.control(prepared, environment)?;
    Ok(Ground {
        members,
        units,
        control,
        snapshots,
    })
}

/// The plan on a starting state, or why a run does not start there.
fn begin(prepared: &Prepared<'_>, ground: &Ground, model: &Model) -> Result<Plan, String> {
    let view = runbook_sim::run(async {
        let world = Arc::new(SimWorld::new(model.clone()));
        observe(&world, prepared.needs(), &ground.members, FORKS).await
    });
    let plan = plan(prepared, &view).map_err(|errors| unplanned(&errors))?;
    if let Some(reason) = &plan.converged {
        return Err(format!("nothing to do: {reason}"));
    }
    let refusing = readiness(&plan).refusing;
    if refusing.is_empty() {
        return Ok(plan);
    }
    let mut guards = plan.requires.iter().filter(|g| refusing.contains(&g.text));
    let first = guards.next().map_or("", |g| g.verdict.text());
    Err(format!("refused by {}: {first}", refusing.join(", ")))
}

fn unplanned(errors: &[PlanError]) -> String {
    let first = errors.first().map(|error| {
        let help = error.help().map(|h| format!(" ({h})")).unwrap_or_default();
        format!("{error}{help}")
    });
    format!("no plan: {}", first.unwrap_or_default())
}

fn nothing_runs(left_out: &[(String, String)]) -> Failure {
    let starts: Vec<_> = left_out
        .iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    Failure::say(
        exit::REFUSED,
        format!(
            "there is no starting state from which this run starts:\n{}",
            starts.join("\n")
        ),
        "where the runbook allows it, `--override NAME --reason TEXT` lets a guard pass".to_owned(),
    )
}
