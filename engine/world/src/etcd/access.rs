//! What the control host calls a cluster's members with.

use std::path::{Path, PathBuf};

use runbook_model::host::{MemberSpec, Scheme};
use runbook_pki::layout::Layout;
use runbook_pki::{Fault, Trust, certificates, inspect_der};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Files that take the place of the cluster's own (`ETCDCTL_CACERT`, `ETCDCTL_CERT`, `ETCDCTL_KEY`): main reads the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessFiles {
    /// The CA that members' certificates are checked with.
    pub cacert: Option<PathBuf>,
    /// The client's certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The name that the served certificate must carry; none: the member's address.
    pub server_name: Option<String>,
}

/// How to call members: in plain text, or with a CA and (usually) a client's certificate. Its `Debug` shows nothing of the key.
#[derive(Debug)]
pub struct Access {
    pub(crate) tls: Option<Tls>,
}

/// The TLS side of an [`Access`].
pub(crate) struct Tls {
    pub(crate) ca: PathBuf,
    pub(crate) trust: Trust,
    pub(crate) identity: Option<Identity>,
    pub(crate) server_name: Option<String>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("trust", &self.trust.subject())
            .field("identity", &self.identity.as_ref().map(|i| &i.path))
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// A client's certificate and key.
pub(crate) struct Identity {
    pub(crate) path: PathBuf,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Why there is nothing to call members with.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file is not there or cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file does not serve.
    #[error("`{}` {fault}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// A certificate without a key, or a key without a certificate.
    #[error("there is `{}` but not `{}`", present.display(), absent.display())]
    Half {
        /// What is there.
        present: PathBuf,
        /// What is not.
        absent: PathBuf,
    },
}

impl AccessError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            AccessError::File { .. } => {
                "set `pki_dir` in the inventory to the directory with ca.crt, client.crt and client.key, or ETCDCTL_CACERT, ETCDCTL_CERT and ETCDCTL_KEY"
            }
            AccessError::Unfit { .. } => {
                "put a certificate there that is valid now and issued by the cluster's CA, or check this machine's clock"
            }
            AccessError::Half { .. } => "a client's certificate and its key go together",
        }
    }
}

impl Access {
    /// For members whose scheme is http.
    pub fn plain() -> Self {
        Self { tls: None }
    }

    /// What calls this member: the files given, for the rest `ca.crt`, `client.crt` and `client.key` in its `pki_dir` on the control host.
    pub fn load(spec: &MemberSpec, files: &AccessFiles) -> Result<Self, AccessError> {
        if spec.scheme == Scheme::Http {
            return Ok(Self::plain());
        }
        let layout = Layout::new(&spec.control_pki_dir);
        let given = |file: &Option<PathBuf>, or: PathBuf| file.clone().unwrap_or(or);
        let ca = given(&files.cacert, layout.ca().cert);
        let cert = given(&files.cert, layout.client().cert);
        let key = given(&files.key, layout.client().key);
        let trust = Trust::from_pem(&read(&ca)?).map_err(|fault| unfit(&ca, fault))?;
        Ok(Self {
            tls: Some(Tls {
                ca,
                trust,
                identity: identity(cert, &key)?,
                server_name: files.server_name.clone(),
            }),
        })
    }

    /// Whether the files would be taken now (seconds since the epoch), as far as that can be seen here: the CA in force, the
    /// client's certificate in force, for clients and issued by that CA.
    pub fn check(&self, now: i64) -> Result<(), AccessError> {
        let Some(tls) = &self.tls else {
            return Ok(());
        };
        tls.trust
            .in_force(now)
            .map_err(|fault| unfit(&tls.ca, fault))?;
        match &tls.identity {
            Some(identity) => tls
                .trust
                .verify_client(&identity.chain, now)
                .map_err(|fault| unfit(&identity.path, fault)),
            None => Ok(()),
        }
    }

    /// When the client's certificate ends, seconds since the epoch; none where there is none.
    pub fn client_not_after(&self) -> Option<i64> {
        let identity = self.tls.as_ref()?.identity.as_ref()?;
        let leaf = inspect_der(identity.chain.first()?).ok()?;
        Some(leaf.not_after)
    }
}

/// A member may ask for no certificate of its clients: then there need be none here.
fn identity(cert: PathBuf, key: &Path) -> Result<Option<Identity>, AccessError> {
    match (cert.exists(), key.exists()) {
        (false, false) => return Ok(None),
        (true, true) => {}
        (true, false) => {
            return Err(AccessError::Half {
                present: cert,
                absent: key.to_owned(),
            });
        }
        (false, true) => {
            return Err(AccessError::Half {
                present: key.to_owned(),
                absent: cert,
            });
        }
    }
    let chain = certificates(&read(&cert)?).map_err(|fault| unfit(&cert, fault))?;
    let secret = read(key)?;
    if secret.contains("ENCRYPTED") {
        return Err(unfit(key, Fault::EncryptedKey));
    }
    let secret =
        PrivateKeyDer::from_pem_slice(secret.as_bytes()).map_err(|_| unfit(key, Fault::NoKey))?;
    Ok(Some(Identity {
        path: cert,
        chain,
        key: secret,
    }))
}

fn unfit(path: &Path, fault: Fault) -> AccessError {
    AccessError::Unfit {
        path: path.to_owned(),
        fault,
    }
}

fn read(path: &Path) -> Result<String, AccessError> {
    std::fs::read_to_string(path).map_err(|source| AccessError::File {
        path: path.to_owned(),
        source,
    })
}
