//! What etcd says of itself, member by member.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::HostName;
use crate::quorum::Quorum;

/// What to ask of each member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberQuery {
    /// Ask for HashKV at this revision (0: at the newest); none: do not ask.
    pub hash_at: Option<i64>,
    /// Milliseconds before a member counts as silent.
    pub timeout_ms: u64,
}

/// One member's own answer, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum MemberProbe {
    /// It answered `status`.
    Serving(Box<MemberStatus>),
    /// It did not.
    Silent {
        /// The cause as far as it can be told: `connection refused`, `no answer within 5 s`, `certificate expired`...
        cause: SilentCause,
        /// In words.
        detail: String,
    },
}

/// Why a member gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SilentCause {
    /// Nothing listens there.
    Refused,
    /// The host cannot be reached.
    HostUnreachable,
    /// It accepted and stayed silent, or the network swallowed it.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// It answered with an error.
    Error,
    /// Not asked: no credentials, or an earlier failure made it pointless.
    NotAsked,
}

/// `Maintenance.Status`, `Cluster.MemberList`, alarms and HashKV of one member, each from that member alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Cluster id.
    pub cluster_id: u64,
    /// The member's id.
    pub member_id: u64,
    /// Server version, `3.5.16`.
    pub version: String,
    /// Leader's id; zero: none known.
    pub leader: u64,
    /// Raft term.
    pub raft_term: u64,
    /// Raft log index committed.
    pub raft_index: u64,
    /// Raft log index applied.
    pub raft_applied_index: u64,
    /// Backend file, bytes.
    pub db_size: i64,
    /// Of those, in use.
    pub db_size_in_use: i64,
    /// Whether it is a learner.
    pub is_learner: bool,
    /// The store's revision.
    pub revision: i64,
    /// Errors that it reports of itself.
    pub errors: Vec<String>,
    /// Its own view of the membership, with a leader or without; none where it would not say (a learner).
    pub members: Option<Vec<Member>>,
    /// Active alarms, as `NOSPACE` with the member's id.
    pub alarms: Vec<Alarm>,
    /// Where asked.
    pub hash: Option<HashKv>,
    /// Days and seconds come from this: not-after of the served certificate, seconds since the epoch. None over http.
    pub certificate_not_after: Option<i64>,
    /// Serial number of the served certificate, lower-case hex. None over http.
    #[serde(default)]
    pub certificate_serial: Option<String>,
    /// Serial number of the server certificate that stands for the member on the control host; none: there is none.
    #[serde(default)]
    pub certificate_issued: Option<String>,
    /// Round trip of `status`, microseconds.
    pub latency_us: u64,
}

/// One member as the membership lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Id.
    pub id: u64,
    /// Name; empty: never started.
    pub name: String,
    /// Peer URLs.
    pub peer_urls: Vec<String>,
    /// Client URLs.
    pub client_urls: Vec<String>,
    /// Whether it is a learner.
    pub is_learner: bool,
}

/// An alarm raised by a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The member.
    pub member_id: u64,
    /// `NOSPACE` or `CORRUPT`.
    pub kind: String,
}

/// HashKV's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashKv {
    /// CRC-32C.
    pub hash: u32,
    /// The revision it is of (the revision asked, or the header's where zero was asked).
    pub revision: i64,
    /// The member's compact revision; -1: none.
    pub compact_revision: i64,
}

/// All members' own answers at about one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    /// By the inventory's host.
    pub members: BTreeMap<HostName, MemberProbe>,
}

impl ClusterView {
    /// Members that answered.
    pub fn serving(&self) -> impl Iterator<Item = (&HostName, &MemberStatus)> {
        self.members.iter().filter_map(|(host, probe)| match probe {
            MemberProbe::Serving(status) => Some((host, status.as_ref())),
            MemberProbe::Silent { .. } => None,
        })
    }

    /// The membership that the most advanced answer gives (highest term, then index).
    pub fn membership(&self) -> Option<&[Member]> {
        self.serving()
            .filter(|(_, s)| s.members.is_some())
            .max_by_key(|(_, s)| (s.raft_term, s.raft_index))
            .and_then(|(_, s)| s.members.as_deref())
    }

    /// Whether the members that answered are of different clusters: over them no quorum can be counted.
    pub fn is_split(&self) -> bool {
        let mut ids = self.serving().map(|(_, status)| status.cluster_id);
        ids.next().is_some_and(|first| ids.any(|id| id != first))
    }

    /// Voters and healthy voters; `expected` voters are assumed where no member tells the membership.
    pub fn quorum(&self, expected: usize) -> Quorum {
        let voters = self.membership().map_or(expected, |members| {
            members.iter().filter(|m| !m.is_learner).count()
        });
        let healthy = self
            .serving()
            .filter(|(_, s)| !s.is_learner && s.leader != 0)
            .count()
            .min(voters);
        Quorum { voters, healthy }
    }
}
