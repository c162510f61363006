//! The lock on this machine: one run a cluster, held by the operating system, so that it dies with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use runbook_model::facts::LockFacts;

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LocalLockError {
    /// Another process of this machine works on the cluster.
    #[error("{}", held_by(.0))]
    Held(LockFacts),
    /// The lock file cannot be made.
    #[error("cannot take the lock `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// A held lock.
#[derive(Debug)]
pub struct LocalLock {
    _file: File,
}

impl LocalLock {
    /// Takes the cluster's lock in `dir`, writing who has it.
    ///
    /// # Errors
    /// It is held, or cannot be made.
    pub fn take(dir: &Path, cluster: &str, facts: &LockFacts) -> Result<Self, LocalLockError> {
        let path = dir.join(file_name(cluster));
        let wrong = |source| LocalLockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(LocalLockError::Held(
                    serde_json::from_str(&text).unwrap_or_else(|_| nameless()),
                ));
            }
            Err(TryLockError::Error(source)) => return Err(wrong(source)),
        }
        let text = serde_json::to_string(facts).map_err(|e| wrong(e.into()))?;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(wrong)?;
        Ok(Self { _file: file })
    }
}

/// `run R of root@ops1 since ...`
pub fn held_by(facts: &LockFacts) -> String {
    format!(
        "run `{}` of {} since {}",
        facts.run, facts.holder, facts.since
    )
}

/// The holder took it and has not yet written its name.
fn nameless() -> LockFacts {
    LockFacts {
        run: "?".to_owned(),
        holder: "another process".to_owned(),
        since: "just now".to_owned(),
    }
}

/// A cluster's name may hold anything: only plain characters reach the path, the rest as hex.
fn file_name(cluster: &str) -> String {
    let mut name = String::new();
    for byte in cluster.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name + ".lock"
}
