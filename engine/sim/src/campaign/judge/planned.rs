//! Whether everything that a plan wanted is really so: by the last action on each thing.

use std::collections::BTreeMap;

use runbook_model::action::{Action, ServiceState};
use runbook_model::facts::DataDirOrigin;
use runbook_model::host::HostName;
use sha2::{Digest, Sha256};

use super::super::Start;
use super::super::drive::Story;
use super::super::schedule::Schedule;
use super::undone::damaged;
use crate::model::{DataDir, Host, Model};

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Thing<'a> {
    File(&'a str),
    Unit(&'a str),
    Data(&'a str),
    User(&'a str),
    Saved(&'a str),
}

/// What is not as the plan's last word on it.
pub(super) fn missing(start: &Start, schedule: &Schedule, story: &Story) -> Vec<String> {
    let mut last: BTreeMap<(&HostName, Thing<'_>), &Action> = BTreeMap::new();
    for step in start.plan.steps().filter(|s| s.skipped.is_none()) {
        let state = story.state.steps.get(&step.number);
        for work in &step.work {
            let host = state.and_then(|s| s.hosts.get(&work.host));
            if host.is_some_and(|h| h.skipped.is_some()) {
                continue;
            }
            for action in &work.actions {
                if let Some(thing) = thing(&action.action) {
                    last.insert((&work.host, thing), &action.action);
                }
            }
        }
    }
    let damaged = damaged(schedule);
    let wanted = last.into_iter().filter(|((host, thing), _)| match thing {
        Thing::File(path) => !damaged.contains(&((*host).clone(), (*path).to_owned())),
        _ => true,
    });
    wanted
        .filter_map(|((host, _), action)| {
            Some(format!("{host}: {}", differs(&story.model, host, action)?))
        })
        .collect()
}

fn thing(action: &Action) -> Option<Thing<'_>> {
    Some(match action {
        Action::WriteFile { path, .. }
        | Action::RemoveUpload { path }
        | Action::RemoveCreated {
            path,
            directory: false,
        } => Thing::File(path),
        Action::Upload { dest, .. } => Thing::File(dest),
        Action::Service { unit, .. } => Thing::Unit(unit),
        Action::RestoreDataDir { data_dir, .. } => Thing::Data(data_dir),
        Action::User { name, .. } => Thing::User(name),
        Action::SaveSnapshot { dest, .. } => Thing::Saved(dest),
        _ => return None,
    })
}

/// How the world differs from what an action is to bring about.
fn differs(model: &Model, name: &HostName, action: &Action) -> Option<String> {
    let host = model.hosts.get(name)?;
    match action {
        Action::WriteFile { path, content, .. } => {
            let digest = hex::encode(Sha256::digest(content));
            let there = host.files.get(path).is_some_and(|f| f.sha256 == digest);
            (!there).then(|| format!("{path} is not what was to be written"))
        }
        Action::Upload { dest, sha256, .. } => {
            let file = host.files.get(dest);
            let there = file.is_some_and(|f| sha256.as_ref().is_none_or(|s| *s == f.sha256));
            (!there).then(|| format!("{dest} is not what was to be sent"))
        }
        Action::RemoveUpload { path } | Action::RemoveCreated { path, .. } => host
            .files
            .contains_key(path)
            .then(|| format!("{path} is still there")),
        Action::User { name, .. } => {
            (!host.users.contains(name)).then(|| format!("there is no user {name}"))
        }
        Action::RestoreDataDir {
            data_dir, origin, ..
        } => {
            let dir = host.data.get(data_dir);
            let made = |d: &DataDir| d.origin.as_ref().is_some_and(|o| is_told(o, origin, model));
            let there = dir.is_some_and(|d| made(d) && d.member.is_some());
            (!there).then(|| format!("{data_dir} is not what was to be restored"))
        }
        Action::SaveSnapshot { dest, .. } => {
            let saved = model.control.get(dest).and_then(|f| f.snapshot.as_ref());
            saved
                .is_none()
                .then(|| format!("{dest} on this machine is no good snapshot"))
        }
        Action::Service {
            unit,
            state,
            enabled,
            ..
        } => service(host, unit, *state, *enabled),
        _ => None,
    }
}

/// A receipt is the planned one; of a snapshot that the run itself took it says what only the run knew.
fn is_told(found: &DataDirOrigin, planned: &DataDirOrigin, model: &Model) -> bool {
    if !planned.snapshot_sha256.is_empty() {
        return found == planned;
    }
    let mut saved = model.control.values();
    let known = saved.any(|f| f.sha256 == found.snapshot_sha256 && f.snapshot.is_some());
    let rest = DataDirOrigin {
        snapshot_sha256: String::new(),
        revision: planned.revision,
        ..found.clone()
    };
    known && found.revision > 0 && rest == *planned
}

fn service(host: &Host, unit: &str, state: ServiceState, enabled: Option<bool>) -> Option<String> {
    let found = host.services.get(unit).cloned().unwrap_or_default();
    if enabled.is_some_and(|wanted| wanted != found.enabled) {
        let wanted = if found.enabled {
            "starts"
        } else {
            "does not start"
        };
        return Some(format!("{unit} {wanted} at boot"));
    }
    let wanted = state != ServiceState::Stopped;
    // What a unit does after a restart of its host is what it does at boot.
    let reset = host.boot > 1 && found.enabled != wanted;
    let word = if found.running {
        "runs"
    } else {
        "does not run"
    };
    (found.running != wanted && !reset).then(|| format!("{unit} {word}"))
}
