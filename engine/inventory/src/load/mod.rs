//! Sources into one inventory: each `-i` in turn, then the files of `group_vars` and `host_vars` beside it.

mod draft;
mod groups;
mod script;
mod source;
mod tree;
mod vars_files;

pub(crate) use draft::{Draft, Group, Host};
pub use source::{InventorySpec, load};
