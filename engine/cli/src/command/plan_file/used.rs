//! A plan is carried out once.

use std::sync::Arc;

use jiff::Timestamp;
use runbook_model::plan::Plan;
use runbook_run::{RunsDir, UseError, Used, begun};
use runbook_world::RealWorld;

use super::told::moment;
use crate::environment::Environment;
use crate::exit;
use crate::failure::Failure;

/// Refuses a plan that this machine has marked as used.
pub(super) fn refuse_used(runs: &RunsDir, digest: &str) -> Result<(), Failure> {
    match runs.used(digest).map_err(failed)? {
        None => Ok(()),
        Some(before) => Err(failed(UseError::Again(before))),
    }
}

/// Marks a plan as used, unless it was: by this machine's mark, or by receipts that its run left on hosts when it was carried out
/// from another machine.
pub(in crate::command) async fn use_up(
    runs: &RunsDir,
    digest: &str,
    (plan, world, forks): (&Plan, &Arc<RealWorld>, usize),
    environment: &Environment,
) -> Result<(), Failure> {
    let hosts = begun(world, plan, forks).await;
    if !hosts.is_empty() {
        let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        return Err(Failure::say(
            exit::STALE,
            format!(
                "the plan was used before: its run `{}` was begun on {}, from another machine",
                plan.run,
                hosts.join(", ")
            ),
            "a plan is used once: `runbook runs` there tells what became of it; make a new plan for what is left to do"
                .to_owned(),
        ));
    }
    let by = Used {
        run: plan.run.clone(),
        operator: environment.operator.clone(),
        at_s: Timestamp::now().as_second(),
    };
    runs.use_up(digest, &by).map_err(failed)
}

fn failed(error: UseError) -> Failure {
    match &error {
        UseError::Again(before) => Failure::say(
            exit::STALE,
            format!("{error} at {}", moment(before.at_s)),
            format!(
                "a plan is used once: `runbook show {}` tells what became of it; make a new plan for what is left to do",
                before.run
            ),
        ),
        UseError::Io { .. } => Failure::say(
            exit::INTERNAL,
            error,
            "nothing is sent to a host that cannot be recorded; is the disk full?".to_owned(),
        ),
    }
}
