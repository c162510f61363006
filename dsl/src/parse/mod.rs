//! Text to [`File`](crate::ast::File), or every independent syntax error.

mod build;
mod expr;
mod recover;
mod scan;
mod test;
mod text;
mod top;
mod words;

pub use build::parse;
pub(crate) use build::{MAX_BYTES, parse_source};
pub(crate) use expr::{join, precedence};
pub(crate) use recover::ITEM_WORDS;
pub(crate) use scan::is_hidden;
pub(crate) use text::plain;

// The derive makes an undocumented public enum.
#[allow(missing_docs)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub(super) struct Grammar;
}

use grammar::{Grammar, Rule};
