//! What takes the room in a database: keys alive and history, by the beginning of their names.
//!
//! Memory stays bounded: of the newest record of each key only a fingerprint and sizes are held, of so many parts of all
//! keys as it takes, one walk a part.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::damage::{Findings, Severity, printable};
use crate::image::{self, Image, MOST_BYTES};
use crate::inspect::{ReadError, open};
use crate::live::{Fingerprint, Part, Seed};
use crate::records::{revision_key, scan};
use crate::source::{Bytes, ReadAt};
use crate::tree::{At, Visitor, Walk};

/// Newest records held at once: about 35 MB. The table doubles at seven eighths: the rest is room for chance.
const MOST_HELD: u64 = (1 << 20) / 4 * 3;
/// Beginnings told apart; Kubernetes has about a hundred kinds of objects. What comes later is told as one.
const MOST_PREFIXES: usize = 256;
/// Bytes of a beginning.
const MOST_PREFIX: usize = 128;
/// Bytes read of a long record, to find the beginning of its key.
const HEAD: u64 = 256;

/// Records counted, with the bytes of their keys and values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// How many.
    pub records: u64,
    /// Bytes of the keys as clients name them.
    pub key_bytes: u64,
    /// Bytes of the values.
    pub value_bytes: u64,
}

impl Room {
    fn add(&mut self, sizes: Sizes) {
        self.records += 1;
        self.key_bytes += sizes.key;
        self.value_bytes += sizes.value;
    }

    fn without(&self, other: &Room) -> Room {
        Room {
            records: self.records.saturating_sub(other.records),
            key_bytes: self.key_bytes.saturating_sub(other.key_bytes),
            value_bytes: self.value_bytes.saturating_sub(other.value_bytes),
        }
    }
}

/// Records whose keys begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixRoom {
    /// Up to the second `/` after the first byte, such as `/registry/pods/`; unusual bytes escaped; `(others)` for all that were too many to tell apart.
    pub prefix: String,
    /// The newest record of each key that is alive.
    pub live: Room,
    /// Older records and tombstones, until they are compacted.
    pub history: Room,
}

/// What takes the room in a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Census {
    /// The newest record of each key that is alive.
    pub live: Room,
    /// Older records and tombstones.
    pub history: Room,
    /// Main revision of the first record, 0 without any.
    pub first_revision: i64,
    /// Main revision of the last record, 0 without any.
    pub revision: i64,
    /// Bytes a page.
    pub page_size: u64,
    /// Bytes of the database, as `snapshot status` prints them.
    pub total_size: u64,
    /// Of these, in pages that hold something.
    pub used_size: u64,
    /// The largest first.
    pub prefixes: Vec<PrefixRoom>,
}

/// Why there is no census.
#[derive(Debug, thiserror::Error)]
pub enum CensusError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is not a database, or a damaged one.
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
}

impl CensusError {
    /// What the operator can do.
    pub fn help(&self) -> &'static str {
        match self {
            CensusError::Read(error) => error.help(),
            CensusError::Damaged(_) => "`runbook snapshot verify` tells all that is wrong with it",
        }
    }
}

/// Counts what the file at `path` holds. Its trailing hash is not looked at.
///
/// # Errors
/// Where the file cannot be read or its tree is damaged.
pub fn census(path: &Path) -> Result<Census, CensusError> {
    census_source(&open(path)?)
}

/// Like [`census`], for bytes from anywhere.
///
/// # Errors
/// As there.
pub fn census_source(source: &dyn ReadAt) -> Result<Census, CensusError> {
    in_parts(source, MOST_HELD)
}

/// Holds about `most` records at once.
fn in_parts(source: &dyn ReadAt, most: u64) -> Result<Census, CensusError> {
    let read = |source| CensusError::Read(ReadError::Read { source });
    let size = source.size().map_err(read)?;
    if size > MOST_BYTES {
        let limit = MOST_BYTES;
        return Err(ReadError::TooLarge { size, limit }.into());
    }
    let mut findings = Findings::new(1);
    let image = image::open(source, size, &mut findings).map_err(read)?;
    let Some(image) = image else {
        return Err(damaged(&findings));
    };
    let mut all = Everything::default();
    let used = Walk::new(&image, &mut all, &mut findings)
        .run()
        .map_err(read)?;
    if findings.worst() == Some(Severity::Invalid) {
        return Err(damaged(&findings));
    }
    let parts = all.total.records.div_ceil(most).next_power_of_two();
    let live = newest(&image, parts.trailing_zeros(), &all.prefixes).map_err(read)?;
    Ok(all.census(&live, &image, used.count()))
}

fn damaged(findings: &Findings) -> CensusError {
    let first = findings.reasons.first();
    CensusError::Damaged(
        first.map_or_else(|| "it has no meta page".to_owned(), ToString::to_string),
    )
}

#[derive(Debug, Clone, Copy)]
struct Sizes {
    key: u64,
    value: u64,
}

/// Beginnings with a number each, in order of appearance; the last one is for all others.
#[derive(Default)]
struct Prefixes(BTreeMap<Vec<u8>, usize>);

impl Prefixes {
    /// The number of a key's beginning, given one where there is room for it.
    fn number(&mut self, key: &[u8]) -> usize {
        let prefix = prefix(key);
        let next = self.0.len();
        match self.0.get(prefix) {
            Some(number) => *number,
            None if next < MOST_PREFIXES => {
                self.0.insert(prefix.to_vec(), next);
                next
            }
            None => MOST_PREFIXES,
        }
    }

    fn known(&self, key: &[u8]) -> usize {
        self.0.get(prefix(key)).copied().unwrap_or(MOST_PREFIXES)
    }
}

/// `/registry/pods/` of `/registry/pods/default/web`; `a/` of `a/b`; all of a key without `/`, which is its own.
fn prefix(key: &[u8]) -> &[u8] {
    let from = usize::from(key.first() == Some(&b'/'));
    let slash = |from: usize| {
        let rest = key.get(from..).unwrap_or_default();
        Some(from + rest.iter().position(|b| *b == b'/')? + 1)
    };
    let first = slash(from).unwrap_or(from);
    // Without a leading `/` one part is enough: `a/` of `a/b/c`.
    let end = if from == 1 {
        slash(first).unwrap_or(first)
    } else {
        first
    };
    &key[..end.min(MOST_PREFIX)]
}

/// The beginning of a record's key: its first field, wherever etcd wrote it.
fn key_head<'v>(value: &Bytes<'v>) -> io::Result<std::borrow::Cow<'v, [u8]>> {
    let head = Bytes {
        held: value
            .held
            .map(|held| &held[..held.len().min(HEAD as usize)]),
        length: value.length.min(HEAD),
        ..*value
    };
    let Some(bytes) = head.whole(HEAD)? else {
        return Ok(std::borrow::Cow::Borrowed(&[]));
    };
    let mut at = 1;
    let mut length = 0_usize;
    if bytes.first() == Some(&0x0a) {
        for shift in [0, 7, 14, 21] {
            let Some(byte) = bytes.get(at) else { break };
            at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                break;
            }
        }
    }
    let end = at.saturating_add(length).min(bytes.len());
    Ok(std::borrow::Cow::Owned(
        bytes.get(at..end).unwrap_or_default().to_vec(),
    ))
}

/// First walk: all records.
#[derive(Default)]
struct Everything {
    seed: Seed,
    total: Room,
    by: Vec<Room>,
    prefixes: Prefixes,
    first_revision: i64,
    revision: i64,
}

impl Everything {
    fn census(self, live: &[Room], image: &Image<'_>, used: u64) -> Census {
        let mut named: Vec<(String, usize)> = self
            .prefixes
            .0
            .iter()
            .map(|(p, n)| (printable(p), *n))
            .collect();
        named.push(("(others)".to_owned(), MOST_PREFIXES));
        let room = |rooms: &[Room], n: usize| rooms.get(n).copied().unwrap_or_default();
        let mut prefixes: Vec<PrefixRoom> = named
            .into_iter()
            .map(|(prefix, n)| {
                let live = room(live, n);
                let history = room(&self.by, n).without(&live);
                PrefixRoom {
                    prefix,
                    live,
                    history,
                }
            })
            .filter(|p| p.live.records + p.history.records > 0)
            .collect();
        let bytes = |p: &PrefixRoom| {
            p.live.key_bytes + p.live.value_bytes + p.history.key_bytes + p.history.value_bytes
        };
        prefixes.sort_by(|a, b| {
            bytes(b)
                .cmp(&bytes(a))
                .then_with(|| a.prefix.cmp(&b.prefix))
        });
        let mut alive = Room::default();
        for part in live {
            alive.records += part.records;
            alive.key_bytes += part.key_bytes;
            alive.value_bytes += part.value_bytes;
        }
        Census {
            live: alive,
            history: self.total.without(&alive),
            first_revision: self.first_revision,
            revision: self.revision,
            page_size: image.meta.page_size,
            total_size: image.high_water().unwrap_or(u64::MAX),
            used_size: used.saturating_mul(image.meta.page_size),
            prefixes,
        }
    }
}

impl Visitor for Everything {
    fn bucket(&mut self, _: &[u8], _: &mut Findings) -> bool {
        // Every page counts as used; only bucket `key` is read.
        true
    }

    fn entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        at: At<'_>,
        _: &mut Findings,
    ) -> io::Result<()> {
        if at.bucket != Some(b"key") {
            return Ok(());
        }
        if let Ok(record) = scan(value, &self.seed)?
            && let Some((revision, _)) = revision_key(key)
        {
            let sizes = Sizes {
                key: record.key_bytes,
                value: record.value_bytes,
            };
            self.total.add(sizes);
            let number = self.prefixes.number(&key_head(value)?);
            if self.by.len() <= number {
                self.by.resize(number + 1, Room::default());
            }
            if let Some(room) = self.by.get_mut(number) {
                room.add(sizes);
            }
            if self.first_revision == 0 {
                self.first_revision = revision.main;
            }
            self.revision = revision.main;
        }
        Ok(())
    }
}

/// Rooms of the newest records, by the numbers of their beginnings; `2^bits` walks.
fn newest(image: &Image<'_>, bits: u32, prefixes: &Prefixes) -> io::Result<Vec<Room>> {
    let seed = Seed::default();
    let mut rooms = vec![Room::default(); MOST_PREFIXES + 1];
    for index in 0..1 << bits {
        let mut part = Newest {
            part: Part { bits, index },
            seed,
            prefixes,
            held: HashMap::new(),
        };
        Walk::new(image, &mut part, &mut Findings::new(0)).run()?;
        for (number, sizes) in part.held.into_values() {
            if let Some(room) = rooms.get_mut(number) {
                room.add(sizes);
            }
        }
    }
    Ok(rooms)
}

/// A further walk: the newest record of each key of a part.
struct Newest<'p> {
    part: Part,
    seed: Seed,
    prefixes: &'p Prefixes,
    held: HashMap<Fingerprint, (usize, Sizes)>,
}

impl Visitor for Newest<'_> {
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
        let (Ok(record), Some((_, tombstone))) = (scan(value, &self.seed)?, revision_key(key))
        else {
            return Ok(());
        };
        if !self.part.holds(record.key) {
            return Ok(());
        }
        if tombstone {
            self.held.remove(&record.key);
            return Ok(());
        }
        let number = self.prefixes.known(&key_head(value)?);
        let sizes = Sizes {
            key: record.key_bytes,
            value: record.value_bytes,
        };
        self.held.insert(record.key, (number, sizes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{census_source, in_parts, prefix};
    use crate::fixtures::all;
    use crate::inspect::{Options, inspect_source};

    #[test]
    fn a_prefix_ends_after_two_parts() {
        for (key, wanted) in [
            ("/registry/pods/default/web", "/registry/pods/"),
            ("/registry/ranges", "/registry/"),
            ("/registry/", "/registry/"),
            ("/", "/"),
            ("a/b/c", "a/"),
            ("plain", ""),
            ("", ""),
        ] {
            assert_eq!(prefix(key.as_bytes()), wanted.as_bytes(), "{key}");
        }
    }

    #[test]
    fn a_census_agrees_with_the_other_counts_however_many_walks_it_takes() {
        for fixture in all() {
            let report = inspect_source(&fixture.bytes, &Options::default()).unwrap();
            let database = report.database.unwrap();
            let counted = census_source(&fixture.bytes).unwrap();
            assert_eq!(
                counted.live.records, database.total_key_36,
                "{}",
                fixture.name
            );
            let all = counted.live.records + counted.history.records;
            assert_eq!(all, database.keys.records, "{}", fixture.name);
            let values = counted.live.value_bytes + counted.history.value_bytes;
            assert_eq!(values, database.keys.value_bytes, "{}", fixture.name);
            assert_eq!(counted.revision, database.revision);
            let used = (database.pages - database.free_pages) * database.page_size;
            assert_eq!(counted.used_size, used, "{}", fixture.name);
            let by: u64 = counted.prefixes.iter().map(|p| p.live.records).sum();
            assert_eq!(by, counted.live.records);
            assert_eq!(
                in_parts(&fixture.bytes, 3).unwrap(),
                counted,
                "{}",
                fixture.name
            );
        }
    }

    #[test]
    fn what_is_no_database_has_none() {
        assert!(census_source(&&b"nothing"[..]).is_err());
        let mut bytes = all().remove(0).bytes;
        bytes[4096 * 2..].fill(0xff);
        assert!(census_source(&bytes).is_err());
    }
}
