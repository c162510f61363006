//! One file a command.

pub mod capacity;
pub mod check;
pub mod exec;
pub mod inventory;
pub mod man;
pub mod monitor;
pub mod new;
pub mod plan_file;
mod plan_form;
mod reached;
pub mod rehearse;
pub mod runs;
pub mod simulate;
pub mod snapshot;
mod start_at;
pub mod status;
pub mod test;

use std::io::Write;

use crate::environment::Environment;
use crate::failure::Failure;

/// How a command ends: an exit code, or why it could not do its work.
pub type Ended = Result<u8, Failure>;

/// Prints data on standard output. A reader that went away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Prints a value as JSON on standard output.
pub fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Prints warnings on standard error.
pub fn warn<'a>(
    warnings: impl IntoIterator<Item = &'a (dyn miette::Diagnostic + 'a)>,
    environment: &Environment,
) {
    for warning in warnings {
        eprint!("{}", crate::failure::render(warning, environment.stderr));
    }
}
