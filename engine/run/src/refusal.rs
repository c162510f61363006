//! Why a plan may not be carried out now, before anything of it is begun.

use runbook_model::event::RunEnd;
use runbook_model::guard::{Guard, Verdict};
use runbook_model::plan::{Plan, PlannedGuard};
use runbook_model::view::View;

/// How a run of this plan would end before its first order, on the view that it was planned on; none: it would begin.
///
/// A host that does not answer is the reason only where a guard wants it, or cannot be told without it: that a removal of one that
/// is gone is refused for an alarm has nothing to do with who is gone.
pub fn refusal(plan: &Plan, view: &View) -> Option<RunEnd> {
    let refusing: Vec<&PlannedGuard> = plan.requires.iter().filter(|g| refuses(g)).collect();
    if plan.converged.is_some() || refusing.is_empty() {
        return None;
    }
    let names: Vec<&str> = refusing.iter().map(|g| g.text.as_str()).collect();
    let reason = names.join(", ");
    let silent = view.hosts.values().any(Result::is_err);
    let for_want_of_a_host = |g: &&PlannedGuard| match (&g.guard, &g.verdict) {
        (Guard::Reachable { .. }, _) => true,
        (_, Verdict::Unknown { .. }) => silent,
        _ => false,
    };
    Some(if refusing.iter().any(for_want_of_a_host) {
        RunEnd::Unreachable { reason }
    } else {
        RunEnd::Refused { reason }
    })
}

/// Whether a guard before the start keeps a run from starting.
fn refuses(guard: &PlannedGuard) -> bool {
    !guard.warn_only && guard.overridden.is_none() && !guard.verdict.holds()
}
