//! Certificates for a cluster: an authority, servers, peers and clients.
//!
//! Knows: X.509 as etcd uses it, and where a cluster's certificates stand on the control host. The clock enters as seconds since
//! the epoch, randomness only in [`Key::generate`]; files are touched in [`store`] alone.
//! Must not know: hosts, connections, runs.

mod authority;
mod fault;
mod inspect;
mod key;
pub mod layout;
pub mod store;
mod trust;

pub use authority::{Authority, Leaf, Use};
pub use fault::Fault;
pub use inspect::{CertificateInfo, inspect, inspect_der, names};
pub use key::Key;
pub use store::{
    Change, Item, PkiError, Wanted, What, ensure, plan, plan_rotation, reinstate, rotate,
};
pub use trust::{Trust, certificates};
