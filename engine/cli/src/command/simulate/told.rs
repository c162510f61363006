//! What a simulation tells: for people, and for programs.

use std::fmt::Write as _;

use runbook_model::plan::Plan;
use runbook_report::style::Style;
use runbook_report::text::{escape, wrap};
use runbook_sim::campaign::{Finding, Report, StartTally};
use serde_json::{Value as Json, json};

use crate::args::SimulateArgs;
use crate::typed::typed;

/// A simulation's report with all that it depends on.
pub(super) struct Told<'a> {
    pub(super) args: &'a SimulateArgs,
    pub(super) plan: &'a Plan,
    /// Starting states from which no run starts, and why.
    pub(super) left_out: &'a [(String, String)],
    /// What simulated files stand for.
    pub(super) stand_ins: Vec<String>,
    pub(super) report: Report,
}

impl Told<'_> {
    /// For a terminal.
    pub(super) fn human(&self, style: Style) -> String {
        let report = &self.report;
        let mut out = format!(
            "{}: {}; no host is contacted\n",
            style.bold(format!("Simulated {}", self.plan.runbook)),
            self.drawn()
        );
        for line in &self.stand_ins {
            out += &format!("  {}\n", escape(line));
        }
        out.push('\n');
        for start in &report.starts {
            out += &of_start(start, style);
        }
        for (name, why) in self.left_out {
            let text = format!("{name}: {}", escape(why));
            let text = wrap(&text, style.width.max(40) - 4, "    ");
            out += &format!("  {}\n", style.dim(text));
        }
        out.push('\n');
        if !report.strikes.is_empty() {
            out += &format!("  faults met: {}\n", self.met());
        }
        out += &format!(
            "  operators took runs up again {} times; clients had {} writes acknowledged\n\n",
            report.taken_up, report.writes
        );
        for finding in &report.findings {
            out += &self.finding(finding, style);
        }
        out += &match report.broken {
            0 => format!("{}\n", style.good("No schedule broke a rule.")),
            1 => format!("{}\n", style.bad("1 schedule broke a rule.")),
            n => format!("{}\n", style.bad(format!("{n} schedules broke a rule."))),
        };
        out
    }

    fn drawn(&self) -> String {
        match (self.args.schedule, self.report.schedules) {
            (Some(id), _) => format!("fault schedule {id:016x}"),
            (None, 1) => format!("1 fault schedule of seed {}", self.args.seed),
            (None, n) => format!("{n} fault schedules of seed {}", self.args.seed),
        }
    }

    fn met(&self) -> String {
        let kinds = self.report.strikes.iter();
        kinds
            .map(|(kind, tally)| format!("{kind} {}", tally.met))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn finding(&self, finding: &Finding, style: Style) -> String {
        let mut out = format!(
            "{} {}\n",
            style.bad("broken:"),
            style.bold(finding.breach.rule.words())
        );
        let mut line = |name: &str, text: &str| {
            let text = wrap(&escape(text), style.width.max(40) - 12, &" ".repeat(12));
            let _ = writeln!(out, "  {name:<10}{text}");
        };
        line("seen", &finding.breach.seen);
        line("start", &finding.start);
        if finding.strikes.is_empty() {
            line("faults", "none: it breaks by itself");
        }
        for (index, strike) in finding.strikes.iter().enumerate() {
            let name = if index == 0 { "faults" } else { "" };
            line(name, &format!("{}. {strike}", index + 1));
        }
        for (index, happened) in shortened(&finding.tale).iter().enumerate() {
            line(if index == 0 { "order" } else { "" }, happened);
        }
        line("again", &self.again(finding));
        out.push('\n');
        out
    }

    /// What replays a finding.
    fn again(&self, finding: &Finding) -> String {
        let words = typed("simulate", &self.args.what, self.plan);
        format!("{words} --schedule {:016x}", finding.id)
    }

    /// For programs.
    pub(super) fn json(&self) -> Json {
        let report = &self.report;
        let starts = report.starts.iter().map(|start| {
            json!({
                "name": start.name,
                "undisturbed": start.undisturbed,
                "schedules": start.schedules,
                "ends": start.ends,
            })
        });
        let left_out = self
            .left_out
            .iter()
            .map(|(name, why)| json!({ "name": name, "why": why }));
        let strikes = report
            .strikes
            .iter()
            .map(|(kind, tally)| json!({ "kind": kind, "drawn": tally.drawn, "met": tally.met }));
        json!({
            "runbook": self.plan.runbook,
            "schedules": report.schedules,
            "seed": self.args.schedule.is_none().then_some(self.args.seed),
            "stand_ins": self.stand_ins,
            "starts": starts.collect::<Vec<_>>(),
            "left_out": left_out.collect::<Vec<_>>(),
            "faults": strikes.collect::<Vec<_>>(),
            "taken_up": report.taken_up,
            "writes": report.writes,
            "broken": report.broken,
            "findings": report.findings.iter().map(|f| self.finding_json(f)).collect::<Vec<_>>(),
        })
    }

    fn finding_json(&self, finding: &Finding) -> Json {
        json!({
            "rule": finding.breach.rule.name(),
            "seen": finding.breach.seen,
            "schedule": format!("{:016x}", finding.id),
            "start": finding.start,
            "faults_drawn": finding.drawn,
            "faults": finding.strikes,
            "order": finding.tale,
            "again": self.again(finding),
        })
    }
}

/// Operators who try again and again say the same again and again.
fn shortened(tale: &[String]) -> Vec<String> {
    const FIRST: usize = 8;
    const LAST: usize = 2;
    let (first, rest) = tale.split_at(tale.len().min(FIRST));
    let (middle, last) = rest.split_at(rest.len().saturating_sub(LAST));
    let mut lines = first.to_vec();
    match middle {
        [] => {}
        [one] => lines.push(one.clone()),
        _ => lines.push(format!("... {} more such lines ...", middle.len())),
    }
    lines.extend(last.iter().cloned());
    lines
}

fn of_start(start: &StartTally, style: Style) -> String {
    let ends: Vec<_> = start
        .ends
        .iter()
        .map(|(end, count)| format!("{end} {count}"))
        .collect();
    // Where guards let a run begin, it is to be done when nothing goes wrong.
    let undisturbed = match start.undisturbed {
        "done" => String::new(),
        other => format!(" ({other} even when nothing goes wrong)"),
    };
    format!(
        "  {}: {} schedules: {}{undisturbed}\n",
        style.name(&start.name),
        start.schedules,
        ends.join(", ")
    )
}
