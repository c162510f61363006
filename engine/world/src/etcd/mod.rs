//! Members of a cluster over etcd's own API: one connection a member, never balanced over several.
//!
//! Every wait has a limit here, since a peer that accepts a connection and then stays silent holds etcd-client beyond its own
//! timeouts; and the cause of a silence is found by examination, since etcd's clients call all of them `context deadline exceeded`.

mod access;
mod change;
mod cluster;
mod connection;
mod error;
mod manifest;
mod members;
mod part;
mod peer;
mod probe;
mod route;
mod save;
mod tls;
mod watched;
mod write_probe;

pub use access::{Access, AccessError, AccessFiles};
pub use cluster::{ChangeError, Cluster};
pub use connection::Connection;
pub use error::{CallError, Silence};
pub use manifest::Manifest;
pub use members::Members;
pub use probe::member_probe;
pub use route::{Forward, NoForward, Route, Routes};
pub use save::{Bytes, Destination, SaveError, Saved, save_snapshot};
pub use write_probe::{WriteProbeError, write_probe};
