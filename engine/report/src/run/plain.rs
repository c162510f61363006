//! One timestamped line an event: for logs and everything that is no terminal.

use jiff::Timestamp;
use runbook_model::action::Outcome;
use runbook_model::event::{Event, RunEnd, StepEnd};
use runbook_model::guard::Verdict;
use runbook_model::units::duration;

use super::tracker::Tracker;
use crate::plan::quorum_words;
use crate::text::{escape, one_line, pad};

/// The event as a line, where it is worth one. `tracker` has taken it in already.
pub fn plain_line(at_ms: i64, event: &Event, tracker: &Tracker) -> Option<String> {
    let time = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    let text = words(event, tracker)?;
    Some(format!("{time:.0}  {text}"))
}

fn words(event: &Event, tracker: &Tracker) -> Option<String> {
    Some(match event {
        Event::RunStarted {
            plan,
            operator,
            saved,
            ..
        } => {
            let saved = saved.as_ref().map(|s| format!(", as saved in plan {s}"));
            format!(
                "run {} of {} on cluster {} by {}{}",
                escape(&plan.run),
                escape(&plan.runbook),
                escape(&plan.cluster),
                escape(operator),
                escape(&saved.unwrap_or_default())
            )
        }
        Event::Locked { hosts } => format!(
            "locked on {}",
            crate::plan::hosts(&hosts.iter().collect::<Vec<_>>())
        ),
        Event::Unlocked { .. } => "unlocked".to_owned(),
        Event::GuardChecked {
            text,
            verdict,
            overridden,
            host,
            ..
        } => {
            let at = host.as_ref().map(|h| format!(" [{h}]")).unwrap_or_default();
            let word = match (verdict, overridden) {
                (Verdict::Holds { .. }, _) => "holds",
                (_, Some(_)) => "overridden",
                (Verdict::Violated { .. }, None) => "does not hold",
                (Verdict::Unknown { .. }, None) => "unknown",
            };
            format!(
                "guard {}{at} {word}: {}",
                escape(text),
                one_line(verdict.text(), 300)
            )
        }
        Event::StepStarted { step } => {
            let all = tracker.step_count();
            format!("step {step}/{all} {}", escape(&tracker.title(*step)))
        }
        Event::StepEnded {
            step,
            end: StepEnd::Unchanged,
        } if tracker.only_reads(*step) => format!("step {step} done"),
        Event::StepEnded { step, end } => format!("step {step} {}", step_end(*end)),
        Event::QuorumSeen { quorum } => format!("quorum: {}", quorum_words(*quorum)),
        Event::Confirmed { prompt } => format!("confirmed: {}", escape(prompt)),
        Event::IrreversiblePassed => "point of no return passed".to_owned(),
        Event::StopRequested => "stop requested: running work ends, nothing new starts".to_owned(),
        Event::RollbackStarted { reason } => format!("rollback: {}", escape(reason)),
        Event::RunEnded { end } => format!("run {}", run_end(end)),
        Event::WorkIntended { .. } | Event::WorkEnded { .. } | Event::HostSkipped { .. } => {
            return work(event, tracker);
        }
        Event::ActionStarted { .. } | Event::Output { .. } => return None,
    })
}

/// What happens on one host.
fn work(event: &Event, tracker: &Tracker) -> Option<String> {
    Some(match event {
        Event::WorkIntended {
            undo: true,
            host,
            step,
            ..
        } => {
            format!("undo of {} on {host}", escape(&tracker.title(*step)))
        }
        Event::WorkIntended { attempt, host, .. } if *attempt > 1 => {
            format!("  {host}: attempt {attempt}")
        }
        Event::WorkEnded {
            step,
            host,
            outcomes,
            took_ms,
            ..
        } => {
            let words = match ended(outcomes) {
                words if words == "already so" && tracker.only_reads(*step) => "done".to_owned(),
                words => words,
            };
            format!("  {host}: {words} in {}", duration(*took_ms))
        }
        Event::HostSkipped { host, reason, .. } => {
            format!("  {host}: left out, {}", escape(reason))
        }
        _ => return None,
    })
}

fn ended(outcomes: &[Outcome]) -> String {
    for outcome in outcomes {
        match outcome {
            Outcome::Failed { reason, .. } => return format!("FAILED, {}", escape(reason)),
            Outcome::Unknown { reason } => return format!("UNKNOWN, {}", escape(reason)),
            Outcome::Done { .. } | Outcome::NotStarted => {}
        }
    }
    let done = |changed: bool| outcomes.contains(&Outcome::Done { changed });
    match (done(true), done(false)) {
        (true, _) => "changed".to_owned(),
        (false, true) => "already so".to_owned(),
        // As on a host that was not reached.
        (false, false) => "not begun".to_owned(),
    }
}

/// The line of a step that is over: number, title, how it ended and how long it took.
pub fn finished_step(step: usize, end: StepEnd, tracker: &Tracker) -> String {
    let hosts = tracker.steps.get(&step).map(|s| &s.hosts);
    let took = hosts.and_then(|hosts| hosts.values().map(|h| h.took_ms).max());
    let title = pad(&one_line(&tracker.title(step), 44), 44);
    let words = match end {
        StepEnd::Unchanged if tracker.only_reads(step) => "done",
        end => step_end(end),
    };
    let mut text = format!("{step:>3}. {title} {words}");
    if let Some(took) = took.filter(|_| end != StepEnd::Skipped) {
        text += &format!(" in {}", duration(took));
    }
    text
}

/// A step's end in words.
pub(super) const fn step_end(end: StepEnd) -> &'static str {
    match end {
        StepEnd::Unchanged => "already so",
        StepEnd::Changed => "done",
        StepEnd::Skipped => "left out",
        StepEnd::Refused => "REFUSED by a guard",
        StepEnd::Failed => "FAILED",
        StepEnd::Unreachable => "FAILED: a host is unreachable",
        StepEnd::Unknown => "UNKNOWN outcome",
        StepEnd::NotEnsured => "FAILED: what it ensures did not come true in time",
        StepEnd::Interrupted => "interrupted",
    }
}

/// A run's end in words.
pub(crate) fn run_end(end: &RunEnd) -> String {
    match end {
        RunEnd::Done { changed: true } => "done".to_owned(),
        RunEnd::Done { changed: false } => "done: everything was already so".to_owned(),
        RunEnd::Refused { reason } => format!("refused, nothing was changed: {}", escape(reason)),
        RunEnd::Failed { reason } => format!("failed: {}", escape(reason)),
        RunEnd::Unreachable { reason } => {
            format!("stopped, a host is unreachable: {}", escape(reason))
        }
        RunEnd::RolledBack { reason } => format!("rolled back: {}", escape(reason)),
        RunEnd::Unknown { reason } => {
            format!("stopped, an outcome is not known: {}", escape(reason))
        }
        RunEnd::Locked { holder } => {
            format!("not started, the cluster is locked by {}", escape(holder))
        }
        RunEnd::Stuck { reason } => format!("STUCK, a person is needed: {}", escape(reason)),
        RunEnd::Interrupted => "interrupted".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, ended};

    #[test]
    fn what_was_not_begun_is_not_said_to_be_so() {
        let unchanged = Outcome::Done { changed: false };
        assert_eq!(ended(&[unchanged, Outcome::NotStarted]), "already so");
        assert_eq!(ended(&[Outcome::NotStarted]), "not begun");
        assert_eq!(ended(&[]), "not begun");
    }
}
