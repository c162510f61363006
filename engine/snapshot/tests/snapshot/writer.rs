//! Writes bbolt files of any shape, as bbolt would, so that every shape can be read and then damaged.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// What kind of page lies where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Branch,
    Leaf,
    Freelist,
    Free,
}

/// A file to be.
#[derive(Clone)]
pub struct Writer {
    pub page_size: usize,
    /// Which meta page has the higher transaction.
    pub newer: u64,
    /// Whether the freelist is stored.
    pub freelist: bool,
    /// Pages left free before the trees.
    pub free: u64,
    /// Entries a page at most: few make deep trees.
    pub most: usize,
    pub inline: bool,
    /// Name, entries; a bucket's flag is set unless it is among `plain`.
    pub buckets: BTreeMap<Vec<u8>, Entries>,
}

/// A database image without its trailer.
#[derive(Clone)]
pub struct Image {
    pub bytes: Vec<u8>,
    pub page_size: usize,
    pub root: u64,
    /// First page, kind and pages in a row.
    pub pages: Vec<(u64, Kind, u64)>,
}

impl Writer {
    pub fn new(buckets: BTreeMap<Vec<u8>, Entries>) -> Writer {
        Writer {
            page_size: 4096,
            newer: 0,
            freelist: false,
            free: 2,
            most: usize::MAX,
            inline: true,
            buckets,
        }
    }

    pub fn build(&self) -> Image {
        let page_size = self.page_size;
        let mut image = Image {
            bytes: vec![0; 2 * page_size],
            page_size,
            root: 0,
            pages: Vec::new(),
        };
        let first_free = 2;
        for id in first_free..first_free + self.free {
            image.bytes.extend(vec![0xaa; page_size]);
            image.pages.push((id, Kind::Free, 1));
        }
        let freelist = if self.freelist {
            let mut data = Vec::new();
            for id in first_free..first_free + self.free {
                data.extend(id.to_le_bytes());
            }
            image.page(Kind::Freelist, self.free as u16, &data)
        } else {
            u64::MAX
        };
        let mut roots = Vec::new();
        for (name, entries) in &self.buckets {
            roots.push((1, name.clone(), self.bucket(&mut image, entries)));
        }
        image.root = self.tree(&mut image, roots);
        let pages = (image.bytes.len() / page_size) as u64;
        let older = 1 - self.newer;
        for (index, txid) in [(self.newer, 9), (older, 8)] {
            image.meta(index, txid, freelist, pages);
        }
        image
    }

    fn bucket(&self, image: &mut Image, entries: &Entries) -> Vec<u8> {
        let leaf: Vec<_> = entries
            .iter()
            .map(|(key, value)| (0, key.clone(), value.clone()))
            .collect();
        let data = leaf_data(&leaf);
        let mut value = vec![0; 16];
        if self.inline && data.len() + 16 <= self.page_size / 4 {
            value.extend(header(0, Kind::Leaf, leaf.len() as u16, 0));
            value.extend(data);
        } else {
            let root = self.tree(image, leaf);
            value[..8].copy_from_slice(&root.to_le_bytes());
        }
        value
    }

    fn tree(&self, image: &mut Image, entries: Vec<(u32, Vec<u8>, Vec<u8>)>) -> u64 {
        let mut level = Vec::new();
        let mut rest = &entries[..];
        loop {
            let (page, after) =
                rest.split_at(self.fill(rest.iter().map(|e| 16 + e.1.len() + e.2.len())));
            let id = image.page(Kind::Leaf, page.len() as u16, &leaf_data(page));
            level.push((
                page.first()
                    .map(|entry| entry.1.clone())
                    .unwrap_or_default(),
                id,
            ));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        while level.len() > 1 {
            let mut above = Vec::new();
            let mut rest = &level[..];
            while !rest.is_empty() {
                let (page, after) = rest.split_at(self.fill(rest.iter().map(|e| 16 + e.0.len())));
                let id = image.page(Kind::Branch, page.len() as u16, &branch_data(page));
                above.push((page[0].0.clone(), id));
                rest = after;
            }
            level = above;
        }
        level[0].1
    }

    /// How many fit a page: at least one, and two in a branch unless it is the last.
    fn fill(&self, sizes: impl Iterator<Item = usize>) -> usize {
        let mut used = 16;
        let mut count = 0;
        for size in sizes {
            if count > 0 && (used + size > self.page_size || count >= self.most) {
                break;
            }
            used += size;
            count += 1;
        }
        count
    }
}

impl Image {
    fn page(&mut self, kind: Kind, count: u16, data: &[u8]) -> u64 {
        let id = (self.bytes.len() / self.page_size) as u64;
        let pages = (data.len() + 16).div_ceil(self.page_size);
        self.bytes.extend(header(id, kind, count, pages as u32 - 1));
        self.bytes.extend(data);
        let end = (id as usize + pages) * self.page_size;
        self.bytes.resize(end, 0);
        self.pages.push((id, kind, pages as u64));
        id
    }

    fn meta(&mut self, index: u64, txid: u64, freelist: u64, pages: u64) {
        let at = index as usize * self.page_size;
        let mut page = Vec::new();
        page.extend(index.to_le_bytes());
        page.extend([4, 0, 0, 0, 0, 0, 0, 0]);
        page.extend(0xED0C_DAED_u32.to_le_bytes());
        page.extend(2_u32.to_le_bytes());
        page.extend((self.page_size as u32).to_le_bytes());
        page.extend([0; 4]);
        for field in [self.root, 0, freelist, pages, txid] {
            page.extend(field.to_le_bytes());
        }
        self.bytes[at..at + page.len()].copy_from_slice(&page);
        self.sum_meta(index);
    }

    /// Makes a meta page's checksum fit again.
    pub fn sum_meta(&mut self, index: u64) {
        let at = index as usize * self.page_size;
        let sum = self.bytes[at + 16..at + 72]
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
                (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
        self.bytes[at + 72..at + 80].copy_from_slice(&sum.to_le_bytes());
    }

    /// Offset of the nth page of a kind.
    pub fn at(&self, kind: Kind, nth: usize) -> usize {
        let mut pages = self.pages.iter().filter(|page| page.1 == kind);
        pages.nth(nth).unwrap().0 as usize * self.page_size
    }

    /// The file: with the trailer that fits.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut file = self.bytes.clone();
        file.extend(Sha256::digest(&self.bytes));
        file
    }

    /// Offset of the only occurrence of some bytes.
    pub fn find(&self, bytes: &[u8]) -> usize {
        let mut found = self
            .bytes
            .windows(bytes.len())
            .enumerate()
            .filter(|(_, here)| *here == bytes);
        let at = found.next().unwrap().0;
        assert!(
            found.next().is_none(),
            "{} occurs twice",
            bytes.escape_ascii()
        );
        at
    }

    pub fn put_u16(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    pub fn put_u32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub fn put_u64(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

fn header(id: u64, kind: Kind, count: u16, overflow: u32) -> Vec<u8> {
    let flags: u16 = match kind {
        Kind::Branch => 1,
        Kind::Leaf => 2,
        Kind::Freelist => 16,
        Kind::Free => 0,
    };
    let mut header = id.to_le_bytes().to_vec();
    header.extend(flags.to_le_bytes());
    header.extend(count.to_le_bytes());
    header.extend(overflow.to_le_bytes());
    header
}

fn leaf_data(entries: &[(u32, Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let (mut elements, mut data): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for (index, (flags, key, value)) in entries.iter().enumerate() {
        let pos = (entries.len() - index) * 16 + data.len();
        for field in [*flags, pos as u32, key.len() as u32, value.len() as u32] {
            elements.extend(field.to_le_bytes());
        }
        data.extend(key);
        data.extend(value);
    }
    elements.extend(data);
    elements
}

fn branch_data(children: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let (mut elements, mut data): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for (index, (key, id)) in children.iter().enumerate() {
        let pos = (children.len() - index) * 16 + data.len();
        elements.extend((pos as u32).to_le_bytes());
        elements.extend((key.len() as u32).to_le_bytes());
        elements.extend(id.to_le_bytes());
        data.extend(key);
    }
    elements.extend(data);
    elements
}

/// A revision as a key of bucket `key`.
pub fn revision(main: i64, sub: i64) -> Vec<u8> {
    [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// An `mvccpb.KeyValue`.
pub fn record(key: &[u8], create: i64, modified: i64, version: i64, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x0a];
    bytes.extend(varint(key.len() as u64));
    bytes.extend(key);
    for (tag, number) in [(0x10, create), (0x18, modified), (0x20, version)] {
        if number != 0 {
            bytes.push(tag);
            bytes.extend(varint(number as u64));
        }
    }
    if !value.is_empty() {
        bytes.push(0x2a);
        bytes.extend(varint(value.len() as u64));
        bytes.extend(value);
    }
    bytes
}

/// `count` puts of `key-N` from revision 2 on, then one tombstone of the first key.
pub fn puts(count: i64, value: &[u8]) -> Entries {
    let mut entries: Entries = (2..2 + count)
        .map(|main| {
            let key = format!("key-{main:06}");
            (
                revision(main, 0),
                record(key.as_bytes(), main, main, 1, value),
            )
        })
        .collect();
    let tombstone = [revision(2 + count, 0), b"t".to_vec()].concat();
    entries.push((tombstone, record(b"key-000002", 0, 0, 0, b"")));
    entries
}

/// The ten buckets of etcd 3.5 around these keys.
pub fn etcd(keys: Entries) -> BTreeMap<Vec<u8>, Entries> {
    let member = br#"{"id":10276657743932975437,"peerURLs":["http://10.0.0.1:2380"],"name":"m1","clientURLs":["http://10.0.0.1:2379"]}"#;
    let text = |text: &str| text.as_bytes().to_vec();
    let number = |number: u64| number.to_be_bytes().to_vec();
    [
        ("alarm", vec![]),
        (
            "auth",
            vec![
                (text("authEnabled"), vec![0]),
                (text("authRevision"), number(1)),
            ],
        ),
        ("authRoles", vec![]),
        ("authUsers", vec![]),
        ("cluster", vec![(text("clusterVersion"), text("3.5.0"))]),
        ("key", keys),
        ("lease", vec![(number(7), vec![0x08, 7, 0x10, 60])]),
        ("members", vec![(text("8e9e05c52164694d"), member.to_vec())]),
        (
            "members_removed",
            vec![(text("8e9e05c52164694e"), text("removed"))],
        ),
        (
            "meta",
            vec![
                (
                    text("confState"),
                    text(r#"{"voters":[10276657743932975437],"auto_leave":false}"#),
                ),
                (text("consistent_index"), number(77)),
                (text("finishedCompactRev"), revision(1, 0)),
                (text("scheduledCompactRev"), revision(1, 0)),
                (text("term"), number(2)),
            ],
        ),
    ]
    .into_iter()
    .map(|(name, entries)| (text(name), entries))
    .collect()
}
