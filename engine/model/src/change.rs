//! Changes of the cluster itself, through etcd's own API. Data only; the world carries them out and reads back what came of them.

use serde::{Deserialize, Serialize};

use crate::host::HostName;

/// One change of a cluster. Each converges: where it is already so, nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum ClusterChange {
    /// A member is listed under these peer URLs; its process is not started by that.
    AddMember {
        /// Its name in the inventory: etcd learns it only when the member starts.
        name: String,
        /// As the members will call it.
        peer_urls: Vec<String>,
        /// Without a vote until it is promoted; a voter counts against quorum from this moment.
        learner: bool,
    },
    /// A learner has a vote, once it has applied all but `lag` of what the leader has.
    PromoteMember {
        /// Where it runs: its own word on its progress is asked.
        member: HostName,
        /// As the members list it.
        peer_urls: Vec<String>,
        /// Raft entries that it may be behind.
        lag: u64,
    },
    /// A member is listed no longer.
    RemoveMember {
        /// Its name in the inventory.
        name: String,
        /// Hexadecimal; none where it was not known when planned: then it is found by its peer URLs.
        id: Option<String>,
        /// As the members list it.
        peer_urls: Vec<String>,
    },
    /// A voter is listed under these peer URLs.
    UpdateMember {
        /// Its name in the inventory.
        name: String,
        /// Hexadecimal.
        id: String,
        /// As the members are to call it.
        peer_urls: Vec<String>,
    },
    /// Another voter leads, if this member did.
    MoveLeader {
        /// The member that must not lead.
        from: HostName,
    },
    /// History is dropped but for the newest revisions.
    Compact {
        /// Revisions that stay readable.
        keep: u64,
    },
    /// A member's file is rewritten without what is free in it; it answers nothing meanwhile.
    Defragment {
        /// The member.
        member: HostName,
        /// Bytes; left out where less would be freed.
        above: u64,
    },
    /// A member's NOSPACE alarm is taken back; never CORRUPT.
    DisarmNospace {
        /// The member.
        member: HostName,
    },
}

impl ClusterChange {
    /// `etcdctl`'s words for it.
    pub const fn words(&self) -> &'static str {
        match self {
            ClusterChange::AddMember { learner: true, .. } => "member add --learner",
            ClusterChange::AddMember { .. } => "member add",
            ClusterChange::PromoteMember { .. } => "member promote",
            ClusterChange::RemoveMember { .. } => "member remove",
            ClusterChange::UpdateMember { .. } => "member update",
            ClusterChange::MoveLeader { .. } => "move-leader",
            ClusterChange::Compact { .. } => "compaction",
            ClusterChange::Defragment { .. } => "defrag",
            ClusterChange::DisarmNospace { .. } => "alarm disarm",
        }
    }
}
