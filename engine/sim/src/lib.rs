//! A cluster of etcd members in memory, with faults: another world for the same planner and executor.
//!
//! Knows: how hosts, services and etcd members answer what is done to them. Must not know: SSH, etcd's API, terminals, the
//! language. It is no mock: it keeps the rules that real hosts keep, and a plan that it lets through has kept them too.
//!
//! Time is tokio's: in [`run`] the clock jumps to whatever is waited for next.
//!
//! [`campaign`] runs a plan through thousands of fault schedules and judges what came of each; [`stage`] runs it once, with what
//! somebody wrote that is to go wrong.

mod actions;
mod calls;
pub mod campaign;
mod change;
mod cluster;
mod data;
mod faults;
mod joining;
mod journal;
mod look;
mod model;
mod operator;
mod probe;
mod raft;
mod receipts;
mod service;
mod setup;
pub mod stage;
mod starts;
mod store;
mod upkeep;
mod world;

pub use calls::Refusal;
pub use cluster::{MemberData, Store};
pub use faults::{Fault, Moment, When};
pub use journal::MemoryJournal;
pub use model::{
    ControlFile, DataDir, Doing, Effect, File, Host, Model, QuorumLoss, RunningEtcd, Service,
};
pub use setup::{config_text, member_spec, unit_text};
pub use starts::{Ground, starting_states};
pub use world::{SimWorld, run};
