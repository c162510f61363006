//! Steps and what stands between them, each step with its lines and folded diffs.

use runbook_model::host::HostName;
use runbook_model::plan::{Change, Plan, PlanItem, PlanStep};
use runbook_model::units::duration;
use serde::Serialize;

use super::Tone;
use crate::plan::{Line, lines, order, sign};
use crate::run::{Tracker, by_word, mark};

/// An element of the run's order.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "entry", rename_all = "lowercase")]
pub enum Entry {
    /// A step.
    Step(Box<StepRow>),
    /// What stands between steps: an outage's ends, a question, the point of no return, a condition.
    Mark {
        /// How grave.
        tone: Tone,
        /// `Outage begins`.
        title: String,
        /// In words; may be empty.
        text: String,
    },
}

/// A step.
#[derive(Clone, Debug, Serialize)]
pub struct StepRow {
    /// Number.
    pub number: usize,
    /// Title.
    pub title: String,
    /// How it goes over its hosts.
    pub order: String,
    /// Left out by the plan: why.
    pub skipped: Option<String>,
    /// Guards asked just before each effect.
    pub requires: Vec<String>,
    /// What is done, alike on several hosts in one line.
    pub lines: Vec<LineRow>,
    /// What must come true after it.
    pub ensures: Vec<String>,
    /// How it ended, for a run.
    pub ended: Option<StepEnded>,
}

/// How a step ended.
#[derive(Clone, Debug, Serialize)]
pub struct StepEnded {
    /// How it is.
    pub tone: Tone,
    /// `done`, `FAILED`, `not begun`...
    pub word: String,
    /// The slowest host, in words; none where nothing ended.
    pub took: Option<String>,
    /// By host in words.
    pub hosts: String,
}

/// One action, on one host or on several alike.
#[derive(Clone, Debug, Serialize)]
pub struct LineRow {
    /// One character.
    pub sign: &'static str,
    /// How much it matters.
    pub tone: Tone,
    /// What is done; `{host}` stands for the host's own name.
    pub what: String,
    /// What comes of it.
    pub effect: String,
    /// Where: `all 3`, or names.
    pub on: String,
    /// Diffs of text that changes: one where all are alike.
    pub diffs: Vec<DiffRow>,
}

/// A file's diff.
#[derive(Clone, Debug, Serialize)]
pub struct DiffRow {
    /// The host; none: the same on all of the line's hosts.
    pub host: Option<String>,
    /// Lines that come and go.
    pub size: String,
    /// Unified diff.
    pub text: String,
}

/// Everything in the order of the run; with `seen`, how each step ended.
pub(super) fn entries(plan: &Plan, seen: Option<&Tracker>) -> Vec<Entry> {
    let mark = |tone, title: &str, text: &str| Entry::Mark {
        tone,
        title: title.to_owned(),
        text: text.to_owned(),
    };
    plan.items
        .iter()
        .map(|item| match item {
            PlanItem::Step(step) => Entry::Step(Box::new(row(step, seen))),
            PlanItem::OutageBegins { reason } => mark(Tone::Warn, "Outage begins", reason),
            PlanItem::OutageEnds => mark(Tone::Warn, "Outage ends", ""),
            PlanItem::Confirm { prompt } => mark(Tone::Warn, "The operator is asked", prompt),
            PlanItem::Irreversible { prompt } => mark(Tone::Bad, "No return after this", prompt),
            PlanItem::Ensure(guard) => mark(
                Tone::Plain,
                "Must come true",
                &within(&guard.text, guard.within_ms),
            ),
        })
        .collect()
}

fn within(text: &str, limit_ms: Option<u64>) -> String {
    match limit_ms {
        Some(ms) => format!("{text} within {}", duration(ms)),
        None => text.to_owned(),
    }
}

fn row(step: &PlanStep, seen: Option<&Tracker>) -> StepRow {
    StepRow {
        number: step.number,
        title: step.title.clone(),
        order: order(step),
        skipped: step.skipped.clone(),
        requires: step.requires.iter().map(|g| g.text.clone()).collect(),
        lines: lines(step).iter().map(|l| line(l, step)).collect(),
        ensures: step
            .ensures
            .iter()
            .map(|g| within(&g.text, g.within_ms))
            .collect(),
        ended: seen
            .filter(|_| step.skipped.is_none())
            .map(|tracker| ended(step, tracker)),
    }
}

/// How a step stands in a run.
pub(super) fn ended(step: &PlanStep, tracker: &Tracker) -> StepEnded {
    let Some(view) = tracker.steps.get(&step.number) else {
        let word = if step.skipped.is_some() {
            "left out"
        } else {
            "not begun"
        };
        return StepEnded {
            tone: Tone::Plain,
            word: word.to_owned(),
            took: None,
            hosts: String::new(),
        };
    };
    let word = mark(view);
    let took = view.hosts.values().map(|h| h.took_ms).max();
    StepEnded {
        tone: tone(word),
        word: word.to_owned(),
        took: took.map(duration),
        hosts: by_word(view, tracker.only_reads(step.number)),
    }
}

/// How good a word of [`mark`] is.
pub(super) fn tone(word: &str) -> Tone {
    match word {
        "done" => Tone::Good,
        "left out" | "not begun" => Tone::Plain,
        "undone" | "partly" => Tone::Warn,
        _ => Tone::Bad,
    }
}

/// How much a change matters.
pub(super) const fn weight(change: &Change) -> Tone {
    match change {
        Change::None { .. } | Change::Reads => Tone::Plain,
        Change::Changes { .. } => Tone::Warn,
        Change::Unknown { .. } | Change::Opaque => Tone::Bad,
    }
}

fn line(line: &Line<'_>, step: &PlanStep) -> LineRow {
    LineRow {
        sign: sign(&line.action.change),
        tone: weight(&line.action.change),
        what: line.what.clone(),
        effect: line.effect.clone(),
        on: line.on(step),
        diffs: diffs(&line.diffs),
    }
}

/// One diff where all hosts' are alike, else one a host.
fn diffs(of: &[(&HostName, &str)]) -> Vec<DiffRow> {
    let alike = of.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let shown = if alike { of.len().min(1) } else { of.len() };
    of[..shown]
        .iter()
        .map(|(host, text)| DiffRow {
            host: (!alike || of.len() == 1).then(|| host.to_string()),
            size: size(text),
            text: (*text).to_owned(),
        })
        .collect()
}

/// `+3 -1`: lines that come and go.
pub(super) fn size(diff: &str) -> String {
    let count = |sign: char, head: &str| {
        let lines = diff.lines();
        lines
            .filter(|l| l.starts_with(sign) && !l.starts_with(head))
            .count()
    };
    format!("+{} -{}", count('+', "+++ "), count('-', "--- "))
}
