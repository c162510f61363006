//! A set of page numbers, and the check of the freelist against it.

use std::io;

use crate::damage::{Damage, Findings};
use crate::image::Image;
use crate::layout::{NO_FREELIST, PAGE_HEADER, PageHeader, PageKind, u64_at};

/// Page numbers below a limit, one bit each.
pub(crate) struct Pages {
    words: Vec<u64>,
    limit: u64,
    count: u64,
}

impl Pages {
    pub(crate) fn new(limit: u64) -> Pages {
        // At most 2^28 pages: the file is at most MOST_BYTES long and pages are no smaller than 1 KiB.
        let words = usize::try_from(limit.div_ceil(64)).unwrap_or(usize::MAX);
        Pages {
            words: vec![0; words],
            limit,
            count: 0,
        }
    }

    /// Whether the page is within the limit and was not there before.
    pub(crate) fn insert(&mut self, page: u64) -> bool {
        if page >= self.limit {
            return false;
        }
        let bit = 1 << (page % 64);
        let Some(word) = self.words.get_mut((page / 64) as usize) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        self.count += u64::from(new);
        new
    }

    pub(crate) fn contains(&self, page: u64) -> bool {
        self.words
            .get((page / 64) as usize)
            .is_some_and(|word| word & (1 << (page % 64)) != 0)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

/// Checks that every page is either reached or free, where the file stores a freelist. Without one, as etcd writes
/// its files, what is not reached is free by definition.
pub(crate) fn check_free(
    image: &Image<'_>,
    used: &mut Pages,
    findings: &mut Findings,
) -> io::Result<()> {
    let id = image.meta.freelist;
    if id == NO_FREELIST {
        return Ok(());
    }
    let Some(free) = read_freelist(image, used, findings)? else {
        return Ok(());
    };
    for page in 0..image.pages {
        if used.contains(page) && free.contains(page) {
            let place = image.page_place(page);
            findings.add(Damage::FreedInUse { page }, place);
        } else if !used.contains(page) && !free.contains(page) {
            let place = image.page_place(page);
            findings.add(Damage::Unreachable { page }, place);
        }
    }
    Ok(())
}

fn read_freelist(
    image: &Image<'_>,
    used: &mut Pages,
    findings: &mut Findings,
) -> io::Result<Option<Pages>> {
    let id = image.meta.freelist;
    let place = image.page_place(id);
    if id < 2 || id >= image.pages {
        let pages = image.pages;
        findings.add(Damage::OutOfRange { page: id, pages }, place);
        return Ok(None);
    }
    let offset = id * image.meta.page_size;
    let mut head = [0; (PAGE_HEADER + 8) as usize];
    image.source.read_exact_at(&mut head, offset)?;
    let header = PageHeader::read(&head).filter(|header| header.id == id);
    let Some(header) = header else {
        findings.add(Damage::Freelist { page: id }, place);
        return Ok(None);
    };
    if PageKind::of(header.flags) != Some(PageKind::Freelist) {
        let (flags, wanted) = (header.flags, "a freelist page");
        let page = id;
        findings.add(
            Damage::PageFlags {
                page,
                flags,
                wanted,
            },
            place,
        );
        return Ok(None);
    }
    let overflow = header.overflow;
    if u64::from(overflow) >= image.pages - id {
        findings.add(Damage::Overflow { page: id, overflow }, place);
        return Ok(None);
    }
    for page in id..=id + u64::from(overflow) {
        if !used.insert(page) {
            findings.add(Damage::UsedTwice { page }, place);
            return Ok(None);
        }
    }
    // 65,535 means that the first number is the count.
    let (start, count) = match header.count {
        u16::MAX => (1, u64_at(&head, PAGE_HEADER as usize).unwrap_or(0)),
        count => (0, u64::from(count)),
    };
    let span = (u64::from(overflow) + 1) * image.meta.page_size;
    let room = (span - PAGE_HEADER) / 8 - start;
    let free = if count <= room {
        read_free_pages(image, offset + PAGE_HEADER + 8 * start, count)?
    } else {
        None
    };
    if free.is_none() {
        findings.add(Damage::Freelist { page: id }, place);
    }
    Ok(free)
}

/// The numbers, which must ascend and be of pages that exist.
fn read_free_pages(image: &Image<'_>, offset: u64, count: u64) -> io::Result<Option<Pages>> {
    let mut free = Pages::new(image.pages);
    let mut last = 1;
    let mut chunk = vec![0; 8 << 10];
    let mut done = 0;
    while done < count {
        let piece = (count - done).min(chunk.len() as u64 / 8);
        let bytes = &mut chunk[..piece as usize * 8];
        image.source.read_exact_at(bytes, offset + done * 8)?;
        for number in bytes.chunks_exact(8) {
            let page = u64_at(number, 0).unwrap_or(0);
            if page <= last || !free.insert(page) {
                return Ok(None);
            }
            last = page;
        }
        done += piece;
    }
    Ok(Some(free))
}
