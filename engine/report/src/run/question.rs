//! What the operator is asked before a step (`--step`).

use runbook_model::host::HostName;

use super::tracker::Tracker;
use crate::plan::{hosts, quorum_words};
use crate::text::escape;

/// The step, where it is done, and what a stop before it would leave.
pub fn step_question(tracker: &Tracker, number: usize) -> String {
    let mut text = format!(
        "step {number} of {}: {}",
        tracker.step_count(),
        escape(&tracker.title(number))
    );
    if let Some(step) = tracker.planned(number) {
        let names: Vec<&HostName> = step.work.iter().map(|work| &work.host).collect();
        if !names.is_empty() {
            text += &format!(", on {}", hosts(&names));
        }
        if step.may_change().next().is_none() {
            text += "\n  it changes nothing: all is already so, or it only reads";
        }
    }
    let seen = tracker.quorum.filter(|quorum| quorum.voters > 0);
    if let Some(lost) = seen.filter(|quorum| !quorum.holds()) {
        let words = quorum_words(lost);
        text += &format!("\n  a stop here leaves the cluster as it is: {words}");
    }
    text
}
