use std::path::{Path, PathBuf};
use std::time::Duration;

use runbook_model::action::{Action, CertificateRequest, Outcome};
use runbook_model::change::ClusterChange;
use runbook_model::facts::{HostError, ProbeRequest};
use runbook_model::host::HostName;
use runbook_pki::{PkiError, Wanted, ensure};
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
            Action::IssueCertificates {
                dir,
                cluster,
                members,
                days,
            } => certificates(dir, cluster, members, *days).await,
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

async fn certificates(
    dir: &str,
    cluster: &str,
    members: &[CertificateRequest],
    days: u32,
) -> Outcome {
    let (dir, cluster, members) = (PathBuf::from(dir), cluster.to_owned(), members.to_vec());
    let issue = move || {
        let wanted = Wanted {
            dir: &dir,
            cluster: &cluster,
            members: &members,
            days,
        };
        ensure(&wanted, now_ms() / 1000)
    };
    // Making keys takes a while.
    match tokio::task::spawn_blocking(issue).await {
        Ok(Ok(changes)) => Outcome::Done {
            changed: !changes.is_empty(),
        },
        Ok(Err(error)) => failed(told(&error)),
        Err(error) => failed(error.to_string()),
    }
}

fn told(error: &PkiError) -> String {
    format!("{error}: {}", error.help())
}
