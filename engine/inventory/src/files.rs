//! What the inventory asks of the machine it is read on. One small trait, so that the parsers stay pure.

use std::path::{Path, PathBuf};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// Anything else that can be read: a file, a pipe.
    File,
}

/// A path that could not be read or a script that could not be run; the text is the system's reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// What an inventory script left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptOutput {
    /// Exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// Standard error, perhaps cut.
    pub stderr: Vec<u8>,
}

/// Reading files and running inventory scripts.
pub trait Files {
    /// What stands at `path`; none when nothing does.
    fn kind(&self, path: &Path) -> Option<Kind>;
    /// The whole content.
    fn read(&self, path: &Path) -> Result<Vec<u8>, Unreadable>;
    /// The names in a directory, in any order.
    fn list_dir(&self, path: &Path) -> Result<Vec<String>, Unreadable>;
    /// May this file be run?
    fn is_executable(&self, path: &Path) -> bool;
    /// Runs a script and waits for its end, within a limit of the implementation's.
    fn run_script(&self, path: &Path, args: &[&str]) -> Result<ScriptOutput, Unreadable>;
    /// The path seen from the root; relative ones count from the working directory.
    fn absolute(&self, path: &Path) -> PathBuf;
}
