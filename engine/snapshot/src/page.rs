//! One page: loaded within bounds, its elements read where bbolt puts them.

use std::borrow::Cow;
use std::io;

use crate::ahead::Ahead;
use crate::damage::Damage;
use crate::image::Image;
use crate::layout::{ELEMENT, MAX_KEY, PAGE_HEADER, PageHeader, PageKind, u32_at, u64_at};
use crate::pages::Pages;
use crate::source::{Bytes, ReadAt};

/// As much of a page as is held: the header and 65,535 elements always fit; values beyond are read in pieces.
const HELD: u64 = PAGE_HEADER + ELEMENT * (u16::MAX as u64);

/// A branch or leaf page of the tree.
pub(crate) struct Page {
    pub(crate) id: u64,
    pub(crate) kind: PageKind,
    pub(crate) overflow: u32,
    count: u16,
    offset: u64,
    span: u64,
    head: Vec<u8>,
}

impl Page {
    /// Loads a page of the tree and marks it, with its overflow pages, as used.
    pub(crate) fn load(
        image: &Image<'_>,
        ahead: &mut Ahead<'_>,
        used: &mut Pages,
        id: u64,
        mut head: Vec<u8>,
    ) -> io::Result<Result<Page, Damage>> {
        let page_size = image.meta.page_size;
        if id < 2 || id >= image.pages {
            let pages = image.pages;
            return Ok(Err(Damage::OutOfRange { page: id, pages }));
        }
        let offset = id * page_size;
        read(ahead, &mut head, 0, page_size.min(HELD), offset)?;
        let Some(header) = PageHeader::read(&head) else {
            return Ok(Err(Damage::TooSmall { size: page_size }));
        };
        let (kind, overflow) = match check(&header, id, image.pages) {
            Ok(checked) => checked,
            Err(damage) => return Ok(Err(damage)),
        };
        for page in id..=id + u64::from(overflow) {
            if !used.insert(page) {
                return Ok(Err(Damage::UsedTwice { page }));
            }
        }
        let span = (u64::from(overflow) + 1) * page_size;
        let held = head.len() as u64;
        read(ahead, &mut head, held, span.min(HELD), offset)?;
        Ok(Ok(Page {
            id,
            kind,
            overflow,
            count: header.count,
            offset,
            span,
            head,
        }))
    }

    pub(crate) fn view<'p>(&'p self, source: &'p dyn ReadAt) -> View<'p> {
        View {
            source,
            page: self.id,
            kind: self.kind,
            offset: self.offset,
            span: self.span,
            head: &self.head,
            count: self.count,
        }
    }

    /// Whether bbolt would have taken this many pages for `used` bytes: it rounds up, before 1.3.6 it always added one.
    pub(crate) fn fits(&self, used: u64, page_size: u64) -> bool {
        let pages = u64::from(self.overflow) + 1;
        pages == used.div_ceil(page_size) || pages == used / page_size + 1
    }

    /// Gives the buffer back for the next page.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.head
    }
}

fn check(header: &PageHeader, id: u64, pages: u64) -> Result<(PageKind, u32), Damage> {
    if header.id != id {
        let says = header.id;
        return Err(Damage::PageId { page: id, says });
    }
    let kind = match PageKind::of(header.flags) {
        Some(kind @ (PageKind::Branch | PageKind::Leaf)) => kind,
        _ => {
            return Err(Damage::PageFlags {
                page: id,
                flags: header.flags,
                wanted: "a branch or leaf page",
            });
        }
    };
    let overflow = header.overflow;
    if u64::from(overflow) >= pages - id {
        return Err(Damage::Overflow { page: id, overflow });
    }
    Ok((kind, overflow))
}

/// Lets `head`, which holds `from` bytes of the page, hold `to`.
fn read(
    ahead: &mut Ahead<'_>,
    head: &mut Vec<u8>,
    from: u64,
    to: u64,
    page_offset: u64,
) -> io::Result<()> {
    // Both are at most HELD, which is about a megabyte.
    let (from, to) = (from as usize, to as usize);
    head.resize(to, 0);
    if from < to {
        ahead.read(&mut head[from..], page_offset + from as u64)?;
    }
    Ok(())
}

/// The elements of a page, or of the page inside an inline bucket.
pub(crate) struct View<'p> {
    pub(crate) source: &'p dyn ReadAt,
    /// The page it lies on.
    pub(crate) page: u64,
    pub(crate) kind: PageKind,
    /// Offset of its header in the file.
    pub(crate) offset: u64,
    /// Bytes that belong to it, overflow pages included.
    pub(crate) span: u64,
    pub(crate) head: &'p [u8],
    pub(crate) count: u16,
}

/// An element of a leaf page.
pub(crate) struct Entry<'p> {
    pub(crate) flags: u32,
    pub(crate) key: Bytes<'p>,
    pub(crate) value: Bytes<'p>,
}

/// A branch element: the least key of a child and its page.
type Child<'p> = (Cow<'p, [u8]>, u64);

impl<'p> View<'p> {
    /// Where the data of the first element begins: right behind the elements. Nothing if they do not fit.
    pub(crate) fn first_data(&self) -> Option<u64> {
        let end = PAGE_HEADER + ELEMENT * u64::from(self.count);
        (end <= self.span && end <= self.head.len() as u64).then_some(end)
    }

    /// Offset of an element in the file.
    pub(crate) fn element_offset(&self, index: u16) -> u64 {
        self.offset + PAGE_HEADER + ELEMENT * u64::from(index)
    }

    /// The element, if its data lies at `next`, where bbolt puts it; moves `next` past it.
    pub(crate) fn leaf(&self, index: u16, next: &mut u64) -> Option<Entry<'p>> {
        let (start, at) = self.element(index);
        let field = |field| u32_at(self.head, at + field);
        let (key, value) = (u64::from(field(8)?), u64::from(field(12)?));
        self.step(start, field(4)?, key + value, next)?;
        Some(Entry {
            flags: field(0)?,
            key: self.bytes(*next - value - key, key),
            value: self.bytes(*next - value, value),
        })
    }

    /// Like [`View::leaf`], for a branch page. Nothing for a key that no key can be.
    pub(crate) fn branch(&self, index: u16, next: &mut u64) -> io::Result<Option<Child<'p>>> {
        let (start, at) = self.element(index);
        let read = || {
            let key = u64::from(u32_at(self.head, at + 4)?);
            self.step(start, u32_at(self.head, at)?, key, next)?;
            Some((self.bytes(*next - key, key), u64_at(self.head, at + 8)?))
        };
        let Some((key, child)) = { read }() else {
            return Ok(None);
        };
        if key.length == 0 {
            return Ok(None);
        }
        Ok(key.whole(MAX_KEY)?.map(|key| (key, child)))
    }

    fn element(&self, index: u16) -> (u64, usize) {
        let start = PAGE_HEADER + ELEMENT * u64::from(index);
        (start, start as usize)
    }

    fn step(&self, start: u64, pos: u32, length: u64, next: &mut u64) -> Option<()> {
        let data = start + u64::from(pos);
        let end = data + length;
        (data == *next && end <= self.span).then(|| *next = end)
    }

    /// A stretch of the page, from `from` on.
    pub(crate) fn bytes(&self, from: u64, length: u64) -> Bytes<'p> {
        let held = usize::try_from(from)
            .ok()
            .zip(usize::try_from(from + length).ok())
            .and_then(|(from, to)| self.head.get(from..to));
        Bytes {
            source: self.source,
            held,
            offset: self.offset + from,
            length,
        }
    }
}
