//! The restore of a cluster, as `restore.etcdrb` does it.

use std::collections::BTreeMap;

use runbook_model::action::{Action, ServiceState};
use runbook_model::facts::DataDirOrigin;
use runbook_model::guard::Guard;
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::plan::{Plan, PlanItem, PlanStep, PlannedGuard, Strategy};
use runbook_sim::{Model, config_text};
use runbook_snapshot::ids;

use super::plans::*;

type Specs = BTreeMap<HostName, MemberSpec>;

/// Steps 1 to 7: push, trial, stop, set aside, restore, start, tidy.
pub fn restore_plan(specs: &Specs, model: &Model) -> Plan {
    let sha256 = &model.control[SNAPSHOT].sha256;
    let same_hash = Guard::SameHash {
        members: members(specs),
    };
    let same_hash = guard("same-hash(members)", same_hash, Some(60_000));
    let in_order = |step: PlanStep| PlanItem::Step(Box::new(step));
    let items = vec![
        in_order(push(specs, sha256)),
        in_order(trial(specs)),
        PlanItem::Confirm {
            prompt: "Replace the data of prod?".to_owned(),
        },
        PlanItem::OutageBegins {
            reason: "every member is rebuilt".to_owned(),
        },
        in_order(stop(specs)),
        in_order(set_aside(specs)),
        in_order(restore(specs, sha256)),
        in_order(start(specs)),
        PlanItem::OutageEnds,
        PlanItem::Ensure(Box::new(same_hash)),
        in_order(tidy(specs)),
    ];
    let mut plan = plan(specs, items);
    let hosts = members(specs);
    let reachable = Guard::Reachable { hosts };
    plan.requires
        .push(guard("reachable(members)", reachable, None));
    let verified = Guard::SnapshotVerified {
        path: SNAPSHOT.to_owned(),
        sha256: None,
    };
    plan.requires
        .push(guard("snapshot-verified(snapshot)", verified, None));
    plan
}

fn all_stopped(specs: &Specs) -> PlannedGuard {
    let members = members(specs);
    guard("all-stopped(members)", Guard::AllStopped { members }, None)
}

fn aside(spec: &MemberSpec) -> String {
    format!("{}.{RUN}", spec.data_dir)
}

fn failed(spec: &MemberSpec) -> String {
    format!("{}.{RUN}.failed", spec.data_dir)
}

fn push(specs: &Specs, sha256: &str) -> PlanStep {
    let work = on_each(specs, |_| {
        let upload = Action::Upload {
            source: SNAPSHOT.to_owned(),
            dest: PUSHED.to_owned(),
            sha256: Some(sha256.to_owned()),
            size: Some(20_512),
            access: access(0o600),
            secret: false,
        };
        let undo = Action::RemoveUpload {
            path: PUSHED.to_owned(),
        };
        vec![action(upload, vec![undo])]
    });
    step(1, "Push the snapshot", Strategy::Parallel, work)
}

fn trial(specs: &Specs) -> PlanStep {
    let work = on_each(specs, |s| {
        vec![reads(Action::TrialRestore {
            tool: "/usr/bin/etcdutl".to_owned(),
            snapshot: PUSHED.to_owned(),
            scratch: format!("{}.trial-{RUN}", s.data_dir),
            name: s.name.clone(),
            skip_hash_check: false,
        })]
    });
    step(2, "Prove that it restores", Strategy::Parallel, work)
}

fn stop(specs: &Specs) -> PlanStep {
    let work = on_each(specs, |_| {
        let undo = vec![service(ServiceState::Running)];
        vec![action(service(ServiceState::Stopped), undo)]
    });
    let mut stop = step(3, "Stop etcd", Strategy::Parallel, work);
    stop.leader_last = true;
    stop
}

fn set_aside(specs: &Specs) -> PlanStep {
    let work = on_each(specs, |s| {
        let archive = Action::ArchiveDataDir {
            data_dir: s.data_dir.clone(),
            aside: aside(s),
        };
        let undo = Action::ReinstateDataDir {
            data_dir: s.data_dir.clone(),
            aside: aside(s),
            failed: failed(s),
        };
        vec![action(archive, vec![undo])]
    });
    let mut archive = step(4, "Set old data aside", Strategy::Parallel, work);
    archive.requires.push(all_stopped(specs));
    archive
}

fn restore(specs: &Specs, sha256: &str) -> PlanStep {
    let initial = initial_cluster(specs);
    let token = format!("prod-{RUN}");
    let work = on_each(specs, |s| {
        let take_away = Action::ArchiveDataDir {
            data_dir: s.data_dir.clone(),
            aside: failed(s),
        };
        let write = |token: &str| Action::WriteFile {
            path: s.config.clone(),
            content: config_text(s, &initial, token, "existing"),
            access: access(0o644),
        };
        vec![
            action(restore_data_dir(s, &initial, sha256), vec![take_away]),
            action(write(&token), vec![write("first")]),
        ]
    });
    let mut restore = step(5, "Restore", Strategy::Parallel, work);
    restore.requires.push(all_stopped(specs));
    restore
}

fn restore_data_dir(spec: &MemberSpec, initial: &str, sha256: &str) -> Action {
    let token = format!("prod-{RUN}");
    Action::RestoreDataDir {
        tool: "/usr/bin/etcdutl".to_owned(),
        snapshot: PUSHED.to_owned(),
        data_dir: spec.data_dir.clone(),
        name: spec.name.clone(),
        initial_cluster: initial.to_owned(),
        token: token.clone(),
        peer_url: spec.peer_url(),
        bump: Some(1_000),
        owner: spec.user.clone(),
        skip_hash_check: false,
        origin: DataDirOrigin {
            run: RUN.to_owned(),
            snapshot_sha256: sha256.to_owned(),
            cluster_id: format!("{:x}", ids::cluster_id(&token, initial).unwrap()),
            token,
            revision: 1_002,
        },
    }
}

fn start(specs: &Specs) -> PlanStep {
    let work = on_each(specs, |_| {
        let undo = vec![service(ServiceState::Stopped)];
        vec![action(service(ServiceState::Running), undo)]
    });
    let mut start = step(6, "Start etcd", Strategy::Parallel, work);
    start.ensures.push(healthy(specs, 120));
    start
}

fn tidy(specs: &Specs) -> PlanStep {
    let work = on_each(specs, |_| {
        let path = PUSHED.to_owned();
        vec![action(Action::RemoveUpload { path }, vec![])]
    });
    step(7, "Remove the pushed snapshot", Strategy::Parallel, work)
}
