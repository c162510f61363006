//! From what is wanted to one program in POSIX sh, and from its records back to facts. Pure: text in, text out.
//!
//! A program needs sh, coreutils and, for services, systemd. Its fixed parts are the `.sh` files beside this one; data enters them only
//! as words that [`crate::quote`] made.

mod answers;
mod api_server;
mod clock;
mod names;
mod order;
mod probe;
mod rehearse;

pub(crate) use answers::lock as held_lock;
pub use answers::{Known, ProbeAnswers};
pub use names::component;
pub use order::{Key, Part, SMALL_UPLOAD, Sent, Upload, check, detached, parts, receipt, uploads};
pub use probe::probe;
#[cfg(test)]
mod tests;

use crate::quote::{NulByte, word};

const PRELUDE: &str = include_str!("sh/prelude.sh");
const LOCK: &str = include_str!("sh/lock.sh");

/// Where a program runs, and in whose name.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Nonce of the program's records.
    pub nonce: &'a str,
    /// Root of our state on the host; none: the usual one.
    pub state_root: Option<&'a str>,
    /// Cluster, whose lock and receipts are meant; empty for none.
    pub cluster: &'a str,
    /// The host's name in the inventory.
    pub host: &'a str,
    /// The run, empty for none.
    pub run: &'a str,
}

impl Context<'_> {
    /// Assignments that every program begins with.
    fn assignments(&self) -> Result<String, NulByte> {
        Ok(format!(
            "N={}\nSTATE_ROOT={}\nCLUSTER={}\nHOST={}\nRUN={}\n",
            self.nonce,
            word(self.state_root.unwrap_or(""))?,
            word(&component(self.cluster))?,
            word(&component(self.host))?,
            word(&component(self.run))?,
        ))
    }
}

/// A shell runs a program as it reads it. Wrapped so, the program runs as a whole or, when the connection breaks while it is sent, not at
/// all.
fn whole(body: &str) -> String {
    format!("main() {{\n{body}\n}}\nmain\n")
}

/// Takes the cluster's lock: `locked`, `fenced` with the lock that is there, or `error`.
///
/// # Errors
/// A NUL byte in the data.
pub fn take_lock(context: &Context<'_>, json: &str) -> Result<String, NulByte> {
    let body = format!(
        "{PRELUDE}{LOCK}{}state\ntake_lock {}\nframe end",
        context.assignments()?,
        word(json)?
    );
    Ok(whole(&body))
}

/// Gives the cluster's lock back if the run holds it.
///
/// # Errors
/// A NUL byte in the data.
pub fn release_lock(context: &Context<'_>) -> Result<String, NulByte> {
    let body = format!(
        "{PRELUDE}{LOCK}{}state\nrelease_lock\nframe end",
        context.assignments()?
    );
    Ok(whole(&body))
}
