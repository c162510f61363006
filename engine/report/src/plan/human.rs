//! A plan on a terminal.

use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, OnFailure, Plan, PlanItem, PlanStep, PlannedGuard, Strategy};
use runbook_model::quorum::{Quorum, fault_tolerance, quorum};

use super::line::{Line, lines};
use super::verdict::{readiness, stops};
use super::{hosts, quorum_words, sign};
use crate::style::Style;
use crate::text::{escape, indent, pad, wrap};

/// The planner's words for what only the run can tell.
const LATER: &str = "decided in the run";

/// The whole plan; with `diff`, files that change are shown as unified diffs.
pub fn human(plan: &Plan, style: Style, diff: bool) -> String {
    let mut out = head(plan, style);
    if let Some(reason) = &plan.converged {
        out += &format!("\n{} {}\n", style.good("Nothing to do:"), escape(reason));
        return out;
    }
    if !plan.requires.is_empty() {
        out += &format!("\n{}\n", style.bold("Before anything starts"));
        out += &plan
            .requires
            .iter()
            .map(|g| guard(g, style, "  "))
            .collect::<String>();
    }
    out.push('\n');
    let mut depth = "";
    let mut before = plan.quorum_before;
    for element in &plan.items {
        match element {
            PlanItem::Step(s) => {
                out += &step(s, style, depth, before, diff);
                before = s.quorum_after;
            }
            PlanItem::OutageBegins { reason } => {
                out += &format!("{} {}\n", style.warn("OUTAGE begins:"), escape(reason));
                depth = "  ";
            }
            PlanItem::OutageEnds => {
                depth = "";
                out += &format!("{}\n", style.warn("OUTAGE ends"));
            }
            PlanItem::Confirm { prompt } => {
                let text = format!("{depth}{} {}", style.warn("CONFIRM:"), escape(prompt));
                out += &(wrap(&text, style.width, "         ") + "\n");
            }
            PlanItem::Irreversible { prompt } => {
                out += &format!(
                    "{depth}{} {}\n",
                    style.bad("NO RETURN after this:"),
                    escape(prompt)
                );
            }
            PlanItem::Ensure(g) => out += &guard(g, style, depth),
        }
    }
    out + &tail(plan, style)
}

fn head(plan: &Plan, style: Style) -> String {
    let title = format!(
        "{}  {}",
        style.bold(escape(&plan.runbook)),
        escape(&plan.about)
    );
    let mut out = wrap(&title, style.width, "  ") + "\n";
    let names: Vec<&HostName> = plan.members.keys().collect();
    out += &format!(
        "  cluster     {} ({})\n",
        escape(&plan.cluster),
        hosts(&names)
    );
    out += &format!("  quorum now  {}\n", quorum_words(plan.quorum_before));
    if let Some(sizes) = sizes(plan) {
        out += &format!("  members     {sizes}\n");
    }
    for p in &plan.parameters {
        out += &format!(
            "  {} {}  {}\n",
            pad(&p.name, 11),
            escape(&p.value),
            style.dim(format!("({})", escape(&p.from)))
        );
    }
    for warning in &plan.warnings {
        let text = format!("  {} {}", style.warn("warning:"), escape(warning));
        out += &wrap(&text, style.width, "           ");
        out.push('\n');
    }
    out
}

/// Where their number changes: members, quorum and how many may fail, now and afterwards.
fn sizes(plan: &Plan) -> Option<String> {
    let now = plan.quorum_before.voters;
    let then = plan.steps().last()?.quorum_after.voters;
    (now != then && now > 0).then(|| {
        format!(
            "{now} -> {then}: quorum {} -> {}, may fail {} -> {}",
            quorum(now),
            quorum(then),
            fault_tolerance(now),
            fault_tolerance(then)
        )
    })
}

fn guard(guard: &PlannedGuard, style: Style, depth: &str) -> String {
    let (word, within) = match (guard.within_ms, guard.warn_only) {
        (Some(ms), _) => (
            "ensure",
            format!(" within {}", runbook_model::units::duration(ms)),
        ),
        (None, true) => ("warn", String::new()),
        (None, false) => ("require", String::new()),
    };
    // What comes true in the run alone is no finding of the plan.
    let later = guard.within_ms.is_some() || guard.verdict.text() == LATER;
    let mark = match &guard.verdict {
        _ if later => style.dim("later     "),
        Verdict::Holds { .. } => style.good("ok        "),
        Verdict::Violated { .. } if guard.warn_only => style.warn("warns     "),
        Verdict::Violated { .. } if guard.overridden.is_some() => style.warn("OVERRIDDEN"),
        Verdict::Violated { .. } => style.bad("REFUSES   "),
        Verdict::Unknown { .. } => style.bad("UNKNOWN   "),
    };
    let under = format!("{depth}           ");
    let seen = escape(guard.verdict.headline());
    let mut out = wrap(
        &format!(
            "{depth}{mark} {word} {}{within}: {}",
            escape(&guard.text),
            style.dim(seen)
        ),
        style.width,
        &under,
    );
    out.push('\n');
    if let Some(table) = guard.verdict.table() {
        out += &indent(&escape(table), &under);
    }
    if stops(guard) && !later {
        if let Some(text) = &guard.otherwise {
            let text = format!("{under}{}", escape(text).replace('\n', " "));
            out += &(wrap(&text, style.width, &under) + "\n");
        }
        if let Verdict::Violated {
            help: Some(help), ..
        } = &guard.verdict
        {
            out += &indent(&format!("help: {}", escape(help)), &under);
        }
        if let Some(name) = &guard.override_name {
            out += &format!(
                "{under}to go on all the same: {}\n",
                style.name(format!("--override {name} --reason TEXT"))
            );
        }
    }
    if let Some(reason) = &guard.overridden {
        out += &format!("{under}because: {}\n", escape(reason));
    }
    out
}

fn step(step: &PlanStep, style: Style, depth: &str, before: Quorum, diff: bool) -> String {
    let title = style.bold(escape(&step.title));
    let mut out = format!(
        "{depth}{:>2}. {title}  {}\n",
        step.number,
        style.dim(order(step))
    );
    let depth = format!("{depth}    ");
    if let Some(reason) = &step.skipped {
        return out + &format!("{depth}{} {}\n", style.dim("left out:"), escape(reason));
    }
    for g in &step.requires {
        out += &guard(g, style, &depth);
    }
    for line in lines(step) {
        let text = format!("{} {}", sign(&line.action.change), escape(&line.what));
        let text = match line.action.change {
            Change::None { .. } | Change::Reads => style.dim(text),
            Change::Changes { .. } => style.warn(text),
            Change::Unknown { .. } | Change::Opaque => style.bad(text),
        };
        let after = style.dim(format!("{}  [{}]", escape(&line.effect), line.on(step)));
        out += &wrap(
            &format!("{depth}{text}: {after}"),
            style.width,
            &format!("{depth}    "),
        );
        out.push('\n');
        if diff {
            out += &diffs(&line, style, &format!("{depth}    "));
        }
    }
    for g in &step.ensures {
        out += &guard(g, style, &depth);
    }
    if step.quorum_after != before {
        out += &format!(
            "{depth}{}\n",
            style.dim(format!("quorum after: {}", quorum_words(step.quorum_after)))
        );
    }
    out
}

/// How a step goes over its hosts, in the language's words.
pub(crate) fn order(step: &PlanStep) -> String {
    let mut text = match step.strategy {
        Strategy::Parallel => "parallel".to_owned(),
        Strategy::Rolling { batch } => format!("rolling {batch}"),
        Strategy::RollingQuorumSafe => "rolling quorum-safe".to_owned(),
    };
    if step.leader_last {
        text += ", leader last";
    }
    if step.retries > 0 {
        text += &format!(", up to {} retries", step.retries);
    }
    text + &format!(
        ", at most {}",
        runbook_model::units::duration(step.timeout_ms)
    )
}

/// Each host's diff; one alone where all are the same.
fn diffs(line: &Line<'_>, style: Style, depth: &str) -> String {
    let alike = line.diffs.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let shown = if alike {
        line.diffs.len().min(1)
    } else {
        line.diffs.len()
    };
    let mut out = String::new();
    for (host, diff) in &line.diffs[..shown] {
        if shown > 1 {
            out += &format!("{depth}on {}:\n", escape(host.as_str()));
        }
        out += &diff_lines(diff, style, depth);
    }
    out
}

fn diff_lines(diff: &str, style: Style, depth: &str) -> String {
    diff.lines()
        .map(|line| {
            let shown = escape(line);
            let shown = match line.as_bytes().first() {
                Some(b'+') => style.good(shown),
                Some(b'-') => style.bad(shown),
                Some(b'@') => style.name(shown),
                _ => shown,
            };
            format!("{depth}{shown}\n")
        })
        .collect()
}

fn tail(plan: &Plan, style: Style) -> String {
    let seen = readiness(plan);
    let failure = on_failure(plan.on_failure);
    let mut out = format!("\n{} {failure}\n", style.bold("On failure:"));
    let verdict = if seen.refusing.is_empty() {
        style.good("every guard that can be asked now holds")
    } else {
        style.bad(format!(
            "REFUSED now by {}",
            escape(&seen.refusing.join(", "))
        ))
    };
    let text = format!("{} {}; {verdict}", style.bold("Plan:"), seen.sentence());
    out += &wrap(&text, style.width, "      ");
    out.push('\n');
    out
}

/// What a failure leads to, in words.
pub(crate) const fn on_failure(what: OnFailure) -> &'static str {
    match what {
        OnFailure::Pause => "stop and leave everything as it is",
        OnFailure::Rollback => "undo what was done",
        OnFailure::RollbackBeforeIrreversible => {
            "undo what was done, unless the point of no return is passed"
        }
    }
}

/// Why a run that was asked for is refused: the head of its plan and the guards that refuse, without the steps.
pub fn refused(plan: &Plan, style: Style) -> String {
    let mut out = head(plan, style);
    out.push('\n');
    out += &plan
        .requires
        .iter()
        .filter(|g| stops(g))
        .map(|g| guard(g, style, "  "))
        .collect::<String>();
    out
}
