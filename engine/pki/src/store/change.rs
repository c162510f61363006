//! What is done to a cluster's certificates.

use std::fmt;

use crate::fault::{Day, Fault};
use crate::layout::{Layout, Pair};

/// One certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// The authority.
    Ca,
    /// What the control host calls members with.
    Client,
    /// A member's client port.
    Server(String),
    /// A member's peer port.
    Peer(String),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Ca => f.write_str("ca.crt"),
            Item::Client => f.write_str("client.crt"),
            Item::Server(member) => write!(f, "{member}/server.crt"),
            Item::Peer(member) => write!(f, "{member}/peer.crt"),
        }
    }
}

impl Item {
    /// Where it stands.
    pub fn pair(&self, layout: &Layout) -> Pair {
        match self {
            Item::Ca => layout.ca(),
            Item::Client => layout.client(),
            Item::Server(member) => layout.server(member),
            Item::Peer(member) => layout.peer(member),
        }
    }
}

/// What happens to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub item: Item,
    /// What.
    pub what: What,
}

/// Kinds of change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is missing and will be made.
    Create,
    /// It was issued here and no longer serves: a new key and certificate take its place.
    Reissue {
        /// Why.
        why: Fault,
    },
    /// It was issued here and ends within a day: a new key and certificate take its place.
    Renew {
        /// Seconds since the epoch.
        not_after: i64,
    },
    /// It stays.
    Keep {
        /// Not issued here: the user's own.
        own: bool,
        /// Seconds since the epoch.
        not_after: i64,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Create => write!(f, "create `{}`", self.item),
            What::Reissue { why } => {
                write!(f, "issue `{}` again: the present one {why}", self.item)
            }
            What::Renew { not_after } => {
                write!(
                    f,
                    "renew `{}`, which ends on {}",
                    self.item,
                    Day(*not_after)
                )
            }
            What::Keep { own: true, .. } => write!(f, "keep `{}`, which is your own", self.item),
            What::Keep { own: false, .. } => write!(f, "keep `{}`", self.item),
        }
    }
}
