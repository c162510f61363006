//! The reader against real snapshots, against files built for the purpose, and against damage.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod codes;
mod damage;
mod fixtures;
mod formats;
mod mutations;
mod real;
mod writer;
