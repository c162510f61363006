//! Ways to a member's client port: straight, or through the SSH connection of its host.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runbook_model::cluster::SilentCause;
use runbook_model::facts::HostError;
use runbook_model::host::{HostName, MemberSpec};
use tokio::time::Instant;

use super::access::Access;
use super::connection::Connection;
use super::error::Silence;
use super::peer::Peer;

/// How long a straight connection may take before the way through SSH is tried: at most a third of the time that there is.
const DIRECT_LIMIT: Duration = Duration::from_millis(1500);

/// Forwards a port of a host over its SSH connection.
pub trait Forward: Send + Sync {
    /// Whether the host is reached over SSH at all; where not, [`Forward::forward`] is never called.
    fn is_remote(&self, host: &HostName) -> bool;

    /// A Unix socket on the control host whose connections come out at `address`:`port` as seen from the host. The same socket
    /// is given again for the same question while it lives.
    fn forward(
        &self,
        host: &HostName,
        address: &str,
        port: u16,
    ) -> impl Future<Output = Result<PathBuf, HostError>> + Send;
}

/// Nothing is reached over SSH.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoForward;

impl Forward for NoForward {
    fn is_remote(&self, _: &HostName) -> bool {
        false
    }

    async fn forward(&self, host: &HostName, _: &str, _: u16) -> Result<PathBuf, HostError> {
        Err(HostError::Unreachable {
            host: host.clone(),
            detail: "not reached over SSH".to_owned(),
        })
    }
}

/// A way to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// TCP to the member's address.
    Direct,
    /// A Unix socket that leads there.
    Socket(PathBuf),
}

/// Finds ways to members and remembers them by host.
#[derive(Debug, Default)]
pub struct Routes<F> {
    forward: F,
    found: Mutex<HashMap<HostName, Route>>,
}

impl<F: Forward> Routes<F> {
    /// No way is known yet.
    pub fn new(forward: F) -> Self {
        Self {
            forward,
            found: Mutex::default(),
        }
    }

    /// Connects to a member within a limit: the way that served before; else straight, and where nothing is reached so, through SSH.
    pub async fn connect(
        &self,
        spec: &MemberSpec,
        access: &Arc<Access>,
        limit: Duration,
    ) -> Result<Connection, Silence> {
        let deadline = Instant::now() + limit;
        if let Some(route) = self.known(&spec.host) {
            match Connection::open(spec, &route, access, deadline).await {
                Ok(connection) => return Ok(connection),
                Err(silence) => self.forget_after(&spec.host, silence)?,
            }
        }
        let (route, connection) = self.find(spec, access, deadline).await?;
        self.remember(&spec.host, route);
        Ok(connection)
    }

    /// Looks for a way anew; at once only where the old one failed before anything of the member's was reached.
    fn forget_after(&self, host: &HostName, silence: Silence) -> Result<(), Silence> {
        let mut found = self.found.lock().unwrap_or_else(|e| e.into_inner());
        found.remove(host);
        match silence.cause {
            SilentCause::Refused | SilentCause::HostUnreachable => Ok(()),
            _ => Err(silence),
        }
    }

    /// The way that served a host last.
    pub fn known(&self, host: &HostName) -> Option<Route> {
        let found = self.found.lock().unwrap_or_else(|e| e.into_inner());
        found.get(host).cloned()
    }

    fn remember(&self, host: &HostName, route: Route) {
        let mut found = self.found.lock().unwrap_or_else(|e| e.into_inner());
        found.insert(host.clone(), route);
    }

    async fn find(
        &self,
        spec: &MemberSpec,
        access: &Arc<Access>,
        deadline: Instant,
    ) -> Result<(Route, Connection), Silence> {
        let remote = self.forward.is_remote(&spec.host);
        // A loopback address of another host is not ours: what listens there here is somebody else's member.
        if remote && is_loopback(&spec.address) {
            return self.through_ssh(spec, access, deadline).await;
        }
        let direct_deadline = if remote {
            let now = Instant::now();
            now + DIRECT_LIMIT.min(deadline.saturating_duration_since(now) / 3)
        } else {
            deadline
        };
        let direct = match Connection::reach(spec, &Route::Direct, direct_deadline).await {
            Ok(stream) => {
                let peer = Peer::new(spec, &Route::Direct);
                let connection = Connection::over(stream, spec, peer, access, deadline).await?;
                return Ok((Route::Direct, connection));
            }
            Err(silence) => silence,
        };
        if !remote {
            return Err(direct);
        }
        // What SSH says of a host that is down adds nothing to what the straight way said.
        self.through_ssh(spec, access, deadline)
            .await
            .map_err(|through| match through.cause {
                SilentCause::HostUnreachable => direct,
                _ => through,
            })
    }

    async fn through_ssh(
        &self,
        spec: &MemberSpec,
        access: &Arc<Access>,
        deadline: Instant,
    ) -> Result<(Route, Connection), Silence> {
        let forward = self
            .forward
            .forward(&spec.host, &spec.address, spec.client_port);
        let socket = match tokio::time::timeout_at(deadline, forward).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => {
                return Err(Silence::new(
                    SilentCause::HostUnreachable,
                    error.to_string(),
                ));
            }
            Err(_) => {
                return Err(Silence::new(
                    SilentCause::HostUnreachable,
                    format!("no connection to `{}` over SSH in time", spec.host),
                ));
            }
        };
        let route = Route::Socket(socket);
        let connection = Connection::open(spec, &route, access, deadline).await?;
        Ok((route, connection))
    }
}

fn is_loopback(address: &str) -> bool {
    address == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
