//! A saved plan is carried out once: a mark by its digest, made before anything is sent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::runs::{RunsDir, make_dir};

const PLANS: &str = ".plans";

/// By which run a plan was used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The run.
    pub run: String,
    /// `user@host` of the operator.
    pub operator: String,
    /// Seconds since the epoch.
    pub at_s: i64,
}

/// Why a plan cannot be marked as used.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// It was used before.
    #[error("the plan was used before, by run `{}` of {}", .0.run, .0.operator)]
    Again(Used),
    /// The mark cannot be read or made: then nothing may be sent.
    #[error("cannot keep that a plan is used in `{path}`: {source}")]
    Io {
        /// The mark.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

impl RunsDir {
    /// By which run the plan of this digest was used from this machine, if it was.
    ///
    /// # Errors
    /// The mark cannot be read.
    pub fn used(&self, digest: &str) -> Result<Option<Used>, UseError> {
        let path = self.mark(digest);
        match fs::read(&path) {
            // A mark that a crash cut short is one all the same.
            Ok(text) => Ok(Some(serde_json::from_slice(&text).unwrap_or_else(|_| {
                Used {
                    run: "?".to_owned(),
                    operator: "somebody".to_owned(),
                    at_s: 0,
                }
            }))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(UseError::Io { path, source }),
        }
    }

    /// Marks the plan of this digest as used; on disk when this returns. Of two that try at once, one succeeds.
    ///
    /// # Errors
    /// It was used before, or the mark cannot be made.
    pub fn use_up(&self, digest: &str, by: &Used) -> Result<(), UseError> {
        let path = self.mark(digest);
        let wrong = |source| UseError::Io {
            path: path.clone(),
            source,
        };
        let dir = self.dir.join(PLANS);
        make_dir(&dir).map_err(wrong)?;
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut file = match made {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                let before = self.used(digest)?.unwrap_or_default();
                return Err(UseError::Again(before));
            }
            Err(source) => return Err(wrong(source)),
        };
        let text = serde_json::to_string(by).map_err(|e| wrong(e.into()))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| File::open(&dir)?.sync_all())
            .map_err(wrong)
    }

    /// INVARIANT: a digest is hex, so that it is a plain name.
    fn mark(&self, digest: &str) -> PathBuf {
        let plain: String = digest.chars().filter(char::is_ascii_hexdigit).collect();
        self.dir.join(PLANS).join(plain)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_used_once_and_tells_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let runs = RunsDir::new(dir.path().join("runs"));
        let digest = "ab".repeat(32);
        let by = Used {
            run: "r1".to_owned(),
            operator: "ann@ops1".to_owned(),
            at_s: 7,
        };
        assert_eq!(runs.used(&digest).unwrap(), None);
        runs.use_up(&digest, &by).unwrap();
        assert_eq!(runs.used(&digest).unwrap(), Some(by.clone()));
        let again = runs.use_up(&digest, &by).unwrap_err();
        assert!(matches!(again, UseError::Again(before) if before == by));
        assert_eq!(runs.used(&"cd".repeat(32)).unwrap(), None);
        assert!(runs.list().unwrap().is_empty(), "a mark is no run");
    }

    #[test]
    fn a_mark_cut_short_counts() {
        let dir = tempfile::tempdir().unwrap();
        let runs = RunsDir::new(dir.path());
        let digest = "ab".repeat(32);
        runs.use_up(&digest, &Used::default()).unwrap();
        fs::write(runs.mark(&digest), "{\"run\":").unwrap();
        assert!(runs.used(&digest).unwrap().is_some());
        assert!(runs.use_up(&digest, &Used::default()).is_err());
    }
}
