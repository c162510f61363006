//! Keys and values with their history, as far as it is not compacted.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Bytes that a stored revision takes besides its key and value.
const OVERHEAD: u64 = 120;

/// Keys and values at a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Newest revision.
    pub revision: i64,
    /// Compacted up to here.
    pub compacted: i64,
    /// Live keys.
    pub keys: BTreeMap<String, String>,
    writes: BTreeMap<i64, Write>,
}

/// What one revision did.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Write {
    key: String,
    /// None: deleted.
    value: Option<String>,
}

/// Why there is no answer at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRevision {
    Compacted,
    Future,
}

impl Store {
    /// A fresh member's store.
    pub fn empty() -> Self {
        Self {
            revision: 1,
            ..Self::default()
        }
    }

    /// A hash over all of it.
    pub fn hash(&self) -> u32 {
        self.hash_up_to(self.revision)
    }

    /// HashKV: over all that is kept up to a revision; zero is the newest. `since`: revisions after the compacted one from which
    /// there is one.
    pub(crate) fn hash_at(&self, revision: i64, since: i64) -> Option<u32> {
        let kept = if self.compacted == 0 {
            1
        } else {
            self.compacted + since
        };
        match revision {
            0 => Some(self.hash()),
            r if (kept..=self.revision).contains(&r) => Some(self.hash_up_to(r)),
            _ => None,
        }
    }

    pub(crate) fn hash_up_to(&self, revision: i64) -> u32 {
        let mut hash = Sha256::new();
        for (at, write) in self.writes.range(..=revision) {
            hash.update(at.to_be_bytes());
            hash.update(&write.key);
            hash.update([0, u8::from(write.value.is_some())]);
            hash.update(write.value.as_deref().unwrap_or_default());
            hash.update([0]);
        }
        let sum = hash.finalize();
        u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]])
    }

    /// Writes a key.
    pub fn put(&mut self, key: &str, value: &str) {
        self.keys.insert(key.to_owned(), value.to_owned());
        self.write(key, Some(value));
    }

    /// Deletes a key; where there is none, nothing is written.
    pub fn delete(&mut self, key: &str) -> bool {
        let there = self.keys.remove(key).is_some();
        if there {
            self.write(key, None);
        }
        there
    }

    fn write(&mut self, key: &str, value: Option<&str>) {
        self.revision += 1;
        let write = Write {
            key: key.to_owned(),
            value: value.map(str::to_owned),
        };
        self.writes.insert(self.revision, write);
    }

    /// Drops what no reader at this revision or later needs.
    pub(crate) fn compact(&mut self, revision: i64) -> Result<(), NoRevision> {
        if revision > self.revision {
            return Err(NoRevision::Future);
        }
        if revision <= self.compacted {
            return Err(NoRevision::Compacted);
        }
        self.compacted = revision;
        let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
        for (at, write) in self.writes.range(..=revision) {
            newest.insert(&write.key, *at);
        }
        let kept: Vec<i64> = newest.into_values().collect();
        self.writes
            .retain(|at, w| *at > revision || (w.value.is_some() && kept.contains(at)));
        Ok(())
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |w: &Write| {
            let value = w.value.as_deref().unwrap_or_default();
            (w.key.len() + value.len()) as u64 + OVERHEAD
        };
        self.writes.values().map(size).sum()
    }
}
