//! HashKV: the hash that members give of their keys, computed from a file.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::damage::{Damage, Findings, Reason, Severity};
use crate::image::{self, Image, MOST_BYTES};
use crate::inspect::{ReadError, open};
use crate::live::{Fingerprint, Part, PlainHasher, Seed};
use crate::records::{revision_key, scan};
use crate::source::{Bytes, ReadAt};
use crate::tree::{At, Visitor, Walk};

/// Newest records held at once: about 30 MB.
const MOST_HELD: usize = (1 << 20) / 4 * 3;
/// Keys put after the compaction that are watched: one that stays is proof that any key is alive.
const WATCHED: usize = 1 << 10;

/// A member's `HashKV` answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashKv {
    /// CRC-32C.
    pub hash: u32,
    /// The revision that it is of.
    pub revision: i64,
    /// The compact revision that it takes into account; -1: none.
    pub compact_revision: i64,
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum HashKvError {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is damaged.
    #[error("the snapshot is damaged: {0}")]
    Damaged(Reason),
    /// No meta page can be read.
    #[error("no meta page of the snapshot can be read")]
    NoMeta,
    /// The revision is not in the file.
    #[error("revision {revision} is not in the snapshot, which ends at {last}")]
    Future {
        /// What was asked.
        revision: i64,
        /// The last revision in the file.
        last: i64,
    },
    /// History at that revision is gone from the file.
    #[error(
        "revision {revision} was compacted: the snapshot's history begins at {compact_revision}"
    )]
    Compacted {
        /// What was asked.
        revision: i64,
        /// What the file was compacted at.
        compact_revision: i64,
    },
    /// The file was compacted later than the member that gave the compact revision.
    #[error(
        "the snapshot was compacted at {file}, after {asked}: it cannot give that member's hash"
    )]
    CompactedLater {
        /// What was asked.
        asked: i64,
        /// What the file was compacted at.
        file: i64,
    },
}

impl From<io::Error> for HashKvError {
    fn from(source: io::Error) -> HashKvError {
        HashKvError::Read(source.into())
    }
}

/// The hash that a member of this content gives at `revision` when it was compacted at `compact_revision` (-1: never).
///
/// # Errors
/// Where the file cannot be read, is damaged, or does not reach back or forward to the revision.
pub fn hash_kv(path: &Path, revision: i64, compact_revision: i64) -> Result<u32, HashKvError> {
    hash_kv_source(&open(path)?, revision, compact_revision)
}

/// Like [`hash_kv`], for bytes from anywhere.
///
/// # Errors
/// As there.
pub fn hash_kv_source(
    source: &dyn ReadAt,
    revision: i64,
    compact_revision: i64,
) -> Result<u32, HashKvError> {
    let size = source.size()?;
    if size > MOST_BYTES {
        let limit = MOST_BYTES;
        return Err(ReadError::TooLarge { size, limit }.into());
    }
    let mut findings = Findings::new(1);
    match image::open(source, size, &mut findings)? {
        Some(image) => hash_image(&image, revision, compact_revision),
        None => Err(HashKvError::NoMeta),
    }
}

/// Finds the newest record of every key, then hashes those that count.
pub(crate) fn hash_image(
    image: &Image<'_>,
    revision: i64,
    compact_revision: i64,
) -> Result<u32, HashKvError> {
    hash_in_parts(image, revision, compact_revision, MOST_HELD)
}

/// Like [`hash_image`], holding no more than `most` keys at once.
fn hash_in_parts(
    image: &Image<'_>,
    revision: i64,
    compact_revision: i64,
    most: usize,
) -> Result<u32, HashKvError> {
    let (mut kept, bounds) = newest(image, revision, compact_revision, most)?;
    bounds.check(revision, compact_revision)?;
    if !kept.any {
        // With no key alive a member hashes whatever old records it has: those that its compaction left.
        (kept, _) = newest(image, compact_revision, compact_revision, most)?;
    }
    let mut sum = Sum {
        revision,
        compact_revision,
        kept,
        ordinal: 0,
        crc: crc32c::crc32c(b"key"),
    };
    walk(image, &mut sum)?;
    Ok(sum.crc)
}

/// The old records that are the newest of a key alive at `revision`.
fn newest(
    image: &Image<'_>,
    revision: i64,
    compact_revision: i64,
    most: usize,
) -> Result<(Kept, Bounds), HashKvError> {
    let newest = Newest::new(revision, compact_revision);
    let (kept, bounds) = newest_of(image, &newest, most)?;
    if kept.any {
        return Ok((kept, bounds));
    }
    // All that were watched are gone: whether another key is alive takes all of them to tell.
    let every = Newest {
        every: true,
        ..newest
    };
    newest_of(image, &every, most)
}

/// Like [`newest`], in as many walks as the keys held take.
fn newest_of(
    image: &Image<'_>,
    empty: &Newest,
    most: usize,
) -> Result<(Kept, Bounds), HashKvError> {
    let find = |part, most| -> Result<Newest, HashKvError> {
        let mut newest = Newest {
            part,
            most,
            ..empty.clone()
        };
        walk(image, &mut newest)?;
        Ok(newest)
    };
    let mut kept = Kept::default();
    let first = find(Part::ALL, most)?;
    let bits = first.part.bits;
    kept.add(&first);
    for index in 1..1 << bits {
        // The parts are of one size but for chance, which a full table leaves room for.
        kept.add(&find(Part { bits, index }, usize::MAX)?);
    }
    Ok((kept, first.bounds))
}

fn walk(image: &Image<'_>, visitor: &mut impl Visitor) -> Result<(), HashKvError> {
    let mut findings = Findings::new(1);
    Walk::new(image, visitor, &mut findings).run()?;
    match findings.worst() {
        Some(Severity::Invalid) => findings
            .reasons
            .into_iter()
            .rfind(|reason| reason.damage.severity() == Severity::Invalid)
            .map_or(Ok(()), |reason| Err(HashKvError::Damaged(reason))),
        _ => Ok(()),
    }
}

/// What the file can tell.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    last: i64,
    compact_revision: i64,
}

impl Bounds {
    fn check(self, revision: i64, compact_revision: i64) -> Result<(), HashKvError> {
        // A store whose newest records were all deleted and compacted ends at its compaction.
        let last = self.last.max(self.compact_revision);
        if revision > last {
            return Err(HashKvError::Future { revision, last });
        }
        if revision < self.compact_revision {
            return Err(HashKvError::Compacted {
                revision,
                compact_revision: self.compact_revision,
            });
        }
        if compact_revision < self.compact_revision {
            return Err(HashKvError::CompactedLater {
                asked: compact_revision,
                file: self.compact_revision,
            });
        }
        Ok(())
    }
}

/// Finds for each key of a part its newest record at or before the revision, if it is an old one.
#[derive(Clone)]
struct Newest {
    revision: i64,
    compact_revision: i64,
    part: Part,
    most: usize,
    seed: Seed,
    in_key: bool,
    ordinal: u64,
    /// Whether keys are held whose newest record is not an old one.
    every: bool,
    /// Ordinal of the record; only keys alive.
    held: HashMap<Fingerprint, Live, PlainHasher>,
    /// Some keys alive that are not held.
    watched: HashSet<Fingerprint, PlainHasher>,
    bounds: Bounds,
}

#[derive(Debug, Clone, Copy)]
struct Live {
    ordinal: u64,
    /// Whether its record is one that compaction would look at.
    old: bool,
}

impl Newest {
    fn new(revision: i64, compact_revision: i64) -> Newest {
        Newest {
            revision,
            compact_revision,
            part: Part::ALL,
            most: MOST_HELD,
            seed: Seed::default(),
            in_key: false,
            ordinal: 0,
            every: false,
            held: HashMap::default(),
            watched: HashSet::default(),
            bounds: Bounds {
                last: 0,
                compact_revision: -1,
            },
        }
    }

    fn meta(&mut self, key: &[u8], value: &Bytes<'_>) -> io::Result<()> {
        if !matches!(key, b"scheduledCompactRev" | b"finishedCompactRev") {
            return Ok(());
        }
        let main = value
            .whole(32)?
            .and_then(|bytes| crate::records::revision(&bytes))
            .map_or(-1, |revision| revision.main);
        self.bounds.compact_revision = self.bounds.compact_revision.max(main);
        Ok(())
    }

    fn halve(&mut self) {
        self.part.bits += 1;
        let part = self.part;
        self.held.retain(|key, _| part.holds(*key));
    }
}

impl Visitor for Newest {
    fn bucket(&mut self, name: &[u8], _: &mut Findings) -> bool {
        self.in_key = name == b"key";
        matches!(name, b"key" | b"meta")
    }

    fn entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        at: At<'_>,
        findings: &mut Findings,
    ) -> io::Result<()> {
        if !self.in_key {
            return self.meta(key, value);
        }
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let Some((revision, tombstone)) = revision_key(key) else {
            findings.add(Damage::RevisionKey, at.place());
            return Ok(());
        };
        self.bounds.last = revision.main;
        if revision.main > self.revision {
            return Ok(());
        }
        let Ok(record) = scan(value, &self.seed)? else {
            let what = "it is no mvccpb.KeyValue";
            findings.add(Damage::Record { what }, at.place());
            return Ok(());
        };
        if !self.part.holds(record.key) {
            return Ok(());
        }
        let old = revision.main <= self.compact_revision;
        if tombstone {
            self.held.remove(&record.key);
            self.watched.remove(&record.key);
        } else if old || self.every {
            self.held.insert(record.key, Live { ordinal, old });
            if self.held.len() > self.most && self.part.bits < 32 {
                self.halve();
            }
        } else {
            self.held.remove(&record.key);
            if self.watched.len() < self.most.min(WATCHED) {
                self.watched.insert(record.key);
            }
        }
        Ok(())
    }
}

/// The old records that a compaction leaves, by ordinal; whether any key is alive at all.
#[derive(Debug, Default)]
struct Kept {
    words: Vec<u64>,
    any: bool,
}

impl Kept {
    fn add(&mut self, newest: &Newest) {
        self.any |= !newest.held.is_empty() || !newest.watched.is_empty();
        // One bit a record of the file: a 200th of its size or less.
        let words = usize::try_from(newest.ordinal.div_ceil(64)).unwrap_or(0);
        self.words.resize(words, 0);
        for live in newest.held.values().filter(|live| live.old) {
            if let Some(word) = self.words.get_mut((live.ordinal / 64) as usize) {
                *word |= 1 << (live.ordinal % 64);
            }
        }
    }

    fn holds(&self, ordinal: u64) -> bool {
        self.words
            .get((ordinal / 64) as usize)
            .is_some_and(|word| word & (1 << (ordinal % 64)) != 0)
    }
}

/// Hashes what counts.
struct Sum {
    revision: i64,
    compact_revision: i64,
    kept: Kept,
    ordinal: u64,
    crc: u32,
}

impl Visitor for Sum {
    fn bucket(&mut self, name: &[u8], _: &mut Findings) -> bool {
        name == b"key"
    }

    fn entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        _: At<'_>,
        _: &mut Findings,
    ) -> io::Result<()> {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        let Some((revision, tombstone)) = revision_key(key) else {
            return Ok(());
        };
        if revision.main > self.revision {
            return Ok(());
        }
        let old = revision.main <= self.compact_revision;
        if old && !self.kept.holds(ordinal) {
            return Ok(());
        }
        // Later servers keep such a tombstone on disk, earlier ones do not: neither counts it.
        if revision.main == self.compact_revision && tombstone {
            return Ok(());
        }
        let mut crc = crc32c::crc32c_append(self.crc, key);
        value.for_each(|piece| crc = crc32c::crc32c_append(crc, piece))?;
        self.crc = crc;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
