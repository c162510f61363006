//! A plan for a pull request or a ticket: verdict first, then what cannot be undone, guards, steps; diffs folded.

use runbook_model::guard::Verdict;
use runbook_model::plan::{Plan, PlanItem, PlanStep, PlannedGuard};

use super::human::order;
use super::line::lines;
use super::verdict::readiness;
use super::{quorum_words, sign};
use crate::text::escape;

/// The whole plan as GitHub-flavoured Markdown.
pub fn markdown(plan: &Plan) -> String {
    let seen = readiness(plan);
    let mut out = format!(
        "## `{}` on cluster `{}`\n\n{}\n\n",
        plan.runbook,
        inline(&plan.cluster),
        prose(&plan.about)
    );
    if let Some(reason) = &plan.converged {
        return out + &format!("**Nothing to do:** {}\n", prose(reason));
    }
    out += &format!(
        "**{}**, quorum now: {}\n",
        seen.sentence(),
        quorum_words(plan.quorum_before)
    );
    if !seen.refusing.is_empty() {
        out += &format!(
            "\n> **Would be refused now** by `{}`\n",
            inline(&seen.refusing.join("`, `"))
        );
    }
    for warning in &plan.warnings {
        out += &format!("\n> Warning: {}\n", prose(warning));
    }
    if !plan.parameters.is_empty() {
        out += "\n| parameter | value | from |\n|---|---|---|\n";
        for p in &plan.parameters {
            out += &format!(
                "| `{}` | `{}` | {} |\n",
                p.name,
                inline(&p.value),
                prose(&p.from)
            );
        }
    }
    if !plan.requires.is_empty() {
        out += "\n### Guards before the start\n\n| guard | verdict | observed |\n|---|---|---|\n";
        out += &plan.requires.iter().map(guard_row).collect::<String>();
    }
    out += "\n### Steps\n\n";
    for item in &plan.items {
        match item {
            PlanItem::Step(s) => out += &step(s),
            PlanItem::OutageBegins { reason } => {
                out += &format!("\n**Outage begins:** {}\n\n", prose(reason))
            }
            PlanItem::OutageEnds => out += "\n**Outage ends**\n\n",
            PlanItem::Confirm { prompt } => out += &format!("\n**Confirm:** {}\n\n", prose(prompt)),
            PlanItem::Irreversible { prompt } => {
                out += &format!("\n**No return after this:** {}\n\n", prose(prompt))
            }
            PlanItem::Ensure(g) => out += &format!("- ensure `{}`\n", inline(&g.text)),
        }
    }
    out
}

/// Text for a code span in a table cell: nothing in it can end the span, the cell or the line.
fn inline(text: &str) -> String {
    escape(text)
        .replace('`', "'")
        .replace('|', "\\|")
        .replace('\n', " ")
}

/// Text outside code: Markdown's and HTML's own characters lose their meaning.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for c in escape(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '*' | '_' | '`' | '|' | '[' | ']' | '\\' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '@' => out.push_str("@\u{200b}"),
            '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn guard_row(guard: &PlannedGuard) -> String {
    let verdict = match &guard.verdict {
        Verdict::Holds { .. } => "holds",
        Verdict::Violated { .. } if guard.overridden.is_some() => "**overridden**",
        Verdict::Violated { .. } if guard.warn_only => "warns",
        Verdict::Violated { .. } => "**REFUSES**",
        Verdict::Unknown { .. } => "**unknown**",
    };
    format!(
        "| `{}` | {verdict} | {} |\n",
        inline(&guard.text),
        prose(guard.verdict.text())
    )
}

fn step(step: &PlanStep) -> String {
    let mut out = format!(
        "{}. **{}** ({})\n",
        step.number,
        prose(&step.title),
        order(step)
    );
    if let Some(reason) = &step.skipped {
        return out + &format!("   - left out: {}\n", prose(reason));
    }
    for g in &step.requires {
        out += &format!(
            "   - require `{}`: {}\n",
            inline(&g.text),
            prose(g.verdict.text())
        );
    }
    for line in lines(step) {
        out += &format!(
            "   - `{}` {}: {} ({})\n",
            sign(&line.action.change),
            prose(&line.what),
            prose(&line.effect),
            prose(&line.on(step))
        );
        let alike = line.diffs.windows(2).all(|pair| pair[0].1 == pair[1].1);
        for (host, diff) in &line.diffs {
            let title = if alike {
                "diff".to_owned()
            } else {
                format!("diff on {}", prose(host.as_str()))
            };
            out += &folded(&title, diff);
            if alike {
                break;
            }
        }
    }
    for g in &step.ensures {
        out += &format!("   - ensure `{}`\n", inline(&g.text));
    }
    out + &format!("   - quorum after: {}\n", quorum_words(step.quorum_after))
}

/// A diff behind a fold; its fence is longer than any run of backticks in it.
fn folded(title: &str, diff: &str) -> String {
    let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let body = crate::text::indent(&escape(diff), "     ");
    format!(
        "     <details><summary>{title}</summary>\n\n     {fence}diff\n{body}     {fence}\n     </details>\n"
    )
}
