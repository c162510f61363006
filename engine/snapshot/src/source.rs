//! Where the bytes come from: a file or memory, read at offsets.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any offset by several threads at once.
pub trait ReadAt: Sync {
    /// How many bytes there are.
    ///
    /// # Errors
    /// What the file system says.
    fn size(&self) -> io::Result<u64>;

    /// Fills `buffer` from `offset` (both in bytes).
    ///
    /// # Errors
    /// `UnexpectedEof` when the bytes end before the buffer is full, else what the file system says.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for &[u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).ok();
        let bytes = from
            .and_then(|from| self.get(from..)?.get(..buffer.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        ReadAt::read_exact_at(&self.as_slice(), buffer, offset)
    }
}

/// Bytes at a time when something is too long to be held whole.
const CHUNK: usize = 64 << 10;

/// A stretch of the source, most often already in memory as part of its page.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a> {
    pub(crate) source: &'a dyn ReadAt,
    /// The whole stretch, when its page was read whole.
    pub(crate) held: Option<&'a [u8]>,
    /// Offset in the file.
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl<'a> Bytes<'a> {
    /// Hands the bytes over in order, in pieces of bounded size.
    pub(crate) fn for_each(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        if let Some(held) = self.held {
            take(held);
            return Ok(());
        }
        let mut chunk = vec![0; CHUNK];
        let mut done = 0;
        while done < self.length {
            let piece = CHUNK.min(usize::try_from(self.length - done).unwrap_or(CHUNK));
            let piece = &mut chunk[..piece];
            self.source.read_exact_at(piece, self.offset + done)?;
            take(piece);
            done += piece.len() as u64;
        }
        Ok(())
    }

    /// The bytes in memory, unless they are more than `most`.
    pub(crate) fn whole(&self, most: u64) -> io::Result<Option<Cow<'a, [u8]>>> {
        if self.length > most {
            return Ok(None);
        }
        if let Some(held) = self.held {
            return Ok(Some(Cow::Borrowed(held)));
        }
        let Ok(length) = usize::try_from(self.length) else {
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        self.source.read_exact_at(&mut bytes, self.offset)?;
        Ok(Some(Cow::Owned(bytes)))
    }
}
