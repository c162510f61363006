//! The terminal's own settings.

use std::io;

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// Asks for a line that is not shown. The terminal stops showing before the question is, so that what is typed at once is read as well.
///
/// # Errors
/// Standard input is no terminal, or cannot be read.
pub fn read_hidden(prompt: &str) -> io::Result<String> {
    let terminal = io::stdin();
    let before = tcgetattr(&terminal)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Now, &hidden)?;
    eprint!("{prompt}");
    let mut line = String::new();
    let read = terminal.read_line(&mut line);
    tcsetattr(&terminal, OptionalActions::Now, &before)?;
    eprintln!();
    read?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// While it lives the terminal does not write `^C` into what is drawn, which would move the drawing by a line.
pub struct NoEcho(Termios);

impl NoEcho {
    /// None where standard error is no terminal, or another job's: changing that one's settings would stop this process.
    pub fn begin() -> Option<Self> {
        let terminal = std::io::stderr();
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHOCTL);
        tcsetattr(&terminal, OptionalActions::Now, &quiet).ok()?;
        Some(Self(before))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stderr(), OptionalActions::Now, &self.0);
    }
}
