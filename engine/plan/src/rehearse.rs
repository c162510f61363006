//! From a runbook's plan to one that rehearses it beside the living cluster: what touches only what the run itself made is done,
//! the data is restored into a copy that is started on its own, and everything else is left out and named.

use runbook_dsl::catalogue::Verb;
use runbook_dsl::checked::{CheckedRunbook, Item};
use runbook_model::action::{Action, Rehearsal, ServiceState};
use runbook_model::facts::DataDirOrigin;
use runbook_model::guard::{Guard, evaluate};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::plan::{
    Change, HostWork, NOT_REHEARSED, OnFailure, Place, Plan, PlanItem, PlanStep, PlannedAction,
    PlannedGuard,
};
use runbook_model::view::{SnapshotFacts, View};
use runbook_snapshot::ids;

use crate::{guards, member};

/// The copy's peer URL: nothing listens there, and a member alone asks nobody.
const PEER_URL: &str = "http://127.0.0.1:1";

/// Seconds until the copy serves, where the runbook names none for its members.
const WAIT_S: u64 = 300;

/// Milliseconds for reading the copy back, and for removing it.
const READ_MS: u64 = 120_000;

/// etcd's own quota.
const QUOTA_BYTES: u64 = 2 << 30;

/// Why a plan cannot be rehearsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RehearseError {
    /// It restores no data dir.
    #[error("`{runbook}` has nothing to rehearse: it restores no data dir")]
    NothingToRestore {
        /// The runbook.
        runbook: String,
    },
    /// A token and peer URL that give no cluster id.
    #[error("no cluster id can be told for the copy on `{host}`: {why}")]
    Id {
        /// The host.
        host: HostName,
        /// Why.
        why: String,
    },
}

/// Whether a runbook restores data dirs: known before any host is asked.
pub fn restores(checked: &CheckedRunbook) -> bool {
    fn any(items: &[Item]) -> bool {
        items.iter().any(|item| match item {
            Item::Step(step) => step.calls.iter().any(|call| call.verb == Verb::Restore),
            Item::Outage { items, .. } => any(items),
            _ => false,
        })
    }
    any(checked.body())
}

/// The view without receipts of restores: a snapshot can be rehearsed also where it was restored before.
pub fn as_never_restored(view: &View) -> View {
    let mut view = view.clone();
    for facts in view.hosts.values_mut().flatten() {
        for dir in facts.data_dirs.values_mut() {
            dir.origin = None;
        }
    }
    view
}

/// The cluster's name in a rehearsal: it has a lock of its own, so that none ever stands in the way of a run in need.
pub fn rehearsal_of(cluster: &str) -> String {
    format!("{cluster} (rehearsal)")
}

/// The rehearsal of a plan, on what was observed.
///
/// # Errors
/// There is nothing in it to rehearse.
pub fn rehearse(plan: &Plan, view: &View) -> Result<Plan, RehearseError> {
    let maker = Maker { plan, view };
    let mut steps = Vec::new();
    let mut copies = false;
    for step in plan.steps() {
        let restored = step.work.iter().any(|w| w.actions.iter().any(is_restore));
        if step.skipped.is_some() {
            steps.push(step.clone());
        } else if restored {
            copies = true;
            steps.extend(maker.copy(step)?);
            steps.extend(rest(step));
        } else if !step.work.is_empty() && step.work.iter().all(|w| maker.is_beside(w)) {
            steps.push(maker.kept(step));
        } else {
            steps.push(left_out(step));
        }
    }
    if !copies {
        return Err(RehearseError::NothingToRestore {
            runbook: plan.runbook.clone(),
        });
    }
    for (at, step) in steps.iter_mut().enumerate() {
        step.number = at + 1;
        step.quorum_after = plan.quorum_before;
    }
    Ok(Plan {
        runbook: format!("rehearse {}", plan.runbook),
        about: "Does beside the living cluster what can be done there: nothing of it is stopped or changed.".to_owned(),
        cluster: rehearsal_of(&plan.cluster),
        converged: None,
        requires: maker.requires(),
        items: steps
            .into_iter()
            .map(|step| PlanItem::Step(Box::new(step)))
            .collect(),
        on_failure: OnFailure::Rollback,
        warnings: maker.warnings(),
        ..plan.clone()
    })
}

fn is_restore(planned: &PlannedAction) -> bool {
    matches!(planned.action, Action::RestoreDataDir { .. })
}

/// What a step that restores does besides.
fn rest(step: &PlanStep) -> Option<PlanStep> {
    let mut rest = step.clone();
    for work in &mut rest.work {
        work.actions.retain(|a| !is_restore(a));
    }
    let any = rest.work.iter().any(|w| !w.actions.is_empty());
    any.then(|| left_out(&rest))
}

/// A step that would touch the living, with what it would have done.
fn left_out(step: &PlanStep) -> PlanStep {
    let mut does: Vec<&str> = Vec::new();
    for planned in step.work.iter().flat_map(|w| &w.actions) {
        if !does.contains(&planned.summary.as_str()) {
            does.push(&planned.summary);
        }
    }
    if does.is_empty() {
        does.push("its hosts were not reached");
    }
    PlanStep {
        skipped: Some(format!("{NOT_REHEARSED}{}", does.join(", "))),
        requires: Vec::new(),
        ensures: Vec::new(),
        work: Vec::new(),
        ..step.clone()
    }
}

struct Maker<'a> {
    plan: &'a Plan,
    view: &'a View,
}

impl Maker<'_> {
    /// Whether the work stays within what the run itself makes.
    fn is_beside(&self, work: &HostWork) -> bool {
        work.actions.iter().all(|planned| match &planned.action {
            Action::Directory { path, .. }
            | Action::Upload { dest: path, .. }
            | Action::RemoveUpload { path }
            | Action::RemoveCreated { path, .. }
            | Action::TrialRestore { scratch: path, .. } => self.is_own(path),
            _ => false,
        })
    }

    /// A path with the run's id in it: nobody else has one.
    fn is_own(&self, path: &str) -> bool {
        path.split('/').any(|part| part.contains(&self.plan.run))
    }

    /// Guards of the living's loss need not hold; those of what is done beside it must.
    fn guards(&self, all: &[PlannedGuard]) -> Vec<PlannedGuard> {
        let mut kept: Vec<_> = all.iter().filter(|g| self.is_needed(g)).cloned().collect();
        for guard in &mut kept {
            if let Guard::DiskFree { bytes, .. } = &mut guard.guard {
                *bytes = bytes.saturating_mul(2);
                guard.text += " twice, so that a real run finds room beside the rehearsal";
            }
            if guard.within_ms.is_none()
                && self.plan.requires.iter().any(|g| g.place == guard.place)
            {
                guard.verdict = evaluate(&guard.guard, self.view);
            }
        }
        kept
    }

    /// What proves the snapshot, and that the hosts can take and try it.
    fn is_needed(&self, guard: &PlannedGuard) -> bool {
        let needed = match &guard.guard {
            Guard::Reachable { hosts } => hosts.iter().any(|h| self.plan.members.contains_key(h)),
            Guard::SnapshotVerified { .. }
            | Guard::SnapshotFits { .. }
            | Guard::DiskFree { .. }
            | Guard::ClocksAgree { .. }
            | Guard::ToolsPresent { .. } => true,
            _ => false,
        };
        needed && !guard.negated
    }

    fn requires(&self) -> Vec<PlannedGuard> {
        let mut kept = self.guards(&self.plan.requires);
        let tools = Guard::ToolsPresent {
            members: self.members(),
            tools: vec!["etcd".to_owned(), "etcdctl".to_owned()],
        };
        kept.push(guards::implied(tools, self.view, Place::default()));
        kept
    }

    /// Hosts on which a copy is made.
    fn members(&self) -> Vec<HostName> {
        let work = self.plan.steps().flat_map(|s| &s.work);
        work.filter(|w| w.actions.iter().any(is_restore))
            .map(|w| w.host.clone())
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        let real = self.plan.warnings.iter();
        let mut out: Vec<_> = real.map(|w| format!("of a real run: {w}")).collect();
        let with_users = |s: &&SnapshotFacts| s.auth_enabled;
        if self.view.snapshots.values().find(with_users).is_some() {
            out.push(
                "the snapshot has users: without a password the copy's keys cannot be counted, its revision alone is compared"
                    .to_owned(),
            );
        }
        out
    }

    fn kept(&self, step: &PlanStep) -> PlanStep {
        PlanStep {
            requires: self.guards(&step.requires),
            ensures: Vec::new(),
            ..step.clone()
        }
    }

    /// The steps that stand for a step that restores.
    fn copy(&self, step: &PlanStep) -> Result<Vec<PlanStep>, RehearseError> {
        let wait_s = self.wait_s();
        let mut works: [Vec<HostWork>; 4] = Default::default();
        for work in &step.work {
            let (Some(spec), Some(restore)) = (
                self.plan.members.get(&work.host),
                work.actions.iter().find(|a| is_restore(a)),
            ) else {
                continue;
            };
            let parts = self.of_member(spec, restore, wait_s)?;
            for (all, actions) in works.iter_mut().zip(parts) {
                all.push(HostWork {
                    host: work.host.clone(),
                    actions,
                });
            }
        }
        let [restored, started, read, removed] = works;
        let part = |title: &str, timeout_ms: u64, work: Vec<HostWork>| PlanStep {
            title: title.to_owned(),
            timeout_ms,
            work,
            requires: Vec::new(),
            ..self.kept(step)
        };
        Ok(vec![
            PlanStep {
                requires: self.guards(&step.requires),
                ..part("Restore a copy beside the data", step.timeout_ms, restored)
            },
            part("Start the copy", (wait_s + 30) * 1_000, started),
            part("Read the copy back", READ_MS, read),
            part("Remove the copy", READ_MS, removed),
        ])
    }

    /// Seconds that the runbook gives its members to start.
    fn wait_s(&self) -> u64 {
        let units: Vec<&str> = self
            .plan
            .members
            .values()
            .map(|m| m.unit.as_str())
            .collect();
        let starts = |step: &&PlanStep| {
            let actions = step.work.iter().flat_map(|w| &w.actions);
            actions.clone().any(|a| {
                matches!(&a.action, Action::Service { unit, state: ServiceState::Running, .. } if units.contains(&unit.as_str()))
            })
        };
        let step = self.plan.steps().find(starts);
        step.map_or(WAIT_S, |s| (s.timeout_ms / 1_000).max(10))
    }

    /// What is restored, started, read back and removed on one host.
    fn of_member(
        &self,
        spec: &MemberSpec,
        restore: &PlannedAction,
        wait_s: u64,
    ) -> Result<[Vec<PlannedAction>; 4], RehearseError> {
        let facts = self.view.facts(&spec.host);
        let dir = self.dir(spec);
        let copied = self.restored(&dir, spec, &restore.action)?;
        let etcdctl = member::binary(spec, facts, "etcdctl");
        let user = member::owner(spec, facts).to_owned();
        let found = self.snapshot(&copied.origin);
        let place = restore.place;
        let planned = |part: Rehearsal, summary: String, change: Change| PlannedAction {
            action: Action::RehearseMember {
                dir: dir.clone(),
                part,
            },
            summary,
            change,
            undo: Vec::new(),
            place,
        };
        let removes = Action::RehearseMember {
            dir: dir.clone(),
            part: Rehearsal::Remove,
        };
        let mut prepare = planned(
            Rehearsal::Prepare { user: user.clone() },
            format!("make {dir}"),
            changes("absent -> directory"),
        );
        prepare.undo = vec![removes.clone()];
        let copy = PlannedAction {
            summary: format!("restore {dir}/data"),
            change: changes(format!("absent -> revision {}", copied.origin.revision)),
            action: copied.action,
            undo: vec![removes.clone()],
            place,
        };
        let mut start = planned(
            Rehearsal::Start {
                etcd: member::binary(spec, facts, "etcd"),
                etcdctl: etcdctl.clone(),
                name: spec.name.clone(),
                user,
                quota_bytes: quota(spec, found),
                wait_s,
                // Until the slowest host serves, and all are read back and removed.
                life_s: 2 * wait_s + 300,
            },
            format!("start etcd on {dir}/data, on sockets in {dir}/run"),
            changes("absent -> running, a cluster of its own"),
        );
        start.undo = vec![removes];
        let keys = found.filter(|s| !s.auth_enabled).map(|s| s.live_keys);
        let read = planned(
            Rehearsal::ReadBack {
                etcdctl,
                cluster_id: copied.cluster_id.to_string(),
                revision: copied.origin.revision,
                keys,
            },
            "compare cluster id, revision and keys with the snapshot".to_owned(),
            Change::Reads,
        );
        let remove = planned(
            Rehearsal::Remove,
            format!("end the copy and remove {dir}"),
            changes("running -> absent"),
        );
        Ok([vec![prepare, copy], vec![start], vec![read], vec![remove]])
    }

    /// Beside the data dir on its file system: within it where it is a mount point.
    fn dir(&self, spec: &MemberSpec) -> String {
        let run = &self.plan.run;
        let facts = self.view.facts(&spec.host);
        let data = facts.and_then(|f| f.data_dirs.get(&spec.data_dir));
        if data.is_some_and(|d| d.mount_point) {
            format!("{}/.runbook-rehearsal-{run}", spec.data_dir)
        } else {
            format!("{}.rehearsal-{run}", spec.data_dir)
        }
    }

    fn snapshot(&self, origin: &DataDirOrigin) -> Option<&SnapshotFacts> {
        let all = &mut self.view.snapshots.values();
        all.find(|s| !s.sha256.is_empty() && s.sha256 == origin.snapshot_sha256)
    }

    /// The same restore, as a cluster of its own: its token is of this rehearsal and this host alone.
    fn restored(
        &self,
        dir: &str,
        spec: &MemberSpec,
        action: &Action,
    ) -> Result<Copied, RehearseError> {
        let mut action = action.clone();
        let own_token = format!("rehearsal-{}-{}", self.plan.run, spec.host);
        let own_cluster = format!("{}={PEER_URL}", spec.name);
        let cluster_id =
            ids::cluster_id(&own_token, &own_cluster).map_err(|e| RehearseError::Id {
                host: spec.host.clone(),
                why: e.to_string(),
            })?;
        let mut of_copy = None;
        if let Action::RestoreDataDir {
            data_dir,
            initial_cluster,
            token,
            peer_url,
            origin,
            ..
        } = &mut action
        {
            *data_dir = format!("{dir}/data");
            PEER_URL.clone_into(peer_url);
            origin.token.clone_from(&own_token);
            origin.cluster_id = format!("{cluster_id:x}");
            *token = own_token;
            *initial_cluster = own_cluster;
            of_copy = Some(origin.clone());
        }
        // INVARIANT: it is called with restores only.
        let origin = of_copy.ok_or_else(|| RehearseError::NothingToRestore {
            runbook: self.plan.runbook.clone(),
        })?;
        Ok(Copied {
            action,
            origin,
            cluster_id,
        })
    }
}

/// A restore into a copy, and what it leads to.
struct Copied {
    action: Action,
    origin: DataDirOrigin,
    cluster_id: u64,
}

/// Room for the snapshot, whatever the member itself is given: the copy raises no alarm.
fn quota(spec: &MemberSpec, snapshot: Option<&SnapshotFacts>) -> u64 {
    let wanted = spec.quota_bytes.unwrap_or(0).max(QUOTA_BYTES);
    wanted.max(snapshot.map_or(0, |s| s.size.saturating_mul(2)))
}

fn changes(summary: impl Into<String>) -> Change {
    Change::Changes {
        summary: summary.into(),
        diff: None,
    }
}
