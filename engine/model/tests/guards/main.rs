//! Every guard holds, is violated and is unknown where it ought to be.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot build its case fails"
)]

mod api_servers;
mod data;
mod hosts;
mod quorum;
mod sizing;
mod support;
