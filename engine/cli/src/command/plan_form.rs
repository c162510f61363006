//! A plan in the form that was asked for.

use runbook_model::plan::Plan;
use runbook_report::plan::{html, human, json, markdown};
use runbook_report::review::Footer;

use super::print;
use crate::args::PlanFormat;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;

/// Prints a plan; `footer` stands under it for a reviewer, `diff` shows diffs to a person.
pub(super) fn print_plan(
    plan: &Plan,
    (format, diff): (PlanFormat, bool),
    footer: &Footer,
    environment: &Environment,
) -> Result<(), Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::say(exit::INTERNAL, error, None);
    let text = match format {
        PlanFormat::Human => human(plan, environment.stdout, diff),
        PlanFormat::Markdown => markdown(plan, Some(footer)),
        PlanFormat::Html => html(plan, Some(footer)).map_err(|e| internal(&e))?,
        PlanFormat::Json => json(plan).map_err(|e| internal(&e))? + "\n",
    };
    print(&text)
}
