//! The runbook language: text in, checked runbooks or diagnostics out.
//!
//! Knows: grammar, types, the catalogue of verbs and guards, static obligations.
//! Must not know: hosts, inventories, clocks, files. Imported and template texts come from the caller.

pub mod ast;
pub mod catalogue;
pub mod check;
pub mod checked;
pub mod codes;
pub mod diagnostic;
pub mod explain;
pub mod expr;
mod format;
pub mod parse;
pub mod span;
mod suggest;
pub mod tested;

pub use check::{LoadError, Loader, check, check_file};
pub use diagnostic::Diagnostic;
pub use explain::{catalogue_markdown, explain};
pub use format::format;
pub use parse::parse;
