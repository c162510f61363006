//! What people and programs read, from recorded runs on three local members: read each golden as the engineer on call would.

#![allow(clippy::unwrap_used)]

mod detail;
mod hostile;
mod live;
mod plan;
mod rehearsal;
mod review;
mod run;
mod schema;
mod status;
mod support;
