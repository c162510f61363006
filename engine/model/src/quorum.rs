//! Quorum arithmetic: what a number of voters can lose.

use serde::{Deserialize, Serialize};

/// More voters than this make every write slower and the cluster no safer.
pub const MOST_VOTERS: usize = 7;

/// Members needed to commit among `voters`: floor(n/2)+1.
pub const fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

/// Members that `voters` can lose and still commit: floor((n-1)/2).
pub const fn fault_tolerance(voters: usize) -> usize {
    voters.saturating_sub(1) / 2
}

/// Voters of a cluster and how many of them serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quorum {
    /// Voting members in the membership.
    pub voters: usize,
    /// Of those, the ones that answer with a leader known.
    pub healthy: usize,
}

impl Quorum {
    /// Whether the healthy voters can commit.
    pub const fn holds(self) -> bool {
        self.voters > 0 && self.healthy >= quorum(self.voters)
    }

    /// Healthy voters that may still stop before commits stop; zero also when quorum is gone.
    pub const fn can_lose(self) -> usize {
        self.healthy.saturating_sub(quorum(self.voters))
    }

    /// Whether `stopping` healthy voters may stop at once.
    pub const fn survives_stop(self, stopping: usize) -> bool {
        self.healthy >= quorum(self.voters) + stopping
    }
}
