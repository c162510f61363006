//! `service`.

use runbook_model::action::{Action, ProcessSpec, ServiceState};
use runbook_model::cluster::MemberProbe;
use runbook_model::facts::{EtcdProcess, ProbeRequest, ServiceFacts, ServiceQuery};
use runbook_model::host::{MemberSpec, ServiceManager};
use runbook_model::plan::Change;

use super::{Call, Draft, Site, Work, already, changes, static_pod};
use crate::error::{Fault, Outcome, shown};
use crate::{envfile, member};

/// The word that means the member's own unit, whatever it is called.
const MEMBER: &str = "etcd";

/// Seconds: nothing starts at once, and nothing may take for ever.
const WAIT_S: std::ops::RangeInclusive<u64> = 10..=600;

/// Who runs what.
struct Unit<'a> {
    name: String,
    manager: ServiceManager,
    member: Option<&'a MemberSpec>,
}

fn unit<'a>(call: &Call<'a>) -> Outcome<Unit<'a>> {
    let name = call.known("name")?;
    let name = name.strip_suffix(".service").unwrap_or(&name).to_owned();
    if let Some(spec) = call.member
        && (name == MEMBER || name == spec.unit)
    {
        return Ok(Unit {
            name: spec.unit.clone(),
            manager: spec.manager,
            member: Some(spec),
        });
    }
    let fine = !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-@:".contains(c));
    if !fine {
        return Err(Fault::UnsafeValue {
            what: "the unit".to_owned(),
            host: call.host.to_string(),
            why: "is no unit's name".to_owned(),
            value: shown(&name),
        }
        .into());
    }
    Ok(Unit {
        name,
        manager: ServiceManager::Systemd,
        member: None,
    })
}

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let unit = unit(call)?;
    let member = unit.member;
    let pod = match member {
        Some(_) => ProbeRequest::default(),
        None => static_pod::needs(&unit.name),
    };
    let run_dir = member
        .filter(|m| m.manager == ServiceManager::Process)
        .map(MemberSpec::run_dir);
    Ok(ProbeRequest {
        services: vec![ServiceQuery {
            unit: unit.name,
            manager: unit.manager,
            run_dir,
        }],
        // A plain process is started by its binary.
        tools: member.is_some_and(|m| m.manager == ServiceManager::Process),
        bin_dirs: member.and_then(|m| m.bin_dir.clone()).into_iter().collect(),
        ..pod
    })
}

pub(super) fn work(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let unit = unit(call)?;
    let (state, wait_s) = (wanted(site, &unit)?, wait_s(site));
    if let (None, Some(found)) = (unit.member, static_pod::find(site, &unit.name)) {
        return static_pod::work(site, &unit.name, &found, state, wait_s);
    }
    let process = unit
        .member
        .filter(|m| m.manager == ServiceManager::Process)
        .map(|m| ProcessSpec {
            binary: member::binary(m, Some(site.facts), "etcd"),
            config: m.config.clone(),
            run_dir: m.run_dir(),
        });
    // A plain process has nobody who would start it at boot.
    let enabled = call.text("enabled")?.map(|word| word == "enabled");
    let enabled = enabled.filter(|_| process.is_none());
    let to = |state, enabled| Action::Service {
        unit: unit.name.clone(),
        manager: unit.manager,
        process: process.clone(),
        state,
        enabled,
        wait_s,
    };
    let found = site.facts.services.get(&unit.name);
    if unit.manager == ServiceManager::Systemd
        && state != ServiceState::Stopped
        && found.is_some_and(|s| !s.exists && !s.is_running())
    {
        return Err(Fault::NoService {
            host: call.host.to_string(),
            unit: unit.name.clone(),
        }
        .into());
    }
    let change = change(found, unit.manager, state, enabled);
    let undo = match (&change, found) {
        (Change::None { .. }, _) | (_, None) => Vec::new(),
        (_, Some(before)) => undo(before, state, enabled)
            .map(|(state, enabled)| to(state, enabled))
            .map(|back| leaderless(site, &unit, back))
            .into_iter()
            .collect(),
    };
    let word = match state {
        ServiceState::Running => "start",
        ServiceState::Stopped => "stop",
        ServiceState::Restarted => "restart",
    };
    Ok(vec![Draft {
        summary: format!("{word} {}", unit.name),
        action: to(state, enabled),
        change,
        undo,
    }]
    .into())
}

/// The state that is wanted, `if changed` settled.
fn wanted(site: &Site<'_>, unit: &Unit<'_>) -> Outcome<ServiceState> {
    let call = &site.call;
    Ok(match call.known("state")?.as_str() {
        "stopped" => ServiceState::Stopped,
        // Nothing has changed that a restart would bring, now or in a run that was cut off before it.
        "restarted" if call.text("if")?.is_some() && !site.changed && !outdated(site, unit) => {
            ServiceState::Running
        }
        "restarted" => ServiceState::Restarted,
        _ => ServiceState::Running,
    })
}

/// Whether the member was started with other settings than its environment file says now.
fn outdated(site: &Site<'_>, unit: &Unit<'_>) -> bool {
    let Some(spec) = unit.member else {
        return false;
    };
    let file = site.facts.files.get(&spec.config);
    let wanted = file
        .and_then(|f| f.content.as_deref())
        .map(envfile::compared)
        .unwrap_or_default();
    let own = |p: &&EtcdProcess| p.data_dir.as_ref() == Some(&spec.data_dir);
    let mut processes = site.facts.etcd_processes.iter().filter(own);
    processes.any(|process| {
        // One whose environment cannot be read, or that was started by other means, is not judged.
        !process.settings.is_empty()
            && wanted
                .iter()
                .any(|(name, value)| process.settings.get(name) != Some(value))
    })
}

fn wait_s(site: &Site<'_>) -> u64 {
    (site.timeout_ms / 1000).clamp(*WAIT_S.start(), *WAIT_S.end())
}

fn shown_state(found: &ServiceFacts) -> &str {
    match found.active.as_str() {
        "active" => "running",
        "" | "inactive" if found.exists => "stopped",
        "" | "inactive" => "no such service",
        other => other,
    }
}

fn change(
    found: Option<&ServiceFacts>,
    manager: ServiceManager,
    state: ServiceState,
    enabled: Option<bool>,
) -> Change {
    let Some(found) = found else {
        return Change::Unknown {
            why: "the service was not looked at".to_owned(),
        };
    };
    let mut parts = Vec::new();
    let from = match manager {
        // A plain process has nothing but its pid file to exist by.
        ServiceManager::Process if !found.is_running() => "stopped",
        _ => shown_state(found),
    };
    match (state, found.is_running()) {
        (ServiceState::Running, false) => parts.push(format!("{from} -> running")),
        (ServiceState::Stopped, true) => parts.push(format!("{from} -> stopped")),
        (ServiceState::Restarted, _) => parts.push(format!("{from} -> restarted")),
        _ => {}
    }
    match enabled.filter(|wanted| *wanted != found.enabled) {
        Some(true) => parts.push("starts at boot".to_owned()),
        Some(false) => parts.push("no longer starts at boot".to_owned()),
        None => {}
    }
    if !parts.is_empty() {
        changes(parts.join(", "))
    } else {
        already(from)
    }
}

/// A member that was found without a leader, or not serving at all, does not find one by being started again: it would be waited for
/// in vain.
fn leaderless(site: &Site<'_>, unit: &Unit<'_>, mut back: Action) -> Action {
    let found = site.view.cluster.members.get(site.call.host);
    let led = matches!(found, Some(MemberProbe::Serving(status)) if status.leader != 0);
    if let Action::Service {
        state: ServiceState::Running,
        wait_s,
        ..
    } = &mut back
        && unit.member.is_some()
        && !led
    {
        *wait_s = 0;
    }
    back
}

/// The state that the service was found in, and whether it started at boot, where that was changed.
fn undo(
    before: &ServiceFacts,
    state: ServiceState,
    enabled: Option<bool>,
) -> Option<(ServiceState, Option<bool>)> {
    let boot = enabled
        .filter(|wanted| *wanted != before.enabled)
        .map(|_| before.enabled);
    match (state, before.is_running()) {
        // The service was away for a moment; it is back, and nothing is left to undo.
        (ServiceState::Restarted, true) => None,
        (_, true) => Some((ServiceState::Running, boot)),
        (_, false) => Some((ServiceState::Stopped, boot)),
    }
}
