//! A member's client port as messages name it.

use std::fmt;

use runbook_model::cluster::SilentCause;
use runbook_model::host::MemberSpec;

use super::error::Silence;
use super::route::Route;

/// Address and port, and whether SSH is in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) authority: String,
    forwarded: bool,
}

impl Peer {
    pub(crate) fn new(spec: &MemberSpec, route: &Route) -> Self {
        let url = spec.client_url();
        Self {
            authority: url
                .split_once("://")
                .map_or_else(String::new, |(_, rest)| rest.to_owned()),
            forwarded: matches!(route, Route::Socket(_)),
        }
    }

    /// The connection ended before anything came. ssh accepts for a port before it knows whether anything listens there, so over
    /// SSH this is how a closed port looks; straight, somebody listens and does not like what we say.
    pub(crate) fn ended_at_once(&self, cause: SilentCause, why: &str) -> Silence {
        if self.forwarded {
            Silence::new(
                SilentCause::Refused,
                format!("nothing answers on {self} behind the SSH connection"),
            )
        } else {
            Silence::new(cause, format!("{self} ends the connection {why}"))
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.authority)
    }
}
