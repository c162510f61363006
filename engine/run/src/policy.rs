//! What a failure leads to, and what undoing means.

use runbook_model::action::Action;
use runbook_model::event::{RunEnd, StepEnd};
use runbook_model::plan::{HostWork, OnFailure, Plan};

use crate::state::{RunState, Touched, Work};

/// Why a run cannot go on. The text says where and what, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A guard said no, or the operator did.
    Refused(String),
    /// Another run holds the lock of a host that is needed now.
    Locked(String),
    /// A step failed.
    Failed(String),
    /// A condition did not come true in time.
    NotEnsured(String),
    /// A host could not be reached.
    Unreachable(String),
    /// Something was begun whose outcome is not known.
    Unknown(String),
    /// An undo failed.
    Stuck(String),
    /// The operator stopped it.
    Interrupted,
}

impl Failure {
    /// How the step ended in which it happened.
    pub const fn step_end(&self) -> StepEnd {
        match self {
            Failure::Refused(_) | Failure::Locked(_) => StepEnd::Refused,
            Failure::Failed(_) | Failure::Stuck(_) => StepEnd::Failed,
            Failure::NotEnsured(_) => StepEnd::NotEnsured,
            Failure::Unreachable(_) => StepEnd::Unreachable,
            Failure::Unknown(_) => StepEnd::Unknown,
            Failure::Interrupted => StepEnd::Interrupted,
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Undo, for this reason.
    Rollback(String),
    /// Stop here.
    End(RunEnd),
}

/// Decides by the plan's `on failure`. What is not known, and what the operator stopped, is never undone unasked.
pub fn after_failure(plan: &Plan, state: &RunState, failure: Failure) -> Policy {
    let stays = match failure {
        Failure::Interrupted => return Policy::End(RunEnd::Interrupted),
        Failure::Unknown(reason) => return Policy::End(RunEnd::Unknown { reason }),
        Failure::Stuck(reason) => return Policy::End(RunEnd::Stuck { reason }),
        // Whoever holds the lock now would refuse the undo as well.
        Failure::Locked(holder) => return Policy::End(RunEnd::Locked { holder }),
        Failure::Refused(reason) if !state.touched_anything() => {
            return Policy::End(RunEnd::Refused { reason });
        }
        Failure::Unreachable(reason) => RunEnd::Unreachable { reason },
        Failure::Refused(reason) | Failure::Failed(reason) | Failure::NotEnsured(reason) => {
            RunEnd::Failed { reason }
        }
    };
    let undo = match plan.on_failure {
        OnFailure::Pause => false,
        OnFailure::Rollback | OnFailure::RollbackBeforeIrreversible => !state.irreversible_passed,
    };
    match stays {
        RunEnd::Unreachable { reason } | RunEnd::Failed { reason }
            if undo && state.touched_anything() =>
        {
            Policy::Rollback(reason)
        }
        stays => Policy::End(stays),
    }
}

/// What takes a host's part of a step back: the undo lists of the actions that changed something or may have, last action first.
pub fn undo_actions(work: &HostWork, done: &Work) -> Vec<Action> {
    let touched = work.actions.iter().enumerate().rev();
    touched
        .filter(|(index, _)| done.touched(*index) != Touched::No)
        .flat_map(|(_, action)| action.undo.iter().cloned())
        .collect()
}
