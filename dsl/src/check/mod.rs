//! [`File`](crate::ast::File) to [`CheckedRunbook`](crate::checked::CheckedRunbook): names, types, arguments, obligations.

mod arguments;
mod calls;
mod constants;
mod entry;
mod guards;
mod invoke;
mod items;
mod library;
mod obligations;
mod procedures;
mod program;
mod rings;
mod scope;
mod steps;
mod substitute;
mod templates;
mod typing;
mod unused;

pub(crate) use arguments::{signature, simple};
pub(crate) use calls::usage;
pub use entry::{LoadError, Loader, check, check_file};
pub(crate) use typing::spelled;
