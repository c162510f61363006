use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use runbook_model::facts::HostError;
use runbook_model::host::HostName;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use super::forward::Forwards;
use crate::etcd::Members;
use crate::program::Known;
use crate::settings::Settings;
use crate::transport::Link;

/// Hosts over SSH or right here, etcd over the network, the clock of this machine. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct RealWorld {
    pub(super) shared: Arc<Shared>,
    pub(super) members: Arc<Members<Forwards>>,
}

pub(super) struct Shared {
    pub settings: Arc<Settings>,
    links: BTreeMap<HostName, Arc<Link>>,
    /// Tools found by earlier probes, of earlier commands too.
    pub known: Mutex<BTreeMap<HostName, Known>>,
    /// As they were when this command began.
    remembered: BTreeMap<HostName, Known>,
}

impl Drop for Shared {
    /// What cannot be kept is found again by the next command.
    fn drop(&mut self) {
        let known = self.known.get_mut();
        if let Some(file) = &self.settings.tools_file
            && *known != self.remembered
            && let Ok(text) = serde_json::to_vec(known)
        {
            let part = file.with_extension(format!("{}.part", std::process::id()));
            let _ = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, file));
        }
    }
}

/// What an earlier command learnt; nothing where that cannot be read.
fn remembered(file: Option<&PathBuf>) -> BTreeMap<HostName, Known> {
    let text = file.and_then(|file| std::fs::read(file).ok());
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

impl Shared {
    /// The way to a host.
    ///
    /// # Errors
    /// The inventory does not know it.
    pub(crate) fn link(&self, host: &HostName) -> Result<Arc<Link>, HostError> {
        self.links
            .get(host)
            .cloned()
            .ok_or_else(|| HostError::Unreachable {
                host: host.clone(),
                detail: "the inventory has no such host".to_owned(),
            })
    }
}

impl RealWorld {
    /// A world of these hosts. Nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let forks = Arc::new(Semaphore::new(settings.forks.max(1)));
        let link = |(host, connection): (&HostName, &_)| {
            let link = Link::new(
                host.clone(),
                Clone::clone(connection),
                Arc::clone(&settings),
                Arc::clone(&forks),
            );
            (host.clone(), Arc::new(link))
        };
        let links = settings.connections.iter().map(link).collect();
        let access = settings.access.clone();
        let remembered = remembered(settings.tools_file.as_ref());
        let shared = Arc::new(Shared {
            settings,
            links,
            known: Mutex::new(remembered.clone()),
            remembered,
        });
        let members = Arc::new(Members::new(Forwards::new(Arc::clone(&shared)), access));
        Self { shared, members }
    }

    /// Connects to all of these hosts at once; hosts already connected cost nothing. One answer a host.
    pub async fn connect(&self, hosts: &[HostName]) -> BTreeMap<HostName, Result<(), HostError>> {
        let mut set = JoinSet::new();
        for host in hosts {
            let (host, link) = (host.clone(), self.shared.link(host));
            set.spawn(async move {
                let result = match link {
                    Ok(link) => link.connect().await,
                    Err(error) => Err(error),
                };
                (host, result)
            });
        }
        set.join_all().await.into_iter().collect()
    }

    /// Lets go of the connections. Their masters stay for [`Settings::keep_alive_s`], so that the operator's next command finds them, and
    /// then end by themselves.
    pub fn close(self) {}

    /// Ends the masters too.
    pub async fn disconnect(&self) {
        let mut set = JoinSet::new();
        for link in self.shared.links.values() {
            let link = Arc::clone(link);
            set.spawn(async move { link.stop().await });
        }
        set.join_all().await;
    }
}
