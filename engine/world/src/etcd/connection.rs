//! One connection to one member.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcd_client::{Channel, Client};
use hyper_util::rt::TokioIo;
use runbook_model::cluster::SilentCause;
use runbook_model::host::MemberSpec;
use runbook_pki::CertificateInfo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;
use tonic::transport::Endpoint;

use super::access::Access;
use super::error::{CallError, Silence, one_line};
use super::peer::Peer;
use super::route::Route;
use super::tls::{self, Served};
use super::watched::{Watch, Watched};

/// What may be under way at once: the default of 64 KiB gives 3 MB/s at a round trip of 20 ms, which SSH in between makes usual.
const WINDOW: u32 = 4 << 20;

/// A stream of bytes to a member.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection to one member: it is never opened again behind our back, nor led to another member.
pub struct Connection {
    client: Client,
    peer: Peer,
    served: Option<CertificateInfo>,
    watch: Watch,
    access: Arc<Access>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects by a known way, until a deadline.
    pub async fn open(
        spec: &MemberSpec,
        route: &Route,
        access: &Arc<Access>,
        deadline: Instant,
    ) -> Result<Self, Silence> {
        let stream = Self::reach(spec, route, deadline).await?;
        Self::over(stream, spec, Peer::new(spec, route), access, deadline).await
    }

    /// The bytes' way alone: no TLS, nothing sent.
    pub(crate) async fn reach(
        spec: &MemberSpec,
        route: &Route,
        deadline: Instant,
    ) -> Result<Box<dyn Stream>, Silence> {
        let peer = Peer::new(spec, route);
        let begun = Instant::now();
        let reached = tokio::time::timeout_at(deadline, async {
            match route {
                Route::Direct => {
                    let stream =
                        TcpStream::connect((spec.address.as_str(), spec.client_port)).await?;
                    stream.set_nodelay(true)?;
                    Ok(Box::new(stream) as Box<dyn Stream>)
                }
                Route::Socket(path) => {
                    Ok(Box::new(UnixStream::connect(path).await?) as Box<dyn Stream>)
                }
            }
        });
        match reached.await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(unreached(&error, &peer)),
            Err(_) => Err(Silence::new(
                SilentCause::Timeout,
                format!(
                    "no connection to {peer} within {}: the host is down or the network drops packets",
                    waited(begun)
                ),
            )),
        }
    }

    /// TLS (unless plain) and HTTP/2 over a stream.
    pub(crate) async fn over(
        stream: Box<dyn Stream>,
        spec: &MemberSpec,
        peer: Peer,
        access: &Arc<Access>,
        deadline: Instant,
    ) -> Result<Self, Silence> {
        let begun = Instant::now();
        let served = Served::default();
        let secured = secure(stream, spec, &peer, access, &served);
        let stream = match tokio::time::timeout_at(deadline, secured).await {
            Ok(secured) => secured?,
            Err(_) => return Err(stalled(&peer, begun)),
        };
        let (stream, watch) = Watched::new(stream);
        let client = match tokio::time::timeout_at(deadline, client(stream, &peer)).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => {
                return Err(Silence::new(
                    SilentCause::Error,
                    format!("no HTTP/2 with {peer}: {error}"),
                ));
            }
            Err(_) => return Err(stalled(&peer, begun)),
        };
        Ok(Self {
            client,
            served: tls::served_info(&served),
            watch,
            access: Arc::clone(access),
            peer,
        })
    }

    /// etcd's API of this member.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The member's address and port in backticks, for messages.
    pub fn peer(&self) -> String {
        self.peer.to_string()
    }

    /// The certificate that the member served; none in plain text.
    pub fn certificate(&self) -> Option<&CertificateInfo> {
        self.served.as_ref()
    }

    /// Waits for a call's answer, no longer than the limit.
    pub async fn call<T>(
        &self,
        name: &'static str,
        limit: Duration,
        call: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, CallError> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.explain(error)),
            Err(_) => Err(CallError::Timeout { call: name, limit }),
        }
    }

    /// The words for a failed call: the member's own, or what the connection showed.
    pub(crate) fn explain(&self, error: etcd_client::Error) -> CallError {
        let text = match error {
            // A status with a source was made here, out of a broken connection.
            etcd_client::Error::GRpcStatus(status)
                if std::error::Error::source(&status).is_none() =>
            {
                return CallError::Refused {
                    code: format!("{:?}", status.code()),
                    message: one_line(status.message()),
                };
            }
            etcd_client::Error::GRpcStatus(status) => innermost(&status),
            etcd_client::Error::TransportError(error) => innermost(&error),
            other => other.to_string(),
        };
        self.broken(&text).into()
    }

    fn broken(&self, text: &str) -> Silence {
        let seen = self.watch.seen();
        let peer = &self.peer;
        let at_once = seen.first.is_empty() && (seen.ended || seen.error.is_some());
        match &self.access.tls {
            Some(tls) if seen.alert.is_some() || at_once => {
                return tls::refused_silence(seen.alert, tls, peer, now());
            }
            None if seen.first.starts_with(&[0x15, 3]) || seen.first.starts_with(b"HTTP/1") => {
                return Silence::new(
                    SilentCause::Tls,
                    format!("{peer} wants TLS, but its scheme here is http"),
                );
            }
            None if at_once => {
                return peer.ended_at_once(SilentCause::Error, "at once: does it want TLS?");
            }
            _ => {}
        }
        // A server's first frame is SETTINGS, number 4.
        if seen.first.get(3).is_some_and(|kind| *kind != 4) {
            return Silence::new(
                SilentCause::Error,
                format!("{peer} answers, but not as etcd does: is it the client port?"),
            );
        }
        let why = seen.error.unwrap_or_else(|| text.to_owned());
        Silence::new(
            SilentCause::Error,
            format!("the connection to {peer} broke: {why}"),
        )
    }
}

async fn secure(
    stream: Box<dyn Stream>,
    spec: &MemberSpec,
    peer: &Peer,
    access: &Access,
    served: &Served,
) -> Result<Box<dyn Stream>, Silence> {
    let Some(tls) = &access.tls else {
        return Ok(stream);
    };
    match tls::handshake(stream, tls, &spec.address, served).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(tls::handshake_silence(&error, tls, served, peer, now())),
    }
}

/// HTTP/2 over a stream that is there already: TLS is done, so tonic is told `http`, and a lost connection stays lost.
async fn client(
    stream: Watched<Box<dyn Stream>>,
    peer: &Peer,
) -> Result<Client, etcd_client::Error> {
    let once = Mutex::new(Some(stream));
    let connector = tower::service_fn(move |_| {
        let stream = once.lock().unwrap_or_else(|e| e.into_inner()).take();
        async move {
            stream
                .map(TokioIo::new)
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
        }
    });
    let channel = Endpoint::from_shared(format!("http://{}", peer.authority))?
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .connect_with_connector(connector)
        .await?;
    Client::from_channel(Channel::Tonic(channel), None).await
}

fn unreached(error: &io::Error, peer: &Peer) -> Silence {
    use io::ErrorKind as Kind;
    match error.kind() {
        // A socket file of a forward that is gone counts as a closed port.
        Kind::ConnectionRefused | Kind::NotFound => {
            Silence::new(SilentCause::Refused, format!("nothing listens on {peer}"))
        }
        Kind::HostUnreachable | Kind::NetworkUnreachable => Silence::new(
            SilentCause::HostUnreachable,
            format!("no way to {peer}: {error}"),
        ),
        Kind::TimedOut => Silence::new(
            SilentCause::Timeout,
            format!("no connection to {peer}: {error}"),
        ),
        _ => Silence::new(
            SilentCause::HostUnreachable,
            format!("no connection to {peer}: {error}"),
        ),
    }
}

fn stalled(peer: &Peer, begun: Instant) -> Silence {
    Silence::new(
        SilentCause::Timeout,
        format!(
            "{peer} accepts connections and stays silent for {}: the process is stopped or hangs",
            waited(begun)
        ),
    )
}

/// Time since then, in words, to a tenth of a second.
fn waited(begun: Instant) -> String {
    let tenths = (begun.elapsed().as_millis() + 50) / 100;
    if tenths.is_multiple_of(10) {
        format!("{} s", tenths / 10)
    } else {
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}

/// The cause at the bottom of an error, which is the one that says something.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}
