//! What stands beside a saved snapshot.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The number that changes with the meaning of a manifest's fields.
const FORMAT: u32 = 1;

/// Where a snapshot came from and what it is, as JSON in `FILE.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this form.
    pub format: u32,
    /// The run that saved it.
    pub run: String,
    /// The cluster's name in the inventory.
    pub cluster: String,
    /// Cluster id, hex without padding, as etcd prints it.
    pub cluster_id: String,
    /// The member's name in the inventory.
    pub member: String,
    /// Member id, hex without padding.
    pub member_id: String,
    /// The member's version, `3.5.16`.
    pub version: String,
    /// When the stream ended, RFC 3339 in UTC, by the control host's clock.
    pub taken_at: String,
    /// SHA-256 of the whole file, lower-case hex.
    pub sha256: String,
    /// Bytes of the file.
    pub size: u64,
    /// Revision of the newest record.
    pub revision: i64,
    /// The hash that etcd's `snapshot status` prints, hex without padding as it does.
    pub hash: String,
    /// Entries in all buckets, as `snapshot status` of 3.4 and 3.5 counts.
    pub total_keys: u64,
    /// Whether authentication is on in it: a restore brings its users and passwords back.
    pub auth_enabled: bool,
    /// Whether the content was found equal to the member's HashKV at that revision; none: the member would not say.
    pub proven_by_member: Option<bool>,
}

impl Manifest {
    pub(crate) const fn format() -> u32 {
        FORMAT
    }

    /// Where the manifest of a snapshot stands: its name with `.json` behind.
    pub fn path(snapshot: &Path) -> PathBuf {
        let mut name = OsString::from(snapshot);
        name.push(".json");
        PathBuf::from(name)
    }

    /// The manifest beside a snapshot; none where there is none that can be read.
    pub fn load(snapshot: &Path) -> Option<Self> {
        let text = std::fs::read(Self::path(snapshot)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}
