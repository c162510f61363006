//! The directory of runs: `<dir>/<run id>/journal.jsonl`, `<dir>/.locks/<cluster>`, `<dir>/.plans/<digest>`.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use runbook_model::event::Record;
use runbook_model::facts::LockFacts;

use crate::journal::{Journal, JournalError, read};
use crate::lock::{LocalLock, LocalLockError};

const JOURNAL: &str = "journal.jsonl";
const LOCKS: &str = ".locks";

/// Where this operator's runs are kept.
#[derive(Clone, Debug)]
pub struct RunsDir {
    pub(crate) dir: PathBuf,
}

impl RunsDir {
    /// Runs under `dir` (made, 0700, when the first run is).
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// A run's journal.
    ///
    /// # Errors
    /// `run` is no plain name.
    pub fn path(&self, run: &str) -> Result<PathBuf, JournalError> {
        let plain = !run.is_empty()
            && !run.starts_with(['.', '-'])
            && run
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !plain {
            return Err(JournalError::RunId {
                run: run.to_owned(),
            });
        }
        Ok(self.dir.join(run).join(JOURNAL))
    }

    /// A new run's journal, its directory fsynced into place.
    ///
    /// # Errors
    /// It exists already, or cannot be made: then no host may be touched.
    pub fn create(&self, run: &str) -> Result<Journal, JournalError> {
        let path = self.path(run)?;
        let wrong = |source| JournalError::Write {
            path: path.clone(),
            source,
        };
        if let Some(dir) = path.parent() {
            make_dir(dir).map_err(wrong)?;
            File::open(&self.dir)
                .and_then(|d| d.sync_all())
                .map_err(wrong)?;
        }
        Journal::create(&path)
    }

    /// A run's journal, to go on with it, and what it holds.
    ///
    /// # Errors
    /// It cannot be read, believed or written.
    pub fn open(&self, run: &str) -> Result<(Journal, Vec<Record>), JournalError> {
        Journal::open(&self.path(run)?)
    }

    /// A run's records.
    ///
    /// # Errors
    /// The journal cannot be read or believed.
    pub fn read(&self, run: &str) -> Result<Vec<Record>, JournalError> {
        read(&self.path(run)?)
    }

    /// Ids of all runs kept here, in the order in which they began. An id tells when its plan was made, which may have been long
    /// before; nothing but the journal is ever made in a run's directory, so that its time is the run's beginning.
    ///
    /// # Errors
    /// The directory cannot be read (that it is not there means no runs).
    pub fn list(&self) -> Result<Vec<String>, JournalError> {
        let wrong = |source| JournalError::Read {
            path: self.dir.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(wrong(e)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(wrong)?;
            if let Ok(name) = entry.file_name().into_string()
                && entry.path().join(JOURNAL).exists()
            {
                let began = entry.metadata().and_then(|meta| meta.modified());
                runs.push((began.map_err(wrong)?, name));
            }
        }
        runs.sort();
        Ok(runs.into_iter().map(|(_, name)| name).collect())
    }

    /// Takes the lock of a cluster on this machine; freed when dropped, or when this process dies.
    ///
    /// # Errors
    /// Another process holds it, or the file cannot be made.
    pub fn lock(&self, cluster: &str, facts: &LockFacts) -> Result<LocalLock, LocalLockError> {
        let dir = self.dir.join(LOCKS);
        make_dir(&dir).map_err(|source| LocalLockError::Io {
            path: dir.clone(),
            source,
        })?;
        LocalLock::take(&dir, cluster, facts)
    }
}

pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
