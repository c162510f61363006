//! The small buckets: membership, meta, cluster, auth, leases, alarms.

use serde::{Deserialize, Serialize, Serializer};

use crate::layout::be_u64;
use crate::protobuf::{self, Field};
use crate::records::revision;

/// Names listed a kind; the rest is only counted.
pub const LISTED: usize = 1000;

/// A member as the snapshot lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its id.
    #[serde(serialize_with = "hex_id")]
    pub id: u64,
    /// Its name; empty: never started.
    pub name: String,
    /// Peer URLs.
    #[serde(rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// Client URLs.
    #[serde(rename = "clientURLs")]
    pub client_urls: Vec<String>,
    /// Whether it does not vote.
    pub is_learner: bool,
}

/// Bucket `meta`, what it has of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RaftMeta {
    /// The raft index that was applied last.
    pub consistent_index: Option<u64>,
    /// Its term (3.5 and later).
    pub term: Option<u64>,
    /// Main revision of the compaction that was ordered last.
    pub scheduled_compact_revision: Option<i64>,
    /// Main revision of the compaction that was finished last.
    pub finished_compact_revision: Option<i64>,
    /// The schema's version (3.6 and later), such as `3.6.0`.
    pub storage_version: Option<String>,
    /// Voters by raft (3.5 and later).
    #[serde(serialize_with = "hex_ids")]
    pub voters: Vec<u64>,
    /// Learners by raft.
    #[serde(serialize_with = "hex_ids")]
    pub learners: Vec<u64>,
}

impl RaftMeta {
    /// The revision up to which history is gone, or -1.
    pub fn compact_revision(&self) -> i64 {
        self.scheduled_compact_revision
            .max(self.finished_compact_revision)
            .unwrap_or(-1)
    }
}

/// A downgrade that the cluster was told to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"))]
pub struct Downgrade {
    /// Whether it is under way.
    #[serde(default)]
    pub enabled: bool,
    /// The version aimed at.
    #[serde(default, rename(deserialize = "target-version"))]
    pub target_version: String,
}

/// Users and roles that a restore brings back. Password hashes are never read out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Whether authentication is on.
    pub enabled: bool,
    /// Its revision.
    pub revision: u64,
    /// Users, the first [`LISTED`].
    pub users: Vec<User>,
    /// All users.
    pub user_count: u64,
    /// Names of roles, the first [`LISTED`].
    pub roles: Vec<String>,
    /// All roles.
    pub role_count: u64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Name.
    pub name: String,
    /// Roles granted, the first [`LISTED`].
    pub roles: Vec<String>,
}

/// An alarm that was raised when the snapshot was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alarm {
    /// The member that raised it.
    #[serde(serialize_with = "hex_id")]
    pub member_id: u64,
    /// `NOSPACE` or `CORRUPT`.
    pub kind: &'static str,
}

/// What the small buckets said.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) members: Vec<Member>,
    pub(crate) removed: Vec<u64>,
    pub(crate) meta: RaftMeta,
    pub(crate) cluster_version: Option<String>,
    pub(crate) downgrade: Option<Downgrade>,
    pub(crate) auth: Auth,
    pub(crate) leases: u64,
    pub(crate) alarms: Vec<Alarm>,
}

/// How an entry was taken.
pub(crate) enum Taken {
    Known,
    /// No etcd known here writes it.
    Unknown,
    Wrong(&'static str),
}

impl Entries {
    pub(crate) fn take(&mut self, bucket: &[u8], key: &[u8], value: &[u8]) -> Taken {
        let taken = match bucket {
            b"members" => self.member(key, value),
            b"members_removed" => self.removed_member(key),
            b"meta" => return self.meta_entry(key, value),
            b"cluster" => return self.cluster_entry(key, value),
            b"auth" => return self.auth_entry(key, value),
            b"authUsers" => self.user(key, value),
            b"authRoles" => self.role(key, value),
            b"lease" => self.lease(key, value),
            b"alarm" => self.alarm(key),
            _ => return Taken::Known,
        };
        match taken {
            Ok(()) => Taken::Known,
            Err(what) => Taken::Wrong(what),
        }
    }

    fn member(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        #[derive(Deserialize)]
        struct Stored {
            id: u64,
            #[serde(default, rename = "peerURLs")]
            peer_urls: Option<Vec<String>>,
            #[serde(default, rename = "isLearner")]
            is_learner: bool,
            #[serde(default)]
            name: String,
            #[serde(default, rename = "clientURLs")]
            client_urls: Option<Vec<String>>,
        }
        let id = member_id(key).ok_or("its key is no member id")?;
        let stored: Stored =
            serde_json::from_slice(value).map_err(|_| "the member is no valid JSON")?;
        if stored.id != id {
            return Err("the member's id is not its key");
        }
        if self.members.len() < LISTED {
            self.members.push(Member {
                id,
                name: stored.name,
                peer_urls: stored.peer_urls.unwrap_or_default(),
                client_urls: stored.client_urls.unwrap_or_default(),
                is_learner: stored.is_learner,
            });
        }
        Ok(())
    }

    fn removed_member(&mut self, key: &[u8]) -> Result<(), &'static str> {
        let id = member_id(key).ok_or("its key is no member id")?;
        if self.removed.len() < LISTED {
            self.removed.push(id);
        }
        Ok(())
    }

    fn meta_entry(&mut self, key: &[u8], value: &[u8]) -> Taken {
        let meta = &mut self.meta;
        let taken = match key {
            b"consistent_index" => set(&mut meta.consistent_index, be_u64(value)),
            b"term" => set(&mut meta.term, be_u64(value)),
            b"scheduledCompactRev" => {
                let main = revision(value).map(|revision| revision.main);
                set(&mut meta.scheduled_compact_revision, main)
            }
            b"finishedCompactRev" => {
                let main = revision(value).map(|revision| revision.main);
                set(&mut meta.finished_compact_revision, main)
            }
            b"storageVersion" => set(&mut meta.storage_version, version(value)),
            b"confState" => meta.conf_state(value),
            _ => return Taken::Unknown,
        };
        taken.map_or(Taken::Wrong("its value is not of its form"), |()| {
            Taken::Known
        })
    }

    fn cluster_entry(&mut self, key: &[u8], value: &[u8]) -> Taken {
        let taken = match key {
            b"clusterVersion" => set(&mut self.cluster_version, version(value)),
            b"downgrade" => set(&mut self.downgrade, serde_json::from_slice(value).ok()),
            _ => return Taken::Unknown,
        };
        taken.map_or(Taken::Wrong("its value is not of its form"), |()| {
            Taken::Known
        })
    }

    fn auth_entry(&mut self, key: &[u8], value: &[u8]) -> Taken {
        match (key, value) {
            (b"authEnabled", [enabled @ (0 | 1)]) => self.auth.enabled = *enabled == 1,
            (b"authRevision", revision) => match be_u64(revision) {
                Some(revision) => self.auth.revision = revision,
                None => return Taken::Wrong("its value is not of its form"),
            },
            (b"authEnabled", _) => return Taken::Wrong("its value is not of its form"),
            _ => return Taken::Unknown,
        }
        Taken::Known
    }

    fn user(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let mut name = Vec::new();
        let mut roles: Vec<Vec<u8>> = Vec::new();
        // Field 2, the password's hash, is passed over.
        protobuf::message(value, |field| match field {
            Field::Piece { number: 1, bytes } => name.extend_from_slice(bytes),
            Field::Begin { number: 3 } if roles.len() < LISTED => roles.push(Vec::new()),
            Field::Piece { number: 3, bytes } => {
                if let Some(role) = roles.last_mut() {
                    role.extend_from_slice(bytes);
                }
            }
            _ => {}
        })
        .map_err(|_| "the user is no authpb.User")?;
        if name != key {
            return Err("the user's name is not its key");
        }
        self.auth.user_count += 1;
        if self.auth.users.len() < LISTED {
            let roles = roles.iter().map(|role| text(role)).collect();
            let name = text(&name);
            self.auth.users.push(User { name, roles });
        }
        Ok(())
    }

    fn role(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let mut name = Vec::new();
        protobuf::message(value, |field| {
            if let Field::Piece { number: 1, bytes } = field {
                name.extend_from_slice(bytes);
            }
        })
        .map_err(|_| "the role is no authpb.Role")?;
        if name != key {
            return Err("the role's name is not its key");
        }
        self.auth.role_count += 1;
        if self.auth.roles.len() < LISTED {
            self.auth.roles.push(text(&name));
        }
        Ok(())
    }

    fn lease(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let mut id = 0;
        protobuf::message(value, |field| {
            if let Field::Varint { number: 1, value } = field {
                id = value;
            }
        })
        .map_err(|_| "the lease is no leasepb.Lease")?;
        if be_u64(key) != Some(id) {
            return Err("the lease's id is not its key");
        }
        self.leases += 1;
        Ok(())
    }

    fn alarm(&mut self, key: &[u8]) -> Result<(), &'static str> {
        let (mut member_id, mut kind) = (0, 0);
        protobuf::message(key, |field| match field {
            Field::Varint { number: 1, value } => member_id = value,
            Field::Varint { number: 2, value } => kind = value,
            _ => {}
        })
        .map_err(|_| "the alarm is no etcdserverpb.AlarmMember")?;
        let kind = match kind {
            1 => "NOSPACE",
            2 => "CORRUPT",
            _ => return Err("the alarm is of no known kind"),
        };
        if self.alarms.len() < LISTED {
            self.alarms.push(Alarm { member_id, kind });
        }
        Ok(())
    }
}

impl RaftMeta {
    fn conf_state(&mut self, value: &[u8]) -> Option<()> {
        #[derive(Deserialize)]
        struct Stored {
            #[serde(default)]
            voters: Option<Vec<u64>>,
            #[serde(default)]
            learners: Option<Vec<u64>>,
        }
        let stored: Stored = serde_json::from_slice(value).ok()?;
        self.voters = stored.voters.unwrap_or_default();
        self.learners = stored.learners.unwrap_or_default();
        Some(())
    }
}

fn set<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    *field = value;
    field.as_ref().map(|_| ())
}

/// Member ids are written as `%x`.
fn member_id(key: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(key).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(text, 16).ok())?
}

/// A semantic version: three numbers, perhaps more behind.
fn version(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.len() <= 64)?;
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
    let numbers = text.split(['-', '+']).next()?;
    let numbers: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
    (plain && numbers?.len() == 3).then(|| text.to_owned())
}

/// Names are bytes to etcd; shown as text, cut at 256 characters.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(256).collect()
}

fn hex_id<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{id:x}"))
}

pub(crate) fn hex_ids<S: Serializer>(ids: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(|id| format!("{id:x}")))
}
