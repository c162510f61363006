//! A plan as short text: what a golden file shows and a person can judge.

use std::fmt::Write as _;

use runbook_model::action::Action;
use runbook_model::guard::Verdict;
use runbook_model::plan::{Change, Plan, PlanItem, PlanStep, PlannedGuard};

/// The whole plan, or the work of one host alone.
pub fn outline(plan: &Plan, only: Option<&str>) -> String {
    let mut out = String::new();
    let q = plan.quorum_before;
    let _ = writeln!(
        out,
        "{} of {}, run {}, {} of {} healthy, changes: {}",
        plan.runbook,
        plan.cluster,
        plan.run,
        q.healthy,
        q.voters,
        plan.changes()
    );
    for p in &plan.parameters {
        let _ = writeln!(out, "param {} = {} ({})", p.name, p.value, p.from);
    }
    for (name, hosts) in &plan.targets {
        let hosts: Vec<_> = hosts.iter().map(|h| h.as_str()).collect();
        let _ = writeln!(out, "target {name} = [{}]", hosts.join(", "));
    }
    if let Some(why) = &plan.converged {
        let _ = writeln!(out, "converged: {why}");
    }
    for warning in &plan.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    for g in &plan.requires {
        guard(&mut out, "", "require", g);
    }
    for item in &plan.items {
        match item {
            PlanItem::Step(s) => step(&mut out, s, only),
            PlanItem::OutageBegins { reason } => {
                let _ = writeln!(out, "outage begins: {reason}");
            }
            PlanItem::OutageEnds => out.push_str("outage ends\n"),
            PlanItem::Confirm { prompt } => {
                let _ = writeln!(out, "confirm: {prompt}");
            }
            PlanItem::Irreversible { prompt } => {
                let _ = writeln!(out, "irreversible: {prompt}");
            }
            PlanItem::Ensure(g) => guard(&mut out, "", "ensure", g),
        }
    }
    let _ = writeln!(out, "on failure: {:?}", plan.on_failure);
    out
}

fn guard(out: &mut String, indent: &str, word: &str, g: &PlannedGuard) {
    let verdict = match g.verdict {
        Verdict::Holds { .. } => "holds",
        Verdict::Violated { .. } => "VIOLATED",
        Verdict::Unknown { .. } => "unknown",
    };
    let _ = writeln!(
        out,
        "{indent}{word} {}: {verdict}: {}",
        g.text,
        g.verdict.text()
    );
    if let Some(name) = &g.override_name {
        let _ = writeln!(out, "{indent}  override {name}: {:?}", g.overridden);
    }
}

fn step(out: &mut String, s: &PlanStep, only: Option<&str>) {
    let last = if s.leader_last { ", leader last" } else { "" };
    let _ = writeln!(
        out,
        "step {} {:?} {:?}{last}, {} s",
        s.number,
        s.title,
        s.strategy,
        s.timeout_ms / 1000
    );
    if let Some(why) = &s.skipped {
        let _ = writeln!(out, "  skipped: {why}");
        return;
    }
    for g in &s.requires {
        guard(out, "  ", "require", g);
    }
    for work in &s.work {
        if only.is_some_and(|only| only != work.host.as_str()) {
            continue;
        }
        let _ = writeln!(out, "  {}", work.host);
        for a in &work.actions {
            let change = match &a.change {
                Change::None { found } => format!("none ({found})"),
                Change::Changes { summary, .. } => summary.clone(),
                Change::Unknown { why } => format!("unknown ({why})"),
                Change::Opaque => "OPAQUE".to_owned(),
                Change::Reads => "reads".to_owned(),
            };
            let _ = writeln!(out, "    {}: {change}", a.summary);
            if let Change::Changes {
                diff: Some(diff), ..
            } = &a.change
            {
                for line in diff.lines() {
                    let _ = writeln!(out, "      {line}");
                }
            }
            for undo in &a.undo {
                let _ = writeln!(out, "      undo {}", undo_text(undo));
            }
        }
    }
    for g in &s.ensures {
        guard(out, "  ", "ensure", g);
    }
    let _ = writeln!(
        out,
        "  -> {} of {} healthy",
        s.quorum_after.healthy, s.quorum_after.voters
    );
}

fn undo_text(action: &Action) -> String {
    match action {
        Action::WriteFile { path, content, .. } => {
            format!("write {path} ({} bytes)", content.len())
        }
        other => serde_json::to_string(other).unwrap(),
    }
}
