//! The honest end of a run: where it failed, what was done, what was not, how the cluster is, what to type next.

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
};
use runbook_model::action::{Action, Outcome};
use runbook_model::event::{RunEnd, StepEnd};
use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Place, Plan};
use runbook_model::units::duration;

use super::failed::{Failed, failed, reason};
use super::plain::run_end;
use super::tracker::{HostView, StepView, Tracker};
use crate::plan::{hosts, of_any_host, quorum_words};
use crate::style::Style;
use crate::text::{escape, indent, pad, wrap};

/// The end of a run. `now_ms` is when it is shown; `again` is what the commands to type next need to reach the same hosts,
/// as ` -i prod.inv`.
pub fn summary(tracker: &Tracker, now_ms: i64, style: Style, again: &str) -> String {
    let (Some(plan), Some(end)) = (&tracker.plan, &tracker.end) else {
        return String::new();
    };
    let mut out = String::new();
    if !matches!(end, RunEnd::Done { .. }) {
        out += &failures(tracker, plan, style);
        out += &guard(tracker, plan, style);
        out += &steps(tracker, plan, style);
    }
    for (text, table) in &tracker.tables {
        out += &format!(
            "{}\n{}",
            style.bold(escape(text)),
            indent(&escape(table), "  ")
        );
    }
    let took = u64::try_from(now_ms.saturating_sub(tracker.started_ms)).unwrap_or(0);
    let took = format!("  ({})", duration(took));
    let headline = format!("{} {}", escape(&plan.runbook), run_end(end));
    let headline = match end {
        RunEnd::Done { .. } => style.good(headline),
        _ => style.bad(headline),
    };
    let headline = format!("{headline}{}", style.dim(took));
    out += &wrap(&headline, style.width, "  ");
    out.push('\n');
    if let Some(seen) = tracker.quorum {
        let words = quorum_words(seen);
        let words = if seen.holds() {
            words
        } else {
            style.bad(words)
        };
        out += &format!(
            "{} {} {words}\n",
            style.bold("cluster now:"),
            escape(&plan.cluster)
        );
    }
    for kept in kept(tracker) {
        let text = format!("{} {}", style.bold("kept:"), escape(&kept));
        out += &wrap(&text, style.width, "      ");
        out.push('\n');
    }
    for line in next(end, tracker, plan, again) {
        out += &format!("{} {}\n", style.bold("next:"), fitted(&line, style.width));
    }
    out
}

/// A command stays as it is, to be copied; what it is for moves below it where the window is narrow.
fn fitted(line: &str, width: usize) -> String {
    match line.split_once("   # ") {
        Some((command, why)) if "next: ".len() + console::measure_text_width(line) > width => {
            format!("{command}\n      # {why}")
        }
        _ => line.to_owned(),
    }
}

fn failures(tracker: &Tracker, plan: &Plan, style: Style) -> String {
    failed(tracker)
        .iter()
        .map(|failed| failure(plan, failed, style))
        .collect()
}

/// The guard that stopped the run, underlined where it stands: in the step that it stopped.
fn guard(tracker: &Tracker, plan: &Plan, style: Style) -> String {
    let Some((step, text, verdict)) = &tracker.refused_by else {
        return String::new();
    };
    let ended = step
        .and_then(|number| tracker.steps.get(&number))
        .and_then(|s| s.end);
    if step.is_some() && !matches!(ended, Some(StepEnd::Refused | StepEnd::NotEnsured)) {
        return String::new();
    }
    let planned = tracker.guard(*step, text);
    let word = match verdict {
        Verdict::Unknown { .. } => "cannot be told",
        Verdict::Violated { .. } | Verdict::Holds { .. } => "does not hold",
    };
    let help = match verdict {
        Verdict::Violated { help, .. } => help.clone(),
        _ => None,
    };
    point(
        plan,
        planned.map(|g| g.place),
        &format!("guard `{}` {word}", escape(text)),
        &escape(verdict.headline()),
        planned
            .and_then(|g| g.otherwise.clone())
            .or(help)
            .map(|t| escape(&t)),
        style,
    )
}

/// Outputs shown of hosts that failed alike.
const OUTPUTS: usize = 3;

fn failure(plan: &Plan, failed: &Failed<'_>, style: Style) -> String {
    let word = match failed.outcome {
        Outcome::Unknown { .. } => "may or may not have happened",
        _ => "failed",
    };
    let names: Vec<_> = failed.hosts.iter().map(|(host, _)| *host).collect();
    let mut out = point(
        plan,
        failed.place,
        &format!("{} {word} on {}", failed.what, hosts(&names)),
        &escape(reason(failed.outcome)),
        None,
        style,
    );
    let told: Vec<_> = failed
        .hosts
        .iter()
        .filter(|(_, output)| !output.is_empty())
        .collect();
    for (host, output) in told.iter().take(OUTPUTS) {
        out += &format!(
            "  end of its output on {host}:\n{}",
            indent(&escape(output), "    ")
        );
    }
    if told.len() > OUTPUTS {
        out += &format!(
            "  and {} more hosts with output: `runbook show {} --format json` has it\n",
            told.len() - OUTPUTS,
            escape(&plan.run)
        );
    }
    out.push('\n');
    out
}

/// A message that underlines its place in the runbook.
fn point(
    plan: &Plan,
    place: Option<Place>,
    title: &str,
    label: &str,
    help: Option<String>,
    style: Style,
) -> String {
    let mut diagnostic = MietteDiagnostic::new(title.to_owned());
    diagnostic.help = help;
    let source = place.and_then(|p| plan.sources.get(p.source).map(|s| (p, s)));
    let report = match source {
        Some((place, source)) => {
            let length = place.end.saturating_sub(place.start);
            diagnostic.labels = Some(vec![LabeledSpan::at(
                place.start..place.start + length,
                label,
            )]);
            Report::from(diagnostic)
                .with_source_code(NamedSource::new(&source.name, source.text.clone()))
        }
        None => Report::from(MietteDiagnostic {
            message: format!("{title}: {label}"),
            ..diagnostic
        }),
    };
    let theme = if style.colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(style.width);
    let mut out = String::new();
    match handler.render_report(&mut out, report.as_ref()) {
        Ok(()) => out,
        Err(_) => format!("{title}: {label}\n"),
    }
}

/// What was done and what was not, step by step; nothing where nothing was begun.
fn steps(tracker: &Tracker, plan: &Plan, style: Style) -> String {
    if tracker.steps.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", style.bold("steps:"));
    for step in plan.steps().filter(|s| s.skipped.is_none()) {
        let seen = tracker.steps.get(&step.number);
        let mark = seen.map_or("not begun", mark);
        let mut line = format!(
            "  {} {:>2}. {}",
            pad(mark, 9),
            step.number,
            escape(&step.title)
        );
        let reads = tracker.only_reads(step.number);
        let hosts = seen.map(|s| by_word(s, reads)).unwrap_or_default();
        if !hosts.is_empty() {
            line += &format!(": {hosts}");
        }
        let bad = matches!(mark, "FAILED" | "UNKNOWN" | "STUCK");
        out += &if bad { style.bad(line) } else { line };
        out.push('\n');
    }
    out
}

/// How a step stands, in a word.
pub(crate) fn mark(step: &StepView) -> &'static str {
    let hosts = || step.hosts.values();
    if hosts().any(|h| h.undo_failure().is_some()) {
        "STUCK"
    } else if hosts().any(|h| h.undo.is_some()) {
        "undone"
    } else {
        match step.end {
            Some(StepEnd::Unchanged | StepEnd::Changed) => "done",
            Some(StepEnd::Skipped) => "left out",
            Some(StepEnd::Refused) => "refused",
            Some(StepEnd::Failed | StepEnd::Unreachable | StepEnd::NotEnsured) => "FAILED",
            Some(StepEnd::Unknown) => "UNKNOWN",
            Some(StepEnd::Interrupted) | None => "partly",
        }
    }
}

/// `all 3 changed`, or `failed: etcd2; changed: etcd1, etcd3`.
pub(crate) fn by_word(step: &StepView, reads: bool) -> String {
    let mut groups: Vec<(&str, Vec<&HostName>)> = Vec::new();
    for (host, view) in &step.hosts {
        let word = match word(view) {
            "already so" if reads => "done",
            word => word,
        };
        match groups.iter_mut().find(|(w, _)| *w == word) {
            Some((_, hosts)) => hosts.push(host),
            None => groups.push((word, vec![host])),
        }
    }
    match &groups[..] {
        [(word, all)] if all.len() > 1 => format!("{word} on all {}", all.len()),
        _ => groups
            .iter()
            .map(|(word, names)| format!("{word} on {}", hosts(names)))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

/// Where the data lies that this run set aside and did not put back.
pub(crate) fn kept(tracker: &Tracker) -> Vec<String> {
    let Some(plan) = &tracker.plan else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for step in plan.steps() {
        let moved = |host: &HostName, index: usize| {
            let view = tracker
                .steps
                .get(&step.number)
                .and_then(|s| s.hosts.get(host));
            view.is_some_and(|v| {
                v.undo.is_none()
                    && v.outcomes.as_ref().and_then(|o| o.get(index))
                        == Some(&Outcome::Done { changed: true })
            })
        };
        let mut places: Vec<(String, Vec<&HostName>)> = Vec::new();
        for work in &step.work {
            for (index, action) in work.actions.iter().enumerate() {
                let Action::ArchiveDataDir { aside: to, .. } = &action.action else {
                    continue;
                };
                if moved(&work.host, index) {
                    let place = of_any_host(to, &work.host);
                    match places.iter_mut().find(|(p, _)| *p == place) {
                        Some((_, hosts)) => hosts.push(&work.host),
                        None => places.push((place, vec![&work.host])),
                    }
                }
            }
        }
        for (place, names) in places {
            let place = match names[..] {
                [only] => place.replace("{host}", only.as_str()),
                _ => place,
            };
            out.push(format!("the old data, as {place} on {}", hosts(&names)));
        }
    }
    out
}

/// How a host's part of a step stands, in a word or two.
pub(crate) fn word(view: &HostView) -> &'static str {
    if view.skipped.is_some() {
        return "left out";
    }
    match (view.failure(), view.undo_failure()) {
        (_, Some(_)) => "undo FAILED",
        (Some(_), None) if view.undo.is_some() => "failed, undone",
        (Some((_, Outcome::Unknown { .. })), None) => "unknown",
        (Some(_), None) => "failed",
        (None, None) if view.outcomes.is_none() => "not finished",
        (None, None) if view.undo.is_some() => "undone",
        (None, None) if view.changed() => "changed",
        (None, None) => "already so",
    }
}

/// What to type next, best first.
pub(crate) fn next(end: &RunEnd, tracker: &Tracker, plan: &Plan, again: &str) -> Vec<String> {
    let run = escape(&plan.run);
    let resume = format!("runbook resume {run}{again}");
    let rollback = format!("runbook rollback {run}{again}");
    let show = format!("runbook show {run}");
    let said = |command: &str, why: &str| format!("{command}   # {why}");
    match end {
        RunEnd::Done { .. } => vec![],
        RunEnd::Refused { .. } => {
            vec!["mend what the guard names, then give the same command again".to_owned()]
        }
        RunEnd::Failed { .. } | RunEnd::Unreachable { .. } | RunEnd::Interrupted => {
            let mut lines = vec![said(&resume, "goes on where it stopped")];
            if tracker.irreversible {
                lines.push("the point of no return is passed: there is no rollback".to_owned());
            } else {
                lines.push(said(&rollback, "undoes what was done"));
            }
            lines
        }
        RunEnd::Unknown { .. } => {
            vec![
                said(&resume, "asks the hosts what became of it, then goes on"),
                said(
                    &format!("runbook resume {run} --repeat-unknown{again}"),
                    "does again what no host can tell",
                ),
            ]
        }
        RunEnd::RolledBack { .. } => vec![
            said(&show, "the whole story"),
            "mend the cause, then give the same command again".to_owned(),
        ],
        RunEnd::Locked { .. } => vec![
            "wait for that run to end".to_owned(),
            said(
                &format!("runbook unlock RUN{again}"),
                "only where its process is dead, with that run's id",
            ),
        ],
        RunEnd::Stuck { .. } => vec![
            said(&show, "what was done and what was not"),
            said(
                &format!("runbook unlock {run}{again}"),
                "once you have set it right by hand; the lock stays until then",
            ),
        ],
    }
}
