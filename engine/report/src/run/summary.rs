//! The honest end of a run: where it failed, what was done, what was not, how the cluster is, what to type next.

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
};
use runbook_model::action::Outcome;
use runbook_model::event::RunEnd;
use runbook_model::host::HostName;
use runbook_model::plan::{Place, Plan};
use runbook_model::units::duration;

use super::plain::{run_end, step_end};
use super::tracker::{HostView, Tracker};
use crate::plan::quorum_words;
use crate::style::Style;
use crate::text::{escape, indent};

/// The end of a run. `now_ms` is when it is shown.
pub fn summary(tracker: &Tracker, now_ms: i64, style: Style) -> String {
    let (Some(plan), Some(end)) = (&tracker.plan, &tracker.end) else {
        return String::new();
    };
    let mut out = String::new();
    if !matches!(end, RunEnd::Done { .. }) {
        out += &failures(tracker, plan, style);
        out += &not_done(tracker, plan, style);
    }
    let took = u64::try_from(now_ms.saturating_sub(tracker.started_ms)).unwrap_or(0);
    let headline = format!("{} {} in {}", plan.runbook, run_end(end), duration(took));
    out += &match end {
        RunEnd::Done { .. } => style.good(headline),
        _ => style.bad(headline),
    };
    out.push('\n');
    if let Some(seen) = tracker.quorum {
        out += &format!("{} {}\n", style.bold("cluster now:"), quorum_words(seen));
    }
    for line in next(end, plan) {
        out += &format!("{} {}\n", style.bold("next:"), line);
    }
    out
}

fn failures(tracker: &Tracker, plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    for (number, step) in &tracker.steps {
        for (host, view) in &step.hosts {
            if let Some((index, outcome)) = view.failure() {
                let action = tracker
                    .planned(*number)
                    .and_then(|step| step.work.iter().find(|w| &w.host == host))
                    .and_then(|work| work.actions.get(index));
                let what = action.map_or_else(|| tracker.title(*number), |a| a.summary.clone());
                out += &failure(
                    plan,
                    &format!("`{}`", escape(&what)),
                    action.map(|a| a.place),
                    host,
                    outcome,
                    style,
                );
            }
            if let Some((_, outcome)) = view.undo_failure() {
                let what = format!("undo of `{}`", escape(&tracker.title(*number)));
                let place = tracker.planned(*number).map(|s| s.place);
                out += &failure(plan, &what, place, host, outcome, style);
            }
        }
    }
    if let Some((text, verdict)) = &tracker.refused_by {
        let planned = plan
            .requires
            .iter()
            .chain(
                plan.steps()
                    .flat_map(|s| s.requires.iter().chain(&s.ensures)),
            )
            .find(|g| &g.text == text);
        let label = escape(verdict.text());
        let title = format!("guard `{}` does not hold", escape(text));
        out += &point(
            plan,
            planned.map(|g| g.place),
            &title,
            &label,
            planned.and_then(|g| g.otherwise.clone()),
            style,
        );
    }
    out
}

fn failure(
    plan: &Plan,
    what: &str,
    place: Option<Place>,
    host: &HostName,
    outcome: &Outcome,
    style: Style,
) -> String {
    let (word, reason, output) = match outcome {
        Outcome::Failed { reason, output, .. } => ("failed", reason.as_str(), output.as_str()),
        Outcome::Unknown { reason } => ("may or may not have happened", reason.as_str(), ""),
        Outcome::Done { .. } | Outcome::NotStarted => return String::new(),
    };
    let mut out = point(
        plan,
        place,
        &format!("{what} {word} on `{host}`"),
        &escape(reason),
        None,
        style,
    );
    if !output.trim().is_empty() {
        out += &format!(
            "  end of its output on {host}:\n{}",
            indent(&escape(output.trim_end()), "    ")
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

fn not_done(tracker: &Tracker, plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    for step in plan.steps().filter(|s| s.skipped.is_none()) {
        let (mark, text) = match tracker.steps.get(&step.number) {
            None => ("    ", "not started".to_owned()),
            Some(seen) => {
                let hosts: Vec<_> = seen
                    .hosts
                    .iter()
                    .map(|(host, view)| format!("{host} {}", word(view)))
                    .collect();
                let end = seen.end.map_or("not finished", step_end);
                (
                    if seen.hosts.values().any(HostView::changed) {
                        "done"
                    } else {
                        "    "
                    },
                    format!("{end}: {}", hosts.join(", ")),
                )
            }
        };
        out += &format!(
            "  {mark} {:>2}. {}: {text}\n",
            step.number,
            escape(&step.title)
        );
    }
    if out.is_empty() {
        out
    } else {
        format!("{}\n{out}", style.bold("steps:"))
    }
}

fn word(view: &HostView) -> &'static str {
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

fn next(end: &RunEnd, plan: &Plan) -> Vec<String> {
    let run = &plan.run;
    match end {
        RunEnd::Done { .. } => vec![],
        RunEnd::Refused { .. } => {
            vec!["mend what the guard names, then run the same command again".to_owned()]
        }
        RunEnd::Failed { .. } | RunEnd::Unreachable { .. } | RunEnd::Interrupted => vec![
            format!("`runbook resume {run}` goes on where it stopped"),
            format!("`runbook rollback {run}` undoes what was done"),
        ],
        RunEnd::Unknown { .. } => {
            vec![format!(
                "`runbook resume {run}` asks the hosts what became of it, then goes on"
            )]
        }
        RunEnd::RolledBack { .. } => vec![format!("`runbook show {run}` tells the whole story")],
        RunEnd::Locked { .. } => {
            vec!["wait for that run; if its process is dead, `runbook resume` or `runbook unlock` with its id".to_owned()]
        }
        RunEnd::Stuck { .. } => vec![format!(
            "`runbook show {run}` tells what was done; the lock stays until `runbook unlock {run}`"
        )],
    }
}
