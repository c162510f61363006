//! What is known of a file after it was read.

use serde::Serialize;

use crate::content::BucketStatistics;
use crate::damage::Reason;
use crate::entries::{Alarm, Auth, Downgrade, Member, RaftMeta, hex_ids};
use crate::fit::ServerFit;
use crate::hash_kv::HashKv;
use crate::records::KeyStatistics;

/// Whether a file may be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Whole in every respect that can be checked.
    Valid,
    /// The content is whole, but nothing proves that it is what was saved: a copied database file, or a cut one.
    NoTrailingHash {
        /// That, and warnings.
        reasons: Vec<Reason>,
    },
    /// The content is whole and hashed; something else is odd.
    Suspect {
        /// What is odd.
        reasons: Vec<Reason>,
    },
    /// Not to be restored.
    Invalid {
        /// Why.
        reasons: Vec<Reason>,
    },
}

impl Verdict {
    /// The reasons, the gravest first, else in the order of their discovery.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Verdict::Valid => &[],
            Verdict::NoTrailingHash { reasons }
            | Verdict::Suspect { reasons }
            | Verdict::Invalid { reasons } => reasons,
        }
    }

    /// The name in JSON: `valid`, `no-trailing-hash`, `suspect`, `invalid`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Valid => "valid",
            Verdict::NoTrailingHash { .. } => "no-trailing-hash",
            Verdict::Suspect { .. } => "suspect",
            Verdict::Invalid { .. } => "invalid",
        }
    }
}

/// What a file is and holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether to believe it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Reasons beyond those listed.
    pub unlisted_reasons: u64,
    /// Bytes in the file.
    pub size: u64,
    /// SHA-256 of the whole file, in hex: what `sha256sum` prints.
    pub sha256: String,
    /// SHA-256 of the database without its trailer, in hex: what the trailer must be.
    pub image_sha256: String,
    /// What the database holds; nothing where no meta page could be read. Of an invalid file it is what was read.
    #[serde(flatten)]
    pub database: Option<Database>,
}

/// What the database in a file holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// CRC-32C over the content, as `snapshot status` prints it.
    pub hash: u32,
    /// Main revision of the last record, as `snapshot status` prints it.
    pub revision: i64,
    /// Entries of all buckets, as `snapshot status` of 3.4 and 3.5 prints it.
    pub total_key: u64,
    /// Keys alive, as `snapshot status` of 3.6 prints it.
    #[serde(rename = "totalKey36")]
    pub total_key_36: u64,
    /// Bytes by the meta page, as `snapshot status` prints it.
    pub total_size: u64,
    /// The storage version, or empty, as `snapshot status` of 3.6 prints it.
    pub version: String,
    /// Bytes a page.
    pub page_size: u64,
    /// Pages below the high-water mark.
    pub pages: u64,
    /// Of these, pages that hold nothing.
    pub free_pages: u64,
    /// bbolt's transaction number.
    pub txid: u64,
    /// The revision up to which history is gone, or -1.
    pub compact_revision: i64,
    /// Raft's position and compactions.
    #[serde(flatten)]
    pub meta: RaftMeta,
    /// Bucket `key` in numbers.
    pub keys: KeyStatistics,
    /// Members. A restore replaces them.
    pub members: Vec<Member>,
    /// Ids of members that were removed.
    #[serde(serialize_with = "hex_ids")]
    pub members_removed: Vec<u64>,
    /// The cluster's version, such as `3.5.0`.
    pub cluster_version: Option<String>,
    /// A downgrade under way.
    pub downgrade: Option<Downgrade>,
    /// Users and roles that a restore brings back.
    pub auth: Auth,
    /// Leases.
    pub leases: u64,
    /// Alarms.
    pub alarms: Vec<Alarm>,
    /// Buckets in numbers.
    pub buckets: Vec<BucketStatistics>,
    /// Which servers can read it.
    pub server_fit: ServerFit,
    /// HashKV at the last revision, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_kv: Option<HashKv>,
}

/// The report as JSON: etcd's own names for what etcd's tool prints too, ids in hex; `reason` and `where` repeat the
/// first of `reasons` for scripts.
pub fn to_json(report: &Report) -> serde_json::Value {
    // INVARIANT: a report is maps with string keys, numbers and strings; such data always has a JSON form.
    let mut json = serde_json::to_value(report).unwrap_or_default();
    if let (Some(first), Some(object)) = (report.verdict.reasons().first(), json.as_object_mut()) {
        object.insert("reason".into(), first.damage.to_string().into());
        object.insert("where".into(), first.place.to_string().into());
    }
    json
}
