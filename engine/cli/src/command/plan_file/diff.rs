//! `runbook plan diff`.

use runbook_plan::{PlanFile, diff, source_diff};
use runbook_report::text::escape;

use super::read;
use super::told::{grouped, moment};
use crate::args::DiffArgs;
use crate::command::{Ended, print};
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;

/// What two saved plans differ in: 0 in nothing, 20 in something. Their times and run ids do not count.
pub fn compare(args: &DiffArgs, environment: &Environment) -> Ended {
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let found = diff(&first.saved, &second.saved)
        .map_err(|error| Failure::say(exit::INTERNAL, error, None))?;
    if found.is_empty() {
        eprintln!("the same plan, made {} and {}", made(&first), made(&second));
        return Ok(exit::OK);
    }
    let head = |sign: &str, file: &std::path::Path, plan: &PlanFile| {
        let name = file.display().to_string();
        format!("{sign} {}  {}\n", escape(&name), made(plan))
    };
    let mut out = head("---", &args.first, &first) + &head("+++", &args.second, &second);
    out += &grouped(&found, environment.stdout);
    let texts = source_diff(&first.saved.plan.sources, &second.saved.plan.sources);
    if !texts.is_empty() {
        out += &format!("\n{}", escape(&texts));
    }
    print(&out)?;
    Ok(exit::WOULD_CHANGE)
}

fn made(plan: &PlanFile) -> String {
    let by = escape(&plan.saved.operator);
    format!(
        "{} by {by}, digest {}",
        moment(plan.saved.made_s),
        plan.digest
    )
}
