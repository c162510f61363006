//! What a reviewer approves and an auditor reads: a plan or a finished run as rows of words, laid out as Markdown or HTML.
//!
//! A [`Review`] is made once, by [`of_plan`] or [`of_run`]; the layouts only place it. Its texts are as hosts and files gave
//! them: each layout makes them harmless in its own way.

mod entries;
mod guards;
mod hosts;
mod html;
mod markdown;
mod of_plan;
mod of_run;
mod quorum;
mod risks;
mod timeline;

use serde::Serialize;

pub use entries::{DiffRow, Entry, LineRow, StepEnded, StepRow};
pub use guards::GuardRow;
pub use hosts::{HostAction, HostRow, HostStep};
pub use html::html;
pub use markdown::{LIMIT, markdown};
pub use of_plan::of_plan;
pub use of_run::of_run;
pub use quorum::{QuorumRow, Seen};
pub use timeline::{Bar, Column, Lane, Rule, Timeline};

/// What comes under a page: how to do exactly what it shows.
#[derive(Clone, Debug, Serialize)]
pub struct Footer {
    /// The command line, quoted for a shell.
    pub command: String,
    /// What the command is bound to, where it is: `sha256:...` of the saved plan.
    pub digest: Option<String>,
}

/// How good or bad a thing is. Always beside words, never instead of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Neither.
    Plain,
    /// As wanted.
    Good,
    /// Wants a look.
    Warn,
    /// Stops the run, or cannot be undone.
    Bad,
}

/// A plan or a run, ready to be laid out.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    /// Runbook's name.
    pub runbook: String,
    /// Its `about`.
    pub about: String,
    /// Cluster's name.
    pub cluster: String,
    /// The first thing to read.
    pub verdict: Judgement,
    /// What else heads the page: label and value.
    pub facts: Vec<Fact>,
    /// What is doubtful.
    pub warnings: Vec<String>,
    /// What cannot be undone, destroys or interrupts, in order.
    pub risks: Vec<Risk>,
    /// Every guard: before the start, by step, at the end.
    pub guards: Vec<GuardRow>,
    /// Quorum before, during and after each step.
    pub quorum: Vec<QuorumRow>,
    /// Steps and what stands between them, in order.
    pub entries: Vec<Entry>,
    /// The same by host.
    pub hosts: Vec<HostRow>,
    /// What failed, for a run.
    pub failures: Vec<FailureRow>,
    /// What was left, for a run.
    pub left: Vec<Fact>,
    /// Parameters as shown.
    pub parameters: Vec<ParameterRow>,
    /// The texts it stands on, by name and SHA-256.
    pub sources: Vec<Fact>,
    /// Steps over time.
    pub timeline: Timeline,
    /// Whether this is a run, not a plan.
    pub ran: bool,
    /// The command that gives everything as data.
    pub data: String,
}

/// The verdict: of a plan, whether it may run; of a run, how it ended.
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    /// How it is.
    pub tone: Tone,
    /// `ready`, `refused`, `cannot be told`, `nothing to do`; `done`, `failed`...
    pub word: String,
    /// The whole in one sentence.
    pub sentence: String,
    /// Why, where it is not well: guard and what was seen.
    pub reasons: Vec<Reason>,
}

/// A guard that refuses, or a failure.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// The guard as written.
    pub what: String,
    /// What was observed.
    pub seen: String,
    /// What may be done about it.
    pub help: Vec<String>,
}

/// A labelled value.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// Label.
    pub label: String,
    /// Value.
    pub value: String,
}

impl Fact {
    fn new(label: &str, value: impl Into<String>) -> Self {
        Self {
            label: label.to_owned(),
            value: value.into(),
        }
    }
}

/// Something that cannot be undone, destroys or interrupts.
#[derive(Clone, Debug, Serialize)]
pub struct Risk {
    /// How grave.
    pub tone: Tone,
    /// `No return after step 6`.
    pub title: String,
    /// What happens.
    pub text: String,
}

/// A parameter.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterRow {
    /// Name.
    pub name: String,
    /// Value as shown.
    pub value: String,
    /// Where it came from.
    pub from: String,
}

/// What failed alike on some hosts.
#[derive(Clone, Debug, Serialize)]
pub struct FailureRow {
    /// What was tried.
    pub what: String,
    /// `failed`, or that it is not known.
    pub word: String,
    /// Hosts in words.
    pub on: String,
    /// Why.
    pub reason: String,
    /// Where it stands: `restore.etcdrb:31`.
    pub place: Option<String>,
    /// Ends of output: host and text.
    pub outputs: Vec<Fact>,
}
