//! How bytes get to a host's shell: over the user's own `ssh`, or to a shell right here.

mod channel;
mod cipher;
mod classify;
mod command;
mod heard;
mod link;
mod master;

pub use channel::{Channel, Input};
pub use cipher::preferred_cipher;
pub use command::BadConnection;
pub use heard::Heard;
pub use link::{Link, LinkError, sudo_error};
