//! A runbook in its one canonical layout: comments and blank lines kept, idempotent, no options.

mod comments;
mod entry;
mod expr;
mod items;
mod printer;
mod steps;
mod test;
mod top;

pub use entry::format;
