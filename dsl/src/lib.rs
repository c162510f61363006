//! The runbook language: text in, checked runbooks or diagnostics out.
//!
//! Knows: grammar, types, the catalogue of verbs and guards, static obligations.
//! Must not know: hosts, inventories, clocks, files. Imported and template texts come from the caller.

pub mod catalogue;
pub mod checked;
pub mod expr;
pub mod span;
