//! Bucket `key`: revisions and the `mvccpb.KeyValue` records that they name.

use std::io;

use serde::Serialize;

use crate::damage::{Damage, Findings};
use crate::key_value::KeyValue;
use crate::live::{Fingerprint, KeyHasher, LiveKeys, Seed, Told};
use crate::protobuf::{Field, NotProtobuf, Scanner};
use crate::source::Bytes;
use crate::tree::At;

/// A revision: `main` of the transaction, `sub` of the change within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision {
    pub(crate) main: i64,
    pub(crate) sub: i64,
}

/// `main` and `sub` big endian with `_` between.
pub(crate) fn revision(bytes: &[u8]) -> Option<Revision> {
    let (main, rest) = bytes.split_first_chunk()?;
    let sub = rest.strip_prefix(b"_")?;
    let main = i64::from_be_bytes(*main);
    let sub = i64::from_be_bytes(sub.try_into().ok()?);
    (main >= 0 && sub >= 0).then_some(Revision { main, sub })
}

/// A key of bucket `key`: its revision, and whether it is a tombstone (`t` at the end).
pub(crate) fn revision_key(key: &[u8]) -> Option<(Revision, bool)> {
    let (bytes, tombstone) = match key.split_at_checked(17)? {
        (bytes, b"") => (bytes, false),
        (bytes, b"t") => (bytes, true),
        _ => return None,
    };
    Some((revision(bytes)?, tombstone))
}

/// What is kept of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Fingerprint,
    pub(crate) key_bytes: u64,
    pub(crate) value_bytes: u64,
    create: i64,
    modified: i64,
    version: i64,
    lease: i64,
}

/// Reads a record, in pieces where it is long.
pub(crate) fn scan(value: &Bytes<'_>, seed: &Seed) -> io::Result<Result<Record, NotProtobuf>> {
    // Most records are held whole and in the form that etcd writes: worth a third of a walk over small ones.
    if let Some(held) = value.held {
        return Ok(match KeyValue::read(held) {
            Some(read) => Ok(Record::of(&read, seed)),
            None => scan_held(held, seed),
        });
    }
    let mut scan = Scan::new(seed);
    let mut result = Ok(());
    value.for_each(|piece| {
        if result.is_ok() {
            result = scan.feed(piece);
        }
    })?;
    Ok(result.and_then(|()| scan.finish()))
}

fn scan_held(held: &[u8], seed: &Seed) -> Result<Record, NotProtobuf> {
    let mut scan = Scan::new(seed);
    scan.feed(held)?;
    scan.finish()
}

struct Scan<'s> {
    seed: &'s Seed,
    scanner: Scanner,
    key: KeyHasher,
    record: Record,
}

impl<'s> Scan<'s> {
    fn new(seed: &'s Seed) -> Scan<'s> {
        let key = seed.hasher();
        let record = Record {
            key: key.finish(),
            key_bytes: 0,
            value_bytes: 0,
            create: 0,
            modified: 0,
            version: 0,
            lease: 0,
        };
        Scan {
            seed,
            scanner: Scanner::new(),
            key,
            record,
        }
    }

    #[inline]
    fn feed(&mut self, piece: &[u8]) -> Result<(), NotProtobuf> {
        let (key, record) = (&mut self.key, &mut self.record);
        self.scanner.feed(piece, &mut |field| match field {
            Field::Begin { number: 1 } => {
                *key = self.seed.hasher();
                record.key_bytes = 0;
            }
            Field::Piece { number: 1, bytes } => {
                key.write(bytes);
                record.key_bytes += bytes.len() as u64;
            }
            Field::Begin { number: 5 } => record.value_bytes = 0,
            Field::Piece { number: 5, bytes } => record.value_bytes += bytes.len() as u64,
            Field::Varint { number, value } => {
                if let Some(field) = record.integer(number) {
                    *field = value.cast_signed();
                }
            }
            _ => {}
        })
    }

    fn finish(mut self) -> Result<Record, NotProtobuf> {
        self.scanner.finish()?;
        self.record.key = self.key.finish();
        Ok(self.record)
    }
}

impl Record {
    #[inline]
    fn of(read: &KeyValue<'_>, seed: &Seed) -> Record {
        Record {
            key: seed.fingerprint(read.key),
            key_bytes: read.key.len() as u64,
            value_bytes: read.value.len() as u64,
            create: read.create,
            modified: read.modified,
            version: read.version,
            lease: read.lease,
        }
    }

    fn integer(&mut self, number: u32) -> Option<&mut i64> {
        match number {
            2 => Some(&mut self.create),
            3 => Some(&mut self.modified),
            4 => Some(&mut self.version),
            6 => Some(&mut self.lease),
            _ => None,
        }
    }

    /// What etcd could not have written under this revision.
    fn contradiction(&self, at: Revision, tombstone: bool) -> Option<&'static str> {
        if self.key_bytes == 0 {
            return Some("it names no key");
        }
        if tombstone {
            let bare = self.create == 0
                && self.modified == 0
                && self.version == 0
                && self.lease == 0
                && self.value_bytes == 0;
            return (!bare).then_some("a tombstone carries more than its key");
        }
        if self.modified != at.main {
            return Some("its mod revision is not the revision it stands under");
        }
        if self.create < 1 || self.create > self.modified {
            return Some("its create revision is impossible");
        }
        if self.version < 1 || (self.version == 1 && self.create != self.modified) {
            return Some("its version is impossible");
        }
        None
    }
}

/// What bucket `key` holds, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatistics {
    /// Puts, tombstones and placeholders.
    pub records: u64,
    /// Deletions.
    pub tombstones: u64,
    /// Empty records that `--bump-revision` leaves.
    pub placeholders: u64,
    /// Main revision of the first record.
    pub first_revision: Option<i64>,
    /// Bytes of all keys, one count a put.
    pub key_bytes: u64,
    /// Bytes of all values.
    pub value_bytes: u64,
    /// Bytes of the largest value.
    pub largest_value: u64,
    /// Records attached to a lease.
    pub leased: u64,
}

/// Reads bucket `key` as it passes.
pub(crate) struct Records {
    pub(crate) statistics: KeyStatistics,
    pub(crate) live: LiveKeys,
    /// Main revision of the last entry, 0 without any.
    pub(crate) revision: i64,
    /// The revision up to which history is gone.
    compacted: i64,
    seed: Seed,
}

impl Records {
    pub(crate) fn new(live: LiveKeys, compacted: i64, seed: Seed) -> Records {
        Records {
            statistics: KeyStatistics::default(),
            live,
            revision: 0,
            compacted,
            seed,
        }
    }

    pub(crate) fn take(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        at: At<'_>,
        findings: &mut Findings,
    ) -> io::Result<()> {
        let scanned = scan(value, &self.seed)?;
        let Some((revision, tombstone)) = revision_key(key) else {
            findings.add(Damage::RevisionKey, at.place());
            return Ok(());
        };
        self.revision = revision.main;
        self.statistics.records += 1;
        self.statistics.first_revision.get_or_insert(revision.main);
        let Ok(record) = scanned else {
            let what = "it is no mvccpb.KeyValue";
            findings.add(Damage::Record { what }, at.place());
            return Ok(());
        };
        let told = self.told(&record, revision, value.length == 0, tombstone);
        self.live.record(record.key, told);
        if value.length == 0 && !tombstone {
            self.statistics.placeholders += 1;
            return Ok(());
        }
        if let Some(what) = record.contradiction(revision, tombstone) {
            findings.add(Damage::Record { what }, at.place());
        }
        self.count(&record, tombstone);
        Ok(())
    }

    /// What the record tells of its key, if etcd wrote it. A compaction leaves one put of each key that is alive, and
    /// its own tombstone; from there on a key's first put is version 1, and only keys alive are deleted.
    fn told(&self, record: &Record, at: Revision, empty: bool, tombstone: bool) -> Told {
        let before = if empty {
            self.statistics.placeholders > 0
        } else {
            at.main > self.compacted && (tombstone || record.version != 1)
        };
        Told {
            before,
            after: !tombstone,
        }
    }

    fn count(&mut self, record: &Record, tombstone: bool) {
        let statistics = &mut self.statistics;
        if tombstone {
            statistics.tombstones += 1;
            return;
        }
        statistics.key_bytes += record.key_bytes;
        statistics.value_bytes += record.value_bytes;
        statistics.largest_value = statistics.largest_value.max(record.value_bytes);
        statistics.leased += u64::from(record.lease != 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fields in any order, of any form, and bytes that are none.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let integer = (
            prop_oneof![Just(0x10), Just(0x18), Just(0x20), Just(0x30)],
            any::<u64>(),
            0..64_u32,
        )
            .prop_map(|(tag, value, shift)| {
                let mut bytes = vec![tag];
                let mut value = value >> shift;
                while value > 0x7f {
                    bytes.push(value as u8 | 0x80);
                    value >>= 7;
                }
                bytes.push(value as u8);
                bytes
            });
        let string = (prop_oneof![Just(0x0a), Just(0x2a), Just(0x3a)], 0..20_u8)
            .prop_map(|(tag, length)| [vec![tag, length], vec![b'x'; length.into()]].concat());
        let other = proptest::collection::vec(any::<u8>(), 0..3);
        let field = prop_oneof![4 => integer, 4 => string, 1 => other];
        (proptest::collection::vec(field, 0..8), any::<bool>()).prop_map(|(mut fields, sorted)| {
            if sorted {
                fields.sort();
                fields.dedup_by_key(|field| field.first().copied());
            }
            fields.concat()
        })
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_scanner_reads(bytes in message()) {
            let seed = Seed::default();
            if let Some(read) = KeyValue::read(&bytes) {
                prop_assert_eq!(Ok(Record::of(&read, &seed)), scan_held(&bytes, &seed));
            }
        }
    }
}
