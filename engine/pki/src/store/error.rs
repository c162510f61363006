//! Why certificates cannot be made or used.

use std::path::{Path, PathBuf};

use crate::fault::{Day, Fault};

/// Why the certificates of a cluster cannot be what they must be. Nothing of a key is ever in it.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file that is the user's own does not serve.
    #[error("`{}` {fault}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: Fault,
    },
    /// A certificate without its key.
    #[error("`{}` has no private key beside it", path.display())]
    NoKey {
        /// The certificate.
        path: PathBuf,
    },
    /// A leaf would have to be issued, but the authority's key is not here.
    #[error("`{}` is missing and cannot be issued: `ca.key` is not there", path.display())]
    NoAuthorityKey {
        /// The leaf.
        path: PathBuf,
    },
    /// A leaf is here, but not the authority that it must be checked against.
    #[error("`{}` is there, but `ca.crt`, which issued it, is not", path.display())]
    NoAuthority {
        /// The leaf.
        path: PathBuf,
    },
    /// A leaf ends soon and cannot be issued again here.
    #[error(
        "`{}` ends on {}, and {}",
        path.display(),
        Day(*not_after),
        if *own { "is your own: it is never replaced" } else { "`ca.key`, to issue it again with, is not there" }
    )]
    NotOursToRenew {
        /// The leaf.
        path: PathBuf,
        /// Not issued here.
        own: bool,
        /// Seconds since the epoch.
        not_after: i64,
    },
    /// Leaves end with the authority, and it ends soon.
    #[error("`{}` ends on {}, and no certificate of it can end later", path.display(), Day(*not_after))]
    AuthorityEnds {
        /// The CA's certificate.
        path: PathBuf,
        /// Seconds since the epoch.
        not_after: i64,
    },
    /// There is no authority.
    #[error("there is no authority in `{}` to replace", path.display())]
    NoAuthorityYet {
        /// The CA's certificate.
        path: PathBuf,
    },
    /// The authority is the user's own.
    #[error("the authority in `{}` is your own: it is never replaced", path.display())]
    OwnAuthority {
        /// The CA's certificate.
        path: PathBuf,
    },
    /// A leaf is the user's own, and a rotation would have to issue it again.
    #[error("`{}` is your own: it cannot be issued again by a new authority", path.display())]
    OwnLeaf {
        /// The leaf.
        path: PathBuf,
    },
    /// No successor to switch to.
    #[error("`{}` holds no authority beside the one that issues", path.display())]
    NoSuccessor {
        /// The CA's certificate.
        path: PathBuf,
    },
    /// The successor does not issue yet.
    #[error("the new authority in `{}` does not issue yet", path.display())]
    NotSwitched {
        /// The CA's certificate.
        path: PathBuf,
    },
    /// A leaf would be worth nothing without the old authority.
    #[error("the old authority cannot be dropped: `{}` {fault}", path.display())]
    OldInUse {
        /// The leaf.
        path: PathBuf,
        /// What would be wrong with it.
        fault: Fault,
    },
    /// A member's name cannot be a directory's.
    #[error("`{name}` cannot name a member's directory of certificates")]
    BadName {
        /// The name.
        name: String,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// `read`, `write`, `create`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl PkiError {
    pub(crate) fn of(path: &Path, fault: Fault) -> Self {
        PkiError::Unfit {
            path: path.to_owned(),
            fault,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            PkiError::Unfit { fault, .. } => match fault {
                Fault::Expired { .. } | Fault::NotYetValid { .. } => {
                    "put a certificate there that is valid now, or check this machine's clock"
                }
                Fault::WrongName { .. } => {
                    "have it issued again with these subject alternative names, or change the inventory's addresses"
                }
                Fault::UnknownIssuer { .. } => {
                    "put the CA that issued it into `ca.crt`, or have it issued by the CA that is there"
                }
                Fault::WrongUsage { .. } => {
                    "a server and a peer need serverAuth and clientAuth, a client clientAuth"
                }
                Fault::KeyMismatch => "put the certificate and the key of one pair there",
                Fault::EncryptedKey => {
                    "take the passphrase off: `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW`"
                }
                _ => "put a PEM file there that OpenSSL reads, or take it away to have one made",
            },
            PkiError::NoKey { .. } => {
                "put the key there, or take the certificate away to have a pair made"
            }
            PkiError::NoAuthorityKey { .. } => {
                "put the missing certificate and key there, or `ca.key` to have them issued"
            }
            PkiError::NoAuthority { .. } => {
                "put the CA's certificate there, or take the leaves away to have all made"
            }
            PkiError::NotOursToRenew { .. } => {
                "put its successor there, certificate and key: it is installed from there as any other"
            }
            PkiError::AuthorityEnds { .. } => {
                "`runbook exec rotate-authority.etcdrb` replaces it, and every certificate with it"
            }
            PkiError::NoAuthorityYet { .. } => "`runbook exec deploy.etcdrb` makes one",
            PkiError::OwnAuthority { .. } | PkiError::OwnLeaf { .. } => {
                "put the CA certificates, old and new, into `ca.crt` and install; then your leaves of the new CA; then take the old one out of `ca.crt`: `docs/operations.md` shows how"
            }
            PkiError::NoSuccessor { .. } => "`rotate-authority add` comes first",
            PkiError::NotSwitched { .. } => {
                "`rotate-authority switch` comes first, then `issue-certificates` and `install-certificates`"
            }
            PkiError::OldInUse { .. } => {
                "`issue-certificates` and `install-certificates` come first"
            }
            PkiError::BadName { .. } => "use letters, digits, `.`, `_` and `-` in member names",
            PkiError::File { .. } => "see that the directory exists and is yours",
        }
    }
}
