//! The command as its users meet it: exit codes, words, and that reading commands write nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot set up its case fails"
)]

mod documents;
mod input;
mod plans;
mod reading;
mod shown;
mod simulate;
mod support;
mod words;
