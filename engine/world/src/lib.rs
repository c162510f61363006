//! The only room with SSH, etcd, files, clock and processes.
//!
//! It knows how to reach hosts and members, and makes [`runbook_run::world`]'s traits true there. It must not know runbooks, plans
//! or what an order is for: it carries out actions and reports facts.

pub mod etcd;
mod frame;
mod program;
mod quote;
mod real;
mod settings;
mod text;
mod transport;

pub use real::RealWorld;
pub use settings::{Listener, Settings};
pub use transport::{BadConnection, Heard, preferred_cipher};
