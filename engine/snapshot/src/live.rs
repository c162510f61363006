//! Counts the keys that are alive without holding all of them.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Fingerprints held at once: about 36 MB.
const MOST_HELD: usize = (1 << 21) / 8 * 7;

/// A key's fingerprint: 128 bits, so that two of a billion keys meet with a chance of one in 10^20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Fingerprint(pub(crate) u64, pub(crate) u64);

/// Makes fingerprints, by seeds that nobody who writes a file can know.
#[derive(Clone, Default)]
pub(crate) struct Seeds(RandomState, RandomState);

impl Seeds {
    pub(crate) fn hasher(&self) -> KeyHasher {
        KeyHasher(self.0.build_hasher(), self.1.build_hasher())
    }
}

/// Takes a key in pieces.
pub(crate) struct KeyHasher(std::hash::DefaultHasher, std::hash::DefaultHasher);

impl KeyHasher {
    pub(crate) fn write(&mut self, piece: &[u8]) {
        self.0.write(piece);
        self.1.write(piece);
    }

    pub(crate) fn finish(&self) -> Fingerprint {
        Fingerprint(self.0.finish(), self.1.finish())
    }
}

/// One part of all keys: those whose fingerprint ends in `index` within `2^bits` parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) bits: u32,
    pub(crate) index: u64,
}

impl Part {
    pub(crate) const ALL: Part = Part { bits: 0, index: 0 };

    pub(crate) fn holds(&self, key: Fingerprint) -> bool {
        key.0 & ((1 << self.bits) - 1) == self.index
    }
}

/// The keys alive of one part. When they get too many, the part is halved and the rest left to a later walk.
pub(crate) struct LiveKeys {
    pub(crate) part: Part,
    held: HashSet<Fingerprint, PlainHasher>,
    most: usize,
}

impl LiveKeys {
    pub(crate) fn new(part: Part) -> LiveKeys {
        LiveKeys::holding(part, MOST_HELD)
    }

    fn holding(part: Part, most: usize) -> LiveKeys {
        LiveKeys {
            part,
            held: HashSet::default(),
            most,
        }
    }

    /// A record of the key: alive from here on, or a tombstone.
    pub(crate) fn record(&mut self, key: Fingerprint, alive: bool) {
        if !self.part.holds(key) {
            return;
        }
        if !alive {
            self.held.remove(&key);
        } else if self.held.insert(key) && self.held.len() > self.most && self.part.bits < 32 {
            self.part.bits += 1;
            let part = self.part;
            self.held.retain(|key| part.holds(*key));
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.held.len() as u64
    }
}

/// Fingerprints are hashes already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlainHasher(u64);

impl BuildHasher for PlainHasher {
    type Hasher = PlainHasher;

    fn build_hasher(&self) -> PlainHasher {
        PlainHasher(0)
    }
}

impl Hasher for PlainHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    // The second word decides the place in the table, the first one the part.
    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let seeds = Seeds::default();
        let print = |n: u32| {
            let mut hasher = seeds.hasher();
            hasher.write(&n.to_be_bytes());
            hasher.finish()
        };
        let walk = |live: &mut LiveKeys| {
            for n in 0..1000 {
                live.record(print(n), true);
            }
            for n in (0..1000).step_by(3) {
                live.record(print(n), false);
            }
            live.record(print(0), true);
        };
        let mut first = LiveKeys::holding(Part::ALL, 100);
        walk(&mut first);
        assert!(first.part.bits >= 3, "{:?}", first.part);
        let mut total = first.count();
        for index in 1..1 << first.part.bits {
            let mut rest = LiveKeys::holding(
                Part {
                    index,
                    ..first.part
                },
                1000,
            );
            walk(&mut rest);
            total += rest.count();
        }
        assert_eq!(total, 1000 - 334 + 1);
    }
}
