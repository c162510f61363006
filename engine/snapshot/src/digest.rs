//! SHA-256 of the file in one pass, with the digests of its beginnings on the way.

use std::io;

use sha2::{Digest, Sha256};

use crate::source::ReadAt;

/// Bytes a read: fits the second-level cache, so that the hash reads warm memory.
const CHUNK: usize = 256 << 10;

/// A SHA-256.
pub(crate) type Sum = [u8; 32];

/// Digests of the file up to each of `marks` (ascending, none above `size`), then of all its `size` bytes.
pub(crate) fn digest(source: &dyn ReadAt, size: u64, marks: &[u64]) -> io::Result<(Vec<Sum>, Sum)> {
    let mut hasher = Sha256::new();
    let mut sums = Vec::with_capacity(marks.len());
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    for end in marks.iter().copied().chain([size]) {
        while done < end {
            let piece = CHUNK.min(usize::try_from(end - done).unwrap_or(CHUNK));
            let piece = &mut buffer[..piece];
            source.read_exact_at(piece, done)?;
            hasher.update(&piece);
            done += piece.len() as u64;
        }
        sums.push(hasher.clone().finalize().into());
    }
    let whole = sums.pop().unwrap_or_default();
    Ok((sums, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_and_whole() {
        let bytes: Vec<u8> = (0..CHUNK * 2 + 77).map(|i| (i * 7) as u8).collect();
        let marks = [0, 5, CHUNK as u64, bytes.len() as u64];
        let (sums, whole) = digest(&bytes, bytes.len() as u64, &marks).unwrap();
        for (mark, sum) in marks.iter().zip(&sums) {
            let expected: Sum = Sha256::digest(&bytes[..*mark as usize]).into();
            assert_eq!(*sum, expected, "{mark}");
        }
        assert_eq!(whole, sums[3]);
    }
}
