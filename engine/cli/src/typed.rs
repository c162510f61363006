//! The command line that carries out what was planned, as a reviewer reads it and an operator types it.

use runbook_model::plan::Plan;
use runbook_report::review::Footer;

use crate::args::RunbookArgs;
use crate::inventories::{again, quoted};

/// What the plan shows in place of a secret.
const MASK: &str = "********";

/// What stands under a plan for a reviewer.
pub fn footer(args: &RunbookArgs, plan: &Plan) -> Footer {
    Footer {
        command: command(args, plan),
        digest: None,
    }
}

/// `runbook exec ...` with everything that went into the plan. Secrets are left for the operator to fill in.
fn command(args: &RunbookArgs, plan: &Plan) -> String {
    let mut words = format!("runbook exec {}", quoted(&args.runbook));
    words += &again(&args.inventory, &args.connection);
    let mut add = |flag: &str, value: &str| words += &format!(" {flag} {}", quoted(value));
    if let Some(limit) = &args.inventory.limit {
        add("-l", limit);
    }
    for given in &args.extra {
        add("-e", &without_secret(given, plan));
    }
    for name in &args.overrides {
        add("--override", name);
    }
    if let Some(reason) = &args.reason {
        add("--reason", reason);
    }
    words
}

/// `NAME=VALUE` as given; the value masked where the plan masks it. A file (`@FILE`) is named, not read.
fn without_secret(given: &str, plan: &Plan) -> String {
    let secret = |name: &str| {
        let mut all = plan.parameters.iter();
        all.any(|p| p.name == name.trim() && p.value == MASK)
    };
    match given.split_once('=') {
        Some((name, _)) if !given.starts_with('@') && secret(name) => format!("{name}={MASK}"),
        _ => given.to_owned(),
    }
}
