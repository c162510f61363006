//! A plan on a terminal.

use runbook_model::guard::Verdict;
use runbook_model::host::HostName;
use runbook_model::plan::{Change, OnFailure, Plan, PlanItem, PlanStep, PlannedGuard, Strategy};
use runbook_model::quorum::Quorum;

use super::verdict::{readiness, stops};
use super::{effect, hosts, lines, quorum_words, sign};
use crate::style::Style;
use crate::text::{escape, indent, pad};

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
                out += &format!("{depth}{} {}\n", style.warn("CONFIRM:"), escape(prompt));
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
    let mut out = format!("{}  {}\n", style.bold(&plan.runbook), escape(&plan.about));
    let names: Vec<&HostName> = plan.members.keys().collect();
    out += &format!(
        "  cluster     {} ({})\n",
        escape(&plan.cluster),
        hosts(&names)
    );
    out += &format!("  quorum now  {}\n", quorum_words(plan.quorum_before));
    for p in &plan.parameters {
        out += &format!(
            "  {} {}  {}\n",
            pad(&p.name, 11),
            escape(&p.value),
            style.dim(format!("({})", p.from))
        );
    }
    for warning in &plan.warnings {
        out += &format!("  {} {}\n", style.warn("warning:"), escape(warning));
    }
    out
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
    let mark = match &guard.verdict {
        Verdict::Holds { .. } => style.good("ok     "),
        Verdict::Violated { .. } if guard.warn_only => style.warn("warns  "),
        Verdict::Violated { .. } if guard.overridden.is_some() => style.warn("OVERRIDDEN"),
        Verdict::Violated { .. } => style.bad("REFUSES"),
        Verdict::Unknown { .. } => style.warn("unknown"),
    };
    let mut out = format!("{depth}{mark} {word} {}{within}\n", escape(&guard.text));
    let under = format!("{depth}        ");
    out += &indent(&style.dim(escape(guard.verdict.text())), &under);
    if stops(guard) && guard.within_ms.is_none() {
        if let Some(text) = &guard.otherwise {
            out += &indent(&escape(text), &under);
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
        out += &format!("{under}overridden: {}\n", escape(reason));
    }
    out
}

fn step(step: &PlanStep, style: Style, depth: &str, before: Quorum, diff: bool) -> String {
    let names: Vec<&HostName> = step.work.iter().map(|w| &w.host).collect();
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
        let on = if line.hosts.len() == names.len() && names.len() > 1 {
            format!("all {}", names.len())
        } else {
            hosts(&line.hosts)
        };
        let text = format!(
            "{} {}",
            sign(&line.action.change),
            escape(&line.action.summary)
        );
        let text = match line.action.change {
            Change::None { .. } | Change::Reads => style.dim(text),
            Change::Changes { .. } => style.warn(text),
            Change::Unknown { .. } | Change::Opaque => style.bad(text),
        };
        let after = format!("{}  [{on}]", escape(effect(&line.action.change)));
        out += &format!("{depth}{text}: {}\n", style.dim(after));
        if let (
            true,
            Change::Changes {
                diff: Some(diff), ..
            },
        ) = (diff, &line.action.change)
        {
            out += &diff_lines(diff, style, &format!("{depth}    "));
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
pub(super) fn order(step: &PlanStep) -> String {
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
    let failure = match plan.on_failure {
        OnFailure::Pause => "stop and leave everything as it is",
        OnFailure::Rollback => "undo what was done",
        OnFailure::RollbackBeforeIrreversible => {
            "undo what was done, unless the point of no return is passed"
        }
    };
    let mut out = format!("\n{} {failure}\n", style.bold("On failure:"));
    out += &format!("{} {}\n", style.bold("Plan:"), seen.sentence());
    if !seen.refusing.is_empty() {
        out += &format!(
            "{} {}\n",
            style.bad("It would be REFUSED now by:"),
            escape(&seen.refusing.join(", "))
        );
    }
    out
}
