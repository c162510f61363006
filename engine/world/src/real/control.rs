use std::path::Path;
use std::time::Duration;

use runbook_model::action::{Action, Outcome};
use runbook_model::change::ClusterChange;
use runbook_model::facts::{HostError, ProbeRequest};
use runbook_model::host::HostName;
use runbook_pki::{PkiError, Wanted, ensure, reinstate, rotate};
use runbook_run::world::{Observe, Progress};
use tokio::time::timeout_at;

use super::apply::Work;
use super::observe::now_ms;
use crate::etcd::{ChangeError, Cluster, Destination};

/// How long a snapshot's stream may stand still.
const IDLE: Duration = Duration::from_secs(30);

impl Work<'_> {
    /// Work on the control host itself. `Err`: nothing was begun.
    pub(super) async fn control(&self, at: usize) -> Result<Outcome, HostError> {
        let _ = self.progress.send(Progress::Started(at));
        Ok(match &self.order.actions[at] {
            action @ (Action::IssueCertificates { .. }
            | Action::RotateAuthority { .. }
            | Action::ReinstateCertificates { .. }) => certificates(action.clone()).await,
            Action::SaveSnapshot { member, dest } => self.save_snapshot(member, dest).await,
            Action::ChangeCluster {
                change,
                cluster_id,
                through,
            } => {
                self.own_lock().await?;
                let cluster = Cluster {
                    specs: &self.world.shared.settings.members,
                    id: cluster_id.as_deref(),
                    through,
                    deadline: self.deadline,
                };
                self.change(cluster, change).await
            }
            // INVARIANT: only these are work on the control host.
            _ => failed("this is no work for the control host".to_owned()),
        })
    }

    /// A change that no program on the host makes is fenced here: another run may have taken the cluster over.
    async fn own_lock(&self) -> Result<(), HostError> {
        let request = ProbeRequest {
            cluster: Some(self.order.cluster.clone()),
            ..ProbeRequest::default()
        };
        let lock = self.world.probe(self.host, &request).await?.lock;
        if lock.as_ref().is_some_and(|l| l.run == self.order.run) {
            return Ok(());
        }
        Err(HostError::Fenced {
            host: self.host.clone(),
            lock,
        })
    }

    async fn change(&self, cluster: Cluster<'_>, change: &ClusterChange) -> Outcome {
        match self.world.members.change(cluster, change).await {
            Ok(changed) => Outcome::Done { changed },
            Err(error @ ChangeError::Unknown { .. }) => Outcome::Unknown {
                reason: error.to_string(),
            },
            Err(error) => failed(error.to_string()),
        }
    }

    /// A snapshot that this run saved before is found again; what was cut short is taken anew.
    async fn save_snapshot(&self, member: &HostName, dest: &str) -> Outcome {
        let world = self.world;
        let Some(spec) = world.shared.settings.members.get(member) else {
            return failed(format!("`{member}` carries no member"));
        };
        let destination = Destination {
            path: Path::new(dest),
            run: &self.order.run,
            replace: false,
            idle: IDLE,
        };
        let progress = self.progress.clone();
        let mut told = move |done, total| drop(progress.send(Progress::Transfer(done, total)));
        let saving = world.members.save_snapshot(spec, destination, &mut told);
        match timeout_at(self.deadline, saving).await {
            Ok(Ok(saved)) => Outcome::Done {
                changed: saved.changed,
            },
            Ok(Err(error)) => failed(format!("{error}: {}", error.help())),
            Err(_) => failed(format!(
                "its time limit of {} s passed",
                self.order.timeout_ms.div_ceil(1000)
            )),
        }
    }
}

fn failed(reason: String) -> Outcome {
    Outcome::Failed {
        status: None,
        reason,
        output: String::new(),
    }
}

async fn certificates(action: Action) -> Outcome {
    // Making keys takes a while.
    match tokio::task::spawn_blocking(move || changed(&action)).await {
        Ok(Ok(changed)) => Outcome::Done { changed },
        Ok(Err(error)) => failed(told(&error)),
        Err(error) => failed(error.to_string()),
    }
}

fn changed(action: &Action) -> Result<bool, PkiError> {
    let now = now_ms() / 1000;
    match action {
        Action::IssueCertificates {
            dir,
            cluster,
            members,
            days,
            renew_s,
            aside,
            ..
        } => {
            let wanted = Wanted {
                dir: Path::new(dir),
                cluster,
                members,
                days: *days,
                renew_s: *renew_s,
                aside: kept(aside),
            };
            ensure(&wanted, now).map(|changes| !changes.is_empty())
        }
        Action::RotateAuthority {
            dir,
            cluster,
            members,
            to,
            aside,
        } => {
            let wanted = Wanted {
                dir: Path::new(dir),
                cluster,
                members,
                days: 0,
                renew_s: None,
                aside: kept(aside),
            };
            rotate(&wanted, *to, now)
        }
        Action::ReinstateCertificates { dir, aside, files } => {
            reinstate(Path::new(dir), Path::new(aside), files)
        }
        _ => Ok(false),
    }
}

/// Plans that were saved before anything was kept name no place for it.
fn kept(aside: &str) -> Option<&Path> {
    (!aside.is_empty()).then(|| Path::new(aside))
}

fn told(error: &PkiError) -> String {
    format!("{error}: {}", error.help())
}
