//! `runbook exec` and `runbook plan`: one way to a plan, and two things to do with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook_dsl::checked::CheckedRunbook;
use runbook_inventory::{Inventory, Overrides};
use runbook_model::facts::HostError;
use runbook_model::host::{Connection, HostName, MemberSpec};
use runbook_model::plan::{Plan, PlanItem};
use runbook_model::view::{SnapshotFacts, View};
use runbook_plan::{Files as _, LocalFiles, Prepared, Request, plan, prepare};
use runbook_report::plan::{human, readiness, refused};
use runbook_report::review::Footer;
use runbook_report::run::Verbosity;
use runbook_run::{Options, RunsDir, execute, observe, refusal};
use runbook_world::RealWorld;

use super::plan_file::{self, Saved};
use super::plan_form::print_plan;
use super::reached::recorded;
use super::{Ended, print_json, start_at};
use crate::args::{ExecArgs, Output, PlanArgs, RunbookArgs};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::inventories::{self, connections};
use crate::operator::{can_ask_steps, confirmation, run_id, step_by_step};
use crate::progress::Telling;
use crate::runbooks::{parameters, read};
use crate::typed::footer;
use crate::worlds::{self, drive};

/// A plan with the world that it was made from, still connected.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) view: View,
    pub(super) reach: Reach,
}

/// How the hosts of a plan are reached.
pub(super) struct Reach {
    pub(super) connections: BTreeMap<HostName, Connection>,
    pub(super) members: BTreeMap<HostName, MemberSpec>,
    pub(super) world: Arc<RealWorld>,
    /// Inventory group of the members.
    pub(super) group: String,
}

/// Prints what a run would do, and keeps it where that is asked for.
pub fn show(args: &PlanArgs, what: &RunbookArgs, environment: &Environment) -> Ended {
    plan_file::refuse_as_runbook(what)?;
    let valid_ms = plan_file::valid_ms(&args.valid_for)?;
    let what = match &args.out {
        Some(_) => &plan_file::pinned(what, environment)?,
        None => what,
    };
    worlds::run(async {
        let inputs = Inputs::read(what, args.out.is_none(), environment)?;
        let planned = planned(what, &inputs, environment).await?;
        let saved = match &args.out {
            Some(file) => Some(plan_file::save(
                (file, valid_ms),
                what,
                &inputs,
                &planned,
                environment,
            )?),
            None => None,
        };
        let footer = saved
            .as_ref()
            .map_or_else(|| footer(what, &planned.plan), Saved::footer);
        let form = (args.format, what.diff);
        print_plan(&planned.plan, form, &footer, environment)?;
        if let Some(saved) = &saved {
            saved.tell(environment);
        }
        let code = judged(&planned);
        Ok(
            if code == exit::OK && args.detailed_exitcode && planned.plan.changes() {
                exit::WOULD_CHANGE
            } else {
                code
            },
        )
    })
}

/// Runs a runbook, or a saved plan.
pub fn exec(args: &ExecArgs, environment: &Environment) -> Ended {
    can_ask_steps(args.step, environment)?;
    if let Some(file) = plan_file::named(&args.what.runbook)? {
        return plan_file::exec(args, &file, environment);
    }
    if args.digest.is_some() {
        return Err(Failure::say(
            exit::USAGE,
            format!("`{}` is no saved plan: it has no digest", args.what.runbook),
            "`runbook plan ... -o FILE` saves one; `runbook exec FILE --digest ...` runs it"
                .to_owned(),
        ));
    }
    if args.list_hosts {
        return list_hosts(&args.what, environment);
    }
    worlds::run(async {
        let inputs = Inputs::read(&args.what, args.dry_run, environment)?;
        let planned = planned(&args.what, &inputs, environment).await?;
        proceed(args, planned, None, environment).await
    })
}

/// Shows a plan or carries it out. `saved`: the digest of the file that it stands in, which is used up by it.
pub(super) async fn proceed(
    args: &ExecArgs,
    planned: Planned,
    saved: Option<&str>,
    environment: &Environment,
) -> Ended {
    if args.dry_run {
        let form = (args.format, args.what.diff);
        print_plan(
            &planned.plan,
            form,
            &under(args, &planned, saved)?,
            environment,
        )?;
        start_at::check(&planned.plan, args.start_at_step.as_deref())?;
        return Ok(judged(&planned));
    }
    let code = judged(&planned);
    if code != exit::OK {
        eprint!("{}", refused(&planned.plan, environment.stderr));
        return Err(refused_by(&planned, code));
    }
    if let Some(reason) = &planned.plan.converged {
        eprintln!("{} {reason}", environment.stderr.good("Nothing to do:"));
        return Ok(exit::OK);
    }
    start_at::check(&planned.plan, args.start_at_step.as_deref())?;
    if args.shown() == Output::Human {
        eprint!(
            "{}",
            human(&planned.plan, environment.stderr, args.what.diff)
        );
        eprintln!();
    }
    // Boxed: the compiler gives up on futures nested deeper than this.
    Box::pin(carry_out(args, planned, saved, environment)).await
}

/// What stands under a plan that is only shown: the command that carries it out.
fn under(args: &ExecArgs, planned: &Planned, saved: Option<&str>) -> Result<Footer, Failure> {
    let Some(digest) = saved else {
        return Ok(footer(&args.what, &planned.plan));
    };
    // Of a saved plan only secrets are given again.
    let secrets: Vec<String> = parameters(&args.what.extra)?.into_keys().collect();
    let asks = args.what.connection.ask_become_pass;
    Ok(Footer {
        command: plan_file::carries_out((&args.what.runbook, digest), &secrets, asks),
        digest: Some(digest.to_owned()),
    })
}

async fn carry_out(
    args: &ExecArgs,
    planned: Planned,
    saved: Option<&str>,
    environment: &Environment,
) -> Ended {
    let Planned { plan, reach, .. } = planned;
    let world = Arc::clone(&reach.world);
    let asks = plan
        .items
        .iter()
        .any(|item| matches!(item, PlanItem::Confirm { .. }));
    if asks && !args.yes && !environment.can_ask {
        return Err(Failure::say(
            exit::USAGE,
            "this run asks for a confirmation, and there is no terminal to ask on",
            "pass --yes once the plan has been read (--dry-run shows it)".to_owned(),
        ));
    }
    let runs = RunsDir::new(environment.state_dir.join("runs"));
    if let Some(digest) = saved {
        let forks = args.what.connection.forks;
        plan_file::use_up(&runs, digest, (&plan, &world, forks), environment).await?;
    }
    let saved = saved.map(str::to_owned);
    let journal = runs
        .create(&plan.run)
        .map_err(|error| Failure::journal(&error))?;
    let cluster = plan.cluster.clone();
    let reached = recorded(&args.what, &reach.group, &reach.connections);
    let telling = Telling {
        output: args.shown(),
        verbosity: Verbosity::of(args.what.connection.verbose),
        // The journal tells how to reach the same hosts.
        again: String::new(),
    };
    drive(
        telling,
        environment,
        Vec::new(),
        move |events, stop, progress| {
            let options = Options {
                operator: environment.operator.clone(),
                forks: args.what.connection.forks,
                confirm: confirmation(args.yes, &cluster, progress.clone()),
                events,
                stop,
                local_lock: Some(runs),
                repeat_unknown: false,
                saved,
                reached: Some(Box::new(reached)),
                ask_step: step_by_step(args.step, progress),
            };
            execute(world, Box::new(journal), plan, options)
        },
    )
    .await
}

/// Everything that a run is asked for, read and checked.
pub(super) struct Inputs {
    pub(super) checked: CheckedRunbook,
    inventory: Inventory,
    pub(super) arguments: BTreeMap<String, serde_json::Value>,
    pub(super) overrides: BTreeMap<String, String>,
    connection: Overrides,
    pub(super) files: Arc<LocalFiles>,
    pub(super) run: String,
}

impl Inputs {
    pub(super) fn read(
        args: &RunbookArgs,
        dry: bool,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let checked = read(&args.runbook, environment)?;
        let reason = args.reason.clone().unwrap_or_default();
        Ok(Self {
            // A plan that is only looked at is the same each time.
            run: if dry {
                "dry-run".to_owned()
            } else {
                run_id(checked.name())
            },
            inventory: inventories::read(&args.inventory)?,
            arguments: parameters(&args.extra)?,
            overrides: args
                .overrides
                .iter()
                .map(|name| (name.clone(), reason.clone()))
                .collect(),
            connection: inventories::overrides(&args.connection),
            files: Arc::default(),
            checked,
        })
    }

    pub(super) fn prepare<'a>(&'a self, args: &'a RunbookArgs) -> Result<Prepared<'a>, Failure> {
        let request = Request {
            checked: &self.checked,
            inventory: &self.inventory,
            connection: &self.connection,
            arguments: &self.arguments,
            limit: args.inventory.limit.as_deref(),
            overrides: &self.overrides,
            run: &self.run,
            tool: env!("CARGO_PKG_VERSION"),
            files: &*self.files,
            now: jiff::Timestamp::now().as_second(),
        };
        prepare(&request).map_err(|errors| Failure::all(exit::BAD_INPUT, errors))
    }
}

/// Resolves, observes, plans.
async fn planned(
    args: &RunbookArgs,
    inputs: &Inputs,
    environment: &Environment,
) -> Result<Planned, Failure> {
    let prepared = inputs.prepare(args)?;
    let reach = reach(args, inputs, &prepared, environment)?;
    // The file is read before any host is asked: nothing is worth doing with a bad one.
    believe_snapshots(&prepared, &reach.world).await?;
    let view = look(args, inputs, &prepared, &reach).await;
    let plan = plan(&prepared, &view).map_err(|errors| Failure::all(exit::BAD_INPUT, errors))?;
    Ok(Planned { plan, view, reach })
}

/// How the hosts of a request are reached. Nothing is contacted yet.
pub(super) fn reach(
    args: &RunbookArgs,
    inputs: &Inputs,
    prepared: &Prepared<'_>,
    environment: &Environment,
) -> Result<Reach, Failure> {
    let hosts: Vec<_> = prepared.hosts().cloned().collect();
    inventories::advise(&inputs.inventory, &hosts, environment);
    let connections = connections(&inputs.inventory, &hosts, &args.connection)?;
    let members: BTreeMap<_, _> = prepared
        .members()
        .iter()
        .map(|m| (m.host.clone(), m.clone()))
        .collect();
    let world = worlds::real(
        connections.clone(),
        members.clone(),
        &args.connection,
        &inputs.inventory,
        environment,
    )?;
    Ok(Reach {
        connections,
        members,
        world,
        group: prepared.group().to_owned(),
    })
}

/// One look at everything that the request needs.
pub(super) async fn look(
    args: &RunbookArgs,
    inputs: &Inputs,
    prepared: &Prepared<'_>,
    reach: &Reach,
) -> View {
    // Files that are to be sent are read meanwhile: hashing them is most of what planning costs.
    let (files, sources) = (Arc::clone(&inputs.files), prepared.sources());
    let reading = tokio::task::spawn_blocking(move || {
        for source in sources {
            // Whatever is wrong with it is told by the plan.
            let _ = files.digest(&source);
        }
    });
    let forks = args.connection.forks;
    let view = observe(&reach.world, prepared.needs(), &reach.members, forks).await;
    let _ = reading.await;
    view
}

pub(super) async fn believe_snapshots(
    prepared: &Prepared<'_>,
    world: &Arc<RealWorld>,
) -> Result<(), Failure> {
    use runbook_run::world::Observe;
    for (path, sha256) in &prepared.needs().snapshots {
        let facts = world.snapshot(path, sha256.as_deref()).await;
        if !facts.refused.is_empty() && !std::path::Path::new(path).exists() {
            return Err(Failure::input(
                format!("there is no snapshot `{path}`"),
                "a relative path begins at the current directory; no host was contacted".to_owned(),
            ));
        }
        if let Some(refused) = believe(path, &facts) {
            return Err(refused);
        }
    }
    Ok(())
}

/// Why a snapshot that is there is not believed.
pub(super) fn believe(path: &str, facts: &SnapshotFacts) -> Option<Failure> {
    (!facts.refused.is_empty()).then(|| {
        Failure::input(
            format!("snapshot `{path}` is refused: {}", facts.refused.join("; ")),
            format!("`runbook snapshot verify {path}` shows every finding; no host was contacted"),
        )
    })
}

/// The exit code that a plan comes to: 0, 3 where a guard would refuse, 4 where a host it needs did not answer.
fn judged(planned: &Planned) -> u8 {
    refusal(&planned.plan, &planned.view).map_or(exit::OK, |end| end.exit_code())
}

fn refused_by(planned: &Planned, code: u8) -> Failure {
    if code == exit::UNREACHABLE {
        return unreachable(&planned.view);
    }
    let refusing = readiness(&planned.plan).refusing.join(", ");
    Failure::say(
        code,
        format!("refused by {refusing}; nothing was changed"),
        "--dry-run shows the whole plan".to_owned(),
    )
}

/// Why hosts did not answer, before anything was begun.
pub(super) fn unreachable(view: &View) -> Failure {
    let errors: Vec<&HostError> = view
        .hosts
        .values()
        .filter_map(|r| r.as_ref().err())
        .collect();
    let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let help = errors.first().map(|error| help_for(error).to_owned());
    let text = text.join("\n");
    Failure::say(
        exit::UNREACHABLE,
        format!("{text}; nothing was changed"),
        help,
    )
}

const fn help_for(error: &HostError) -> &'static str {
    match error {
        HostError::Unreachable { .. } | HostError::Timeout { .. } => {
            "check address, port and network; `ssh` with the same settings must work from here"
        }
        HostError::HostKey { .. } => {
            "compare the fingerprint with the host's console; if the host was rebuilt, `ssh-keygen -R` the old key and log in once by hand"
        }
        HostError::LoginRefused { .. } => {
            "check user and key: ansible_user, ansible_ssh_private_key_file, -u, --private-key"
        }
        HostError::SudoPassword { .. } => {
            "pass -K to be asked for it, or allow sudo without a password for this user"
        }
        HostError::Sudo { .. } => "check that sudo is installed there and that the user may use it",
        _ => "`-vvv` of ssh with the same settings may tell more",
    }
}

fn list_hosts(args: &RunbookArgs, environment: &Environment) -> Ended {
    let inputs = Inputs::read(args, true, environment)?;
    let prepared = inputs.prepare(args)?;
    print_json(&serde_json::json!(prepared.targets()))?;
    Ok(exit::OK)
}
