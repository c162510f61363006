//! Reads pages, several at once where they follow each other.

use std::io;

use crate::source::ReadAt;

/// Bytes read at once: sixteen of etcd's pages, a few of which may turn out not to be wanted.
const AHEAD: usize = 64 << 10;

/// A source, and what was read of it ahead.
pub(crate) struct Ahead<'a> {
    source: &'a dyn ReadAt,
    /// Where the pages end.
    end: u64,
    held: Vec<u8>,
    /// Offset of what is held.
    offset: u64,
    /// Where the last page ended.
    next: u64,
}

impl<'a> Ahead<'a> {
    pub(crate) fn new(source: &'a dyn ReadAt, end: u64) -> Ahead<'a> {
        Ahead {
            source,
            end,
            held: Vec::new(),
            offset: 0,
            next: 0,
        }
    }

    /// Fills `buffer` from `offset`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let length = buffer.len();
        let follows = offset == self.next && length <= AHEAD / 4;
        self.next = offset + length as u64;
        if follows && self.held(offset, length).is_none() {
            self.fill(offset);
        }
        match self.held(offset, length) {
            Some(held) => buffer.copy_from_slice(held),
            None => self.source.read_exact_at(buffer, offset)?,
        }
        Ok(())
    }

    fn held(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.held.get(from..from.checked_add(length)?)
    }

    fn fill(&mut self, offset: u64) {
        let left = self.end.saturating_sub(offset);
        let length = usize::try_from(left).map_or(AHEAD, |left| left.min(AHEAD));
        self.held.resize(length, 0);
        self.offset = offset;
        // The disk may fail at a page that nobody asks for: then each is read by itself.
        if self.source.read_exact_at(&mut self.held, offset).is_err() {
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Bytes that fail from an offset on; counts its reads.
    struct Failing {
        bytes: Vec<u8>,
        from: u64,
        reads: AtomicU64,
    }

    impl ReadAt for Failing {
        fn size(&self) -> io::Result<u64> {
            Ok(self.bytes.len() as u64)
        }

        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            if offset + buffer.len() as u64 > self.from {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.read_exact_at(buffer, offset)
        }
    }

    #[test]
    fn pages_in_a_row_are_read_together_and_failures_only_where_asked() {
        let bytes: Vec<u8> = (0..400_000_u32).map(|i| (i / 7) as u8).collect();
        let page = 4096;
        for (from, most) in [(u64::MAX, 25), (300_000, 80)] {
            let source = Failing {
                bytes: bytes.clone(),
                from,
                reads: AtomicU64::new(0),
            };
            let mut ahead = Ahead::new(&source, bytes.len() as u64);
            let mut buffer = vec![0; page];
            // A row, pages backwards, a page of another size across what is held.
            let row = (8..bytes.len() / page).map(|index| (index, page));
            let back = (0..8).rev().map(|index| (index, page));
            for (index, length) in row.chain(back).chain([(20, 3 * page), (23, 30 * page)]) {
                let offset = index * page;
                buffer.resize(length, 0);
                let read = ahead.read(&mut buffer, offset as u64);
                let whole = (offset + length) as u64 <= from;
                assert_eq!(read.is_ok(), whole, "{offset} {from}");
                if whole {
                    assert_eq!(buffer, bytes[offset..offset + length], "{offset}");
                }
            }
            let reads = source.reads.into_inner();
            assert!(reads < most, "{reads}");
        }
    }
}
