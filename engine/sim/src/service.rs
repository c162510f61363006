//! Services: a unit that is etcd starts only as etcd would.

use std::collections::BTreeMap;
use std::time::Duration;

use runbook_model::action::{Action, ProcessSpec, ServiceState};
use runbook_model::facts::COMPARED_SETTINGS;
use runbook_model::host::HostName;
use tokio::time::{Instant, sleep};

use crate::actions::Change;
use crate::model::{DataDir, Doing, Host, Model, RunningEtcd};
use crate::probe::unit_path;
use crate::world::SimWorld;

/// Milliseconds that a stop and a start take.
const STOP_MS: u64 = 200;
const START_MS: u64 = 300;
const POLL_MS: u64 = 100;

/// Files without which etcd does not start.
const READ_AT_START: [&str; 6] = [
    "ETCD_TRUSTED_CA_FILE",
    "ETCD_CERT_FILE",
    "ETCD_KEY_FILE",
    "ETCD_PEER_TRUSTED_CA_FILE",
    "ETCD_PEER_CERT_FILE",
    "ETCD_PEER_KEY_FILE",
];

pub(crate) async fn bring_to(world: &SimWorld, doing: &Doing, action: &Action) -> Change {
    let host = &doing.host;
    let Action::Service {
        unit,
        state,
        enabled,
        wait_s,
        ..
    } = action
    else {
        return Ok(false);
    };
    let running = world.with(|m| is_running(m, host, unit));
    let mut changed = false;
    if running && *state != ServiceState::Running {
        sleep(Duration::from_millis(STOP_MS)).await;
        world.edit_for(doing, |m| set_running(m, host, unit, false));
        changed = true;
    }
    if *state == ServiceState::Stopped {
        // Nobody tries to start any more what was stopped.
        world.with(|m| forget(m, host, unit));
    }
    if *state != ServiceState::Stopped && (!running || *state == ServiceState::Restarted) {
        sleep(Duration::from_millis(START_MS)).await;
        world.edit_for(doing, |m| start(m, host, action))?;
        changed = true;
    }
    if let Some(enabled) = *enabled {
        changed |= world.edit(|m| set_enabled(m, host, unit, enabled));
    }
    if *state != ServiceState::Stopped && *wait_s > 0 {
        ready(world, host, unit, *wait_s).await?;
        world.with(|m| {
            let service = m.hosts.get_mut(host).and_then(|h| h.services.get_mut(unit));
            if let Some(service) = service {
                service.active = true;
            }
        });
    }
    Ok(changed)
}

/// systemd's notify: etcd is active once it knows a leader, and stays so when it loses it.
async fn ready(world: &SimWorld, host: &HostName, unit: &str, wait_s: u64) -> Result<(), String> {
    let limit = Instant::now() + Duration::from_secs(wait_s);
    loop {
        let (alive, ready) = world.with(|m| {
            let alive = is_running(m, host, unit);
            let etcd = m.hosts.get(host).and_then(|h| h.services.get(unit));
            let quiet = etcd.is_some_and(|s| s.etcd.is_some() && !s.active);
            (alive, !quiet || m.leader_of(host).is_some())
        });
        if !alive {
            return Err(format!("`{unit}` stopped again"));
        }
        if ready {
            return Ok(());
        }
        if Instant::now() >= limit {
            return Err(format!("`{unit}` did not become active within {wait_s} s"));
        }
        sleep(Duration::from_millis(POLL_MS)).await;
    }
}

fn is_running(model: &Model, host: &HostName, unit: &str) -> bool {
    let service = model.hosts.get(host).and_then(|h| h.services.get(unit));
    service.is_some_and(|s| s.running)
}

fn forget(model: &mut Model, host: &HostName, unit: &str) {
    let service = model
        .hosts
        .get_mut(host)
        .and_then(|h| h.services.get_mut(unit));
    if let Some(service) = service {
        service.failed = false;
    }
}

pub(crate) fn set_running(model: &mut Model, host: &HostName, unit: &str, running: bool) {
    if let Some(host) = model.hosts.get_mut(host) {
        let service = host.services.entry(unit.to_owned()).or_default();
        service.running = running;
        service.starts += u32::from(running);
        service.active = false;
        service.failed = false;
    }
}

fn set_enabled(model: &mut Model, host: &HostName, unit: &str, enabled: bool) -> bool {
    let Some(host) = model.hosts.get_mut(host) else {
        return false;
    };
    let service = host.services.entry(unit.to_owned()).or_default();
    std::mem::replace(&mut service.enabled, enabled) != enabled
}

fn start(model: &mut Model, name: &HostName, action: &Action) -> Result<(), String> {
    match action {
        Action::Service { unit, process, .. } => start_unit(model, name, unit, process.as_ref()),
        _ => Ok(()),
    }
}

/// What is done with a unit that is to run: by systemd at boot, or by hand.
pub(crate) fn boot(model: &mut Model, name: &HostName, unit: &str) {
    let service = model.hosts.get(name).and_then(|h| h.services.get(unit));
    let process = service.and_then(|s| s.process.clone());
    let failed = start_unit(model, name, unit, process.as_ref()).is_err();
    let host = model.hosts.get_mut(name);
    if let Some(service) = host.and_then(|h| h.services.get_mut(unit)) {
        service.failed = failed;
    }
}

pub(crate) fn start_unit(
    model: &mut Model,
    name: &HostName,
    unit: &str,
    process: Option<&ProcessSpec>,
) -> Result<(), String> {
    let host = model.hosts.get(name).ok_or("no such host")?;
    let (binary, config, user) = match process {
        Some(process) => (process.binary.clone(), process.config.clone(), None),
        None => match host.files.get(&unit_path(unit)) {
            Some(file) => parse_unit(file.content.as_deref().unwrap_or_default()),
            // A unit of the distribution's that is not etcd.
            None if host.services.get(unit).is_some_and(|s| s.etcd.is_none()) => {
                set_running(model, name, unit, true);
                return Ok(());
            }
            None => return Err(format!("Unit {unit}.service not found.")),
        },
    };
    let etcd = start_etcd(model, name, &binary, &config, user.as_deref())?;
    let host = model.hosts.get_mut(name).ok_or("no such host")?;
    let service = host.services.entry(unit.to_owned()).or_default();
    service.etcd = Some(etcd);
    service.process = process.cloned();
    set_running(model, name, unit, true);
    model.note_out_of_reach();
    Ok(())
}

/// Binary, environment file and user of a unit's text.
fn parse_unit(text: &str) -> (String, String, Option<String>) {
    let value = |key: &str| {
        text.lines()
            .find_map(|l| l.trim().strip_prefix(key)?.strip_prefix('='))
            .map(|v| v.trim().trim_start_matches('-').to_owned())
    };
    let binary = value("ExecStart").unwrap_or_default();
    let binary = binary.split_whitespace().next().unwrap_or("").to_owned();
    (
        binary,
        value("EnvironmentFile").unwrap_or_default(),
        value("User"),
    )
}

pub(crate) fn parse_env(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter(|l| !l.trim_start().starts_with('#'))
        .filter_map(|l| l.trim().split_once('='))
        .map(|(k, v)| (k.to_owned(), v.trim_matches(['"', '\'']).to_owned()))
        .collect()
}

/// What etcd does between being executed and being up; or the words with which it dies.
fn start_etcd(
    model: &mut Model,
    name: &HostName,
    binary: &str,
    config: &str,
    user: Option<&str>,
) -> Result<RunningEtcd, String> {
    let host = model.hosts.get(name).ok_or("no such host")?;
    let tool = host.tools.iter().find(|t| t.path == binary);
    let version = tool
        .ok_or_else(|| format!("{binary}: no such file or directory"))?
        .version
        .clone();
    let file = host.files.get(config);
    let file = file.ok_or_else(|| format!("{config}: no such file or directory"))?;
    let env = parse_env(file.content.as_deref().unwrap_or_default());
    let get = |key: &str| env.get(key).cloned().unwrap_or_default();
    let etcd = RunningEtcd {
        data_dir: get("ETCD_DATA_DIR"),
        client_port: port_of(&get("ETCD_LISTEN_CLIENT_URLS"), 2379),
        peer_port: port_of(&get("ETCD_LISTEN_PEER_URLS"), 2380),
        version,
        name: get("ETCD_NAME"),
        client_url: get("ETCD_LISTEN_CLIENT_URLS"),
        quota_bytes: get("ETCD_QUOTA_BACKEND_BYTES").parse().unwrap_or_default(),
        settings: compared(&env),
    };
    // The peers' are read also where the member listens over plain http: it may reach others that do not.
    for key in READ_AT_START {
        if let Some(path) = env.get(key)
            && !host.files.contains_key(path)
        {
            return Err(format!("open {path}: no such file or directory"));
        }
    }
    if host.listener(etcd.client_port).is_some() || host.listener(etcd.peer_port).is_some() {
        return Err("bind: address already in use".to_owned());
    }
    check_owner(host, &etcd.data_dir, user)?;
    let known = host
        .data
        .get(&etcd.data_dir)
        .and_then(|d| d.member.as_ref());
    match known {
        Some(member) => model.check_not_removed(name, member)?,
        None => {
            let fresh = model.begin_member(name, &env)?;
            let owner = user.unwrap_or("root").to_owned();
            let host = model.hosts.get_mut(name).ok_or("no such host")?;
            let dir = host
                .data
                .entry(etcd.data_dir.clone())
                .or_insert_with(|| DataDir {
                    owner,
                    ..DataDir::default()
                });
            dir.member = Some(fresh);
        }
    }
    Ok(etcd)
}

/// Those of a member's settings that are compared with its file.
pub(crate) fn compared(settings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let named = settings
        .iter()
        .filter(|(name, _)| COMPARED_SETTINGS.contains(&name.as_str()));
    named.map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn check_owner(host: &Host, data_dir: &str, user: Option<&str>) -> Result<(), String> {
    match (host.data.get(data_dir), user) {
        (Some(dir), Some(user)) if user != "root" && dir.owner != user => {
            Err(format!("open {data_dir}/member: permission denied"))
        }
        _ => Ok(()),
    }
}

fn port_of(url: &str, default: u16) -> u16 {
    let first = url.split(',').next().unwrap_or_default();
    first
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .unwrap_or(default)
}
