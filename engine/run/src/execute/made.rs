//! What a data dir is made from, where only the run can tell: a snapshot that it took itself stands in no plan.

use runbook_model::action::Action;
use runbook_model::host::HostName;
use runbook_model::plan::{HostWork, PlanStep};

use super::Run;
use crate::world::World;

impl<W: World> Run<W> {
    /// Reads the snapshots that this step restores on these hosts and that were not there when the plan was made.
    pub(super) async fn read_made(&mut self, step: &PlanStep, hosts: &[HostName]) {
        let work = step.work.iter().filter(|w| hosts.contains(&w.host));
        let paths: Vec<_> = work
            .flat_map(|work| work.actions.iter().map(move |a| (&work.host, &a.action)))
            .filter_map(|(host, action)| self.source(host, unread(action)?))
            .collect();
        for path in paths {
            if !self.made.contains_key(&path) {
                let found = self.world.snapshot(&path, None).await;
                self.made.insert(path, found);
            }
        }
    }

    /// The actions of a host, with receipts that say what was read since.
    pub(super) fn told(&self, work: &HostWork) -> Vec<Action> {
        let actions = work.actions.iter().map(|planned| {
            let mut action = planned.action.clone();
            self.tell(&work.host, &mut action);
            action
        });
        actions.collect()
    }

    fn tell(&self, host: &HostName, action: &mut Action) {
        let found = unread(action)
            .and_then(|on_host| self.source(host, on_host))
            .and_then(|path| self.made.get(&path));
        let (Some(found), Action::RestoreDataDir { origin, bump, .. }) = (found, action) else {
            return;
        };
        // One that is refused now has no revision, and is no snapshot that anybody will ask for.
        if found.refused.is_empty() {
            origin.snapshot_sha256.clone_from(&found.sha256);
            origin.revision = found.revision.saturating_add(bump.unwrap_or(0));
        }
    }

    /// The file on this machine that the run sends to a path on a host.
    fn source(&self, host: &HostName, on_host: &str) -> Option<String> {
        let work = self.plan.steps().flat_map(|s| &s.work);
        let own = work.filter(|w| w.host == *host).flat_map(|w| &w.actions);
        own.filter_map(|planned| match &planned.action {
            Action::Upload { source, dest, .. } if dest == on_host => Some(source.clone()),
            _ => None,
        })
        .next()
    }
}

/// The snapshot on the host that an action restores, where the plan does not know what it is.
fn unread(action: &Action) -> Option<&str> {
    match action {
        Action::RestoreDataDir {
            snapshot, origin, ..
        } if origin.snapshot_sha256.is_empty() => Some(snapshot),
        _ => None,
    }
}
