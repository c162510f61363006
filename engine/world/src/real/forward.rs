use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use openssh::{ForwardType, Session, Socket};
use runbook_model::facts::HostError;
use runbook_model::host::HostName;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::world::Shared;
use crate::etcd::Forward;

/// Limit for the master's answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Ports of hosts as Unix sockets here, over the connections of a [`super::RealWorld`].
#[derive(Clone)]
pub struct Forwards {
    shared: Arc<Shared>,
    open: Arc<Mutex<HashMap<Port, Opened>>>,
}

impl std::fmt::Debug for Forwards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwards").finish_non_exhaustive()
    }
}

/// A port of an address, as a host sees it.
type Port = (HostName, String, u16);

/// A forward that a master keeps open; its socket goes with the last clone of it.
struct Opened {
    session: Arc<Session>,
    socket: PathBuf,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // The master forgets its socket only when it ends, and leaves the file behind.
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Forwards {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            open: Arc::default(),
        }
    }
}

impl Forward for Forwards {
    fn is_remote(&self, host: &HostName) -> bool {
        self.shared.link(host).is_ok_and(|link| !link.is_local())
    }

    async fn forward(
        &self,
        host: &HostName,
        address: &str,
        port: u16,
    ) -> Result<PathBuf, HostError> {
        let link = self.shared.link(host)?;
        let session = link.live_session().await?;
        let key = (host.clone(), address.to_owned(), port);
        let mut open = self.open.lock().await;
        if let Some(opened) = open
            .get(&key)
            .filter(|o| Arc::ptr_eq(&o.session, &session) && o.socket.exists())
        {
            return Ok(opened.socket.clone());
        }
        let failed = |detail: String| HostError::Unreachable {
            host: host.clone(),
            detail,
        };
        let name = crate::frame::nonce().map_err(|e| failed(e.to_string()))?;
        let socket = self
            .shared
            .settings
            .control_state_dir
            .join(format!("f{}", &name[..12]));
        let (here, there) = (
            Socket::UnixSocket {
                path: socket.clone().into(),
            },
            Socket::TcpSocket {
                host: address.into(),
                port,
            },
        );
        match timeout(
            LIMIT,
            session.request_port_forward(ForwardType::Local, here, there),
        )
        .await
        {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(failed(format!(
                    "its port {port} cannot be forwarded: {error}"
                )));
            }
            Err(_) => {
                return Err(HostError::Timeout {
                    host: host.clone(),
                    limit_s: LIMIT.as_secs(),
                });
            }
        }
        open.insert(
            key,
            Opened {
                session,
                socket: socket.clone(),
            },
        );
        Ok(socket)
    }
}
