//! The database inside the file: its meta pages, its length, its trailer.

use std::io;

use crate::damage::{Damage, Findings, Place};
use crate::layout::{META_BYTES, Meta, MetaFault, PAGE_SIZES, TRAILER, read_meta};
use crate::source::ReadAt;

/// Files larger than this are not read: the bookkeeping of pages stays under 32 MiB. etcd's own advice ends at 8 GiB.
pub(crate) const MOST_BYTES: u64 = 256 << 30;

/// Two meta pages and a root of the smallest page size.
pub(crate) const LEAST_BYTES: u64 = 3 << *PAGE_SIZES.start();

/// The database that a file holds.
pub(crate) struct Image<'a> {
    pub(crate) source: &'a dyn ReadAt,
    pub(crate) meta: Meta,
    /// Whether the meta pages are those that a stream writes.
    pub(crate) streamed: bool,
    /// Pages that can be read: below the high-water mark and wholly in the file.
    pub(crate) pages: u64,
}

impl Image<'_> {
    pub(crate) fn page_place(&self, page: u64) -> Place {
        Place {
            offset: page.checked_mul(self.meta.page_size),
            page: Some(page),
            bucket: None,
        }
    }

    /// Where the database ends by its meta page, in bytes.
    pub(crate) fn high_water(&self) -> Option<u64> {
        self.meta.pages.checked_mul(self.meta.page_size)
    }
}

/// `size % 512 == 32` is etcd's own test for a trailing hash.
pub(crate) fn has_trailer(size: u64) -> bool {
    size % 512 == TRAILER
}

/// Finds the meta page to go by, noting what is wrong with either.
pub(crate) fn open<'a>(
    source: &'a dyn ReadAt,
    size: u64,
    findings: &mut Findings,
) -> io::Result<Option<Image<'a>>> {
    if let Some(damage) = impossible(size) {
        findings.add(damage, Place::default());
        return Ok(None);
    }
    let first = meta_at(source, size, 0, 0)?;
    let second = match first {
        Ok(meta) => meta_at(source, size, meta.page_size, 1)?,
        Err(_) => search_second(source, size)?,
    };
    let streamed = matches!((first, second), (Ok(first), Ok(second)) if streamed(&first, &second));
    if let (Ok(first), Ok(second)) = (first, second)
        && has_trailer(size)
        && !streamed
    {
        let (first, second) = (first.txid, second.txid);
        findings.add(Damage::MetaPair { first, second }, Place::default());
    }
    for (index, meta) in [(0, first), (1, second)] {
        if let Err(fault) = meta {
            let place = Place {
                page: Some(index),
                offset: match (index, first) {
                    (0, _) => Some(0),
                    (_, first) => first.ok().map(|meta| meta.page_size),
                },
                bucket: None,
            };
            findings.add(Damage::Meta { index, fault }, place);
        }
    }
    let newest = [first.ok(), second.ok()]
        .into_iter()
        .flatten()
        .max_by_key(|meta| meta.txid);
    if newest.is_none() {
        findings.add(Damage::NoMeta, Place::default());
    }
    Ok(newest.map(|meta| Image {
        source,
        meta,
        streamed,
        pages: meta.pages.min(body(size) / meta.page_size),
    }))
}

fn impossible(size: u64) -> Option<Damage> {
    match size {
        0 => Some(Damage::Empty),
        size if size < LEAST_BYTES => Some(Damage::TooSmall { size }),
        _ => None,
    }
}

/// Bytes of the file that can be pages.
pub(crate) fn body(size: u64) -> u64 {
    if has_trailer(size) {
        size - TRAILER
    } else {
        size
    }
}

/// What `tx.WriteTo` writes: the same record twice, the second one transaction older.
fn streamed(first: &Meta, second: &Meta) -> bool {
    Some(*first)
        == second
            .txid
            .checked_add(1)
            .map(|txid| Meta { txid, ..*second })
}

type Found = Result<Meta, MetaFault>;

fn meta_at(source: &dyn ReadAt, size: u64, offset: u64, index: u64) -> io::Result<Found> {
    let mut bytes = [0; META_BYTES];
    if offset + META_BYTES as u64 > size {
        return Ok(Err(MetaFault::Missing));
    }
    source.read_exact_at(&mut bytes, offset)?;
    Ok(read_meta(&bytes, index).and_then(|meta| {
        if index == 0 || meta.page_size == offset {
            Ok(meta)
        } else {
            Err(MetaFault::PageSize)
        }
    }))
}

/// Without the first meta page the page size is unknown: the second lies at one of fifteen places.
fn search_second(source: &dyn ReadAt, size: u64) -> io::Result<Found> {
    let mut best = Err(MetaFault::Missing);
    for power in PAGE_SIZES {
        match meta_at(source, size, 1 << power, 1)? {
            Ok(meta) => return Ok(Ok(meta)),
            // A broken record says more than the bytes of some other page.
            Err(fault @ (MetaFault::Checksum | MetaFault::Version | MetaFault::Header)) => {
                best = Err(fault);
            }
            Err(_) => {}
        }
    }
    Ok(best)
}

/// Judges the file's length against the meta page.
pub(crate) fn check_length(image: &Image<'_>, size: u64, findings: &mut Findings) {
    let held = body(size);
    let meta = image.meta;
    let end = image.high_water().filter(|end| *end <= held);
    let Some(end) = end else {
        let held = held / meta.page_size;
        let pages = meta.pages;
        let place = Place {
            offset: Some(size),
            ..Place::default()
        };
        findings.add(Damage::Short { pages, held }, place);
        return;
    };
    let at_end = Place {
        offset: Some(end),
        ..Place::default()
    };
    let expected = end + TRAILER;
    match size % 512 {
        0 => findings.add(
            Damage::MissingTrailer {
                streamed: image.streamed,
            },
            Place {
                offset: Some(size),
                ..Place::default()
            },
        ),
        TRAILER => {
            if held > end {
                findings.add(Damage::Slack { bytes: held - end }, at_end);
            }
        }
        _ => findings.add(Damage::Length { size, expected }, at_end),
    }
}
