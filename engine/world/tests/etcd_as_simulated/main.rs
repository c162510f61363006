//! The simulator against real etcd: the same operations on both, and the same answers from both after each.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod operations;
mod pair;
mod random;
mod real;
mod seen;
mod simulated;
#[path = "../../../../tests/support/etcd.rs"]
mod support;
mod table;
