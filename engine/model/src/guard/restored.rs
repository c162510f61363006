//! Whether a cluster was made of a snapshot, by the receipts that restores leave.

use std::collections::BTreeSet;

use super::Verdict;
use super::evaluate::{Finding, holds, settle, unknown, why_untold};
use super::members::serving;
use crate::facts::DataDirOrigin;
use crate::host::HostName;
use crate::view::View;

/// Every data dir was made of the snapshot, or its member joined the cluster that was: that cluster holds what was written since.
pub(super) fn restored_from(members: &[HostName], path: &str, view: &View) -> Verdict {
    let Some(wanted) = view.snapshots.get(path) else {
        return unknown(format!("`{path}` was not read"));
    };
    let receipts: Vec<_> = members
        .iter()
        .filter_map(|host| Some((host, receipt(host, view)?)))
        .filter(|(_, origin)| origin.snapshot_sha256 == wanted.sha256)
        .collect();
    let restored: Vec<_> = receipts
        .into_iter()
        .filter(|(host, origin)| {
            let status = serving(host, view);
            status.is_some_and(|s| format!("{:x}", s.cluster_id) == origin.cluster_id)
        })
        .collect();
    let clusters: BTreeSet<_> = restored
        .iter()
        .map(|(_, origin)| origin.cluster_id.as_str())
        .collect();
    let findings = members
        .iter()
        .map(|host| from_snapshot(host, &wanted.sha256, &clusters, view))
        .collect();
    let joined = members.len() - restored.len();
    match (settle(findings, "members restored"), restored.first()) {
        (Verdict::Holds { .. }, Some((_, origin))) => {
            let (count, all, run) = (restored.len(), members.len(), &origin.run);
            let since = match joined {
                0 => String::new(),
                joined => format!(", {joined} joined since"),
            };
            holds(format!(
                "{count} of {all} members restored from this snapshot by run {run}{since}"
            ))
        }
        (other, _) => other,
    }
}

fn receipt<'a>(host: &HostName, view: &'a View) -> Option<&'a DataDirOrigin> {
    let spec = view.specs.get(host)?;
    let dir = view.facts(host)?.data_dirs.get(&spec.data_dir)?;
    dir.origin.as_ref()
}

/// Whether a member belongs to one of the clusters that were made of a snapshot; these serve already.
fn from_snapshot(host: &HostName, sha256: &str, clusters: &BTreeSet<&str>, view: &View) -> Finding {
    let status = serving(host, view);
    let serves = status.map(|s| format!("{:x}", s.cluster_id));
    match (receipt(host, view), serves) {
        _ if view.facts(host).is_none() => Finding::Untold(why_untold(host, view)),
        (_, Some(id)) if clusters.contains(id.as_str()) => Finding::Fine,
        (None, _) => Finding::Bad(format!("the data of `{host}` was not restored by runbook")),
        (Some(origin), _) if origin.snapshot_sha256 != sha256 => {
            Finding::Bad(format!("the data of `{host}` comes from another snapshot"))
        }
        (Some(_), None) => Finding::Bad(format!("the member on `{host}` does not serve")),
        (Some(_), Some(id)) => Finding::Bad(format!(
            "`{host}` serves cluster {id}, not the restored one"
        )),
    }
}
