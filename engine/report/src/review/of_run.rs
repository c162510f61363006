//! A run by its journal, for who asks later what was done: guards with what was observed, durations, outcome, what was left.

use jiff::Timestamp;
use runbook_model::event::{Event, Record, RunEnd};
use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Place, Plan, PlanItem};
use runbook_model::quorum::Quorum;
use runbook_model::units::duration;

use super::guards::{GuardRow, placed};
use super::of_plan::{common, head};
use super::quorum::QuorumRow;
use super::{Fact, FailureRow, Judgement, Review, Tone, entries, hosts, quorum, timeline};
use crate::plan::{hosts as names, quorum_words};
use crate::run::{Tracker, failed, kept, mark, next, reason, run_end};

/// The rows of a run; none where the journal holds no plan.
pub fn of_run(records: &[Record]) -> Option<Review> {
    let mut tracker = Tracker::default();
    for record in records {
        tracker.apply(record.at_ms, &record.event);
    }
    let plan = tracker.plan.clone()?;
    Some(Review {
        verdict: judgement(records, &tracker, &plan),
        facts: facts(records, &tracker, &plan),
        guards: guards(&plan, records),
        quorum: seen(&plan, records),
        entries: entries::entries(&plan, Some(&tracker)),
        hosts: hosts::rows(&plan, Some(&tracker)),
        failures: failures(&tracker, &plan),
        left: left(records, &tracker, &plan),
        timeline: timeline::measured(&plan, records, &tracker),
        ran: true,
        data: format!("runbook show {} --format json", plan.run),
        ..common(&plan)
    })
}

/// How the run ended; none where its journal goes on after an end, or has none.
fn end(records: &[Record]) -> Option<&RunEnd> {
    match &records.last()?.event {
        Event::RunEnded { end } => Some(end),
        _ => None,
    }
}

fn judgement(records: &[Record], tracker: &Tracker, plan: &Plan) -> Judgement {
    let (tone, word, sentence) = match end(records) {
        None => (
            Tone::Bad,
            "not finished",
            "its journal has no end: it goes on, or its process died".to_owned(),
        ),
        Some(end) => {
            let (tone, word) = match end {
                RunEnd::Done { .. } => (Tone::Good, "done"),
                RunEnd::Refused { .. } => (Tone::Warn, "refused"),
                RunEnd::Failed { .. } => (Tone::Bad, "failed"),
                RunEnd::Unreachable { .. } => (Tone::Bad, "host unreachable"),
                RunEnd::RolledBack { .. } => (Tone::Warn, "rolled back"),
                RunEnd::Unknown { .. } => (Tone::Bad, "outcome unknown"),
                RunEnd::Locked { .. } => (Tone::Warn, "locked"),
                RunEnd::Stuck { .. } => (Tone::Bad, "stuck"),
                RunEnd::Interrupted => (Tone::Warn, "interrupted"),
            };
            (tone, word, run_end(end))
        }
    };
    let steps = plan.steps().filter(|s| s.skipped.is_none());
    let (all, done) = steps.fold((0, 0), |(all, done), step| {
        let view = tracker.steps.get(&step.number);
        (
            all + 1,
            done + usize::from(view.is_some_and(|v| mark(v) == "done")),
        )
    });
    Judgement {
        tone,
        word: word.to_owned(),
        sentence: format!("{sentence}; {done} of {all} steps done"),
        reasons: Vec::new(),
    }
}

fn facts(records: &[Record], tracker: &Tracker, plan: &Plan) -> Vec<Fact> {
    let mut facts = vec![Fact::new("run", plan.run.as_str())];
    for record in records {
        if let Event::RunStarted { operator, .. } = &record.event {
            facts.push(Fact::new("operator", operator.as_str()));
        }
    }
    let last = records.last().map_or(tracker.started_ms, |r| r.at_ms);
    let took = u64::try_from(last.saturating_sub(tracker.started_ms)).unwrap_or(0);
    let time = |ms| format!("{:.0}", Timestamp::from_millisecond(ms).unwrap_or_default());
    facts.push(Fact::new("began", time(tracker.started_ms)));
    facts.push(Fact::new("took", duration(took)));
    facts.extend(head(plan));
    for record in records {
        if let Event::Confirmed { prompt } = &record.event {
            facts.push(Fact::new("the operator agreed", prompt.as_str()));
        }
    }
    let returns = |item: &PlanItem| matches!(item, PlanItem::Irreversible { .. });
    if plan.items.iter().any(returns) {
        let passed = if tracker.irreversible {
            "passed"
        } else {
            "not reached"
        };
        facts.push(Fact::new("point of no return", passed));
    }
    let now = tracker.quorum.unwrap_or(plan.quorum_before);
    if quorum::has_members(plan) {
        facts.push(Fact::new("quorum last seen", quorum_words(now)));
    }
    facts.push(Fact::new("made by", format!("runbook {}", plan.tool)));
    facts
}

/// Each guard with the last of what was observed of it; guards that were never asked say so.
fn guards(plan: &Plan, records: &[Record]) -> Vec<GuardRow> {
    placed(plan)
        .iter()
        .flat_map(|placed| {
            let guard = placed.guard;
            let at_start = placed.step.is_none() && placed.before;
            let mut rows: Vec<(Option<HostName>, GuardRow)> = Vec::new();
            let mut begun = false;
            for record in records {
                begun |= matches!(record.event, Event::StepStarted { .. });
                let Event::GuardChecked {
                    step,
                    host,
                    text,
                    verdict,
                    overridden,
                } = &record.event
                else {
                    continue;
                };
                // Outside steps the same guard may be asked before them and after.
                let outside = step.is_none() && at_start == begun;
                if *step != placed.step || *text != guard.text || outside {
                    continue;
                }
                rows.retain(|(h, _)| h != host);
                rows.push((
                    host.clone(),
                    checked(
                        &placed.when(),
                        host.as_ref(),
                        text,
                        verdict,
                        overridden.as_deref(),
                    ),
                ));
            }
            if rows.is_empty() {
                return vec![unasked(&placed.when(), &guard.text)];
            }
            rows.into_iter().map(|(_, row)| row).collect()
        })
        .collect()
}

fn checked(
    when: &str,
    host: Option<&HostName>,
    text: &str,
    verdict: &Verdict,
    overridden: Option<&str>,
) -> GuardRow {
    let (tone, word) = match (verdict, overridden) {
        (Verdict::Holds { .. }, _) => (Tone::Good, "held"),
        (_, Some(_)) => (Tone::Warn, "OVERRIDDEN"),
        (Verdict::Violated { .. }, None) => (Tone::Bad, "DID NOT HOLD"),
        (Verdict::Unknown { .. }, None) => (Tone::Bad, "COULD NOT BE TOLD"),
    };
    GuardRow {
        when: match host {
            Some(host) => format!("{when} on {host}"),
            None => when.to_owned(),
        },
        text: text.to_owned(),
        tone,
        word: word.to_owned(),
        predicted: false,
        observed: verdict.headline().to_owned(),
        notes: overridden
            .iter()
            .map(|reason| format!("because: {reason}"))
            .collect(),
    }
}

fn unasked(when: &str, text: &str) -> GuardRow {
    GuardRow {
        when: when.to_owned(),
        text: text.to_owned(),
        tone: Tone::Plain,
        word: "not asked".to_owned(),
        predicted: false,
        observed: "the run did not come to it".to_owned(),
        notes: Vec::new(),
    }
}

/// The plan's picture as far as the run came, with what was seen in each step.
fn seen(plan: &Plan, records: &[Record]) -> Vec<QuorumRow> {
    let mut rows = quorum::rows(plan);
    // From the end: what stands before a step that was begun was reached.
    let mut reached = matches!(end(records), Some(RunEnd::Done { .. }));
    for row in rows.iter_mut().rev() {
        match row {
            QuorumRow::Step {
                number,
                title,
                words,
                ..
            } => match seen_in(records, *number) {
                None => {
                    *row = QuorumRow::Idle {
                        number: *number,
                        title: std::mem::take(title),
                        why: "not begun",
                    };
                }
                Some(seen) => {
                    reached = true;
                    *words = observed(words, &seen);
                }
            },
            QuorumRow::Mark { tone, text } if !reached => {
                *tone = Tone::Plain;
                *text = format!("not reached: {text}");
            }
            QuorumRow::Mark { .. } | QuorumRow::Idle { .. } => {}
        }
    }
    rows
}

fn observed(planned: &str, seen: &[Quorum]) -> String {
    if seen.is_empty() {
        return format!("planned: {planned}");
    }
    let seen: Vec<_> = seen.iter().map(|q| quorum_words(*q)).collect();
    format!("seen: {}", seen.join(", then "))
}

/// What was seen while a step went on; none where it never began.
fn seen_in(records: &[Record], number: usize) -> Option<Vec<Quorum>> {
    let mut begun = None;
    let mut inside = false;
    for record in records {
        match &record.event {
            Event::StepStarted { step } if *step == number => {
                inside = true;
                begun.get_or_insert_with(Vec::new);
            }
            Event::StepEnded { step, .. } if *step == number => inside = false,
            Event::QuorumSeen { quorum } if inside => {
                if let Some(seen) = &mut begun {
                    seen.push(*quorum);
                }
            }
            _ => {}
        }
    }
    begun
}

fn failures(tracker: &Tracker, plan: &Plan) -> Vec<FailureRow> {
    failed(tracker)
        .iter()
        .map(|failed| {
            let on: Vec<&HostName> = failed.hosts.iter().map(|(host, _)| *host).collect();
            let told = failed.hosts.iter().filter(|(_, output)| !output.is_empty());
            FailureRow {
                what: failed.what.trim_matches('`').to_owned(),
                word: match failed.outcome {
                    runbook_model::action::Outcome::Unknown { .. } => {
                        "may or may not have happened"
                    }
                    _ => "failed",
                }
                .to_owned(),
                on: names(&on),
                reason: reason(failed.outcome).to_owned(),
                place: failed.place.and_then(|place| line_of(plan, place)),
                outputs: told
                    .map(|(host, output)| Fact::new(host.as_str(), *output))
                    .collect(),
            }
        })
        .collect()
}

/// `embedded:restore.etcdrb:31`.
fn line_of(plan: &Plan, place: Place) -> Option<String> {
    let source = plan.sources.get(place.source)?;
    let before = source.text.get(..place.start)?;
    Some(format!(
        "{}:{}",
        source.name,
        before.matches('\n').count() + 1
    ))
}

/// What was not done, what was kept, what to type next.
fn left(records: &[Record], tracker: &Tracker, plan: &Plan) -> Vec<Fact> {
    let mut left = Vec::new();
    for step in plan.steps() {
        let ended = entries::ended(step, tracker);
        if !matches!(ended.word.as_str(), "done" | "left out") {
            let value = format!("step {} {}: {}", step.number, step.title, ended.word);
            left.push(Fact::new("not done", value));
        }
    }
    left.extend(
        kept(tracker)
            .into_iter()
            .map(|text| Fact::new("kept", text)),
    );
    // The journal tells those commands how to reach the same hosts.
    let resume = || vec![format!("runbook resume {}", plan.run)];
    let lines = end(records).map_or_else(resume, |end| next(end, tracker, plan, ""));
    left.extend(lines.into_iter().map(|line| Fact::new("next", line)));
    left
}
