//! Checks certificates against an authority, as a TLS peer would.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use crate::fault::Fault;
use crate::inspect::{CertificateInfo, inspect_der};

/// The certificates of a PEM text, in its order; other blocks are passed over.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| Fault::Malformed(e.to_string()))?;
    if found.is_empty() {
        return Err(Fault::NoCertificate);
    }
    Ok(found)
}

/// The authorities that a cluster trusts: one, or several while they are rotated.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    authorities: Vec<CertificateInfo>,
}

impl Trust {
    /// Reads a CA file: one certificate or a bundle.
    pub fn from_pem(pem: &str) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        let mut authorities = Vec::new();
        for der in certificates(pem)? {
            let info = inspect_der(&der)?;
            if !info.is_ca {
                return Err(Fault::NotAuthority);
            }
            roots
                .add(der)
                .map_err(|e| Fault::Malformed(e.to_string()))?;
            authorities.push(info);
        }
        Ok(Self {
            roots: Arc::new(roots),
            authorities,
        })
    }

    /// What the CA file holds.
    pub fn authorities(&self) -> &[CertificateInfo] {
        &self.authorities
    }

    /// The authorities' subjects, for messages.
    pub fn subject(&self) -> String {
        let subjects: Vec<_> = self
            .authorities
            .iter()
            .map(|a| a.subject.as_str())
            .collect();
        subjects.join("`, `")
    }

    /// For a TLS client's configuration.
    pub fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    /// Whether one of the authorities is in force. Go checks this of a root, rustls does not.
    pub fn in_force(&self, now: i64) -> Result<(), Fault> {
        let mut fault = None;
        for authority in &self.authorities {
            if now > authority.not_after {
                fault = Some(Fault::Expired {
                    not_after: authority.not_after,
                });
            } else if now < authority.not_before {
                fault = Some(Fault::NotYetValid {
                    not_before: authority.not_before,
                });
            } else {
                return Ok(());
            }
        }
        fault.map_or(Err(Fault::NoCertificate), Err)
    }

    /// Whether a chain (leaf first) may serve under a name now.
    pub fn verify_server(
        &self,
        chain: &[CertificateDer<'_>],
        name: &str,
        now: i64,
    ) -> Result<(), Fault> {
        let (leaf, intermediates) = chain.split_first().ok_or(Fault::NoCertificate)?;
        let verifier = self.server_verifier()?;
        let name =
            ServerName::try_from(name.to_owned()).map_err(|e| Fault::Refused(e.to_string()))?;
        verifier
            .verify_server_cert(leaf, intermediates, &name, &[], unix(now))
            .map(|_| ())
            .map_err(|e| self.fault(&e, leaf, "serverAuth"))
    }

    /// Whether a chain (leaf first) may authenticate a client now.
    pub fn verify_client(&self, chain: &[CertificateDer<'_>], now: i64) -> Result<(), Fault> {
        let (leaf, intermediates) = chain.split_first().ok_or(Fault::NoCertificate)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider())
            .build()
            .map_err(|e| Fault::Refused(e.to_string()))?;
        verifier
            .verify_client_cert(leaf, intermediates, unix(now))
            .map(|_| ())
            .map_err(|e| self.fault(&e, leaf, "clientAuth"))
    }

    /// The verifier that a TLS client uses.
    pub fn server_verifier(&self) -> Result<Arc<WebPkiServerVerifier>, Fault> {
        WebPkiServerVerifier::builder_with_provider(self.roots(), provider())
            .build()
            .map_err(|e| Fault::Refused(e.to_string()))
    }

    /// The words for a refusal of a leaf that was to serve (`serverAuth`) or to log in (`clientAuth`).
    pub fn fault(&self, error: &rustls::Error, leaf: &[u8], wanted: &'static str) -> Fault {
        use rustls::CertificateError::{InvalidPurpose, InvalidPurposeContext};
        match error {
            rustls::Error::InvalidCertificate(InvalidPurpose | InvalidPurposeContext { .. }) => {
                Fault::WrongUsage { wanted }
            }
            rustls::Error::InvalidCertificate(error) => {
                let issuer = inspect_der(leaf).map_or_else(|_| "?".to_owned(), |info| info.issuer);
                Fault::of(error, &issuer, &self.subject())
            }
            other => Fault::Refused(other.to_string()),
        }
    }
}

/// Whether a private key (PKCS #8, SEC 1 or PKCS #1) belongs to a PEM certificate.
pub(crate) fn key_matches(cert_pem: &str, key_pem: &str) -> Result<(), Fault> {
    if key_pem.contains("ENCRYPTED") {
        return Err(Fault::EncryptedKey);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| Fault::NoKey)?;
    match CertifiedKey::from_der(certificates(cert_pem)?, key, &provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(Fault::KeyMismatch)
        }
        Err(_) => Err(Fault::UnusableKey),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unix(now: i64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        u64::try_from(now).unwrap_or(0),
    ))
}
