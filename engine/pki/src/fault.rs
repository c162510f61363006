//! What can be wrong with a certificate or a key.

use std::fmt;

use jiff::Timestamp;
use rustls::CertificateError;

/// One thing that is wrong, worded as a predicate: `ca.crt` + " expired on ...".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No `CERTIFICATE` block.
    #[error("holds no PEM certificate")]
    NoCertificate,
    /// No private key block.
    #[error("holds no PEM private key")]
    NoKey,
    /// A key that wants a passphrase.
    #[error("holds a private key under a passphrase, which etcd cannot read")]
    EncryptedKey,
    /// A key of a kind that is not supported.
    #[error("holds no key of EC P-256, EC P-384, RSA or Ed25519")]
    UnusableKey,
    /// Not X.509.
    #[error("cannot be decoded: {0}")]
    Malformed(String),
    /// notAfter is past (seconds since the epoch).
    #[error("expired on {}", Day(*not_after))]
    Expired {
        /// notAfter.
        not_after: i64,
    },
    /// notBefore is to come (seconds since the epoch).
    #[error("is not valid before {}", Day(*not_before))]
    NotYetValid {
        /// notBefore.
        not_before: i64,
    },
    /// Subject alternative names are missing.
    #[error("is not valid for {}: it names {}", Names(missing), Names(present))]
    WrongName {
        /// Names that were wanted and are not there.
        missing: Vec<String>,
        /// Names that are there.
        present: Vec<String>,
    },
    /// No chain to the authority.
    #[error("was not issued by the CA `{ca}`: its issuer is `{issuer}`")]
    UnknownIssuer {
        /// The certificate's issuer.
        issuer: String,
        /// The authority's subject.
        ca: String,
    },
    /// Extended key usage does not allow it.
    #[error("is not for {wanted}")]
    WrongUsage {
        /// `serverAuth` or `clientAuth`.
        wanted: &'static str,
    },
    /// The public keys differ.
    #[error("does not belong to the private key beside it")]
    KeyMismatch,
    /// Basic constraints say no.
    #[error("is not a certificate authority")]
    NotAuthority,
    /// Anything else that verification refuses.
    #[error("is refused: {0}")]
    Refused(String),
}

impl Fault {
    /// The words for a certificate that verification refused.
    pub fn of(error: &CertificateError, issuer: &str, ca: &str) -> Self {
        match error {
            CertificateError::ExpiredContext { not_after, .. } => Fault::Expired {
                not_after: seconds(not_after.as_secs()),
            },
            CertificateError::NotValidYetContext { not_before, .. } => Fault::NotYetValid {
                not_before: seconds(not_before.as_secs()),
            },
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => Fault::WrongName {
                missing: vec![expected.to_str().into_owned()],
                present: presented.iter().map(|name| plain_name(name)).collect(),
            },
            // A wrong signature under the right issuer's name is another authority of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Fault::UnknownIssuer {
                    issuer: issuer.to_owned(),
                    ca: ca.to_owned(),
                }
            }
            CertificateError::BadEncoding => Fault::Malformed("not X.509".to_owned()),
            other => Fault::Refused(other.to_string()),
        }
    }
}

/// `DnsName("e1")` and `IpAddress(10.0.0.1)` as the names alone.
fn plain_name(presented: &str) -> String {
    let inner = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(presented);
    inner.trim_matches('"').to_owned()
}

fn seconds(unsigned: u64) -> i64 {
    i64::try_from(unsigned).unwrap_or(i64::MAX)
}

/// Seconds since the epoch as RFC 3339.
pub(crate) struct Day(pub(crate) i64);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "second {}", self.0),
        }
    }
}

struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "`{name}`")?;
        }
        Ok(())
    }
}
