//! What a rehearsal measured, and what it lets one expect of a real run.

use std::collections::BTreeMap;

use runbook_model::action::{Action, Outcome, Rehearsal};
use runbook_model::event::{Event, Record, RunEnd};
use runbook_model::host::HostName;
use runbook_model::plan::{NOT_REHEARSED, Plan, PlanStep, Strategy};
use runbook_model::units::duration;
use serde::Serialize;

use crate::run::Tracker;
use crate::style::Style;
use crate::text::{escape, pad, wrap};

/// A rehearsal as measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rehearsed {
    /// The run.
    pub run: String,
    /// `rehearse restore`.
    pub runbook: String,
    /// Name of the cluster in a rehearsal.
    pub cluster: String,
    /// Whether everything was done and read back.
    pub done: bool,
    /// What the copies were compared with, in words.
    pub compared: Option<String>,
    /// Milliseconds from the start until the first step: hosts asked, the snapshot read whole on this machine.
    pub checks_ms: u64,
    /// In order.
    pub phases: Vec<Phase>,
    /// Steps of the runbook that cannot be done beside a living cluster.
    pub not_measured: Vec<Left>,
    /// Milliseconds that a real run would take for what was measured; none where that cannot be told.
    pub estimate_ms: Option<u64>,
    /// Why there is no estimate.
    pub no_estimate: Option<String>,
}

impl Rehearsed {
    /// Whether anything was measured on any host.
    pub fn measured(&self) -> bool {
        self.phases.iter().any(|p| !p.hosts_ms.is_empty())
    }
}

/// What is measured of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The snapshot is sent, and its SHA-256 compared as it arrives.
    Push,
    /// It restores into a scratch directory.
    TrialRestore,
    /// It restores into the copy's data dir.
    Restore,
    /// From the start of etcd until it serves.
    Start,
    /// Cluster id, revision and keys are compared.
    ReadBack,
}

/// One phase on all its hosts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// What it is.
    pub kind: Kind,
    /// Title of its step.
    pub title: String,
    /// Milliseconds by host.
    pub hosts_ms: BTreeMap<HostName, u64>,
    /// What it adds to a real run: its slowest host, or all of them where they come one after the other.
    pub counts_ms: u64,
    /// The hosts come one after the other.
    pub one_by_one: bool,
}

/// A step that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Its title.
    pub title: String,
    /// What it would do.
    pub does: String,
}

/// What the records of a rehearsal tell; none where they are of no rehearsal.
pub fn rehearsed(records: &[Record]) -> Option<Rehearsed> {
    let mut tracker = Tracker::default();
    for record in records {
        tracker.apply(record.at_ms, &record.event);
    }
    let plan = tracker.plan.clone().filter(|plan| plan.is_rehearsal())?;
    let phases: Vec<_> = plan.steps().filter_map(|s| phase(s, &tracker)).collect();
    let done = matches!(tracker.end, Some(RunEnd::Done { .. }));
    let checks_ms = checks(records);
    let sum = phases.iter().map(|p| p.counts_ms).sum::<u64>() + checks_ms;
    // Whoever takes a run up again asks after what went on meanwhile: how long that took, nobody measured.
    let sessions = records
        .iter()
        .filter(|r| matches!(r.event, Event::Locked { .. }));
    let no_estimate = if !done {
        Some("it did not come to its end".to_owned())
    } else if sessions.count() > 1 {
        Some("it was broken off and gone on with: rehearse again for times".to_owned())
    } else {
        None
    };
    Some(Rehearsed {
        run: plan.run.clone(),
        runbook: plan.runbook.clone(),
        cluster: plan.cluster.clone(),
        done,
        compared: compared(&plan),
        checks_ms,
        phases,
        not_measured: plan.steps().filter_map(left).collect(),
        estimate_ms: no_estimate.is_none().then_some(sum),
        no_estimate,
    })
}

/// From the start to the first step.
fn checks(records: &[Record]) -> u64 {
    let at = |wanted: fn(&Event) -> bool| {
        let found = records.iter().find(|r| wanted(&r.event));
        found.map(|r| r.at_ms)
    };
    let started = at(|e| matches!(e, Event::RunStarted { .. }));
    let stepped = at(|e| matches!(e, Event::StepStarted { .. }));
    match (started, stepped) {
        (Some(from), Some(to)) => u64::try_from(to.saturating_sub(from)).unwrap_or(0),
        _ => 0,
    }
}

/// What a step measures: by what it does, whatever its runbook calls it.
fn kind(step: &PlanStep) -> Option<Kind> {
    let mut actions = step.work.iter().flat_map(|w| &w.actions);
    actions.find_map(|planned| match &planned.action {
        Action::Upload { .. } => Some(Kind::Push),
        Action::TrialRestore { .. } => Some(Kind::TrialRestore),
        Action::RestoreDataDir { .. } => Some(Kind::Restore),
        Action::RehearseMember { part, .. } => match part {
            Rehearsal::Start { .. } => Some(Kind::Start),
            Rehearsal::ReadBack { .. } => Some(Kind::ReadBack),
            Rehearsal::Prepare { .. } | Rehearsal::Remove => None,
        },
        _ => None,
    })
}

fn phase(step: &PlanStep, tracker: &Tracker) -> Option<Phase> {
    let kind = kind(step)?;
    let seen = tracker.steps.get(&step.number);
    let ended = |outcomes: &Option<Vec<Outcome>>| {
        outcomes
            .as_ref()
            .is_some_and(|all| all.iter().all(|o| matches!(o, Outcome::Done { .. })))
    };
    let hosts_ms: BTreeMap<_, _> = seen
        .into_iter()
        .flat_map(|s| &s.hosts)
        .filter(|(_, view)| ended(&view.outcomes) && view.undo.is_none())
        .map(|(host, view)| (host.clone(), view.took_ms))
        .collect();
    let one_by_one = step.strategy != Strategy::Parallel && hosts_ms.len() > 1;
    let counts_ms = if one_by_one {
        hosts_ms.values().sum()
    } else {
        hosts_ms.values().copied().max().unwrap_or(0)
    };
    Some(Phase {
        kind,
        title: step.title.clone(),
        hosts_ms,
        counts_ms,
        one_by_one,
    })
}

fn left(step: &PlanStep) -> Option<Left> {
    let does = step.skipped.as_deref()?.strip_prefix(NOT_REHEARSED)?;
    Some(Left {
        title: step.title.clone(),
        does: does.to_owned(),
    })
}

fn compared(plan: &Plan) -> Option<String> {
    let mut actions = plan.steps().flat_map(|s| &s.work).flat_map(|w| &w.actions);
    actions.find_map(|planned| match &planned.action {
        Action::RehearseMember {
            part: Rehearsal::ReadBack { revision, keys, .. },
            ..
        } => Some(match keys {
            Some(keys) => format!("revision {revision}, {keys} keys"),
            None => format!("revision {revision} (its keys cannot be counted without a password)"),
        }),
        _ => None,
    })
}

/// The columns of hosts that a table shows; more are on its JSON.
const COLUMNS: usize = 7;

/// A table of phases and hosts, the estimate with its reasons, and what is not in it.
pub fn table(rehearsed: &Rehearsed, style: Style) -> String {
    let mut out = measured(rehearsed, style);
    out.push('\n');
    out += &estimate(rehearsed, style);
    if rehearsed.estimate_ms.is_none() {
        return out;
    }
    if !rehearsed.not_measured.is_empty() {
        out += "\nNot measured, and to be added:\n";
        for left in &rehearsed.not_measured {
            let text = format!("  {}: {}", escape(&left.title), escape(&left.does));
            out += &(wrap(&text, style.width, "    ") + "\n");
        }
    }
    let members = rehearsed
        .phases
        .iter()
        .map(|p| p.hosts_ms.len())
        .max()
        .unwrap_or(0);
    if members > 1 {
        let text = format!(
            "  Each copy is a cluster of one: the election among {members} members is not in it, nor what their applications take to come back."
        );
        out += &(wrap(&text, style.width, "  ") + "\n");
    }
    let text = "  The copies were restored and ran at the lowest priority, beside the living members: on hosts without them the same takes less.";
    out + &wrap(text, style.width, "  ") + "\n"
}

fn measured(rehearsed: &Rehearsed, style: Style) -> String {
    let mut hosts: Vec<&HostName> = Vec::new();
    for host in rehearsed.phases.iter().flat_map(|p| p.hosts_ms.keys()) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts.sort();
    hosts.truncate(COLUMNS);
    let titles = rehearsed.phases.iter().map(|p| p.title.as_str());
    let first = titles
        .chain([CHECKS])
        .map(console::measure_text_width)
        .max();
    let first = first.unwrap_or(0) + 2;
    let wide = |host: &HostName| console::measure_text_width(host.as_str()).max(6) + 2;
    let mut head = pad("PHASE", first);
    for host in &hosts {
        head += &pad(&escape(host.as_str()), wide(host));
    }
    let mut out = format!("{}\n", style.bold(format!("{head}COUNTS")));
    let counts = tenths(rehearsed.checks_ms);
    let blank: String = hosts.iter().map(|host| pad("-", wide(host))).collect();
    out += &format!("{}{blank}{counts}\n", pad(CHECKS, first));
    for phase in &rehearsed.phases {
        out += &pad(&escape(&phase.title), first);
        for host in &hosts {
            let took = phase.hosts_ms.get(*host);
            let took = took.map_or_else(|| "-".to_owned(), |ms| tenths(*ms));
            out += &pad(&took, wide(host));
        }
        let how = if phase.one_by_one {
            " (one by one)"
        } else {
            ""
        };
        let counts = if phase.hosts_ms.is_empty() {
            "-".to_owned()
        } else {
            tenths(phase.counts_ms)
        };
        out += &format!("{counts}{how}\n");
    }
    out
}

fn rounded(ms: u64) -> u64 {
    ms.saturating_add(50) / 100 * 100
}

fn tenths(ms: u64) -> String {
    duration(rounded(ms))
}

/// What comes before the steps of any run.
const CHECKS: &str = "Check hosts and snapshot";

fn estimate(rehearsed: &Rehearsed, style: Style) -> String {
    if rehearsed.done
        && let Some(compared) = &rehearsed.compared
    {
        let text = format!("Every copy served and held what the snapshot holds: {compared}.");
        let text = wrap(&style.good(text), style.width, "  ");
        return text + "\n" + &recovery(rehearsed, style);
    }
    recovery(rehearsed, style)
}

fn recovery(rehearsed: &Rehearsed, style: Style) -> String {
    if rehearsed.estimate_ms.is_none() {
        let why = rehearsed.no_estimate.as_deref().unwrap_or_default();
        return format!("No recovery time: {}\n", escape(why));
    }
    let phases = rehearsed.phases.iter().map(|p| p.counts_ms);
    let parts: Vec<_> = std::iter::once(rehearsed.checks_ms).chain(phases).collect();
    let shown: Vec<_> = parts.iter().map(|ms| tenths(*ms)).collect();
    // What is shown adds up, at least below ten seconds.
    let sum = parts.iter().map(|ms| rounded(*ms)).sum();
    let text = format!(
        "{} {} = {}",
        style.bold("Recovery time, as far as it was measured:"),
        style.bold(tenths(sum)),
        shown.join(" + ")
    );
    let reason =
        "  Each step waits for its slowest host; times are this machine's, round trips included.";
    wrap(&text, style.width, "  ") + "\n" + &wrap(reason, style.width, "  ") + "\n"
}
