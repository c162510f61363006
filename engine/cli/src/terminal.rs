//! The terminal's own settings.

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

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
