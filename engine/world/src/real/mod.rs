//! The real world: what the executor's traits do to real hosts.

mod apply;
mod control;
mod forward;
mod lock;
mod observe;
mod pump;
mod reach;
mod receipt;
mod snapshot;
mod told;
mod upload;
mod watch;
mod world;

pub use world::RealWorld;
