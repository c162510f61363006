//! `--start-at-step`: a run never leaves a step out for it.
//!
//! What a step does was predicted on what the steps before it do, and guards were judged on that prediction. Begun in the middle, a
//! plan would do something else than was reviewed. What is already so is not done again anyway, so all that is left to ask for is
//! the promise that nothing is done before the step: here it is kept, or the run is refused.

use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanStep};
use runbook_report::text::escape;

use crate::exit;
use crate::failure::Failure;

/// Refuses where a step before the one of this title or number may change something.
pub(super) fn check(plan: &Plan, wanted: Option<&str>) -> Result<(), Failure> {
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let first = find(plan, wanted).ok_or_else(|| unknown(plan, wanted))?;
    match plan.undone_before(first.number) {
        None => Ok(()),
        Some(open) => Err(refused(first, open)),
    }
}

fn find<'p>(plan: &'p Plan, wanted: &str) -> Option<&'p PlanStep> {
    let number = wanted.parse::<usize>().ok();
    let titled = plan.steps().find(|step| step.title == wanted);
    titled.or_else(|| plan.steps().find(|step| Some(step.number) == number))
}

fn unknown(plan: &Plan, wanted: &str) -> Failure {
    let likeness =
        |step: &PlanStep| strsim::jaro_winkler(&step.title.to_lowercase(), &wanted.to_lowercase());
    let near = plan
        .steps()
        .map(|step| (likeness(step), step))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let near = near.map_or_else(String::new, |(_, step)| {
        format!("did you mean `{}`? ", escape(&step.title))
    });
    let titles: Vec<_> = plan
        .steps()
        .map(|step| format!("{} {}", step.number, escape(&step.title)))
        .collect();
    let (wanted, runbook) = (escape(wanted), escape(&plan.runbook));
    Failure::input(
        format!("`{runbook}` has no step `{wanted}`"),
        format!("{near}its steps: {}", titles.join(", ")),
    )
}

fn refused(first: &PlanStep, open: &PlanStep) -> Failure {
    let hosts: Vec<_> = open.may_change().map(HostName::to_string).collect();
    Failure::say(
        exit::REFUSED,
        format!(
            "the run cannot start at step {} `{}`: step {} `{}` is not already so on {}; nothing was changed",
            first.number,
            escape(&first.title),
            open.number,
            escape(&open.title),
            escape(&hosts.join(", ")),
        ),
        "steps are never left out: leave --start-at-step away, and what is already so is not done again; `runbook resume RUN` goes on with a run that stopped"
            .to_owned(),
    )
}
