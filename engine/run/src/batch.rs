//! Which hosts of a step are worked on next: pure arithmetic over the step, what is done and a fresh view.

use runbook_model::cluster::{MemberProbe, SilentCause};
use runbook_model::host::HostName;
use runbook_model::plan::{PlanStep, Strategy};
use runbook_model::view::View;

/// The next hosts of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch {
    /// These, at once.
    Hosts(Vec<HostName>),
    /// None may be begun now; it may come right by waiting.
    Wait(String),
    /// None is left.
    Over,
}

/// Chooses among `pending` (in the step's order). `view` holds all members' own answers where the step's order depends on them.
pub fn choose(step: &PlanStep, pending: &[HostName], view: &View) -> Batch {
    if pending.is_empty() {
        return Batch::Over;
    }
    let (leaders, others): (Vec<_>, Vec<_>) = pending
        .iter()
        .cloned()
        .partition(|host| step.leader_last && leads(host, view));
    // The leader waits until every follower of the step is done.
    let mut ready = if others.is_empty() { leaders } else { others };
    match step.strategy {
        Strategy::Parallel => Batch::Hosts(ready),
        Strategy::Rolling { batch } => {
            if step.leader_last {
                // Working on a member that is down already costs nothing, and brings it back first.
                ready.sort_by_key(|host| serves_as_voter(host, view));
            }
            ready.truncate(batch.max(1));
            Batch::Hosts(ready)
        }
        Strategy::RollingQuorumSafe => quorum_safe(ready, view),
    }
}

/// Whether the order of a step's hosts depends on what the members say.
pub fn needs_members(step: &PlanStep) -> bool {
    step.leader_last || step.strategy == Strategy::RollingQuorumSafe
}

/// Members that do not serve go first: working on them costs no quorum. Then as many serving voters as quorum can spare.
fn quorum_safe(ready: Vec<HostName>, view: &View) -> Batch {
    let quorum = view.cluster.quorum(view.specs.len());
    let (serving, idle): (Vec<_>, Vec<_>) =
        ready.into_iter().partition(|h| serves_as_voter(h, view));
    if quorum.holds() {
        // What is seen to serve is quorum by itself, whatever the silent ones are.
        let mut batch = idle;
        batch.extend(serving.into_iter().take(quorum.can_lose()));
        if !batch.is_empty() {
            return Batch::Hosts(batch);
        }
        return Batch::Wait(format!(
            "{} of {} voters are healthy, none may stop",
            quorum.healthy, quorum.voters
        ));
    }
    // Unreachable is not dead: without quorum in sight only what is proven down may be worked on.
    let down: Vec<_> = idle.into_iter().filter(|h| proven_down(h, view)).collect();
    if down.is_empty() {
        return Batch::Wait(format!(
            "{} of {} voters are seen healthy, so quorum is not known to hold",
            quorum.healthy, quorum.voters
        ));
    }
    Batch::Hosts(down)
}

fn leads(host: &HostName, view: &View) -> bool {
    matches!(view.cluster.members.get(host), Some(MemberProbe::Serving(s)) if s.leader != 0 && s.leader == s.member_id)
}

fn serves_as_voter(host: &HostName, view: &View) -> bool {
    matches!(view.cluster.members.get(host), Some(MemberProbe::Serving(s)) if s.leader != 0 && !s.is_learner)
}

/// Its host answered that nothing listens there, or no member is expected there.
fn proven_down(host: &HostName, view: &View) -> bool {
    match view.cluster.members.get(host) {
        Some(MemberProbe::Silent { cause, .. }) => *cause == SilentCause::Refused,
        Some(MemberProbe::Serving(status)) => status.is_learner,
        None => !view.specs.contains_key(host),
    }
}
