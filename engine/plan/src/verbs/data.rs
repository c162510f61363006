//! `trial-restore`, `archive data-dir`, `restore data-dir`.

use runbook_model::action::Action;
use runbook_model::facts::{DataDirOrigin, HostFacts, ProbeRequest, Tool};
use runbook_model::guard::Guard;
use runbook_model::host::MemberSpec;
use runbook_model::plan::Change;
use runbook_model::units;
use runbook_model::view::SnapshotFacts;
use runbook_snapshot::ids;

use super::configure::token_of_run;
use super::{Call, Draft, Site, Work, already, changes};
use crate::error::{Fault, Outcome};
use crate::{member, paths};

pub(super) fn needs(call: &Call<'_>) -> Outcome<ProbeRequest> {
    let spec = call.member()?;
    paths::replaceable(&spec.data_dir)?;
    Ok(ProbeRequest {
        data_dirs: vec![spec.data_dir.clone()],
        dirs: vec![spec.data_dir.clone()],
        disks: vec![spec.data_dir.clone()],
        tools: true,
        bin_dirs: spec.bin_dir.iter().cloned().collect(),
        ..ProbeRequest::default()
    })
}

/// etcdutl where it is, else an etcdctl that still restores (3.6's cannot); of several the one that can bump.
fn restorer(facts: &HostFacts) -> Option<&Tool> {
    let rank = |tool: &&Tool| (tool.restore_bump, tool.name == "etcdutl");
    let able = facts.tools.iter().filter(|t| t.can_restore);
    // Of equals the first found: max_by_key takes the last.
    able.rev().max_by_key(rank)
}

/// Nothing can be planned without a tool; the guard says so in the operator's words.
fn without_tool(spec: &MemberSpec) -> Work {
    Work {
        requires: vec![Guard::ToolsPresent {
            members: vec![spec.host.clone()],
            tools: vec!["etcdutl".to_owned()],
        }],
        ..Work::default()
    }
}

/// The snapshot on this machine that was or will be sent to a path on the host.
fn origin_of<'a>(site: &Site<'a>, on_host: &str) -> Option<&'a SnapshotFacts> {
    let digest = site.facts.files.get(on_host)?.sha256.as_ref()?;
    site.view.snapshots.values().find(|s| s.sha256 == *digest)
}

pub(super) fn trial(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    paths::replaceable(&spec.data_dir)?;
    let snapshot = site.call.known("path")?;
    paths::absolute(&snapshot)?;
    let Some(tool) = restorer(site.facts) else {
        return Ok(without_tool(spec));
    };
    let hashless = origin_of(site, &snapshot).is_some_and(|s| !s.has_hash);
    Ok(vec![Draft {
        summary: format!(
            "restore {snapshot} into a scratch directory with {}",
            tool.path
        ),
        action: Action::TrialRestore {
            tool: tool.path.clone(),
            snapshot,
            scratch: format!("{}.trial-{}", spec.data_dir, site.call.run.id),
            name: spec.name.clone(),
            skip_hash_check: hashless,
        },
        change: Change::Reads,
        undo: Vec::new(),
    }]
    .into())
}

pub(super) fn measure(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    paths::absolute(&spec.data_dir)?;
    Ok(vec![Draft {
        summary: format!("time small writes on the file system of {}", spec.data_dir),
        action: Action::MeasureDisk {
            data_dir: spec.data_dir.clone(),
        },
        change: Change::Reads,
        undo: Vec::new(),
    }]
    .into())
}

pub(super) fn archive(site: &Site<'_>) -> Outcome<Work> {
    let spec = site.call.member()?;
    paths::replaceable(&spec.data_dir)?;
    let aside = format!("{}.{}", spec.data_dir, site.call.run.id);
    let data = site.facts.data_dirs.get(&spec.data_dir);
    let change = match data {
        None => Change::Unknown {
            why: "the data dir was not looked at".to_owned(),
        },
        Some(d) if !d.exists => already("there is no data dir"),
        Some(d) if d.empty => already("the data dir is empty"),
        Some(d) => changes(format!("{} -> {aside}", units::bytes(d.bytes))),
    };
    let undo = match &change {
        Change::Changes { .. } => vec![Action::ReinstateDataDir {
            data_dir: spec.data_dir.clone(),
            aside: aside.clone(),
            failed: failed(site, spec),
        }],
        _ => Vec::new(),
    };
    Ok(vec![Draft {
        summary: format!("set {} aside", spec.data_dir),
        action: Action::ArchiveDataDir {
            data_dir: spec.data_dir.clone(),
            aside,
        },
        change,
        undo,
    }]
    .into())
}

/// Where a data dir goes that this run made and takes back.
pub(super) fn failed(site: &Site<'_>, spec: &MemberSpec) -> String {
    format!("{}.{}.failed", spec.data_dir, site.call.run.id)
}

pub(super) fn restore(site: &Site<'_>) -> Outcome<Work> {
    let call = &site.call;
    let spec = call.member()?;
    paths::replaceable(&spec.data_dir)?;
    let snapshot = call.known("source")?;
    paths::absolute(&snapshot)?;
    let Some(tool) = restorer(site.facts) else {
        return Ok(without_tool(spec));
    };
    let from = origin_of(site, &snapshot);
    let wanted_bump = call.int("bump").filter(|bump| *bump > 0);
    let bump = wanted_bump.filter(|_| tool.restore_bump);
    let run = call.run;
    let token = token_of_run(run.cluster, run.id);
    let initial_cluster = match call.text("alone")? {
        Some(_) => member::initial_cluster(std::iter::once(spec)),
        None => member::initial_cluster(run.members.iter()),
    };
    let cluster_id = ids::cluster_id(&token, &initial_cluster)
        .map_err(|e| Fault::Expression { why: e.to_string() })?;
    // Of a snapshot that the run itself takes nobody knows the revision yet.
    let revision = from.map_or(0, |s| s.revision.saturating_add(bump.unwrap_or(0)));
    let origin = DataDirOrigin {
        run: run.id.to_owned(),
        snapshot_sha256: from.map(|s| s.sha256.clone()).unwrap_or_default(),
        token: token.clone(),
        cluster_id: format!("{cluster_id:x}"),
        revision,
    };
    let mut work = Work::from(vec![Draft {
        summary: format!("restore {} with {}", spec.data_dir, tool.path),
        change: restored(site.facts, spec, revision, cluster_id),
        undo: vec![Action::ArchiveDataDir {
            data_dir: spec.data_dir.clone(),
            aside: failed(site, spec),
        }],
        action: Action::RestoreDataDir {
            tool: tool.path.clone(),
            snapshot,
            data_dir: spec.data_dir.clone(),
            name: spec.name.clone(),
            initial_cluster,
            token,
            peer_url: spec.peer_url(),
            bump,
            owner: member::owner(spec, Some(site.facts)).to_owned(),
            skip_hash_check: from.is_some_and(|s| !s.has_hash),
            origin,
        },
    }]);
    if wanted_bump.is_some() && bump.is_none() {
        work.notes.push(format!(
            "{} {} cannot bump revisions: clients and API servers that watched later revisions than {revision} get no \
             error and no events until they list again; restart them, or install etcdutl 3.5.10 or later (3.4.27 in 3.4)",
            tool.path, tool.version
        ));
    }
    Ok(work)
}

fn restored(facts: &HostFacts, spec: &MemberSpec, revision: i64, cluster_id: u64) -> Change {
    match facts.data_dirs.get(&spec.data_dir) {
        None => Change::Unknown {
            why: "the data dir was not looked at".to_owned(),
        },
        Some(d) if d.exists && !d.empty => Change::Unknown {
            why: format!(
                "{} holds {}: a restore needs it empty",
                spec.data_dir,
                units::bytes(d.bytes)
            ),
        },
        Some(_) if revision == 0 => changes(format!(
            "absent -> the snapshot's keys, cluster {cluster_id:x}, owner {}",
            member::owner(spec, Some(facts))
        )),
        Some(_) => changes(format!(
            "absent -> revision {revision}, cluster {cluster_id:x}, owner {}",
            member::owner(spec, Some(facts))
        )),
    }
}
