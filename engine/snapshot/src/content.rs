//! Everything that the tree holds, read in one walk.

use std::io;

use serde::Serialize;

use crate::damage::{Damage, Findings, Place, printable};
use crate::entries::{Entries, Taken};
use crate::records::{Records, revision_key};
use crate::source::Bytes;
use crate::tree::{At, Visitor};

/// The buckets that etcd 3.4 to 3.7 makes on its first start. 3.4 writes `auth` and its kin just as well.
const BUCKETS: [&str; 10] = [
    "alarm",
    "auth",
    "authRoles",
    "authUsers",
    "cluster",
    "key",
    "lease",
    "members",
    "members_removed",
    "meta",
];
/// etcd makes ten; a file of many more is told so, not listed.
const MOST_BUCKETS: usize = 32;
/// Bytes of an entry outside bucket `key`: a role's permissions are the longest.
const MOST_ENTRY: u64 = 4 << 20;

/// A bucket, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketStatistics {
    /// Its name, unusual bytes escaped.
    pub name: String,
    /// Its entries.
    pub entries: u64,
    /// Bytes of its keys and values.
    pub bytes: u64,
}

fn known(name: &[u8]) -> Option<usize> {
    BUCKETS.iter().position(|known| known.as_bytes() == name)
}

/// Gathers what the report tells.
pub(crate) struct Content {
    /// CRC-32C of bucket names, keys and values: the hash of `etcdctl snapshot status`.
    pub(crate) crc: u32,
    pub(crate) total_key: u64,
    pub(crate) buckets: Vec<BucketStatistics>,
    seen: [bool; BUCKETS.len()],
    in_key: bool,
    pub(crate) records: Records,
    pub(crate) entries: Entries,
}

impl Content {
    pub(crate) fn new(records: Records) -> Content {
        Content {
            crc: 0,
            total_key: 0,
            buckets: Vec::new(),
            seen: [false; BUCKETS.len()],
            in_key: false,
            records,
            entries: Entries::default(),
        }
    }

    /// Notes the buckets that should have come.
    pub(crate) fn check_buckets(&self, findings: &mut Findings) {
        for (name, seen) in BUCKETS.into_iter().zip(self.seen) {
            if !seen {
                findings.add(Damage::MissingBucket { name }, Place::default());
            }
        }
    }

    fn small_entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        at: At<'_>,
        findings: &mut Findings,
    ) -> io::Result<()> {
        let taken = match value.whole(MOST_ENTRY)? {
            Some(value) => self
                .entries
                .take(at.bucket.unwrap_or_default(), key, &value),
            None => Taken::Wrong("it is too long"),
        };
        match taken {
            Taken::Known => {}
            Taken::Unknown => {
                let name = printable(key);
                findings.add(Damage::UnknownEntry { name }, at.place());
            }
            Taken::Wrong(what) => findings.add(Damage::Entry { what }, at.place()),
        }
        Ok(())
    }
}

impl Visitor for Content {
    fn bucket(&mut self, name: &[u8], findings: &mut Findings) -> bool {
        self.crc = crc32c::crc32c_append(self.crc, name);
        self.in_key = name == b"key";
        match known(name) {
            Some(index) => self.seen[index] = true,
            None => {
                let name = printable(name);
                let bucket = Some(name.clone());
                let place = Place {
                    bucket,
                    ..Place::default()
                };
                findings.add(Damage::UnknownBucket { name }, place);
            }
        }
        if self.buckets.len() < MOST_BUCKETS {
            self.buckets.push(BucketStatistics {
                name: printable(name),
                entries: 0,
                bytes: 0,
            });
        }
        true
    }

    fn separator(&mut self, key: &[u8], at: At<'_>, findings: &mut Findings) {
        match at.bucket {
            Some(b"key") if revision_key(key).is_none() => {
                findings.add(Damage::RevisionKey, at.place());
            }
            None if known(key).is_none() => {
                let name = printable(key);
                findings.add(Damage::UnknownBucket { name }, at.place());
            }
            _ => {}
        }
    }

    fn data(&mut self, bytes: &Bytes<'_>) -> io::Result<()> {
        let crc = &mut self.crc;
        bytes.for_each(|piece| *crc = crc32c::crc32c_append(*crc, piece))
    }

    fn entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        at: At<'_>,
        findings: &mut Findings,
    ) -> io::Result<()> {
        self.total_key += 1;
        if let Some(bucket) = self.buckets.last_mut() {
            bucket.entries += 1;
            bucket.bytes += key.len() as u64 + value.length;
        }
        if !self.in_key {
            return self.small_entry(key, value, at, findings);
        }
        self.records.take(key, value, at, findings)
    }
}
