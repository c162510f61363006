//! Memory stays flat whatever a file claims. A process of its own, so that its peak is ours alone.
#![cfg(target_os = "linux")]
#![allow(dead_code, clippy::unwrap_used)]

use std::io;

use runbook_snapshot::{Options, ReadAt, census_source, hash_kv_source, inspect_source};

#[path = "snapshot/writer.rs"]
mod writer;

use writer::{Kind, Writer, etcd, puts, record, revision};

/// Some bytes, then zeros up to a size that is never held.
struct Long {
    head: Vec<u8>,
    size: u64,
}

impl ReadAt for Long {
    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        buffer.fill(0);
        let offset = usize::try_from(offset).unwrap();
        if let Some(rest) = self.head.get(offset..) {
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
        }
        Ok(())
    }
}

/// Peak resident memory of this process, KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const OPTIONS: Options = Options {
    most_reasons: 20,
    hash_kv: true,
};

/// A file whose last page, a leaf, holds one value of nearly all of `size` bytes.
fn one_huge_value(size: u64) -> Long {
    let mut writer = Writer::new(etcd(vec![(
        revision(2, 0),
        record(b"k", 2, 2, 1, &[b'x'; 5000]),
    )]));
    writer.inline = true;
    let mut image = writer.build();
    let page_size = image.page_size as u64;
    let (leaf, at) = image
        .pages
        .iter()
        .filter(|page| page.1 == Kind::Leaf)
        .map(|page| (page.0, page.0 as usize * image.page_size))
        .next()
        .unwrap();
    // The tree's root moves in front: swap it with a free page.
    let free = image.at(Kind::Free, 0);
    let root = image.root as usize * image.page_size;
    let page = image.bytes[root..root + image.page_size].to_vec();
    image.bytes[free..free + page.len()].copy_from_slice(&page);
    image.put_u64(free, (free / image.page_size) as u64);
    image.bytes.truncate(root);
    let pages = size / page_size;
    let value = (pages - leaf) * page_size - 16 - 16 - 17;
    image.put_u32(at + 12, u32::try_from(pages - leaf - 1).unwrap());
    image.put_u32(at + 16 + 12, u32::try_from(value).unwrap());
    for meta in 0..2 {
        let at = meta * image.page_size;
        image.put_u64(at + 32, (free / image.page_size) as u64);
        image.put_u64(at + 56, pages);
        image.sum_meta(meta as u64);
    }
    Long {
        head: image.bytes,
        size: size + 32,
    }
}

#[test]
fn claims_take_no_memory() {
    let mut images = Vec::new();
    for field in [8_usize, 10, 12, 16, 20, 24, 28] {
        for kind in [Kind::Leaf, Kind::Branch] {
            let mut writer = Writer::new(etcd(puts(40, b"value")));
            writer.most = 4;
            let mut image = writer.build();
            let at = image.at(kind, 0) + field;
            image.put_u32(at, u32::MAX);
            images.push(image.snapshot());
        }
    }
    let huge = one_huge_value(256 << 20);
    // Warm up: threads, buffers.
    inspect_source(&images[0], &OPTIONS).unwrap();
    let before = peak();
    for image in &images {
        inspect_source(image, &OPTIONS).unwrap();
        assert!(census_source(image).is_err());
    }
    // The zeros are no record, but a tree that can be walked.
    assert_eq!(census_source(&huge).unwrap().live.records, 0);
    let report = inspect_source(&huge, &OPTIONS).unwrap();
    let hash = hash_kv_source(&huge, 2, -1);
    let added = peak() - before;
    assert!(added < 16 << 10, "{added} KiB");
    // It was read to its end: the record's last field is the zeros' own fault.
    let codes: Vec<_> = report
        .verdict
        .reasons()
        .iter()
        .map(|reason| reason.damage.code())
        .collect();
    assert_eq!(codes, ["record", "trailer"]);
    assert!(hash.is_err());
    assert_eq!(report.database.unwrap().total_key, 12);
}
