//! Where a cluster's certificates stand in its directory on the control host.

use std::path::{Path, PathBuf};

/// The directory: `ca.crt`, `ca.key`, `client.crt`, `client.key`, and for each member `NAME/server.{crt,key}`, `NAME/peer.{crt,key}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    dir: PathBuf,
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// PEM certificate.
    pub cert: PathBuf,
    /// PEM private key, 0600.
    pub key: PathBuf,
}

impl Layout {
    /// The layout under a directory.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self {
            dir: dir.as_ref().to_owned(),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The authority.
    pub fn ca(&self) -> Pair {
        pair(&self.dir, "ca")
    }

    /// The key of an authority that is to take the present one's place.
    pub fn next_key(&self) -> PathBuf {
        self.dir.join("ca.next.key")
    }

    /// What the control host calls members with.
    pub fn client(&self) -> Pair {
        pair(&self.dir, "client")
    }

    /// A member's client port.
    pub fn server(&self, member: &str) -> Pair {
        pair(&self.dir.join(member), "server")
    }

    /// A member's peer port.
    pub fn peer(&self, member: &str) -> Pair {
        pair(&self.dir.join(member), "peer")
    }
}

fn pair(dir: &Path, stem: &str) -> Pair {
    Pair {
        cert: dir.join(format!("{stem}.crt")),
        key: dir.join(format!("{stem}.key")),
    }
}
