//! [`File`](crate::ast::File) to [`CheckedRunbook`](crate::checked::CheckedRunbook): names, types, arguments, obligations.

mod arguments;
mod authority;
mod bypass;
mod calls;
mod constants;
mod entry;
mod guards;
mod hosts;
mod items;
mod membership;
mod obligations;
mod scope;
mod steps;
mod templates;
mod typing;
mod unused;

pub(crate) use arguments::{signature, simple};
pub(crate) use calls::usage;
pub use entry::{LoadError, Loader, check};
pub(crate) use typing::spelled;
