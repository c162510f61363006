//! Runs in a simulated world: what they promise, under every fault that the simulator knows.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot build its case fails"
)]

mod campaign;
mod chaos;
mod crash;
mod faults;
mod locks;
mod members;
mod plans;
mod preflight;
mod rehearse;
mod restore;
mod rollback;
mod rolling;
mod saved;
mod space;
mod stage;
mod stop;
mod story;
