//! Actions, carried out as a host would: each converges, and says honestly what it cannot do.

use std::time::Duration;

use runbook_model::action::{Action, Outcome, ServiceState};
use runbook_model::facts::Tool;
use runbook_model::host::HostName;
use runbook_run::world::Order;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::change;
use crate::data;
use crate::model::{ControlFile, Doing, Effect, File, Host, Model};
use crate::service;
use crate::world::{SimWorld, failed};

/// Milliseconds that an action takes before its effect, and again after it.
const HALF_MS: u64 = 10;

/// Changed or not; or why it failed.
pub(crate) type Change = Result<bool, String>;

pub(crate) async fn carry_out(
    world: &SimWorld,
    doing: &Doing,
    order: &Order,
    index: usize,
) -> Outcome {
    let host = &doing.host;
    let Some(action) = order.actions.get(index) else {
        return Outcome::NotStarted;
    };
    let boot = world.with(|model| model.hosts.get(host).map_or(0, |h| h.boot));
    sleep(Duration::from_millis(HALF_MS)).await;
    if let Action::ChangeCluster {
        change,
        cluster_id,
        through,
    } = action
    {
        let site = change::Site {
            world,
            doing,
            cluster_id: cluster_id.as_deref(),
            through,
            deadline: Instant::now() + Duration::from_millis(order.timeout_ms),
        };
        let outcome = change::carry_out(&site, change).await;
        if let Outcome::Done { changed } = outcome {
            note(world, host, order, (index, changed, boot));
        }
        return outcome;
    }
    let change = match action {
        Action::Service { .. } => service::bring_to(world, doing, action).await,
        other => world.edit_for(doing, |model| instant(model, host, &order.run, other)),
    };
    sleep(Duration::from_millis(HALF_MS)).await;
    match change {
        Ok(changed) => {
            note(world, host, order, (index, changed, boot));
            Outcome::Done { changed }
        }
        Err(reason) => failed(reason),
    }
}

/// Remembers what was done.
fn note(
    world: &SimWorld,
    host: &HostName,
    order: &Order,
    (action, changed, boot): (usize, bool, u32),
) {
    world.with(|model| {
        model.log.push(Effect {
            host: host.clone(),
            step: order.step,
            attempt: order.attempt,
            undo: order.undo,
            action,
            changed,
            boot,
        });
    });
}

/// What is done on the control host, or with its files.
fn on_control(model: &mut Model, name: &HostName, action: &Action) -> Option<Change> {
    // Here an authority has no keys and nobody checks a certificate: its states are kept as a text.
    let (dir, state) = match action {
        Action::Upload { .. } => return Some(upload(model, name, action)),
        Action::SaveSnapshot { member, dest } => return Some(data::save(model, member, dest)),
        Action::IssueCertificates { dir, .. } => {
            let issued = format!("{dir}/ca.crt");
            let fresh = !model.control.contains_key(&issued);
            let text = control_text("a certificate authority");
            model.control.insert(issued, text);
            return Some(Ok(fresh));
        }
        Action::RotateAuthority { dir, to, .. } => {
            (dir, format!("a certificate authority, {to:?}"))
        }
        Action::ReinstateCertificates { dir, .. } => (dir, "a certificate authority".to_owned()),
        _ => return None,
    };
    let text = control_text(&state);
    let before = model.control.insert(format!("{dir}/ca.crt"), text.clone());
    Some(Ok(before.as_ref() != Some(&text)))
}

fn instant(model: &mut Model, name: &HostName, run: &str, action: &Action) -> Change {
    if let Some(change) = on_control(model, name, action) {
        return change;
    }
    let host = model.hosts.get_mut(name).ok_or("no such host")?;
    match action {
        Action::User { name, .. } => Ok(host.users.insert(name.clone())),
        Action::Directory { path, access } => {
            let owner = access.owner.clone().unwrap_or_else(|| "root".to_owned());
            Ok(host.dirs.insert(path.clone(), owner.clone()) != Some(owner))
        }
        Action::WriteFile {
            path,
            content,
            access,
        } => {
            let owner = access.owner.clone().unwrap_or_else(|| "root".to_owned());
            let file = text_file(content, access.mode, &owner);
            Ok(host.files.insert(path.clone(), file.clone()) != Some(file))
        }
        Action::RemoveUpload { path } => Ok(host.files.remove(path).is_some()),
        Action::RemoveCreated { path, directory } => remove(host, path, *directory),
        Action::InstallPackages { packages } => Ok(install(host, packages)),
        Action::InstallArchive {
            archive,
            sha256,
            bin_dir,
        } => install_archive(host, archive, sha256, bin_dir),
        Action::DaemonReload => Ok(false),
        Action::TrialRestore { tool, snapshot, .. } => data::trial(host, tool, snapshot),
        Action::ArchiveDataDir { data_dir, aside } => data::archive(host, data_dir, aside),
        Action::ReinstateDataDir {
            data_dir,
            aside,
            failed,
        } => data::reinstate(host, data_dir, aside, failed),
        Action::RestoreDataDir { .. } => data::restore(host, run, action),
        Action::RehearseMember { dir, part } => data::rehearse(host, dir, part),
        Action::StaticPod {
            manifest,
            aside,
            state,
            ..
        } => move_manifest(host, manifest, aside, *state),
        Action::MeasureDisk { .. } => {
            host.measured.insert(run.to_owned());
            Ok(false)
        }
        Action::Shell {
            creates, read_only, ..
        } => Ok(shell(host, creates.as_deref(), *read_only)),
        Action::Upload { .. }
        | Action::SaveSnapshot { .. }
        | Action::IssueCertificates { .. }
        | Action::RotateAuthority { .. }
        | Action::ReinstateCertificates { .. }
        | Action::ChangeCluster { .. }
        | Action::Service { .. } => Ok(false),
    }
}

/// A static pod's manifest goes aside, or comes back; the kubelet follows at once.
fn move_manifest(host: &mut Host, manifest: &str, aside: &str, state: ServiceState) -> Change {
    let file = manifest.rsplit('/').next().unwrap_or_default();
    let kept = format!("{aside}/{file}");
    let (from, to) = match state {
        ServiceState::Stopped => (manifest, kept.as_str()),
        ServiceState::Running | ServiceState::Restarted => (kept.as_str(), manifest),
    };
    match host.files.remove(from) {
        Some(found) => {
            host.files.insert(to.to_owned(), found);
            Ok(true)
        }
        None if state == ServiceState::Stopped || host.files.contains_key(to) => Ok(false),
        None => Err(format!("there is no `{manifest}`, and no run keeps it")),
    }
}

fn upload(model: &mut Model, name: &HostName, action: &Action) -> Change {
    let Action::Upload {
        source,
        dest,
        sha256,
        access,
        ..
    } = action
    else {
        return Ok(false);
    };
    // A member's certificates stand in a directory of its own below the authority's.
    let issued = || {
        let dirs = source.rmatch_indices('/').take(2);
        let mut dirs = dirs.map(|(end, _)| source.get(..end).unwrap_or_default());
        dirs.any(|dir| model.control.contains_key(&format!("{dir}/ca.crt")))
    };
    let from = match model.control.get(source) {
        Some(file) => file.clone(),
        // A leaf that stands beside or below an authority was issued with it.
        None if issued() => control_text(source),
        None => return Err(format!("`{source}` is not there")),
    };
    if sha256.as_ref().is_some_and(|wanted| *wanted != from.sha256) {
        return Err(format!("`{source}` is not the file that was planned"));
    }
    let host = model.hosts.get_mut(name).ok_or("no such host")?;
    if host.disk_free < from.size {
        return Err("no space left on device".to_owned());
    }
    let file = File {
        content: None,
        sha256: from.sha256,
        size: from.size,
        mode: access.mode,
        owner: access.owner.clone().unwrap_or_else(|| "root".to_owned()),
        snapshot: from.snapshot,
    };
    Ok(host.files.insert(dest.clone(), file.clone()) != Some(file))
}

fn remove(host: &mut Host, path: &str, directory: bool) -> Change {
    if !directory {
        return Ok(host.files.remove(path).is_some());
    }
    let inside = format!("{path}/");
    let full = host.files.keys().any(|p| p.starts_with(&inside))
        || host.data.get(path).is_some_and(|d| d.member.is_some());
    if full {
        return Ok(false);
    }
    host.data.remove(path);
    Ok(host.dirs.remove(path).is_some())
}

fn install(host: &mut Host, packages: &[(String, Option<String>)]) -> bool {
    let mut changed = false;
    for (package, version) in packages {
        let version = version.clone().unwrap_or_else(|| "3.5.16".to_owned());
        changed |= host.packages.insert(package.clone(), version.clone()) != Some(version.clone());
        if changed && package.starts_with("etcd") {
            add_tools(host, "/usr/bin", &version);
        }
    }
    changed
}

fn install_archive(host: &mut Host, archive: &str, sha256: &str, bin_dir: &str) -> Change {
    let file = host
        .files
        .get(archive)
        .ok_or_else(|| format!("`{archive}` is not there"))?;
    if file.sha256 != sha256 {
        return Err(format!("`{archive}` is not the archive that was planned"));
    }
    let before = host.tools.clone();
    add_tools(host, bin_dir, "3.5.16");
    Ok(host.tools != before)
}

/// etcd, etcdctl and etcdutl in a directory.
pub(crate) fn add_tools(host: &mut Host, dir: &str, version: &str) {
    for name in ["etcd", "etcdctl", "etcdutl"] {
        let tool = Tool {
            name: name.to_owned(),
            path: format!("{dir}/{name}"),
            version: version.to_owned(),
            restore_bump: name == "etcdutl",
            can_restore: name != "etcd",
        };
        host.tools.retain(|t| t.path != tool.path);
        host.tools.push(tool);
    }
}

fn shell(host: &mut Host, creates: Option<&str>, read_only: bool) -> bool {
    match creates {
        _ if read_only => false,
        Some(path) if host.files.contains_key(path) => false,
        Some(path) => {
            host.files
                .insert(path.to_owned(), text_file("", 0o644, "root"));
            true
        }
        None => true,
    }
}

/// A text file as a host keeps it.
pub(crate) fn text_file(content: &str, mode: u32, owner: &str) -> File {
    File {
        content: Some(content.to_owned()),
        sha256: hex::encode(Sha256::digest(content)),
        size: content.len() as u64,
        mode,
        owner: owner.to_owned(),
        snapshot: None,
    }
}

fn control_text(content: &str) -> ControlFile {
    ControlFile {
        sha256: hex::encode(Sha256::digest(content)),
        size: content.len() as u64,
        ..ControlFile::default()
    }
}
