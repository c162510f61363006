//! Executes a plan: dispatcher, journal, locks, rollback.
//!
//! Knows: plans, events and the world by its traits. Must not know: SSH, etcd's API, terminals, the language.

pub mod world;
