//! Whether what a finished run ensured is so.

use std::sync::Arc;

use runbook_model::action::Action;
use runbook_model::guard::evaluate;
use runbook_model::plan::{Plan, PlanItem, PlanStep, PlannedGuard};
use runbook_model::view::Needs;
use runbook_run::look;

use crate::model::Model;
use crate::world::SimWorld;

/// Conditions of the plan that do not hold, everything being repaired.
pub(crate) async fn against(world: &SimWorld, plan: &Plan, model: &Model) -> Vec<String> {
    if stays_down(plan, model) {
        return Vec::new();
    }
    let guards = lasting(plan);
    let world = Arc::new(world.clone());
    let view = look(&world, &guards, Needs::default(), &plan.members, 50).await;
    let verdicts = guards.iter().map(|guard| {
        let verdict = evaluate(&guard.guard, &view);
        let verdict = if guard.negated {
            verdict.negate()
        } else {
            verdict
        };
        (guard, verdict)
    });
    let against = verdicts.filter(|(_, verdict)| !verdict.holds());
    against
        .map(|(guard, verdict)| format!("`{}`: {}", guard.text, verdict.text()))
        .collect()
}

/// A member that nothing starts at boot does not survive a restart of its host: no run promises that.
fn stays_down(plan: &Plan, model: &Model) -> bool {
    plan.members.iter().any(|(name, spec)| {
        let host = model.hosts.get(name).filter(|h| h.boot > 1);
        let service = host.and_then(|h| h.services.get(&spec.unit));
        service.is_some_and(|s| !s.enabled && !s.running)
    })
}

/// The conditions that nothing later in the plan is about to change: those of the last step that acts on services or data, and
/// all after it.
fn lasting(plan: &Plan) -> Vec<&PlannedGuard> {
    let mut guards: Vec<&PlannedGuard> = Vec::new();
    for item in &plan.items {
        match item {
            PlanItem::Step(step) if step.skipped.is_none() => {
                if acts(step) {
                    guards.clear();
                }
                guards.extend(&step.ensures);
            }
            PlanItem::Ensure(guard) => guards.push(guard),
            _ => {}
        }
    }
    guards.retain(|g| g.overridden.is_none() && !g.warn_only);
    guards
}

fn acts(step: &PlanStep) -> bool {
    let still = |action: &Action| {
        matches!(
            action,
            Action::User { .. }
                | Action::Directory { .. }
                | Action::WriteFile { .. }
                | Action::Upload { .. }
                | Action::RemoveUpload { .. }
                | Action::RemoveCreated { .. }
                | Action::InstallPackages { .. }
                | Action::InstallArchive { .. }
                | Action::IssueCertificates { .. }
                | Action::DaemonReload
                | Action::TrialRestore { .. }
                | Action::SaveSnapshot { .. }
        )
    };
    let mut actions = step.work.iter().flat_map(|w| &w.actions);
    actions.any(|a| !still(&a.action))
}
