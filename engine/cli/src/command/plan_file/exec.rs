//! `runbook exec FILE`: the same request again, on what is now; carried out only where nothing differs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use runbook_model::host::HostName;
use runbook_model::plan::Source;
use runbook_model::saved::SavedPlan;
use runbook_model::view::View;
use runbook_plan::{
    At, Drift, Files as _, PlanFile, Prepared, control, drift, facts, of_facts, of_inventory,
    of_sources, of_things, plan, source, source_diff, uploads,
};
use runbook_run::RunsDir;
use runbook_run::world::Observe as _;

use super::told::{grouped, moment, remake};
use super::used::refuse_used;
use crate::args::{ExecArgs, RunbookArgs};
use crate::command::exec::{Inputs, Planned, Reach, look, proceed, reach, unreachable};
use crate::command::reached::fill_in;
use crate::command::{Ended, print_json};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;
use crate::library::{EMBEDDED, find, template};
use crate::runbooks::parameters;
use crate::worlds;

/// Carries out a saved plan, or says why not.
pub fn exec(args: &ExecArgs, file: &PlanFile, environment: &Environment) -> Ended {
    admit(args, file, environment)?;
    let args = &as_recorded(args, &file.saved)?;
    if args.list_hosts {
        print_json(&serde_json::json!(file.saved.plan.targets))?;
        return Ok(exit::OK);
    }
    let again = Again {
        name: &args.what.runbook,
        saved: &file.saved,
        environment,
    };
    let what = &RunbookArgs {
        runbook: file.saved.asked.runbook.clone(),
        ..args.what.clone()
    };
    again.texts()?;
    let mut inputs = Inputs::read(what, true, environment)?;
    let secrets = inputs.arguments;
    inputs.arguments = file.saved.asked.arguments.clone();
    inputs.arguments.extend(secrets);
    inputs.overrides = file.saved.asked.overrides.clone();
    inputs.run.clone_from(&file.saved.plan.run);
    worlds::run(async {
        let planned = again.planned(what, &inputs).await?;
        proceed(args, planned, Some(&file.digest), environment).await
    })
}

/// What can be told by the file and this machine alone.
fn admit(args: &ExecArgs, file: &PlanFile, environment: &Environment) -> Result<(), Failure> {
    let saved = &file.saved;
    let anew = || {
        format!(
            "make a new one: {}",
            remake(&saved.asked, &args.what.runbook)
        )
    };
    let stale = |message: String| Err(Failure::say(exit::STALE, message, anew()));
    if let Some(wanted) = &args.digest
        && !wanted.eq_ignore_ascii_case(&file.digest)
    {
        return Err(Failure::say(
            exit::STALE,
            format!(
                "this is not the plan of digest {wanted}: its own is {}",
                file.digest
            ),
            "run the file that was reviewed, or have this one reviewed".to_owned(),
        ));
    }
    // Before its age: who used it wants to know that first.
    refuse_used(
        &RunsDir::new(environment.state_dir.join("runs")),
        &file.digest,
    )?;
    if Timestamp::now().as_second() >= saved.expires_s {
        return stale(format!(
            "the plan expired at {}; it was made at {}",
            moment(saved.expires_s),
            moment(saved.made_s)
        ));
    }
    let tool = env!("CARGO_PKG_VERSION");
    if saved.plan.tool != tool {
        return stale(format!(
            "the plan was made by runbook {}, and this is {tool}: the same request may come to something else",
            saved.plan.tool
        ));
    }
    Ok(())
}

/// What decides a plan comes from the file; the command line adds secrets, and how to connect where that changed.
fn as_recorded(args: &ExecArgs, saved: &SavedPlan) -> Result<ExecArgs, Failure> {
    let asked = &saved.asked;
    let fixed = |what: &str| {
        Err(Failure::say(
            exit::USAGE,
            format!("a saved plan brings its own {what}"),
            format!("for another one, {}", remake(asked, &args.what.runbook)),
        ))
    };
    let given = parameters(&args.what.extra)?;
    if let Some(name) = given.keys().find(|name| !asked.secrets.contains(name)) {
        return fixed(&format!(
            "parameters: `-e {name}=...` is not asked for again"
        ));
    }
    if args.what.inventory.limit.is_some() {
        return fixed("hosts: leave --limit away");
    }
    if !args.what.overrides.is_empty() {
        return fixed("overrides: leave --override away");
    }
    if let Some(name) = asked.secrets.iter().find(|name| !given.contains_key(*name)) {
        return Err(Failure::input(
            format!("the plan needs the secret `{name}`, which no plan file holds"),
            format!("give it again: -e {name}=SECRET, or -e @FILE"),
        ));
    }
    let mut args = args.clone();
    if args.what.inventory.inventory.is_empty() {
        args.what.inventory.inventory.clone_from(&asked.inventory);
    }
    args.what.inventory.limit.clone_from(&asked.limit);
    fill_in(&mut args.what.connection, &asked.login);
    Ok(args)
}

/// A saved plan, planned again.
struct Again<'a> {
    /// The file, as given.
    name: &'a str,
    saved: &'a SavedPlan,
    environment: &'a Environment,
}

impl Again<'_> {
    /// Refuses where a text is another one now. Nothing is parsed for that: what was edited may not even check any more.
    fn texts(&self) -> Result<(), Failure> {
        let before = &self.saved.plan.sources;
        let now: Vec<Source> = before.iter().filter_map(|s| current(&s.name)).collect();
        let found = of_sources(before, &now);
        if found.is_empty() {
            return Ok(());
        }
        let texts = runbook_report::text::escape(&source_diff(before, &now));
        eprint!("{texts}");
        self.refuse(found)
    }

    /// Refuses where anything differs; this machine is looked at first, and no host is contacted for what differs here.
    async fn planned(&self, what: &RunbookArgs, inputs: &Inputs) -> Result<Planned, Failure> {
        let saved = self.saved;
        // A template may have come to stand before the one that was used.
        let sources = inputs.checked.sources().iter();
        let sources: Vec<Source> = sources.map(|s| source(&s.name, &s.text)).collect();
        self.refuse(of_sources(&saved.plan.sources, &sources))?;
        let prepared = inputs.prepare(what).map_err(|why| self.impossible(why))?;
        let reach = reach(what, inputs, &prepared, self.environment)?;
        self.refuse(self.on_this_machine(inputs, &prepared, &reach).await)?;
        let view = look(what, inputs, &prepared, &reach).await;
        self.all_answer(&view)?;
        let seen = facts(&view, &saved.plan, &reach.connections);
        let now = match plan(&prepared, &view) {
            Ok(now) => now,
            Err(errors) => {
                self.refuse(of_facts(&saved.facts, &seen))?;
                return Err(self.impossible(Failure::all(exit::STALE, errors)));
            }
        };
        self.refuse(drift((&saved.facts, &saved.plan), (&seen, &now)))?;
        Ok(Planned {
            plan: saved.plan.clone(),
            view,
            reach,
        })
    }

    /// Inventory, snapshots and files to upload.
    async fn on_this_machine(
        &self,
        inputs: &Inputs,
        prepared: &Prepared<'_>,
        reach: &Reach,
    ) -> Vec<Drift> {
        let saved = self.saved;
        let mut snapshots = BTreeMap::new();
        for (path, sha256) in &prepared.needs().snapshots {
            let found = reach.world.snapshot(path, sha256.as_deref()).await;
            snapshots.insert(path.clone(), found);
        }
        let mut sent = uploads(&saved.plan);
        sent.retain(|path, _| !snapshots.contains_key(path));
        for (path, sha256) in &mut sent {
            *sha256 = match inputs.files.digest(path) {
                Ok(found) => found.sha256,
                Err(why) => why,
            };
        }
        let now = control(&snapshots, &sent, &reach.members, &reach.connections);
        let mut found = of_things(&At::Control, &saved.facts.control, &now);
        let before = (&saved.facts, &saved.plan);
        found.extend(of_inventory(before, &reach.connections, &reach.members));
        found
    }

    /// A host that is silent now tells nothing: the plan may still be right once it answers.
    fn all_answer(&self, view: &View) -> Result<(), Failure> {
        let answered = |host: &HostName| {
            let things = self.saved.facts.hosts.get(host);
            let host = things.and_then(|t| t.get("host"));
            host.and_then(|h| h.get("answers"))
                .is_some_and(|a| a == "yes")
        };
        let silent = view
            .hosts
            .iter()
            .any(|(h, answer)| answer.is_err() && answered(h));
        if silent {
            Err(unreachable(view))
        } else {
            Ok(())
        }
    }

    fn refuse(&self, found: Vec<Drift>) -> Result<(), Failure> {
        if found.is_empty() {
            return Ok(());
        }
        let style = self.environment.stderr;
        let when = moment(self.saved.made_s);
        eprintln!(
            "{} since the plan was made at {when}:",
            style.warn("Changed")
        );
        eprintln!("{}", grouped(&found, style));
        let many = match found.len() {
            1 => "one difference".to_owned(),
            n => format!("{n} differences"),
        };
        Err(Failure::say(
            exit::STALE,
            format!("the plan is stale: {many}; nothing was changed"),
            format!("make a new one: {}", remake(&self.saved.asked, self.name)),
        ))
    }

    /// The request that made the plan makes none now.
    fn impossible(&self, why: Failure) -> Failure {
        let mut failure = Failure::say(
            exit::STALE,
            "the plan is stale: with the inventory and the hosts as they are now it cannot be made; nothing was changed",
            None,
        );
        failure.reports.extend(why.reports);
        failure
    }
}

/// A text as it is now, by the name that it had; none where it is gone.
fn current(name: &str) -> Option<Source> {
    let text = match name.strip_prefix(EMBEDDED) {
        None => std::fs::read_to_string(name).ok()?,
        Some(shipped) => match template(shipped, None) {
            Some(found) => found.text,
            None => find(name, &[]).ok()?.text,
        },
    };
    Some(source(name, &text))
}
