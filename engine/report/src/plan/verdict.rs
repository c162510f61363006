//! What a plan amounts to: the first thing a reviewer wants to know.

use runbook_model::guard::Verdict;
use runbook_model::plan::{Change, Plan, PlanItem, PlannedGuard};

/// Counts over a whole plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Actions that change something.
    pub changes: usize,
    /// Hosts that they are on.
    pub hosts: usize,
    /// Actions whose effect is not known before the run.
    pub unknown: usize,
    /// Shell commands of unknown effect.
    pub opaque: usize,
    /// Points after which nothing is undone.
    pub irreversible: usize,
    /// Whether the cluster goes without quorum by declaration.
    pub outage: bool,
    /// Guards before the start that would stop the run now.
    pub refusing: Vec<String>,
    /// Of those, guards that cannot be told (still refusing).
    pub untold: usize,
}

/// Counts what a plan holds.
pub fn readiness(plan: &Plan) -> Readiness {
    let mut seen = Readiness::default();
    let mut hosts = std::collections::BTreeSet::new();
    for work in plan.steps().flat_map(|step| &step.work) {
        for action in &work.actions {
            match action.change {
                Change::Changes { .. } => seen.changes += 1,
                Change::Unknown { .. } => seen.unknown += 1,
                Change::Opaque => seen.opaque += 1,
                Change::None { .. } | Change::Reads => continue,
            }
            hosts.insert(&work.host);
        }
    }
    seen.hosts = hosts.len();
    for item in &plan.items {
        match item {
            PlanItem::Irreversible { .. } => seen.irreversible += 1,
            PlanItem::OutageBegins { .. } => seen.outage = true,
            _ => {}
        }
    }
    for guard in plan.requires.iter().filter(|g| stops(g)) {
        seen.refusing.push(guard.text.clone());
        seen.untold += usize::from(matches!(guard.verdict, Verdict::Unknown { .. }));
    }
    seen
}

/// Whether a guard before the start would stop the run now.
pub(crate) fn stops(guard: &PlannedGuard) -> bool {
    !guard.warn_only && guard.overridden.is_none() && !guard.verdict.holds()
}

/// Whether a plan may be carried out now, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is so already.
    Converged,
    /// Every guard that can be asked before the run holds, or is overridden.
    Ready,
    /// A guard does not hold.
    Refused,
    /// No guard says no, but one cannot be told: refuses as well.
    Untold,
}

/// How a plan stands.
pub fn standing(plan: &Plan) -> Standing {
    let seen = readiness(plan);
    if plan.converged.is_some() {
        Standing::Converged
    } else if seen.refusing.is_empty() {
        Standing::Ready
    } else if seen.refusing.len() > seen.untold {
        Standing::Refused
    } else {
        Standing::Untold
    }
}

impl Readiness {
    /// The plan in one sentence.
    pub fn sentence(&self) -> String {
        let mut parts = vec![match (self.changes, self.hosts) {
            (0, _) => "no changes".to_owned(),
            (1, _) => "1 change on 1 host".to_owned(),
            (n, 1) => format!("{n} changes on 1 host"),
            (n, h) => format!("{n} changes on {h} hosts"),
        }];
        if self.unknown > 0 {
            parts.push(format!("{} not known before the run", self.unknown));
        }
        if self.opaque > 0 {
            parts.push(format!("{} OPAQUE shell commands", self.opaque));
        }
        if self.outage {
            parts.push("an outage".to_owned());
        }
        if self.irreversible > 0 {
            parts.push("a point of no return".to_owned());
        }
        parts.join(", ")
    }
}
