//! The real world: what the executor's traits do to real hosts.

mod apply;
mod lock;
mod observe;
mod receipt;
mod upload;
mod world;

pub use world::RealWorld;
