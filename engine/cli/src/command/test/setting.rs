//! The world of a test.

use std::collections::BTreeMap;

use runbook_dsl::tested::{FileState, Given, HostState};
use runbook_inventory::{Inventory, Overrides};
use runbook_model::host::{HostName, MemberSpec};
use runbook_plan::Prepared;
use runbook_sim::ControlFile;
use runbook_sim::stage::{Plight, Setting};

use super::files::{Simulated, digest};
use crate::exit;
use crate::failure::Failure;

/// The world that a test gives, for the run that it prepares.
///
/// # Errors
/// A variable of the inventory that is not fit for a member.
pub(super) fn setting(
    given: &Given,
    inventory: &Inventory,
    files: &Simulated,
    prepared: &Prepared<'_>,
) -> Result<Setting, Failure> {
    let mut specs = specs(given, inventory)?;
    let fresh = specs.split_off(given.members);
    let by_host = |specs: Vec<MemberSpec>| -> BTreeMap<HostName, MemberSpec> {
        specs.into_iter().map(|s| (s.host.clone(), s)).collect()
    };
    let mut setting = Setting {
        members: by_host(specs),
        fresh: by_host(fresh),
        units: BTreeMap::new(),
        version: given.version.clone(),
        full: given.full,
        keys: given.keys,
        revision: given.revision.and_then(|r| i64::try_from(r).ok()),
        learners: Vec::new(),
        plights: Vec::new(),
        control: BTreeMap::new(),
        snapshots: Vec::new(),
    };
    for (host, request) in &prepared.needs().hosts {
        let own = prepared.members().iter().find(|m| m.host == *host);
        let own = own.map(|m| m.unit.as_str());
        let others = request.services.iter().map(|s| s.unit.clone());
        let others = others.filter(|unit| Some(unit.as_str()) != own).collect();
        setting.units.insert(host.clone(), others);
    }
    for (host, state) in &given.hosts {
        let host = HostName::new(host.clone());
        match plight(*state) {
            Some(plight) => setting.plights.push((host, plight)),
            None => setting.learners.push(host),
        }
    }
    control(&mut setting, files, prepared);
    Ok(setting)
}

/// What becomes of a host; none: it is what it is from the beginning.
pub(super) const fn plight(state: HostState) -> Option<Plight> {
    match state {
        HostState::Down => Some(Plight::Down),
        HostState::Dead => Some(Plight::Dead),
        HostState::Unreachable => Some(Plight::Unreachable),
        HostState::Back => Some(Plight::Back),
        HostState::Learner => None,
    }
}

fn specs(given: &Given, inventory: &Inventory) -> Result<Vec<MemberSpec>, Failure> {
    let hosts = (1..=given.members + given.fresh).map(|n| HostName::new(format!("etcd{n}")));
    let specs = hosts.map(|host| inventory.member_spec(&host, "etcd", &Overrides::default()));
    specs
        .collect::<Result<_, _>>()
        .map_err(|errors| Failure::all(exit::BAD_INPUT, errors.into_problems()))
}

/// Files that the run reads: a snapshot is one of the cluster where nothing else is said of it.
fn control(setting: &mut Setting, files: &Simulated, prepared: &Prepared<'_>) {
    for path in prepared.needs().snapshots.keys() {
        let store = || setting.at_the_snapshot();
        let file = match files.state(path) {
            None => {
                setting.snapshots.push(path.clone());
                continue;
            }
            Some(FileState::Missing) => continue,
            Some(FileState::Corrupt) => ControlFile::corrupt_snapshot(store()),
            Some(FileState::Foreign) => ControlFile::foreign_snapshot(),
            Some(FileState::OfVersion(version)) => {
                ControlFile::snapshot_of(store(), Some(minor(version)))
            }
        };
        setting.control.insert(path.clone(), file);
    }
    for path in prepared.sources() {
        if files.is_missing(&path) {
            continue;
        }
        let file = ControlFile {
            sha256: digest(&path),
            size: 20_512,
            ..ControlFile::default()
        };
        setting.control.insert(path, file);
    }
}

/// `3.6` of `3.6.0`.
fn minor(version: &str) -> String {
    let parts: Vec<&str> = version.trim_start_matches('v').split('.').collect();
    parts.get(..2).unwrap_or_default().join(".")
}
