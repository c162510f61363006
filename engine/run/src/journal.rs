//! The journal: one JSON line a record, each chained to the one before, so that what a run did can be believed afterwards.
//!
//! A line is the record's JSON with a last field `chain`: the first 16 hex digits of SHA-256 over the chain before and the
//! record's JSON. A last line without its newline was torn by a crash: it is dropped, since what it told never had effects yet.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use runbook_model::event::{Event, Record};
use sha2::{Digest, Sha256};

/// What the first record is chained to.
const SEED: &str = "runbook-journal-1";
/// `,"chain":"0123456789abcdef"}`
const SUFFIX: usize = 28;

/// Why a journal cannot be written or believed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be written: nothing more is sent to any host.
    #[error("cannot write the journal `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read the journal `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A run of this id has a journal already.
    #[error("run `{run}` has a journal already: `{path}`")]
    Exists {
        /// Run id.
        run: String,
        /// The file.
        path: PathBuf,
    },
    /// A record does not match its checksum, or the one before it is missing.
    #[error("the journal `{path}` was damaged or edited: record {record} (line {line}) {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Sequence number of the first record that cannot be believed.
        record: u64,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The journal of another run stands in this run's place.
    #[error("the journal `{path}` belongs to run `{found}`")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The run it is of.
        found: String,
    },
    /// Another process carries this run on.
    #[error("run `{run}` is under way in another process on this machine")]
    Busy {
        /// Run id.
        run: String,
    },
    /// A run id that is no plain name cannot be a directory.
    #[error("`{run}` is not a run id")]
    RunId {
        /// As given.
        run: String,
    },
}

/// Where a run's records are kept. Nothing is done to a host before the record of its intent is kept.
pub trait Ledger: Send {
    /// Keeps events, all or an error; those of [`syncs`] are on disk when this returns.
    ///
    /// # Errors
    /// The records cannot be kept.
    fn append(&mut self, events: &[Event], at_ms: i64) -> Result<(), JournalError>;
}

/// Whether the record must be on disk before the run goes on. The others are written at once and reach the disk with the next
/// of these: losing an outcome to a power cut costs a question to the host, losing an intent would cost the truth.
pub const fn syncs(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStarted { .. }
            | Event::WorkIntended { .. }
            | Event::Confirmed { .. }
            | Event::IrreversiblePassed
            | Event::StopRequested
            | Event::RollbackStarted { .. }
            | Event::RunEnded { .. }
    )
}

/// A journal on disk, open for appending.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    chain: String,
    seq: u64,
}

impl Journal {
    /// Creates an empty journal (0600); the directory must exist and is fsynced.
    ///
    /// # Errors
    /// The file exists, or cannot be made.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let wrong = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Exists {
                run: run_of(path).unwrap_or_default(),
                path: path.to_owned(),
            },
            _ => JournalError::Write {
                path: path.to_owned(),
                source,
            },
        };
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(wrong)?;
        if let Some(dir) = path.parent() {
            File::open(dir).and_then(|d| d.sync_all()).map_err(wrong)?;
        }
        take(&file, path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            chain: SEED.to_owned(),
            seq: 0,
        })
    }

    /// Opens a journal to go on with it; a torn last line is cut off.
    ///
    /// # Errors
    /// It cannot be read, believed or written, or another process carries the run on.
    pub fn open(path: &Path) -> Result<(Self, Vec<Record>), JournalError> {
        let read = |source| JournalError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .map_err(read)?;
        // Before it is read: whoever writes it now would be cut off in the middle of a line.
        take(&file, path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(read)?;
        let good = decode(path, &text)?;
        file.set_len(good.bytes as u64)
            .map_err(|source| JournalError::Write {
                path: path.to_owned(),
                source,
            })?;
        let journal = Self {
            file,
            path: path.to_owned(),
            chain: good.chain,
            seq: good.records.len() as u64,
        };
        Ok((journal, good.records))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Ledger for Journal {
    fn append(&mut self, events: &[Event], at_ms: i64) -> Result<(), JournalError> {
        let wrong = |source| JournalError::Write {
            path: self.path.clone(),
            source,
        };
        let mut text = String::new();
        let (mut seq, mut chain) = (self.seq, self.chain.clone());
        for event in events.iter().filter(|e| e.is_durable()) {
            let record = Record {
                seq,
                at_ms,
                event: event.clone(),
            };
            let json = serde_json::to_string(&record).map_err(|e| wrong(e.into()))?;
            chain = link(&chain, &json);
            // INVARIANT: a record is a JSON object, so it ends with `}`.
            text.push_str(json.strip_suffix('}').unwrap_or(&json));
            text.push_str(",\"chain\":\"");
            text.push_str(&chain);
            text.push_str("\"}\n");
            seq += 1;
        }
        self.file.write_all(text.as_bytes()).map_err(wrong)?;
        if events.iter().any(syncs) {
            self.file.sync_data().map_err(wrong)?;
        }
        (self.seq, self.chain) = (seq, chain);
        Ok(())
    }
}

/// One process a journal; the operating system lets go of it when the process dies.
fn take(file: &File, path: &Path) -> Result<(), JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(JournalError::Busy {
            run: run_of(path).unwrap_or_default(),
        }),
        Err(TryLockError::Error(source)) => Err(JournalError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Reads a journal; a torn last line is left out.
///
/// # Errors
/// It cannot be read, or a record (named) does not match its checksum.
pub fn read(path: &Path) -> Result<Vec<Record>, JournalError> {
    decode(path, &read_text(path)?).map(|good| good.records)
}

/// What could be believed of a journal's text.
struct Good {
    records: Vec<Record>,
    /// Bytes of whole lines.
    bytes: usize,
    chain: String,
}

fn decode(path: &Path, text: &[u8]) -> Result<Good, JournalError> {
    let mut good = Good {
        records: Vec::new(),
        bytes: 0,
        chain: SEED.to_owned(),
    };
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    for (index, line) in text[..whole].split_inclusive(|b| *b == b'\n').enumerate() {
        let corrupt = |what| JournalError::Corrupt {
            path: path.to_owned(),
            record: index as u64,
            line: index + 1,
            what,
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (json, chain) = split_line(line).ok_or_else(|| corrupt("has no checksum"))?;
        if link(&good.chain, &json) != chain {
            return Err(corrupt("does not match its checksum"));
        }
        let record: Record =
            serde_json::from_str(&json).map_err(|_| corrupt("is not of a known form"))?;
        if record.seq != index as u64 {
            return Err(corrupt("is out of order"));
        }
        if let (Event::RunStarted { plan, .. }, Some(run)) = (&record.event, run_of(path))
            && plan.run != run
        {
            return Err(JournalError::Foreign {
                path: path.to_owned(),
                found: plan.run.clone(),
            });
        }
        good.chain = chain;
        good.bytes += line.len() + 1;
        good.records.push(record);
    }
    Ok(good)
}

/// A line's record as it was hashed, and its chain.
fn split_line(line: &[u8]) -> Option<(String, String)> {
    let line = std::str::from_utf8(line).ok()?;
    let (json, suffix) = line.split_at_checked(line.len().checked_sub(SUFFIX)?)?;
    let chain = suffix.strip_prefix(",\"chain\":\"")?.strip_suffix("\"}")?;
    Some((format!("{json}}}"), chain.to_owned()))
}

fn link(previous: &str, json: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(json.as_bytes());
    hex::encode(&hash.finalize()[..8])
}

/// The run's id: the name of the journal's directory.
fn run_of(path: &Path) -> Option<String> {
    Some(path.parent()?.file_name()?.to_str()?.to_owned())
}

fn read_text(path: &Path) -> Result<Vec<u8>, JournalError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|mut f| f.read_to_end(&mut text))
        .map_err(|source| JournalError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(text)
}
