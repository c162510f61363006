//! A test's run: planned, carried out, looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use miette::Diagnostic as _;
use runbook_dsl::checked::{CheckedRunbook, GuardUse};
use runbook_dsl::tested::{End, Expectation, Happening, Moment, Side, Test};
use runbook_inventory::{Inventory, Overrides};
use runbook_model::event::{Event, Record, RunEnd};
use runbook_model::guard::{Verdict, evaluate};
use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlannedGuard};
use runbook_model::view::{Needs, View};
use runbook_plan::{PlanError, Prepared, Request, plan, prepare, propositions};
use runbook_report::plan::readiness;
use runbook_report::run::replay;
use runbook_run::{look, observe};
use runbook_sim::stage::{self, Act, Cue, Ending, differences};
use runbook_sim::{Fault, SimWorld};
use serde_json::Value as Json;

use super::files::{Simulated, path, stands_in};
use super::inventory::{inventory, json};
use super::setting::{plight, setting};
use crate::failure::Failure;

/// Id of simulated runs: the same each time.
const RUN: &str = "simulated";
/// Hosts observed at a time: all of them.
const FORKS: usize = 200;

/// All that came of a test's run.
#[derive(Debug)]
pub(super) struct Story {
    /// How it ended.
    pub(super) end: End,
    /// The same in words.
    pub(super) said: String,
    /// Guards that kept it from going on: name, text, what was seen.
    pub(super) refusing: Vec<(String, String, String)>,
    /// By `when` line: whether it happened.
    pub(super) met: Vec<bool>,
    /// What is not as it was.
    pub(super) changes: Vec<String>,
    /// Expected guards at the end, in the order of the test; why there are none where there was no run.
    pub(super) guards: Result<Vec<(String, Verdict)>, String>,
    /// The run as its journal tells it.
    pub(super) tale: Vec<String>,
}

impl Story {
    /// A run that never began, for its input was bad.
    fn bad(test: &Test, errors: &[PlanError]) -> Self {
        let said = errors.iter().map(|error| {
            let help = error.help().map(|h| format!(" ({h})")).unwrap_or_default();
            format!("{error}{help}")
        });
        let said: Vec<String> = said.collect();
        Self {
            end: End::BadInput,
            said: format!("bad input: {}", said.join("; ")),
            refusing: Vec::new(),
            met: vec![false; test.when.len()],
            changes: Vec::new(),
            guards: Err("the run never began".to_owned()),
            tale: Vec::new(),
        }
    }
}

/// Plays a test.
///
/// # Errors
/// What the test gives is not fit for an inventory.
pub(super) fn story(runbook: &CheckedRunbook, test: &Test) -> Result<Story, Failure> {
    let files = Simulated::new(runbook, &test.given);
    let inventory = inventory(runbook, &test.given)?;
    let input = Input::new(runbook, test);
    let prepared = match prepare(&input.request(runbook, &inventory, &files)) {
        Ok(prepared) => prepared,
        Err(errors) => return Ok(Story::bad(test, &errors)),
    };
    let model = setting(&test.given, &inventory, &files, &prepared)?.model();
    Ok(runbook_sim::run(async {
        let world = SimWorld::new(model);
        carry_out(&world, &prepared, test).await
    }))
}

/// What the operator of the run says.
struct Input {
    arguments: BTreeMap<String, Json>,
    overrides: BTreeMap<String, String>,
    connection: Overrides,
}

impl Input {
    fn new(runbook: &CheckedRunbook, test: &Test) -> Self {
        let given = test.given.parameters.iter();
        let mut arguments: BTreeMap<String, Json> = given
            .map(|(name, value)| (name.clone(), json(value)))
            .collect();
        for parameter in runbook.parameters() {
            if stands_in(parameter, &test.given) {
                let path = path(parameter, &test.given);
                arguments.insert(parameter.name.value.clone(), Json::from(path));
            }
        }
        let overrides = test.given.overrides.iter();
        Self {
            arguments,
            overrides: overrides
                .map(|name| (name.clone(), "a test".to_owned()))
                .collect(),
            connection: Overrides::default(),
        }
    }

    fn request<'a>(
        &'a self,
        checked: &'a CheckedRunbook,
        inventory: &'a Inventory,
        files: &'a Simulated,
    ) -> Request<'a> {
        Request {
            checked,
            inventory,
            connection: &self.connection,
            arguments: &self.arguments,
            limit: None,
            overrides: &self.overrides,
            run: RUN,
            tool: env!("CARGO_PKG_VERSION"),
            files,
            // As simulated time has it: a test comes out the same on any day.
            now: 1_767_225_600,
        }
    }
}

async fn carry_out(world: &SimWorld, prepared: &Prepared<'_>, test: &Test) -> Story {
    let shared = Arc::new(world.clone());
    let specs = prepared.members().iter();
    let specs = specs.map(|m| (m.host.clone(), m.clone())).collect();
    let view = observe(&shared, prepared.needs(), &specs, FORKS).await;
    let plan = match plan(prepared, &view) {
        Ok(plan) => plan,
        Err(errors) => return Story::bad(test, &errors),
    };
    let before = world.model();
    let mut story = match refused(&plan, &view) {
        Some(story) => Story {
            met: vec![false; test.when.len()],
            ..story
        },
        None => played(world, &plan, test).await,
    };
    let struck = struck(test);
    story.changes = differences(&before, &world.model(), &struck);
    story.guards = expected(&shared, prepared, (&view, &plan), test).await;
    story
}

/// A plan that a real run would not begin.
fn refused(plan: &Plan, view: &View) -> Option<Story> {
    let texts = readiness(plan).refusing;
    if plan.converged.is_some() || texts.is_empty() {
        return None;
    }
    let silent = view.hosts.values().any(Result::is_err);
    let guards = plan.requires.iter().filter(|g| texts.contains(&g.text));
    let refusing: Vec<_> = guards.map(|g| against(&g.text, &g.verdict)).collect();
    let first = refusing
        .first()
        .map(|(_, text, seen)| format!("{text}: {seen}"))
        .unwrap_or_default();
    Some(Story {
        end: if silent {
            End::Unreachable
        } else {
            End::Refused
        },
        said: if silent {
            format!("unreachable: a host does not answer, and {first}")
        } else {
            format!("refused by {first}")
        },
        tale: refusing
            .iter()
            .map(|(_, text, seen)| format!("the plan is refused by {text}: {seen}"))
            .collect(),
        refusing,
        met: Vec::new(),
        changes: Vec::new(),
        guards: Ok(Vec::new()),
    })
}

/// Name, text and what was seen of a guard that does not hold.
fn against(text: &str, verdict: &Verdict) -> (String, String, String) {
    let bare = text.strip_prefix("not ").unwrap_or(text);
    let name = bare.split('(').next().unwrap_or_default();
    (
        name.to_owned(),
        text.to_owned(),
        verdict.headline().to_owned(),
    )
}

async fn played(world: &SimWorld, plan: &Plan, test: &Test) -> Story {
    let lines: Vec<Option<Vec<Act>>> = test.when.iter().map(|w| acts(&w.value, plan)).collect();
    let all: Vec<Act> = lines.iter().flatten().flatten().cloned().collect();
    let played = stage::play(world, plan, &all).await;
    let (end, said) = ended(&played.ending);
    let mut happened = played.met.iter();
    let met = lines.iter().map(|line| match line {
        // All of it: a line may name several hosts.
        Some(acts) => happened.by_ref().take(acts.len()).all(|met| *met),
        None => false,
    });
    Story {
        end,
        said,
        refusing: if end == End::Refused {
            refusals(&played.records, plan)
        } else {
            Vec::new()
        },
        met: met.collect(),
        changes: Vec::new(),
        guards: Ok(Vec::new()),
        tale: replay(&played.records).lines().map(str::to_owned).collect(),
    }
}

/// What a line of a test lets happen; none: the plan has no such step.
fn acts(happening: &Happening, plan: &Plan) -> Option<Vec<Act>> {
    let cue = |moment: &Moment| {
        let side = match moment.side {
            Side::Before => stage::Side::Before,
            Side::In => stage::Side::In,
            Side::After => stage::Side::After,
        };
        let step = number(moment.step, plan)?;
        Some(Cue { side, step })
    };
    let order = |host: &String, step, fault| {
        let host = HostName::new(host.clone());
        let step = number(step, plan)?;
        Some(vec![Act::Order { host, step, fault }])
    };
    match happening {
        Happening::Befalls { hosts, state, at } => {
            let plight = plight(*state)?;
            let at = match at {
                Some(moment) => Some(cue(moment)?),
                None => None,
            };
            let befall = |host: &String| Act::Befall {
                hosts: vec![HostName::new(host.clone())],
                plight,
                at,
            };
            Some(hosts.iter().map(befall).collect())
        }
        Happening::Drops { host, step } => order(host, *step, Fault::LostDuring),
        Happening::Fails { host, step } => order(host, *step, Fault::Fails { action: 0 }),
        Happening::Killed(moment) => Some(vec![Act::Kill(cue(moment)?)]),
        Happening::Resumes => Some(vec![Act::Resume]),
        Happening::RollsBack => Some(vec![Act::RollBack]),
    }
}

/// The number of the step that stands at a place of the runbook.
fn number(step: runbook_dsl::span::Span, plan: &Plan) -> Option<usize> {
    let at = |s: &&runbook_model::plan::PlanStep| {
        (s.place.source, s.place.start) == (step.source, step.start)
    };
    plan.steps().find(at).map(|s| s.number)
}

/// Guards that ended the run, by its journal: those required that did not hold when last asked.
fn refusals(records: &[Record], plan: &Plan) -> Vec<(String, String, String)> {
    let refuses = |record: &Record| match &record.event {
        Event::GuardChecked {
            step,
            text,
            verdict,
            overridden: None,
            ..
        } if !verdict.holds() && requires(plan, *step, text) => Some(against(text, verdict)),
        _ => None,
    };
    let Some(last) = records.iter().rposition(|record| refuses(record).is_some()) else {
        return Vec::new();
    };
    // Guards of one look are kept one after the other.
    let asked = records[..=last].iter().rev();
    let asked = asked.take_while(|r| matches!(r.event, Event::GuardChecked { .. }));
    asked.filter_map(refuses).collect()
}

/// Whether a step, or the run before its first, demands this.
fn requires(plan: &Plan, step: Option<usize>, text: &str) -> bool {
    let of_step = plan.steps().find(|s| Some(s.number) == step);
    let guards = of_step.map_or(&plan.requires, |s| &s.requires);
    guards.iter().any(|g| g.text == text && !g.warn_only)
}

fn ended(ending: &Ending) -> (End, String) {
    let end = match ending {
        Ending::Run(end) => end,
        Ending::Killed => {
            return (
                End::Interrupted,
                "interrupted: the process was killed".to_owned(),
            );
        }
        Ending::Refused(why) => return (End::Refused, format!("refused: {why}")),
    };
    match end {
        RunEnd::Done { changed: true } => (End::Done, "done".to_owned()),
        RunEnd::Done { changed: false } => (End::Done, "done, nothing to change".to_owned()),
        RunEnd::Refused { reason } => (End::Refused, format!("refused: {reason}")),
        RunEnd::Failed { reason } => (End::Failed, format!("failed: {reason}")),
        RunEnd::Unreachable { reason } => (End::Unreachable, format!("unreachable: {reason}")),
        RunEnd::RolledBack { reason } => (End::RolledBack, format!("rolled back: {reason}")),
        RunEnd::Unknown { reason } => (End::Unknown, format!("unknown: {reason}")),
        RunEnd::Stuck { reason } => (End::Stuck, format!("stuck: {reason}")),
        // No other run is in this world.
        RunEnd::Locked { holder } => (End::Stuck, format!("locked by {holder}")),
        RunEnd::Interrupted => (End::Interrupted, "interrupted".to_owned()),
    }
}

/// Hosts to which the test itself does something.
fn struck(test: &Test) -> BTreeSet<HostName> {
    let hosts = test.when.iter().flat_map(|line| match &line.value {
        Happening::Befalls { hosts, .. } => hosts.clone(),
        _ => Vec::new(),
    });
    hosts.map(HostName::new).collect()
}

/// The guards that are expected, on a fresh view.
async fn expected(
    world: &Arc<SimWorld>,
    prepared: &Prepared<'_>,
    (view, plan): (&View, &Plan),
    test: &Test,
) -> Result<Vec<(String, Verdict)>, String> {
    let used: Vec<GuardUse> = test
        .expect
        .iter()
        .filter_map(|e| match &e.value {
            Expectation::Guard(used) => Some(used.as_ref().clone()),
            _ => None,
        })
        .collect();
    let guards = propositions(prepared, view, &used).map_err(|errors| {
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    })?;
    let asked: Vec<&PlannedGuard> = guards.iter().collect();
    let now = look(world, &asked, Needs::default(), &plan.members, FORKS).await;
    let verdict = |guard: &PlannedGuard| {
        let verdict = evaluate(&guard.guard, &now);
        if guard.negated {
            verdict.negate()
        } else {
            verdict
        }
    };
    Ok(guards
        .iter()
        .map(|g| (g.text.clone(), verdict(g)))
        .collect())
}
