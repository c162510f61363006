//! Snapshots and data dirs: trial, set aside, restored, put back.

use runbook_model::action::{Action, Rehearsal};
use runbook_model::cluster::Member;
use runbook_model::host::HostName;
use runbook_snapshot::ids;
use sha2::{Digest, Sha256};

use crate::actions::{Change, text_file};
use crate::cluster::MemberData;
use crate::model::{ControlFile, DataDir, Host, Model};
use crate::store::Store;

/// The data of a running member is not moved.
fn unused(host: &Host, data_dir: &str) -> Result<(), String> {
    let used = host
        .services
        .values()
        .any(|s| s.running && s.etcd.as_ref().is_some_and(|e| e.data_dir == data_dir));
    if used {
        return Err(format!("an etcd still uses `{data_dir}`"));
    }
    Ok(())
}

fn snapshot_on(host: &Host, tool: &str, snapshot: &str) -> Result<Store, String> {
    if !host.tools.iter().any(|t| t.path == tool && t.can_restore) {
        return Err(format!("`{tool}` cannot restore"));
    }
    let file = host
        .files
        .get(snapshot)
        .ok_or_else(|| format!("open {snapshot}: no such file or directory"))?;
    file.snapshot
        .clone()
        .ok_or_else(|| "snapshot file integrity check failed".to_owned())
}

pub(crate) fn trial(host: &Host, tool: &str, snapshot: &str) -> Change {
    snapshot_on(host, tool, snapshot).map(|_| false)
}

pub(crate) fn archive(host: &mut Host, data_dir: &str, aside: &str) -> Change {
    let Some(dir) = host.data.get(data_dir) else {
        return Ok(false);
    };
    if dir.member.is_none() {
        return Ok(false);
    }
    unused(host, data_dir)?;
    if host.data.contains_key(aside) {
        return Err(format!("`{aside}` is there already"));
    }
    if let Some(dir) = host.data.remove(data_dir) {
        host.data.insert(aside.to_owned(), dir);
    }
    Ok(true)
}

pub(crate) fn reinstate(host: &mut Host, data_dir: &str, aside: &str, failed: &str) -> Change {
    if !host.data.contains_key(aside) {
        return Ok(false);
    }
    unused(host, data_dir)?;
    let Some(before) = host.data.remove(aside) else {
        return Ok(false);
    };
    if let Some(made) = host.data.insert(data_dir.to_owned(), before)
        && made.member.is_some()
    {
        host.data.insert(failed.to_owned(), made);
    }
    Ok(true)
}

pub(crate) fn restore(host: &mut Host, run: &str, action: &Action) -> Change {
    let Action::RestoreDataDir {
        tool,
        snapshot,
        data_dir,
        name,
        initial_cluster,
        token,
        peer_url,
        bump,
        owner,
        origin,
        ..
    } = action
    else {
        return Ok(false);
    };
    if let Some(dir) = host.data.get(data_dir)
        && dir.member.is_some()
    {
        // Its receipt says that this run made it of the same snapshot: it is so already.
        if dir
            .origin
            .as_ref()
            .is_some_and(|o| o.run == run && o == origin)
        {
            return Ok(false);
        }
        return Err(format!("data-dir `{data_dir}` exists"));
    }
    let mut store = snapshot_on(host, tool, snapshot)?;
    if let Some(bump) = bump {
        store.revision += bump;
        store.compacted = store.revision - 1;
    }
    let members = members_of(initial_cluster, token)?;
    let own = members
        .iter()
        .find(|m| m.name == *name)
        .ok_or_else(|| format!("couldn't find local name \"{name}\" in the initial cluster"))?;
    if !own.peer_urls.contains(peer_url) {
        return Err(format!(
            "--initial-cluster has {name}={} but missing from --initial-advertise-peer-urls={peer_url}",
            own.peer_urls.join(",")
        ));
    }
    let member = MemberData {
        cluster_id: ids::cluster_id(token, initial_cluster).map_err(|e| e.to_string())?,
        member_id: own.id,
        members: members.clone(),
        store,
        ..MemberData::default()
    };
    let dir = DataDir {
        owner: owner.clone(),
        member: Some(member),
        origin: Some(origin.clone()),
    };
    host.data.insert(data_dir.clone(), dir);
    Ok(true)
}

/// A copy beside the member; a file stands for its process.
pub(crate) fn rehearse(host: &mut Host, dir: &str, part: &Rehearsal) -> Change {
    let runs = format!("{dir}/running");
    let store = |host: &Host| {
        let copy = host.data.get(&format!("{dir}/data"));
        copy.and_then(|d| d.member.as_ref().map(|m| m.store.clone()))
            .ok_or_else(|| format!("there is no copy in `{dir}`"))
    };
    match part {
        Rehearsal::Prepare { user } => {
            take_away(host, dir);
            host.dirs.insert(dir.to_owned(), user.clone());
            Ok(true)
        }
        Rehearsal::Start { user, .. } => {
            store(host)?;
            let file = text_file("", 0o600, user);
            Ok(host.files.insert(runs, file.clone()) != Some(file))
        }
        Rehearsal::ReadBack { revision, keys, .. } => {
            let store = store(host)?;
            if !host.files.contains_key(&runs) {
                return Err("the copy gives no answer".to_owned());
            }
            let found = store.keys.len() as u64;
            if store.revision < *revision || keys.is_some_and(|keys| keys != found) {
                return Err(format!(
                    "the copy holds {found} keys at revision {}",
                    store.revision
                ));
            }
            Ok(false)
        }
        Rehearsal::Remove => Ok(take_away(host, dir)),
    }
}

fn take_away(host: &mut Host, dir: &str) -> bool {
    let inside = format!("{dir}/");
    host.files.retain(|path, _| !path.starts_with(&inside));
    host.data.retain(|path, _| !path.starts_with(&inside));
    host.dirs.remove(dir).is_some()
}

/// The membership that a bootstrap or a restore makes.
pub(crate) fn members_of(initial_cluster: &str, token: &str) -> Result<Vec<Member>, String> {
    initial_cluster
        .split(',')
        .map(|pair| {
            let (name, url) = pair.split_once('=').unwrap_or((pair, ""));
            Ok(Member {
                id: ids::member_id(&[url], token).map_err(|e| e.to_string())?,
                name: name.to_owned(),
                peer_urls: vec![url.to_owned()],
                client_urls: Vec::new(),
                is_learner: false,
            })
        })
        .collect()
}

pub(crate) fn save(model: &mut Model, member: &HostName, dest: &str) -> Change {
    let store = model
        .running_member(member)
        .ok_or_else(|| format!("no member serves on `{member}`"))?
        .store
        .clone();
    model.control.insert(dest.to_owned(), snapshot_file(store));
    Ok(true)
}

/// A good snapshot file of a store.
pub(crate) fn snapshot_file(store: Store) -> ControlFile {
    ControlFile {
        sha256: hex::encode(Sha256::digest(format!("{store:?}"))),
        size: 20_512,
        snapshot: Some(store),
        ..ControlFile::default()
    }
}
