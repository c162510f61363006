//! Guards on fresh views: checked once before an effect, awaited after it.

use runbook_model::event::Event;
use runbook_model::guard::{Guard, Verdict, evaluate};
use runbook_model::host::HostName;
use runbook_model::plan::PlannedGuard;
use runbook_model::view::{Needs, View};
use tokio::time::Instant;

use super::{Run, RunError};
use crate::policy::Failure;
use crate::world::World;

/// Milliseconds between the first two looks; each pause is half as long again, up to [`LONGEST_PAUSE_MS`].
const FIRST_PAUSE_MS: u64 = 200;
const LONGEST_PAUSE_MS: u64 = 2_000;

/// What a planned guard says of a view, for the hosts about to be worked on.
pub(super) fn judge(guard: &PlannedGuard, batch: &[HostName], view: &View) -> Verdict {
    let verdict = if batch.is_empty() {
        evaluate(&guard.guard, view)
    } else {
        evaluate(&guard.guard.for_batch(batch), view)
    };
    if guard.negated {
        verdict.negate()
    } else {
        verdict
    }
}

/// A guard on what a step is about to make, without the hosts on which the step has made it; `half`: those on which it is not
/// through.
pub(super) fn without(
    mut guard: PlannedGuard,
    begun: &[HostName],
    half: &[HostName],
) -> PlannedGuard {
    match &mut guard.guard {
        Guard::ClusterAbsent { members } | Guard::DataDirEmpty { members } if !guard.negated => {
            members.retain(|host| !begun.contains(host));
        }
        Guard::MembershipSettled { joining, .. } => joining.extend_from_slice(half),
        _ => {}
    }
    guard
}

/// Why a guard did not let the run pass.
fn refusal(guard: &PlannedGuard, verdict: &Verdict) -> String {
    let not = if guard.negated { "not " } else { "" };
    let text = guard.text.strip_prefix(not).unwrap_or(&guard.text);
    let mut reason = format!("`{not}{text}`: {}", verdict.headline());
    if let Some(otherwise) = &guard.otherwise {
        reason.push_str(". ");
        reason.push_str(otherwise);
    }
    reason
}

impl<W: World> Run<W> {
    /// Checks guards, all of them, recording each verdict; the first that does not let pass is the failure.
    pub(super) fn check(
        &mut self,
        step: Option<usize>,
        guards: &[&PlannedGuard],
        batch: &[HostName],
        view: &View,
    ) -> Result<Option<Failure>, RunError> {
        let mut failure = None;
        let mut events = Vec::new();
        for guard in guards {
            let verdict = judge(guard, batch, view);
            let passes = verdict.holds() || guard.overridden.is_some() || guard.warn_only;
            if !passes && failure.is_none() {
                failure = Some(Failure::Refused(refusal(guard, &verdict)));
            }
            events.push(checked(step, guard, batch, verdict));
        }
        self.record(events)?;
        Ok(failure)
    }

    /// Waits until a condition holds, looking again and again, for as long as the plan gives it.
    pub(super) async fn ensure(
        &mut self,
        step: Option<usize>,
        guard: &PlannedGuard,
    ) -> Result<Option<Failure>, RunError> {
        let started = Instant::now();
        let limit = u128::from(guard.within_ms.unwrap_or(0));
        let mut pause = FIRST_PAUSE_MS;
        let mut shown = None;
        loop {
            let Some(view) = self.look(&[guard], Needs::default()).await? else {
                return Ok(Some(Failure::Interrupted));
            };
            let verdict = judge(guard, &[], &view);
            let elapsed = started.elapsed().as_millis();
            if verdict.holds() || elapsed >= limit {
                let passes = verdict.holds() || guard.overridden.is_some() || guard.warn_only;
                let reason = refusal(guard, &verdict);
                self.record(vec![checked(step, guard, &[], verdict)])?;
                return Ok((!passes).then(|| Failure::NotEnsured(waited(reason, limit))));
            }
            // Shown while it is waited for, kept only when it is decided.
            if shown.as_ref() != Some(&verdict) {
                let event = checked(step, guard, &[], verdict.clone());
                let _ = self.options.events.send((self.world.now_ms(), event));
                shown = Some(verdict);
            }
            let left = u64::try_from(limit - elapsed).unwrap_or(u64::MAX);
            if !self.pause(pause.min(left)).await? {
                return Ok(Some(Failure::Interrupted));
            }
            pause = (pause + pause / 2).min(LONGEST_PAUSE_MS);
        }
    }
}

fn waited(reason: String, limit: u128) -> String {
    if limit == 0 {
        return reason;
    }
    format!("{reason}, still after {} s", limit / 1000)
}

fn checked(
    step: Option<usize>,
    guard: &PlannedGuard,
    batch: &[HostName],
    verdict: Verdict,
) -> Event {
    let overridden = guard.overridden.clone().filter(|_| !verdict.holds());
    Event::GuardChecked {
        step,
        host: match batch {
            [host] => Some(host.clone()),
            _ => None,
        },
        text: guard.text.clone(),
        verdict,
        overridden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runbook_model::plan::Place;

    fn host(name: &str) -> HostName {
        HostName::new(name)
    }

    fn planned(guard: Guard, negated: bool) -> PlannedGuard {
        let verdict = Verdict::Unknown {
            why: "not asked".to_owned(),
        };
        PlannedGuard {
            guard,
            negated,
            text: "the guard".to_owned(),
            verdict,
            otherwise: None,
            override_name: None,
            overridden: None,
            warn_only: false,
            within_ms: None,
            place: Place::default(),
        }
    }

    #[test]
    fn a_run_does_not_refuse_what_it_made_itself() {
        let (done, half, fresh) = (host("etcd4"), host("etcd5"), host("etcd6"));
        let all = vec![done.clone(), half.clone(), fresh.clone()];
        let begun = [done.clone(), half.clone()];
        let left = |guard, negated| {
            without(planned(guard, negated), &begun, std::slice::from_ref(&half)).guard
        };

        let members = all.clone();
        let empty = Guard::DataDirEmpty { members };
        let members = vec![fresh];
        assert_eq!(left(empty.clone(), false), Guard::DataDirEmpty { members });
        assert_eq!(left(empty.clone(), true), empty);

        // Its own learner may be half-way; the one that is through must be a voter by now.
        let settled = |joining| Guard::MembershipSettled {
            members: all.clone(),
            joining,
        };
        assert_eq!(left(settled(vec![]), false), settled(vec![half.clone()]));

        let leaving = Guard::RemovalSafe {
            members: all.clone(),
            leaving: begun.to_vec(),
        };
        assert_eq!(left(leaving.clone(), false), leaving);
    }
}
