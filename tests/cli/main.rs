//! The command as its users meet it: exit codes, words, and that reading commands write nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case fails"
)]

mod again;
mod capacity;
mod documents;
mod dry;
mod imports;
mod input;
mod monitor;
mod plans;
mod reading;
mod rehearse;
mod scale;
mod shown;
mod simulate;
mod step;
mod support;
mod testing;
mod verbose;
mod words;
