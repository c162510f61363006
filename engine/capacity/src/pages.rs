//! What records cost in bbolt's pages. The factors were measured on etcd 3.4.23 and 3.5.16; tests/capacity repeats it.

/// Bytes a page: the host's, on nearly all.
const PAGE: f64 = 4096.0;
/// etcd fills the pages of bucket `key` up to nine tenths, since revisions only grow.
const FILL: f64 = 0.9;
const PAGE_HEADER: f64 = 16.0;
/// bbolt never leaves fewer entries to a page that it splits.
const LEAST_ENTRIES: f64 = 2.0;
/// Pages that a commit, or a step of a compaction, rewrites before it gives the old ones back: the same for small and large
/// databases.
pub(crate) const REWRITTEN: f64 = 1_048_576.0;
/// Branch pages above the leaves: 33 bytes a leaf.
const BRANCHES: f64 = 1.01;

/// A record in a leaf page: its element (16 bytes), its revision (17), and the message: key, value, four integers.
pub(crate) fn element(key: f64, value: f64) -> f64 {
    // Two tags with lengths, create and mod revision of up to 28 bits with tags, version.
    16.0 + 17.0 + (2.0 + key) + (3.0 + value) + 5.0 + 5.0 + 2.0
}

/// A tombstone: it names its key, no more.
pub(crate) fn tombstone(key: f64) -> f64 {
    16.0 + 18.0 + 2.0 + key
}

/// How entries of one size lie in pages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Packing {
    /// Entries of a leaf.
    entries: f64,
    /// Pages of a leaf: more than one where two entries do not fit into one.
    pages: f64,
}

impl Packing {
    pub(crate) fn of(element: f64) -> Packing {
        let entries = ((PAGE * FILL - PAGE_HEADER) / element)
            .floor()
            .max(LEAST_ENTRIES);
        let pages = ((PAGE_HEADER + entries * element) / PAGE).ceil();
        Packing { entries, pages }
    }

    /// Bytes of the file that an entry takes while pages are as full as etcd fills them.
    pub(crate) fn bytes(self) -> f64 {
        self.pages * PAGE / self.entries * BRANCHES
    }

    /// By how much more keys alive take once others around them were compacted away: bbolt merges a leaf only when less
    /// than a quarter of it is used. Measured after many rounds of random changes and compactions: 1.14 with two entries
    /// a page, 1.19 with three, 1.55 with five, 1.80 with ten and more; entries of whole pages leave nothing behind.
    pub(crate) fn churned(self) -> f64 {
        if self.pages > 1.0 {
            1.05
        } else {
            (1.15 + 0.13 * (self.entries - LEAST_ENTRIES)).min(1.8)
        }
    }

    /// By how much the file exceeds what is in use at its fullest: pages that a compaction rewrites are free only after
    /// it, and a leaf of several pages wants neighbours. Measured: up to 1.12, with several pages a leaf up to 1.33.
    pub(crate) fn slack(self) -> f64 {
        if self.pages > 1.0 { 1.35 } else { 1.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Packing, element};

    #[test]
    fn a_leaf_holds_at_least_two_entries() {
        for (value, entries, pages) in [
            (64.0, 20.0, 1.0),
            (512.0, 5.0, 1.0),
            (900.0, 3.0, 1.0),
            (1500.0, 2.0, 1.0),
            (3000.0, 2.0, 2.0),
            (8000.0, 2.0, 4.0),
        ] {
            let packing = Packing::of(element(63.0, value));
            assert_eq!(
                (packing.entries, packing.pages),
                (entries, pages),
                "{value}"
            );
        }
    }
}
