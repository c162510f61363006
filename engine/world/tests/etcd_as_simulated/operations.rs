//! What is done to both clusters, and how it ends.

use std::time::Duration;

use runbook_model::change::ClusterChange;
use runbook_model::host::MemberSpec;

/// One operation. Members are numbered as in the list of specs.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Starts a member's process.
    Start(usize, Joining),
    /// Ends it at once.
    Stop(usize),
    /// Takes the data dir of a member that does not run away.
    Forget(usize),
    Put(usize, String),
    Delete(usize, String),
    /// Through whom, whom, without a vote.
    Add(usize, usize, bool),
    Promote(usize, usize),
    Remove(usize, usize),
    /// Through whom, whom, to another port.
    Update(usize, usize, u16),
    /// Through whom (none: the leader), to whom.
    MoveLeader(Option<usize>, usize),
    /// Through whom, revisions before the newest; negative: after it.
    Compact(usize, i64),
    Defragment(usize),
    /// Values, large ones first, until not the smallest has room.
    Fill(usize),
    /// Through whom, whose alarm.
    Disarm(usize, usize),
    /// HashKV of all members at this revision.
    HashAt(i64),
    /// Keeps a member's snapshot; its hash is the member's.
    Save(usize),
    /// Makes the data dir of a lone member of the snapshot, with this token.
    Restore(usize, &'static str),
    /// As long as etcd wants members to be connected before it changes the membership.
    Settle,
    /// A planned change, carried out by the world's own code and by the simulator's; through whom.
    Change(usize, ClusterChange),
}

/// How a member's process is told to begin.
#[derive(Clone, Debug)]
pub struct Joining {
    pub state: &'static str,
    /// Members in its initial cluster.
    pub with: Vec<usize>,
    pub token: &'static str,
}

pub fn existing(with: &[usize]) -> Joining {
    Joining {
        state: "existing",
        with: with.to_vec(),
        token: "test",
    }
}

pub fn new(with: &[usize]) -> Joining {
    Joining {
        state: "new",
        ..existing(with)
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    Done,
    /// A change that converges: whether anything was changed.
    Changed(bool),
    /// The member's words.
    Refused(String),
    /// It was waited for.
    Unanswered,
    /// Nobody listens.
    Silent,
    /// The process ended; its last words.
    Died(String),
    /// Of a snapshot: its revision, and whether its hash is the member's.
    Saved(i64, bool),
    /// Member by member.
    Hashes(Vec<Option<u32>>),
}

/// Longer than etcd's five seconds, for members that are a moment late to connect.
pub const SETTLED: Duration = Duration::from_millis(6_200);
/// Until then it is sure that they are not over.
pub const SURELY_YOUNG: Duration = Duration::from_millis(3_500);
/// Of values that fill a file: the last finds no page.
pub const VALUES: [usize; 3] = [1_000_000, 20_000, 1_000];
/// A file that is large.
pub const LARGE: i64 = 8 << 20;
/// What members may have where one is filled.
pub const QUOTA: u64 = 16 << 20;

/// A member's peer URL if it were at this port.
pub fn at_port(spec: &MemberSpec, peer_port: u16) -> String {
    let spec = MemberSpec {
        peer_port,
        ..spec.clone()
    };
    spec.peer_url()
}
