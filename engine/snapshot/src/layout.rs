//! bbolt's bytes: page headers, meta pages, elements. Little endian throughout.

use serde::Serialize;

/// Page header: id u64, flags u16, count u16, overflow u32.
pub(crate) const PAGE_HEADER: u64 = 16;
/// An element of a leaf (flags, pos, ksize, vsize) or branch (pos, ksize, pgid) page.
pub(crate) const ELEMENT: u64 = 16;
/// A bucket's value: root page u64, sequence u64.
pub(crate) const BUCKET_HEADER: u64 = 16;
/// bbolt's `MaxKeySize`.
pub(crate) const MAX_KEY: u64 = 32 << 10;
/// The trailing SHA-256 of a streamed snapshot.
pub(crate) const TRAILER: u64 = 32;
/// A leaf element that is a bucket.
pub(crate) const BUCKET_FLAG: u32 = 1;
/// The meta's freelist field when no freelist is stored, as etcd always has it.
pub(crate) const NO_FREELIST: u64 = u64::MAX;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// Header and meta record: as far into a meta page as matters.
pub(crate) const META_BYTES: usize = 80;
/// Page sizes that bbolt searches for a second meta page.
pub(crate) const PAGE_SIZES: std::ops::RangeInclusive<u32> = 10..=24;

/// What a page says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PageKind {
    /// Points to other pages.
    Branch,
    /// Holds keys and values.
    Leaf,
    /// One of the first two pages.
    Meta,
    /// Lists the pages that are free.
    Freelist,
}

impl PageKind {
    pub(crate) fn of(flags: u16) -> Option<PageKind> {
        match flags {
            1 => Some(PageKind::Branch),
            2 => Some(PageKind::Leaf),
            4 => Some(PageKind::Meta),
            16 => Some(PageKind::Freelist),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct PageHeader {
    pub(crate) id: u64,
    pub(crate) flags: u16,
    pub(crate) count: u16,
    pub(crate) overflow: u32,
}

impl PageHeader {
    pub(crate) fn read(page: &[u8]) -> Option<PageHeader> {
        Some(PageHeader {
            id: u64_at(page, 0)?,
            flags: u16_at(page, 8)?,
            count: u16_at(page, 10)?,
            overflow: u32_at(page, 12)?,
        })
    }
}

/// The record that names the tree's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) page_size: u64,
    pub(crate) root: u64,
    pub(crate) freelist: u64,
    /// The high-water mark: pages in use are below it.
    pub(crate) pages: u64,
    pub(crate) txid: u64,
}

/// Why a meta page is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetaFault {
    /// The page header is not that of this meta page.
    Header,
    /// Not bbolt's magic number.
    Magic,
    /// Not version 2 of the format.
    Version,
    /// The FNV-1a checksum does not fit.
    Checksum,
    /// Not a power of two from 1 KiB to 16 MiB, or not where the page lies.
    PageSize,
    /// The file ends before it.
    Missing,
}

impl std::fmt::Display for MetaFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            MetaFault::Header => "its page header is not that of a meta page",
            MetaFault::Magic => "it does not carry bbolt's magic number",
            MetaFault::Version => "it is not of format version 2",
            MetaFault::Checksum => "its checksum does not fit",
            MetaFault::PageSize => "it names an impossible page size",
            MetaFault::Missing => "the file ends before it",
        })
    }
}

/// Reads the meta record of page `index` (0 or 1) from the first bytes of that page.
pub(crate) fn read_meta(page: &[u8], index: u64) -> Result<Meta, MetaFault> {
    let header = PageHeader::read(page).ok_or(MetaFault::Missing)?;
    let field = |at| u64_at(page, at).ok_or(MetaFault::Missing);
    if u32_at(page, 16) != Some(MAGIC) {
        return Err(MetaFault::Magic);
    }
    if u32_at(page, 20) != Some(VERSION) {
        return Err(MetaFault::Version);
    }
    let record = page.get(16..72).ok_or(MetaFault::Missing)?;
    if field(72)? != fnv1a(record) {
        return Err(MetaFault::Checksum);
    }
    if header.id != index || PageKind::of(header.flags) != Some(PageKind::Meta) {
        return Err(MetaFault::Header);
    }
    let page_size = u32_at(page, 24).ok_or(MetaFault::Missing)?;
    if !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size.trailing_zeros()) {
        return Err(MetaFault::PageSize);
    }
    Ok(Meta {
        page_size: u64::from(page_size),
        root: field(32)?,
        freelist: field(48)?,
        pages: field(56)?,
        txid: field(64)?,
    })
}

/// FNV-1a, 64 bits, as bbolt sums its meta records.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// etcd's own integers are big endian and exactly eight bytes.
pub(crate) fn be_u64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}
