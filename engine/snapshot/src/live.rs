//! Counts the keys that are alive without holding all of them.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Fingerprints held at once: about 19 MB. The table doubles at seven eighths: the rest is room for chance.
const MOST_HELD: usize = (1 << 21) / 4 * 3;
/// Fingerprints held where the records' own word is only tried: about 1 MB, which the processor's caches hold too.
const MOST_TRIED: usize = (1 << 17) / 4 * 3;

/// A key's fingerprint. Two of ten million keys share one with a chance of three in a million, by seed that are new
/// in every run: a count may then be one too low, and a HashKV not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Fingerprint(u64);

/// Makes fingerprints, by seeds that nobody who writes a file can know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed {
    start: u64,
    factor: u64,
}

impl Default for Seed {
    fn default() -> Seed {
        Seed {
            start: RandomState::new().hash_one(0),
            factor: RandomState::new().hash_one(1) | 1,
        }
    }
}

impl Seed {
    /// The fingerprint of a key that is held whole.
    #[inline]
    pub(crate) fn fingerprint(&self, key: &[u8]) -> Fingerprint {
        let mut hasher = self.hasher();
        let (words, rest) = key.as_chunks();
        for word in words {
            hasher.fold(u64::from_le_bytes(*word));
        }
        hasher.pending = match (rest.len(), key.last_chunk()) {
            (0, _) => 0,
            // Cut from the last eight bytes, with no loop over one to seven.
            (left, Some(last)) => u64::from_le_bytes(*last) >> (64 - 8 * left),
            (_, None) => rest
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        hasher.length = key.len() as u64;
        hasher.finish()
    }

    pub(crate) fn hasher(&self) -> KeyHasher {
        KeyHasher {
            state: self.start,
            factor: self.factor,
            pending: 0,
            length: 0,
        }
    }
}

/// Takes a key in pieces, however it is cut: eight bytes at a time, multiplied to 128 bits and folded.
pub(crate) struct KeyHasher {
    state: u64,
    factor: u64,
    /// Bytes that do not make a word yet.
    pending: u64,
    length: u64,
}

impl KeyHasher {
    pub(crate) fn write(&mut self, mut piece: &[u8]) {
        while !self.length.is_multiple_of(8) {
            let Some((byte, rest)) = piece.split_first() else {
                return;
            };
            self.byte(*byte);
            piece = rest;
        }
        let (words, rest) = piece.as_chunks();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        self.length += 8 * words.len() as u64;
        for byte in rest {
            self.byte(*byte);
        }
    }

    pub(crate) fn finish(&self) -> Fingerprint {
        let mut last = KeyHasher { ..*self };
        last.fold(self.pending);
        last.fold(self.length);
        Fingerprint(last.state)
    }

    fn byte(&mut self, byte: u8) {
        self.pending |= u64::from(byte) << (8 * (self.length % 8));
        self.length += 1;
        if self.length.is_multiple_of(8) {
            let word = std::mem::take(&mut self.pending);
            self.fold(word);
        }
    }

    fn fold(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.factor);
        // The old state goes in again: a product of zero forgets nothing.
        self.state = (product as u64) ^ ((product >> 64) as u64) ^ self.state.rotate_left(23);
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

/// What a record tells of its key: whether it was alive before, and is afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) before: bool,
    pub(crate) after: bool,
}

/// The keys alive of one part. When they get too many, the part is halved and the rest left to a later walk, or to
/// what the records tell of themselves, which every record of the part has then confirmed.
pub(crate) struct LiveKeys {
    part: Part,
    held: HashSet<Fingerprint, PlainHasher>,
    most: usize,
    pending: Vec<(Fingerprint, Told)>,
    /// Keys alive, of all parts, if the records tell the truth.
    told: i64,
    /// Whether a record of the part did not.
    contradicted: bool,
}

/// Records looked up together.
const BATCH: usize = 128;

impl LiveKeys {
    /// As many keys as it takes to try the records' own word.
    pub(crate) fn tried() -> LiveKeys {
        LiveKeys::holding(Part::ALL, MOST_TRIED)
    }

    /// All keys, or as many as may be held.
    pub(crate) fn first() -> LiveKeys {
        LiveKeys::holding(Part::ALL, MOST_HELD)
    }

    /// A part that the first walk left: of the first part's size but for chance.
    pub(crate) fn rest(part: Part) -> LiveKeys {
        LiveKeys::holding(part, usize::MAX)
    }

    pub(crate) fn holding(part: Part, most: usize) -> LiveKeys {
        LiveKeys {
            part,
            held: HashSet::default(),
            most,
            pending: Vec::with_capacity(BATCH),
            told: 0,
            contradicted: false,
        }
    }

    /// A record of the key, and what it tells.
    #[inline]
    pub(crate) fn record(&mut self, key: Fingerprint, told: Told) {
        self.told += i64::from(told.after) - i64::from(told.before);
        if self.part.holds(key) {
            self.pending.push((key, told));
            if self.pending.len() == BATCH {
                self.settle();
            }
        }
    }

    /// A record of the key: alive from here on, or a tombstone.
    pub(crate) fn put(&mut self, key: Fingerprint, alive: bool) {
        let told = Told {
            before: !alive,
            after: alive,
        };
        self.record(key, told);
    }

    /// How many are alive: all were held, or the records can be `trusted` and none that was looked up contradicts.
    pub(crate) fn total(&mut self, trusted: bool) -> Option<u64> {
        let (held, part) = self.finish();
        if part == Part::ALL {
            return Some(held);
        }
        let told = u64::try_from(self.told).ok();
        told.filter(|_| trusted && !self.contradicted)
    }

    /// How many are alive, of which part. Gives the memory back for the next part.
    pub(crate) fn finish(&mut self) -> (u64, Part) {
        self.settle();
        let held = std::mem::take(&mut self.held);
        (held.len() as u64, self.part)
    }

    fn settle(&mut self) {
        // Looked up one after the other, each would wait for memory; so they wait together.
        let known = self
            .pending
            .iter()
            .filter(|(key, _)| self.held.contains(key));
        std::hint::black_box(known.count());
        let pending = std::mem::take(&mut self.pending);
        for (key, told) in &pending {
            let before = if told.after {
                !self.held.insert(*key)
            } else {
                self.held.remove(key)
            };
            self.contradicted |= before != told.before;
        }
        self.pending = pending;
        self.pending.clear();
        if self.held.len() > self.most && self.part.bits < 32 {
            self.part.bits += 1;
            let part = self.part;
            self.held.retain(|key| part.holds(*key));
        }
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

    fn write_u64(&mut self, word: u64) {
        // The lowest bits are the same throughout a part, and the table looks at the lowest and the highest.
        self.0 = word.rotate_right(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_fingerprint_however_it_is_cut() {
        let seed = Seed::default();
        let key: Vec<u8> = (0..40).collect();
        let whole = |key: &[u8]| {
            let mut hasher = seed.hasher();
            hasher.write(key);
            hasher.finish()
        };
        for length in 0..key.len() {
            for cut in 0..=length {
                let mut hasher = seed.hasher();
                hasher.write(&key[..cut]);
                hasher.write(&key[cut..length]);
                assert_eq!(hasher.finish(), whole(&key[..length]), "{cut} of {length}");
            }
        }
        // Neighbours, and keys that differ in trailing zeros only.
        let keys = (0..200_000_u32).map(|n| n.to_string().into_bytes());
        let zeros = (1..2000).map(|n| vec![0; n]);
        let mut prints: Vec<_> = keys.chain(zeros).map(|key| whole(&key)).collect();
        let count = prints.len();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), count);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let seed = Seed::default();
        let print = |n: u32| {
            let mut hasher = seed.hasher();
            hasher.write(&n.to_be_bytes());
            hasher.finish()
        };
        let walk = |live: &mut LiveKeys| {
            for n in 0..1000 {
                live.put(print(n), true);
            }
            for n in (0..1000).step_by(3) {
                live.put(print(n), false);
            }
            live.put(print(0), true);
        };
        let mut first = LiveKeys::holding(Part::ALL, 100);
        walk(&mut first);
        let (mut total, part) = first.finish();
        assert!(part.bits >= 2, "{part:?}");
        for index in 1..1 << part.bits {
            let mut rest = LiveKeys::rest(Part { index, ..part });
            walk(&mut rest);
            total += rest.finish().0;
        }
        assert_eq!(total, 1000 - 334 + 1);
    }
}
