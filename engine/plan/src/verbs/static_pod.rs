//! `service` where the kubelet runs it as a static pod: kubeadm's API servers have a manifest instead of a unit.

use runbook_model::action::{Action, ServiceState};
use runbook_model::facts::{FileKind, ProbeRequest, ServiceFacts};

use super::{Draft, Site, Work, already, changes, digest_only};
use crate::error::{Fault, Outcome};

/// Where kubeadm has the kubelet read manifests.
const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// Where the manifests' directory stands.
const ABOVE: &str = "/etc/kubernetes";
/// Name of a directory beside it that keeps what a run took away, before the run's id.
const KEPT: &str = "manifests.runbook-";

/// A static pod as it was found.
pub(super) enum Pod {
    /// Its manifest is where the kubelet reads it.
    Placed,
    /// A run keeps its manifest in this directory.
    Kept(String),
}

fn manifest(name: &str) -> String {
    format!("{MANIFESTS}/{name}.yaml")
}

pub(super) fn needs(name: &str) -> ProbeRequest {
    ProbeRequest {
        files: vec![digest_only(manifest(name))],
        dirs: vec![ABOVE.to_owned()],
        ..ProbeRequest::default()
    }
}

/// The host's static pod of this name; none where there is none, or systemd has a unit of that name.
pub(super) fn find(site: &Site<'_>, name: &str) -> Option<Pod> {
    let of_systemd = |s: &ServiceFacts| s.exists || s.is_running();
    if site.facts.services.get(name).is_some_and(of_systemd) {
        return None;
    }
    let found = site.facts.files.get(&manifest(name));
    if found.is_some_and(|f| f.kind != FileKind::Absent) {
        return Some(Pod::Placed);
    }
    // Run ids begin with the time: the last is the newest.
    let entries = &site.facts.dirs.get(ABOVE)?.entries;
    let kept = entries.iter().filter(|e| e.starts_with(KEPT)).max()?;
    Some(Pod::Kept(format!("{ABOVE}/{kept}")))
}

pub(super) fn work(
    site: &Site<'_>,
    name: &str,
    found: &Pod,
    state: ServiceState,
    wait_s: u64,
) -> Outcome<Work> {
    let own = format!("{ABOVE}/{KEPT}{}", site.call.run.id);
    let aside = match found {
        Pod::Placed => own,
        Pod::Kept(dir) => dir.clone(),
    };
    let to = |state| Action::StaticPod {
        name: name.to_owned(),
        manifest: manifest(name),
        aside: aside.clone(),
        state,
        wait_s,
    };
    let (word, change, undo) = match (state, found) {
        (ServiceState::Restarted, _) => {
            return Err(Fault::Expression {
                why: format!(
                    "`{name}` is a static pod on `{}`: write `service {name} stopped` and `service {name} running`",
                    site.call.host
                ),
            }
            .into());
        }
        (ServiceState::Stopped, Pod::Placed) => (
            "stop",
            changes(format!("running -> stopped, its manifest kept in {aside}")),
            vec![to(ServiceState::Running)],
        ),
        (ServiceState::Stopped, Pod::Kept(_)) => (
            "stop",
            already(format!("stopped, its manifest kept in {aside}")),
            Vec::new(),
        ),
        (ServiceState::Running, Pod::Placed) => ("start", already("running"), Vec::new()),
        (ServiceState::Running, Pod::Kept(_)) => (
            "start",
            changes(format!(
                "stopped -> running, its manifest back in {MANIFESTS}"
            )),
            vec![to(ServiceState::Stopped)],
        ),
    };
    Ok(vec![Draft {
        summary: format!("{word} static pod {name}"),
        action: to(state),
        change,
        undo,
    }]
    .into())
}
