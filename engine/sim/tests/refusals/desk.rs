//! A shipped runbook typed at a cluster: what is said, with which exit code, and whether anything is another than before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic as _;
use runbook_dsl::checked::{CheckedRunbook, SourceText};
use runbook_dsl::{LoadError, Loader};
use runbook_inventory::Overrides;
use runbook_model::event::RunEnd;
use runbook_model::plan::Plan;
use runbook_plan::{Digest, Files, PlanError, Request, plan, prepare};
use runbook_report::plan::{human, refused};
use runbook_report::style::Style;
use runbook_run::{Options, execute, observe, stop_channel};
use runbook_sim::{MemoryJournal, SimWorld};
use serde_json::Value as Json;

use super::states::Place;

/// What came of it.
pub struct Said {
    /// The exit code of the plan.
    pub code: u8,
    /// On one line.
    pub text: String,
    pub unchanged: bool,
    /// How a run ends that is begun all the same; none: there is no plan.
    pub end: Option<RunEnd>,
}

impl Said {
    pub fn is_done(&self) -> bool {
        matches!(self.end, Some(RunEnd::Done { .. }))
    }
}

struct Playbooks;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> Result<SourceText, LoadError> {
    let text = std::fs::read_to_string(root().join("playbooks").join(name));
    let text = text.map_err(|e| LoadError::Unreadable {
        path: name.to_owned(),
        reason: e.to_string(),
    })?;
    Ok(SourceText {
        name: name.to_owned(),
        text,
    })
}

impl Loader for Playbooks {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        read(&format!("templates/{name}"))
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        read(path)
    }
}

fn shipped(name: &str) -> CheckedRunbook {
    let source = read(&format!("{name}.etcdrb")).unwrap();
    runbook_dsl::check(source, &Playbooks).unwrap().0
}

/// Nothing stands on this machine but the snapshot, which the simulated world has.
struct Nothing;

impl Files for Nothing {
    fn digest(&self, _: &str) -> Result<Digest, String> {
        Err("No such file".to_owned())
    }
    fn exists(&self, _: &str) -> bool {
        false
    }
    fn absolute(&self, path: &str) -> String {
        Path::new("/home/ops").join(path).display().to_string()
    }
}

/// `runbook exec NAME --yes -e ...`, by the planner and the executor.
pub fn typed(runbook: &str, arguments: &[(&str, &str)], place: &Place) -> Said {
    let checked = shipped(runbook);
    let of = |(k, v): &(&str, &str)| ((*k).to_owned(), Json::from(*v));
    let request = Request {
        checked: &checked,
        inventory: &place.inventory,
        connection: &Overrides::default(),
        arguments: &arguments.iter().map(of).collect(),
        limit: None,
        overrides: &BTreeMap::new(),
        run: "r1",
        tool: "0.0.0",
        files: &Nothing,
        now: 1_767_225_600,
    };
    runbook_sim::run(async {
        let world = Arc::new(SimWorld::new(place.model.clone()));
        world.edit(place.then);
        let before = world.model().image();
        let prepared = match prepare(&request) {
            Ok(prepared) => prepared,
            Err(errors) => return bad_input(&errors, world.asked() == 0),
        };
        let view = observe(&world, prepared.needs(), &place.specs, 50).await;
        let plan = match plan(&prepared, &view) {
            Ok(plan) => plan,
            Err(errors) => return bad_input(&errors, world.model().image() == before),
        };
        let refusal = runbook_run::refusal(&plan, &view);
        let text = match &refusal {
            Some(_) => refused(&plan, Style::PLAIN),
            None => human(&plan, Style::PLAIN, false),
        };
        // The executor is asked as well: it judges by the guards of the plan, on a view of its own.
        let end = carried_out(&world, plan).await;
        Said {
            code: refusal.map_or(0, |end| end.exit_code()),
            text: flat(&text),
            unchanged: world.model().image() == before && world.model().log.is_empty(),
            end: Some(end),
        }
    })
}

async fn carried_out(world: &Arc<SimWorld>, plan: Plan) -> RunEnd {
    let (_stop, stop) = stop_channel();
    let (events, _heard) = tokio::sync::mpsc::unbounded_channel();
    let options = Options {
        operator: "root@ops1".to_owned(),
        forks: 10,
        confirm: Arc::new(|_| true),
        events,
        stop,
        local_lock: None,
        repeat_unknown: false,
        saved: None,
        reached: None,
        ask_step: None,
    };
    let journal = Box::new(MemoryJournal::new());
    execute(world.clone(), journal, plan, options)
        .await
        .unwrap()
        .end
}

fn bad_input(errors: &[PlanError], unchanged: bool) -> Said {
    let told = errors.iter().map(|error| {
        let help = error.help().map(|h| format!("help: {h}\n"));
        format!("{error}\n{}", help.unwrap_or_default())
    });
    Said {
        code: 10,
        text: flat(&told.collect::<String>()),
        unchanged,
        end: None,
    }
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
