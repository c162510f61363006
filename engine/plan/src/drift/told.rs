//! A plan as things: all that a reviewer agreed to, without the words that say how it looked at the moment.

use std::collections::BTreeMap;

use runbook_model::guard::Verdict;
use runbook_model::plan::{Change, Plan, PlanItem, PlanStep, PlannedAction, PlannedGuard};
use runbook_model::saved::{Properties, Things};
use serde_json::Value as Json;

use super::At;
use crate::files::sha256;

/// Texts longer than this are told by their digest.
const LONGEST: usize = 80;

/// The property of an action that says what it does.
pub(super) const EFFECT: &str = "effect";

/// All that a plan says, by where it belongs.
pub(super) fn told(plan: &Plan) -> BTreeMap<At, Things> {
    let mut all = Told(BTreeMap::new());
    all.head(plan);
    for guard in &plan.requires {
        all.guard("guard", guard);
    }
    for (at, item) in plan.items.iter().enumerate() {
        match item {
            PlanItem::Step(step) => all.step(step),
            PlanItem::Ensure(guard) => all.guard("ensure", guard),
            other => all.put(At::Plan, format!("item {}", at + 1), flat(other)),
        }
    }
    all.0
}

struct Told(BTreeMap<At, Things>);

impl Told {
    /// A second thing of the same name stands beside the first.
    fn put(&mut self, at: At, name: String, of: Properties) {
        let things = self.0.entry(at).or_default();
        let mut free = name.clone();
        let mut count = 1;
        while things.contains_key(&free) {
            count += 1;
            free = format!("{name} ({count})");
        }
        things.insert(free, of);
    }

    fn head(&mut self, plan: &Plan) {
        let done = if plan.converged.is_some() {
            "yes"
        } else {
            "no"
        };
        let mut head = Properties::from([
            ("tool".to_owned(), plan.tool.clone()),
            ("run".to_owned(), plan.run.clone()),
            ("runbook".to_owned(), plan.runbook.clone()),
            ("cluster".to_owned(), plan.cluster.clone()),
            ("done already".to_owned(), done.to_owned()),
        ]);
        head.extend(prefixed("on failure", &plan.on_failure));
        self.put(At::Plan, "as a whole".to_owned(), head);
        for parameter in &plan.parameters {
            let of = Properties::from([("value".to_owned(), parameter.value.clone())]);
            self.put(At::Plan, format!("parameter {}", parameter.name), of);
        }
        for (name, hosts) in &plan.targets {
            let hosts: Vec<&str> = hosts.iter().map(|h| h.as_str()).collect();
            let of = Properties::from([("hosts".to_owned(), hosts.join(", "))]);
            self.put(At::Plan, format!("target {name}"), of);
        }
        for (host, spec) in &plan.members {
            self.put(At::Host(host.clone()), "inventory".to_owned(), flat(spec));
        }
    }

    /// What it came to, not by which values.
    fn guard(&mut self, kind: &str, guard: &PlannedGuard) {
        let verdict = match &guard.verdict {
            Verdict::Holds { .. } => "holds",
            Verdict::Violated { .. } => "violated",
            Verdict::Unknown { .. } => "cannot be told",
        };
        let mut of = Properties::from([("verdict".to_owned(), verdict.to_owned())]);
        of.extend(prefixed("asks", &guard.guard));
        of.extend(prefixed("overridden", &guard.overridden));
        of.extend(prefixed("within ms", &guard.within_ms));
        of.extend(prefixed("only warns", &guard.warn_only));
        self.put(At::Plan, format!("{kind} {}", guard.text), of);
    }

    fn step(&mut self, step: &PlanStep) {
        let name = format!("step {} `{}`", step.number, step.title);
        let left_out = if step.skipped.is_some() { "yes" } else { "no" };
        let mut of = Properties::from([("left out".to_owned(), left_out.to_owned())]);
        of.extend(prefixed("strategy", &step.strategy));
        of.extend(prefixed("leader last", &step.leader_last));
        of.extend(prefixed("timeout ms", &step.timeout_ms));
        of.extend(prefixed("retries", &step.retries));
        of.extend(prefixed("retry pause ms", &step.retry_pause_ms));
        of.extend(prefixed("on unreachable", &step.on_unreachable));
        let hosts: Vec<&str> = step.work.iter().map(|w| w.host.as_str()).collect();
        of.insert("works on".to_owned(), hosts.join(", "));
        self.put(At::Plan, name.clone(), of);
        for guard in &step.requires {
            self.guard(&format!("{name}: guard"), guard);
        }
        for guard in &step.ensures {
            self.guard(&format!("{name}: ensure"), guard);
        }
        for work in &step.work {
            for planned in &work.actions {
                let what = format!("{name}: {}", planned.summary);
                self.put(At::Host(work.host.clone()), what, action(planned));
            }
        }
    }
}

fn action(planned: &PlannedAction) -> Properties {
    let effect = match &planned.change {
        Change::None { .. } => "nothing to change",
        Change::Changes { .. } => "changes",
        Change::Unknown { .. } => "not known before the run",
        Change::Opaque => "a shell command",
        Change::Reads => "reads",
    };
    let mut of = flat(&planned.action);
    of.insert(EFFECT.to_owned(), effect.to_owned());
    let undo = match planned.undo.as_slice() {
        [] => "none".to_owned(),
        undo => sha256(serde_json::to_string(undo).unwrap_or_default().as_bytes()),
    };
    of.insert("undo".to_owned(), undo);
    of
}

/// Every field of a value, by its path in words.
pub(super) fn flat(value: &impl serde::Serialize) -> Properties {
    prefixed("", value)
}

fn prefixed(prefix: &str, value: &impl serde::Serialize) -> Properties {
    let mut out = Properties::new();
    spread(
        prefix,
        &serde_json::to_value(value).unwrap_or_default(),
        &mut out,
    );
    out
}

fn spread(path: &str, value: &Json, out: &mut Properties) {
    let text = match value {
        Json::Object(fields) => {
            for (name, field) in fields {
                spread(format!("{path} {name}").trim_start(), field, out);
            }
            return;
        }
        Json::Null => "not set".to_owned(),
        Json::String(text) => text.clone(),
        // Permission bits are read in octal.
        Json::Number(bits) if path.ends_with("mode") => bits
            .as_u64()
            .map_or_else(|| bits.to_string(), |bits| format!("{bits:04o}")),
        other => other.to_string(),
    };
    let text = if text.len() > LONGEST || text.contains('\n') {
        sha256(text.as_bytes())
    } else {
        text
    };
    out.insert(path.to_owned(), text);
}
