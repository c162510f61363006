//! The nouns of a run: hosts, members, facts, guards, actions, plans, events. Pure data and arithmetic.
//!
//! Knows: what operators speak of, as plain data that can be printed, compared and stored.
//! Must not know: files, clocks, processes, networks, the language's syntax.

pub mod action;
pub mod change;
pub mod cluster;
pub mod event;
pub mod facts;
pub mod guard;
pub mod host;
pub mod plan;
pub mod quorum;
pub mod saved;
pub mod shell;
pub mod sizing;
pub mod units;
pub mod view;
