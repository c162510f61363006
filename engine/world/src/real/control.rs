use std::path::{Path, PathBuf};
use std::time::Duration;

use runbook_model::action::{Action, CertificateRequest, Outcome};
use runbook_model::host::HostName;
use runbook_pki::{PkiError, Wanted, ensure};
use runbook_run::world::Progress;
use tokio::time::timeout_at;

use super::apply::Work;
use super::observe::now_ms;
use crate::etcd::Destination;

/// How long a snapshot's stream may stand still.
const IDLE: Duration = Duration::from_secs(30);

impl Work<'_> {
    /// Work on the control host itself.
    pub(super) async fn control(&self, action: &Action) -> Outcome {
        match action {
            Action::IssueCertificates {
                dir,
                cluster,
                members,
                days,
            } => certificates(dir, cluster, members, *days).await,
            Action::SaveSnapshot { member, dest } => self.save_snapshot(member, dest).await,
            // INVARIANT: only these two are work on the control host.
            _ => failed("this is no work for the control host".to_owned()),
        }
    }
}

impl Work<'_> {
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
