//! A run's timeline: as long as everything took, by its journal. Time in which nothing was at work is cut out and marked.

use std::collections::BTreeMap;

use runbook_model::action::Outcome;
use runbook_model::event::{Event, Record};
use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanItem};
use runbook_model::quorum::Quorum;
use runbook_model::units::duration;

use super::planned::{add, lanes};
use super::{Bar, Column, Rule, Timeline, WHOLE, percent};
use crate::review::Tone;
use crate::run::Tracker;

/// Nothing at work for longer than this, milliseconds: a pause.
const PAUSE: i64 = 30_000;
/// Times on the axis beside its start.
const TICKS: i64 = 4;
/// The narrowest bar that can be seen.
const THIN: i64 = 40;

/// The timeline of a run; `tracker` has taken in all records.
pub(in crate::review) fn measured(plan: &Plan, records: &[Record], tracker: &Tracker) -> Timeline {
    let scale = Scale::new(records);
    let mut line = Timeline {
        measured: true,
        lanes: lanes(plan),
        outages: outages(plan, records, &scale),
        rules: scale.rules(),
        ticks: scale.ticks(),
        ..Timeline::default()
    };
    let mut fold = Fold::default();
    for record in records {
        fold.take(record, &scale, tracker, &mut line);
    }
    fold.close(&scale, tracker, &mut line);
    line
}

/// Declared outages as far as the run went through them: from the start of their first step to the end of their last.
fn outages(plan: &Plan, records: &[Record], scale: &Scale) -> Vec<Bar> {
    let mut out = Vec::new();
    let mut open: Option<(&str, Vec<usize>)> = None;
    // An outage that the plan does not end lasts to its end.
    for item in plan.items.iter().chain([&PlanItem::OutageEnds]) {
        match item {
            PlanItem::OutageBegins { reason } => open = Some((reason, Vec::new())),
            PlanItem::Step(step) if step.skipped.is_none() => {
                if let Some((_, steps)) = &mut open {
                    steps.push(step.number);
                }
            }
            PlanItem::OutageEnds => {
                if let Some((reason, steps)) = open.take()
                    && let Some((from, to)) = span(records, &steps)
                {
                    let text = format!("outage: {reason}");
                    out.push(Bar::new(scale.at(from), scale.at(to), Tone::Bad, text));
                }
            }
            _ => {}
        }
    }
    out
}

/// When the first of these steps was begun and the last of them over; where one is not, the journal's end.
fn span(records: &[Record], steps: &[usize]) -> Option<(i64, i64)> {
    let begun =
        |r: &&Record| matches!(&r.event, Event::StepStarted { step } if steps.contains(step));
    let ended = |r: &&Record| matches!(&r.event, Event::StepEnded { step, .. } if steps.last() == Some(step));
    let from = records.iter().find(begun)?;
    let to = records.iter().rfind(ended).or(records.last())?;
    Some((from.at_ms, to.at_ms))
}

/// Where moments stand: milliseconds to places.
struct Scale {
    begin: i64,
    /// Working time in all, at least one.
    total: i64,
    /// What was cut out: from and how long.
    pauses: Vec<(i64, i64)>,
}

impl Scale {
    fn new(records: &[Record]) -> Self {
        let begin = records.first().map_or(0, |r| r.at_ms);
        let end = records.last().map_or(begin, |r| r.at_ms);
        let mut pauses = Vec::new();
        let mut at_work = false;
        for pair in records.windows(2) {
            match &pair[0].event {
                Event::StepStarted { .. } | Event::RollbackStarted { .. } => at_work = true,
                Event::StepEnded { .. } | Event::RunEnded { .. } => at_work = false,
                _ => {}
            }
            let long = pair[1].at_ms - pair[0].at_ms;
            // A run that is taken up again takes its locks first.
            let again = matches!(pair[1].event, Event::Locked { .. });
            if long >= PAUSE && (again || !at_work) {
                pauses.push((pair[0].at_ms, long));
            }
        }
        let idle: i64 = pauses.iter().map(|(_, long)| long).sum();
        Self {
            begin,
            total: (end - begin - idle).max(1),
            pauses,
        }
    }

    fn at(&self, ms: i64) -> i64 {
        let idle: i64 = self
            .pauses
            .iter()
            .map(|(from, long)| (ms - from).clamp(0, *long))
            .sum();
        ((ms - self.begin - idle).max(0) * WHOLE / self.total).min(WHOLE)
    }

    fn rules(&self) -> Vec<Rule> {
        let words = |long: i64| duration(u64::try_from(long).unwrap_or(0));
        self.pauses
            .iter()
            .map(|(from, long)| Rule {
                left: percent(self.at(*from)),
                tone: Tone::Plain,
                text: format!("paused for {}", words(*long)),
            })
            .collect()
    }

    fn ticks(&self) -> Vec<Rule> {
        (0..=TICKS)
            .map(|tick| Rule {
                left: percent(WHOLE * tick / TICKS),
                tone: Tone::Plain,
                text: duration(u64::try_from(self.total * tick / TICKS).unwrap_or(0)),
            })
            .collect()
    }
}

/// What is open at one moment.
#[derive(Default)]
struct Fold {
    last: i64,
    step: Option<(usize, i64)>,
    work: BTreeMap<(usize, HostName, bool), i64>,
    quorum: Option<(Quorum, i64)>,
}

impl Fold {
    fn take(&mut self, record: &Record, scale: &Scale, tracker: &Tracker, line: &mut Timeline) {
        let at = record.at_ms;
        match &record.event {
            Event::StepStarted { step } => {
                self.end_step(self.last, scale, tracker, line);
                self.step = Some((*step, at));
            }
            Event::StepEnded { .. } => self.end_step(at, scale, tracker, line),
            Event::WorkIntended {
                step, host, undo, ..
            } => {
                let key = (*step, host.clone(), *undo);
                if let Some(from) = self.work.insert(key.clone(), at) {
                    cut_off(&key, (from, self.last), scale, tracker, line);
                }
            }
            Event::WorkEnded {
                step,
                host,
                undo,
                outcomes,
                took_ms,
                ..
            } => {
                let took = i64::try_from(*took_ms).unwrap_or(0);
                let from = self.work.remove(&(*step, host.clone(), *undo));
                let from = from.unwrap_or(at - took);
                let (tone, word) = ended(outcomes, *undo);
                let text = format!(
                    "{}. {}: {word} in {}",
                    step,
                    tracker.title(*step),
                    duration(*took_ms)
                );
                add(&mut line.lanes, host, bar(scale, (from, at), tone, text));
            }
            Event::QuorumSeen { quorum } => {
                self.end_quorum(at, scale, line);
                self.quorum = Some((*quorum, at));
            }
            event => line.rules.extend(moment(event).map(|(tone, text)| Rule {
                left: percent(scale.at(at)),
                tone,
                text,
            })),
        }
        self.last = at;
    }

    /// What has no end in the journal ends with it.
    fn close(mut self, scale: &Scale, tracker: &Tracker, line: &mut Timeline) {
        let last = self.last;
        self.end_step(last, scale, tracker, line);
        self.end_quorum(last, scale, line);
        for (key, from) in &self.work {
            cut_off(key, (*from, last), scale, tracker, line);
        }
    }

    fn end_step(&mut self, at: i64, scale: &Scale, tracker: &Tracker, line: &mut Timeline) {
        if let Some((step, from)) = self.step.take() {
            let title = tracker.title(step);
            let (from, to) = (scale.at(from), scale.at(at));
            line.columns.push(Column::new(from, to, step, &title));
        }
    }

    fn end_quorum(&mut self, at: i64, scale: &Scale, line: &mut Timeline) {
        if let Some((quorum, from)) = self.quorum.take() {
            let (from, to) = (scale.at(from), scale.at(at));
            line.quorum.push(Bar::of_quorum(from, to, quorum));
        }
    }
}

/// Work whose end the journal does not tell.
fn cut_off(
    (step, host, _): &(usize, HostName, bool),
    span: (i64, i64),
    scale: &Scale,
    tracker: &Tracker,
    line: &mut Timeline,
) {
    let text = format!("{step}. {}: its end is not known", tracker.title(*step));
    add(&mut line.lanes, host, bar(scale, span, Tone::Bad, text));
}

fn bar(scale: &Scale, (from, to): (i64, i64), tone: Tone, text: String) -> Bar {
    let from = scale.at(from).min(WHOLE - THIN);
    Bar::new(from, scale.at(to).max(from + THIN), tone, text)
}

fn ended(outcomes: &[Outcome], undo: bool) -> (Tone, &'static str) {
    let failed = |o: &Outcome| matches!(o, Outcome::Failed { .. } | Outcome::Unknown { .. });
    let changed = |o: &Outcome| matches!(o, Outcome::Done { changed: true });
    match (outcomes.iter().any(failed), undo) {
        (true, true) => (Tone::Bad, "undo FAILED"),
        (true, false) => (Tone::Bad, "FAILED or not known"),
        (false, true) => (Tone::Warn, "undone"),
        (false, false) if outcomes.iter().any(changed) => (Tone::Good, "changed"),
        (false, false) => (Tone::Plain, "nothing to change"),
    }
}

fn moment(event: &Event) -> Option<(Tone, String)> {
    Some(match event {
        Event::Confirmed { prompt } => (Tone::Warn, format!("the operator agreed: {prompt}")),
        Event::IrreversiblePassed => (Tone::Bad, "point of no return passed".to_owned()),
        Event::StopRequested => (Tone::Warn, "the operator asked to stop".to_owned()),
        Event::RollbackStarted { reason } => (Tone::Bad, format!("rollback: {reason}")),
        _ => return None,
    })
}
