//! A journal in memory, whose process can be killed after any record.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runbook_model::event::{Event, Record};
use runbook_run::{JournalError, Ledger};

/// Records in memory; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    records: Arc<Mutex<Vec<Record>>>,
    /// Records after which nothing is kept any more.
    room: Option<usize>,
    /// The record that finds no room is kept all the same: the process dies right after it.
    keeps_last: bool,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same records, appended to by a process that is killed as it would keep record `room` (from 0): right after it
    /// kept it, or right before.
    pub fn killed_at(&self, room: usize, keeps_last: bool) -> Self {
        Self {
            records: self.records.clone(),
            room: Some(room),
            keeps_last,
        }
    }

    /// The same records, appended to by a process that lives.
    pub fn reopened(&self) -> Self {
        Self {
            records: self.records.clone(),
            ..Self::default()
        }
    }

    /// What was kept.
    pub fn records(&self) -> Vec<Record> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a killed process's last append meets.
    pub(crate) fn dead() -> JournalError {
        JournalError::Write {
            path: PathBuf::from("memory"),
            source: io::Error::new(io::ErrorKind::BrokenPipe, "the process was killed"),
        }
    }
}

impl Ledger for MemoryJournal {
    fn append(&mut self, events: &[Event], at_ms: i64) -> Result<(), JournalError> {
        let mut records = self.lock();
        for event in events.iter().filter(|e| e.is_durable()) {
            let seq = records.len();
            let full = self.room.is_some_and(|room| seq >= room);
            if full && !(self.keeps_last && self.room == Some(seq)) {
                return Err(Self::dead());
            }
            records.push(Record {
                seq: seq as u64,
                at_ms,
                event: event.clone(),
            });
            if full {
                return Err(Self::dead());
            }
        }
        Ok(())
    }
}
