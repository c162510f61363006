//! The real world: what the executor's traits do to real hosts.

mod apply;
mod control;
mod forward;
mod lock;
mod observe;
mod receipt;
mod snapshot;
mod told;
mod upload;
mod world;

pub use world::RealWorld;
