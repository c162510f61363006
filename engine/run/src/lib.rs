//! Executes a plan: dispatcher, journal, locks, rollback.
//!
//! Knows: plans, events and the world by its traits. Must not know: SSH, etcd's API, terminals, the language.
//!
//! A run is a fold over its events: what is done live, resumed or replayed goes through [`RunState::apply`] alone.

mod batch;
mod begun;
mod control;
mod execute;
mod journal;
mod lock;
mod next;
mod observe;
mod policy;
mod refusal;
mod runs;
mod state;
mod used;
pub mod world;

pub use batch::{Batch, choose};
pub use begun::begun;
pub use control::{Stop, StopSender, StopSignal, stop_channel};
pub use execute::{
    AskStep, Confirm, Finished, Options, RunError, execute, lock_hosts, resume, rollback, unlock,
};
pub use journal::{Journal, JournalError, Ledger, read};
pub use lock::{LocalLock, LocalLockError};
pub use next::{Next, next};
pub use observe::{look, observe};
pub use policy::{Failure, Policy, after_failure};
pub use refusal::refusal;
pub use runs::RunsDir;
pub use state::{HostState, HostStatus, Phase, RunState, StepState, Touched, Work};
pub use used::{UseError, Used};
