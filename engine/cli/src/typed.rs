//! The command line that carries out what was planned, as a reviewer reads it and an operator types it.

use clap::error::{ContextKind, ContextValue};
use runbook_model::plan::Plan;
use runbook_report::review::Footer;

use crate::args::RunbookArgs;
use crate::inventories::{again, quoted};
use crate::library::{RUNBOOKS, Shipped};

/// What was meant by a command that there is not: a runbook's name is often typed in its place.
pub fn meant(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let name = word.trim_end_matches(".etcdrb");
    let is_it = |shipped: &&Shipped| shipped.name.trim_end_matches(".etcdrb") == name;
    let found = RUNBOOKS.iter().find(is_it)?;
    Some(format!(
        "`{name}` is a runbook: `runbook exec {} -i INV`",
        found.name
    ))
}

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
    typed("exec", args, plan)
}

/// `runbook VERB ...` with everything that goes into the plan.
pub fn typed(verb: &str, args: &RunbookArgs, plan: &Plan) -> String {
    let mut words = format!("runbook {verb} {}", quoted(&args.runbook));
    words += &again(&args.inventory.inventory, &args.connection);
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use runbook_model::plan::{Parameter, Plan};

    use super::command;
    use crate::args::{Cli, Command};

    /// A plan with one secret among its parameters.
    fn plan() -> Plan {
        let parameter = |name: &str, value: &str| Parameter {
            name: name.to_owned(),
            value: value.to_owned(),
            from: "command line".to_owned(),
        };
        let value = serde_json::json!({
            "version": 1, "tool": "", "run": "", "runbook": "", "about": "", "sources": [], "cluster": "",
            "parameters": [parameter("password", "********"), parameter("to", "x")], "targets": {}, "members": {},
            "quorum_before": {"voters": 0, "healthy": 0}, "converged": null, "requires": [], "items": [],
            "on_failure": "pause", "warnings": [],
        });
        serde_json::from_value(value).unwrap()
    }

    fn typed(words: &[&str]) -> String {
        let words = [&["runbook", "plan"], words].concat();
        match Cli::try_parse_from(words).unwrap().command {
            Command::Plan(args) => command(&args.what.0.unwrap(), &plan()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_that_went_into_the_plan_is_in_the_command() {
        let words = [
            "restore",
            "-i",
            "prod.inv",
            "-l",
            "etcd:!etcd3",
            "-e",
            "to=a b",
            "-e",
            "@more.yml",
            "--override",
            "x",
            "--reason",
            "it's dead",
            "-b",
        ];
        assert_eq!(
            typed(&words),
            "runbook exec restore -i prod.inv -b -l 'etcd:!etcd3' -e 'to=a b' -e @more.yml --override x --reason 'it'\\''s dead'"
        );
    }

    #[test]
    fn a_secret_is_not_in_the_command() {
        let text = typed(&["own", "-i", "a.inv", "-e", "password=canary"]);
        assert_eq!(text, "runbook exec own -i a.inv -e 'password=********'");
    }
}
