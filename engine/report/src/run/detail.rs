//! What `-v` adds to a run: the result of each action, then commands, output and durations. Plans hold no secret, and only they are told.

use std::collections::BTreeMap;

use runbook_model::action::{Action, Outcome};
use runbook_model::event::Event;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, HostWork, PlannedAction};
use runbook_model::units::duration;

use super::tracker::Tracker;
use crate::plan::effect;
use crate::text::{escape, one_line, pad};

/// How much is told of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// A line an event.
    #[default]
    Usual,
    /// `-v`: the result of each action too, and what it changes.
    Results,
    /// `-vv`: commands as they begin, their output, and durations too.
    Commands,
    /// `-vvv`: how each host is reached too.
    Connections,
}

impl Verbosity {
    /// Of so many `-v`.
    pub const fn of(count: u8) -> Self {
        match count {
            0 => Self::Usual,
            1 => Self::Results,
            2 => Self::Commands,
            _ => Self::Connections,
        }
    }
}

/// The lines that are told beside those of the events themselves.
#[derive(Debug, Default)]
pub struct Details {
    verbosity: Verbosity,
    /// Of the order that runs on a host: milliseconds since the epoch at which each action began, as far as it was heard.
    began: BTreeMap<HostName, BTreeMap<usize, i64>>,
}

/// Columns of an action's result.
const RESULT: usize = 10;
/// Most characters of a command, a line of output, or what changes.
const WIDEST: usize = 300;

impl Details {
    /// Details of this much.
    pub fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            began: BTreeMap::new(),
        }
    }

    /// What an event that `tracker` has taken in adds.
    pub fn lines(&mut self, at_ms: i64, event: &Event, tracker: &Tracker) -> Vec<String> {
        if self.verbosity < Verbosity::Results {
            return Vec::new();
        }
        let lines = match event {
            Event::WorkIntended {
                step, host, undo, ..
            } => {
                self.began.remove(host);
                if *undo {
                    Vec::new()
                } else {
                    self.sent(*step, host, tracker)
                }
            }
            Event::ActionStarted { host, action, .. } => {
                let began = self.began.entry(host.clone()).or_default();
                began.insert(*action, at_ms);
                Vec::new()
            }
            Event::Output { host, line, .. } => self.said(host, line),
            Event::WorkEnded {
                step,
                host,
                undo,
                outcomes,
                ..
            } => self.ended(at_ms, (*step, host, *undo), outcomes, tracker),
            Event::StepEnded { step, .. } => self.step_ended(at_ms, *step, tracker),
            _ => Vec::new(),
        };
        lines.iter().map(|line| format!("      {line}")).collect()
    }

    /// The actions of an order, which travel as one program.
    fn sent(&self, step: usize, host: &HostName, tracker: &Tracker) -> Vec<String> {
        if self.verbosity < Verbosity::Commands {
            return Vec::new();
        }
        let work = planned(step, host, tracker);
        let actions = work.into_iter().flat_map(|work| &work.actions);
        actions
            .map(|action| format!("{}: $ {}", name(host), command(action)))
            .collect()
    }

    fn said(&self, host: &HostName, line: &str) -> Vec<String> {
        if self.verbosity < Verbosity::Commands || line.trim().is_empty() {
            return Vec::new();
        }
        vec![format!("{}: | {}", name(host), one_line(line, WIDEST))]
    }

    /// One line an action: how it ended, what it is, what that changes, and how long it took.
    fn ended(
        &mut self,
        at_ms: i64,
        (step, host, undo): (usize, &HostName, bool),
        outcomes: &[Outcome],
        tracker: &Tracker,
    ) -> Vec<String> {
        let began = self.began.remove(host).unwrap_or_default();
        let actions = planned(step, host, tracker).map_or(&[][..], |work| &work.actions);
        let told = outcomes.iter().enumerate().map(|(index, outcome)| {
            let action = actions.get(index).filter(|_| !undo);
            let what = action.map_or_else(
                || format!("{}action {}", if undo { "undo, " } else { "" }, index + 1),
                |action| with_effect(action, outcome),
            );
            let reads = action.is_some_and(|a| matches!(a.change, Change::Reads));
            let mut line = format!(
                "{}: {} {what}",
                name(host),
                pad(result(outcome, reads), RESULT)
            );
            let next = match index + 1 == outcomes.len() {
                true => Some(at_ms),
                false => began.get(&(index + 1)).copied(),
            };
            if let (Some(began), Some(next)) = (began.get(&index), next)
                && self.verbosity >= Verbosity::Commands
            {
                line += &format!(" in {}", elapsed(*began, next));
            }
            line
        });
        told.collect()
    }

    /// Hosts on which there was nothing to do, and how long the step took.
    fn step_ended(&self, at_ms: i64, step: usize, tracker: &Tracker) -> Vec<String> {
        let seen = tracker.steps.get(&step);
        let mut lines = Vec::new();
        let left_out = tracker.planned(step).filter(|s| s.skipped.is_none());
        for work in left_out.iter().flat_map(|s| &s.work) {
            if seen.is_some_and(|s| s.hosts.contains_key(&work.host)) {
                continue;
            }
            for action in &work.actions {
                if matches!(action.change, Change::None { .. }) {
                    let outcome = Outcome::Done { changed: false };
                    lines.push(format!(
                        "{}: {} {}",
                        name(&work.host),
                        pad(result(&outcome, false), RESULT),
                        with_effect(action, &outcome)
                    ));
                }
            }
        }
        let began = seen.map(|s| s.started_ms).filter(|ms| *ms > 0);
        if let Some(began) = began.filter(|_| self.verbosity >= Verbosity::Commands) {
            lines.push(format!("step {step} took {}", elapsed(began, at_ms)));
        }
        lines
    }
}

fn planned<'t>(step: usize, host: &HostName, tracker: &'t Tracker) -> Option<&'t HostWork> {
    let step = tracker.planned(step)?;
    step.work.iter().find(|work| &work.host == host)
}

/// A shell command's own text; every other action as the plan words it.
fn command(action: &PlannedAction) -> String {
    match &action.action {
        Action::Shell { script, .. } => {
            let mut lines = script.lines().map(str::trim).filter(|l| !l.is_empty());
            let first = one_line(lines.next().unwrap_or_default(), WIDEST);
            let more = if lines.next().is_some() { " …" } else { "" };
            format!("sh -c {first}{more}")
        }
        _ => one_line(&action.summary, WIDEST),
    }
}

/// The action, and what it changed or found; of one that came to nothing, why.
fn with_effect(action: &PlannedAction, outcome: &Outcome) -> String {
    let summary = one_line(&action.summary, WIDEST);
    let why = match (outcome, &action.change) {
        (Outcome::Failed { reason, .. } | Outcome::Unknown { reason }, _) => reason,
        (Outcome::NotStarted, _) | (Outcome::Done { .. }, Change::Reads | Change::Opaque) => {
            return summary;
        }
        // Predicted to change, and found to be so: what was predicted did not happen.
        (Outcome::Done { changed: false }, Change::Changes { .. } | Change::Unknown { .. }) => {
            return summary;
        }
        (Outcome::Done { changed: true }, Change::None { .. } | Change::Unknown { .. }) => {
            return summary;
        }
        (Outcome::Done { .. }, change) => effect(change),
    };
    format!("{summary} ({})", one_line(why, WIDEST))
}

const fn result(outcome: &Outcome, reads: bool) -> &'static str {
    match outcome {
        Outcome::Done { changed: true } => "changed",
        Outcome::Done { changed: false } if reads => "done",
        Outcome::Done { changed: false } => "already so",
        Outcome::Failed { .. } => "FAILED",
        Outcome::Unknown { .. } => "UNKNOWN",
        Outcome::NotStarted => "not begun",
    }
}

fn name(host: &HostName) -> String {
    escape(host.as_str())
}

fn elapsed(from_ms: i64, to_ms: i64) -> String {
    duration(u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0))
}
