//! [`File`](crate::ast::File) to [`CheckedRunbook`](crate::checked::CheckedRunbook): names, types, arguments, obligations.

mod arguments;
mod authority;
mod bypass;
mod calls;
mod constants;
mod entry;
mod guards;
mod hosts;
mod invoke;
mod items;
mod library;
mod membership;
mod obligations;
mod procedures;
mod program;
mod rings;
mod scope;
mod steps;
mod substitute;
mod templates;
mod test;
mod told;
mod typing;
mod unused;
mod walk;

pub(crate) use arguments::{signature, simple};
pub(crate) use calls::usage;
pub use entry::{LoadError, Loader, check, check_file};
pub(crate) use typing::spelled;
