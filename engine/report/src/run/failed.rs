//! What failed in a run, told once where several hosts failed alike.

use runbook_model::action::Outcome;
use runbook_model::host::HostName;
use runbook_model::plan::Place;

use super::tracker::Tracker;
use crate::plan::of_any_host;
use crate::text::escape;

/// What failed alike on several hosts: told once.
pub(crate) struct Failed<'a> {
    /// What was tried, in backticks.
    pub(crate) what: String,
    /// Where it stands in the runbook.
    pub(crate) place: Option<Place>,
    /// How it ended on the first host.
    pub(crate) outcome: &'a Outcome,
    /// The hosts, each with the end of its output.
    pub(crate) hosts: Vec<(&'a HostName, &'a str)>,
}

/// Every failure of a run.
pub(crate) fn failed(tracker: &Tracker) -> Vec<Failed<'_>> {
    let mut all: Vec<Failed<'_>> = Vec::new();
    for (number, step) in &tracker.steps {
        for (host, view) in &step.hosts {
            if let Some((index, outcome)) = view.failure() {
                let action = tracker
                    .planned(*number)
                    .and_then(|step| step.work.iter().find(|w| &w.host == host))
                    .and_then(|work| work.actions.get(index));
                let what = action.map_or_else(|| tracker.title(*number), |a| a.summary.clone());
                let what = format!("`{}`", escape(&what));
                add(&mut all, what, action.map(|a| a.place), host, outcome);
            }
            if let Some((_, outcome)) = view.undo_failure() {
                let what = format!("undo of `{}`", escape(&tracker.title(*number)));
                let place = tracker.planned(*number).map(|s| s.place);
                add(&mut all, what, place, host, outcome);
            }
        }
    }
    all
}

fn add<'a>(
    all: &mut Vec<Failed<'a>>,
    what: String,
    place: Option<Place>,
    host: &'a HostName,
    outcome: &'a Outcome,
) {
    let output = match outcome {
        Outcome::Failed { output, .. } => output.trim(),
        _ => "",
    };
    let alike = |f: &&mut Failed<'a>| {
        let first = f.hosts[0].0;
        f.place == place
            && of_any_host(&f.what, first) == of_any_host(&what, host)
            && of_any_host(reason(f.outcome), first) == of_any_host(reason(outcome), host)
    };
    match all.iter_mut().find(alike) {
        Some(same) => same.hosts.push((host, output)),
        None => all.push(Failed {
            what,
            place,
            outcome,
            hosts: vec![(host, output)],
        }),
    }
}

/// Why it failed or is not known; empty for the rest.
pub(crate) fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { reason, .. } | Outcome::Unknown { reason } => reason,
        Outcome::Done { .. } | Outcome::NotStarted => "",
    }
}
