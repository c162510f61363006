//! The TLS handshake with a member, keeping the certificate that it serves, and the words for how it fails.

use std::io;
use std::sync::{Arc, OnceLock};

use runbook_model::cluster::SilentCause;
use runbook_pki::{CertificateInfo, inspect_der};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::access::Tls;
use super::error::Silence;
use super::peer::Peer;

/// The leaf that was served, known even when it was refused.
pub(crate) type Served = Arc<OnceLock<CertificateDer<'static>>>;

/// Shakes hands over a stream; `address` is the name wanted unless the access has one.
pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    tls: &Tls,
    address: &str,
    served: &Served,
) -> Result<TlsStream<S>, HandshakeError> {
    let name = tls.server_name.as_deref().unwrap_or(address).to_owned();
    let name = ServerName::try_from(name).map_err(|e| HandshakeError::Setup(e.to_string()))?;
    let config = config(tls, served)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(HandshakeError::Broken)
}

/// Why there was no handshake.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// Our own side is not fit for one.
    Setup(String),
    /// It failed.
    Broken(io::Error),
}

fn config(tls: &Tls, served: &Served) -> Result<ClientConfig, HandshakeError> {
    let setup = |e: &dyn std::fmt::Display| HandshakeError::Setup(e.to_string());
    let verifier = Recorder {
        inner: tls.trust.server_verifier().map_err(|e| setup(&e))?,
        served: Arc::clone(served),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| setup(&e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &tls.identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|e| {
                HandshakeError::Setup(format!("`{}` is refused: {e}", identity.path.display()))
            })?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Without a resumed session every handshake shows the certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Checks as rustls does, and keeps what it was shown.
#[derive(Debug)]
struct Recorder {
    inner: Arc<WebPkiServerVerifier>,
    served: Served,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.served.get_or_init(|| end_entity.clone().into_owned());
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// What a served certificate says of itself.
pub(crate) fn served_info(served: &Served) -> Option<CertificateInfo> {
    served.get().and_then(|der| inspect_der(der).ok())
}

/// The words for a handshake that failed with `peer`.
pub(crate) fn handshake_silence(
    error: &HandshakeError,
    tls: &Tls,
    served: &Served,
    peer: &Peer,
    now: i64,
) -> Silence {
    let error = match error {
        HandshakeError::Setup(text) => {
            return Silence::new(SilentCause::NotAsked, text.clone());
        }
        HandshakeError::Broken(error) => error,
    };
    let tls_error = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    match tls_error {
        Some(rustls::Error::AlertReceived(alert)) => refused_silence(Some(*alert), tls, peer, now),
        Some(refusal @ rustls::Error::InvalidCertificate(_)) => {
            let leaf = served.get().map_or(&[][..], |der| der.as_ref());
            let fault = tls.trust.fault(refusal, leaf, "serverAuth");
            Silence::new(
                SilentCause::Tls,
                format!("the certificate that {peer} serves {fault}"),
            )
        }
        Some(rustls::Error::InvalidMessage(_)) => Silence::new(
            SilentCause::Tls,
            format!("{peer} does not speak TLS: is its scheme http?"),
        ),
        Some(other) => Silence::new(SilentCause::Tls, format!("no TLS with {peer}: {other}")),
        None => broken_silence(error, peer),
    }
}

/// The connection ended inside the handshake.
fn broken_silence(error: &io::Error, peer: &Peer) -> Silence {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => peer.ended_at_once(
            SilentCause::Tls,
            "instead of speaking TLS: is its scheme http?",
        ),
        _ => Silence::new(
            SilentCause::Error,
            format!("the connection to {peer} broke: {error}"),
        ),
    }
}

/// The member ended TLS because of our side, by an alert or (seen: 3.4.23) by a reset that overtook it. Servers name the reason
/// vaguely, so ours is examined.
pub(crate) fn refused_silence(
    alert: Option<AlertDescription>,
    tls: &Tls,
    peer: &Peer,
    now: i64,
) -> Silence {
    let detail = match &tls.identity {
        None => format!("{peer} wants a client certificate, and there is none to show"),
        Some(identity) => {
            let path = identity.path.display();
            let said = alert.map_or_else(String::new, |alert| format!(" ({alert:?})"));
            match tls.trust.verify_client(&identity.chain, now) {
                Err(fault) => format!("{peer} refuses `{path}`, which {fault}"),
                Ok(()) => format!(
                    "{peer} refuses `{path}`{said}: it trusts another CA, or its clock is wrong"
                ),
            }
        }
    };
    Silence::new(SilentCause::Tls, detail)
}
