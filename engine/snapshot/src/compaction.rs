//! The compactions that bucket `meta` tells of, read ahead of the walk: the bucket comes after `key`.

use std::io;

use crate::damage::Findings;
use crate::image::Image;
use crate::records::revision;
use crate::source::Bytes;
use crate::tree::{At, Visitor, Walk};

/// Main revisions of the compactions ordered and finished last; -1: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compaction {
    scheduled: i64,
    finished: i64,
}

impl Compaction {
    /// What can be read of it: damage is told by the walk over everything.
    pub(crate) fn read(image: &Image<'_>) -> io::Result<Compaction> {
        let mut read = Compaction {
            scheduled: -1,
            finished: -1,
        };
        Walk::new(image, &mut read, &mut Findings::new(0)).run()?;
        Ok(read)
    }

    /// Whether none was under way when the snapshot was taken.
    pub(crate) fn is_over(&self) -> bool {
        self.scheduled == self.finished
    }

    /// The revision up to which history is gone.
    pub(crate) fn revision(&self) -> i64 {
        self.scheduled.max(self.finished)
    }
}

impl Visitor for Compaction {
    fn bucket(&mut self, name: &[u8], _: &mut Findings) -> bool {
        name == b"meta"
    }

    fn entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        _: At<'_>,
        _: &mut Findings,
    ) -> io::Result<()> {
        let field = match key {
            b"scheduledCompactRev" => &mut self.scheduled,
            b"finishedCompactRev" => &mut self.finished,
            _ => return Ok(()),
        };
        if let Some(revision) = value.whole(32)?.and_then(|bytes| revision(&bytes)) {
            *field = revision.main;
        }
        Ok(())
    }
}
