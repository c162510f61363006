//! Whether hosts are as they were before the run.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::action::Action;
use runbook_model::host::HostName;
use runbook_model::plan::Change;
use runbook_run::Touched;

use super::super::Start;
use super::super::drive::Story;
use super::super::schedule::Schedule;
use super::super::strike::{Mishap, Strike};
use crate::model::{DataDir, Image};

/// A path on a host, or a unit.
pub(super) type Places = BTreeSet<(HostName, String)>;

/// What differs from before the run, but for what the run said that it cannot undo, what a fault damaged, what clients wrote,
/// and what was set aside.
pub(super) fn differences(start: &Start, schedule: &Schedule, story: &Story) -> Vec<String> {
    let mut excused = irrevocable(start, story);
    excused.extend(damaged(schedule));
    let (before, after) = (start.model.image(), story.model.image());
    let mut seen = Vec::new();
    for (name, before) in &before {
        let Some(after) = after.get(name) else {
            continue;
        };
        let excused = |path: &str| excused.contains(&(name.clone(), path.to_owned()));
        let mut found = changed(&before.files, &after.files, &excused);
        found.extend(changed(&before.dirs, &after.dirs, &excused));
        let rebooted = story.model.hosts.get(name).is_some_and(|h| h.boot > 1);
        found.extend(units(before, after, rebooted, &excused));
        found.extend(data(start, name, before, after));
        seen.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    seen
}

/// Files that the schedule damages.
pub(super) fn damaged(schedule: &Schedule) -> Places {
    let strikes = schedule.strikes.iter();
    let paths = strikes.filter_map(|strike| match strike {
        Strike::Host {
            host,
            mishap: Mishap::Damaged { path },
            ..
        } => Some((host.clone(), path.clone())),
        _ => None,
    });
    paths.collect()
}

/// What the run changed and has no undo for.
fn irrevocable(start: &Start, story: &Story) -> Places {
    let mut places = Places::new();
    for step in start.plan.steps() {
        let Some(state) = story.state.steps.get(&step.number) else {
            continue;
        };
        for work in &step.work {
            let host = state.host(&work.host);
            for (index, action) in work.actions.iter().enumerate() {
                if action.undo.is_empty()
                    && action.change != Change::Reads
                    && host.forward.touched(index) != Touched::No
                    && let Some(place) = place(&action.action)
                {
                    places.insert((work.host.clone(), place.to_owned()));
                }
            }
        }
    }
    places
}

fn place(action: &Action) -> Option<&str> {
    match action {
        Action::WriteFile { path, .. }
        | Action::Directory { path, .. }
        | Action::RemoveUpload { path }
        | Action::RemoveCreated { path, .. } => Some(path),
        Action::Upload { dest, .. } => Some(dest),
        Action::Service { unit, .. } => Some(unit),
        _ => None,
    }
}

pub(crate) fn changed<T: PartialEq>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
    excused: &impl Fn(&str) -> bool,
) -> Vec<String> {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let paths = paths.into_iter().filter(|path| !excused(path));
    paths
        .filter_map(|path| match (before.get(path), after.get(path)) {
            (Some(_), None) => Some(format!("{path} is gone")),
            (None, Some(_)) => Some(format!("{path} is left over")),
            (then, now) if then != now => Some(format!("{path} is another")),
            _ => None,
        })
        .collect()
}

pub(crate) fn units(
    before: &Image,
    after: &Image,
    rebooted: bool,
    excused: &impl Fn(&str) -> bool,
) -> Vec<String> {
    let names: BTreeSet<_> = before.running.keys().chain(after.running.keys()).collect();
    let mut seen = Vec::new();
    for unit in names.into_iter().filter(|unit| !excused(unit)) {
        let then = before.running.get(unit).copied().unwrap_or_default();
        let now = after.running.get(unit).copied().unwrap_or_default();
        // After a restart a unit does what it does at boot.
        let running = if rebooted && then.0 != then.1 {
            now.0
        } else {
            then.0
        };
        if now != (running, then.1) {
            let word = |(running, enabled): (bool, bool)| {
                format!(
                    "{}, {} at boot",
                    if running { "running" } else { "stopped" },
                    if enabled { "started" } else { "not started" }
                )
            };
            seen.push(format!("{unit} is {}, and was {}", word(now), word(then)));
        }
    }
    seen
}

/// Members are the ones that were there; data that the run made may stand aside, never in their place.
fn data(start: &Start, name: &HostName, before: &Image, after: &Image) -> Vec<String> {
    let ids = |dir: Option<&DataDir>| {
        let member = dir.and_then(|d| d.member.as_ref());
        member.map(|m| (m.cluster_id, m.member_id))
    };
    let own = start.plan.members.get(name).map(|s| &s.data_dir);
    let paths: BTreeSet<_> = before.data.keys().chain(own).collect();
    paths
        .into_iter()
        .filter(|path| ids(before.data.get(*path)) != ids(after.data.get(*path)))
        .map(|path| format!("the data in {path} is another"))
        .collect()
}
