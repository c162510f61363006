//! Every kind of damage is found and named, with its place, although the trailer fits.

use runbook_snapshot::{Allow, Options, Report, Verdict, inspect_source, verify};
use sha2::{Digest, Sha256};

use crate::writer::{Entries, Image, Kind, Writer, etcd, puts, record, revision};

fn read(file: &[u8]) -> Report {
    inspect_source(&file, &Options::default()).unwrap()
}

/// A database with every kind of page: branches, leaves, overflow, a stored freelist.
fn image() -> Image {
    writer().build()
}

fn writer() -> Writer {
    let mut keys = puts(30, b"value");
    keys.push((revision(90, 0), record(b"large", 90, 90, 1, &[b'x'; 3000])));
    let mut writer = Writer::new(etcd(keys));
    writer.page_size = 1024;
    writer.freelist = true;
    writer.most = 5;
    writer
}

#[track_caller]
fn codes(file: &[u8]) -> (&'static str, Vec<&'static str>) {
    let report = read(file);
    let reasons = report.verdict.reasons();
    (
        report.verdict.name(),
        reasons.iter().map(|reason| reason.damage.code()).collect(),
    )
}

/// The damage is found as `code` and the file is refused.
#[track_caller]
fn refused(name: &str, code: &str, damage: impl FnOnce(&mut Image)) {
    let mut image = image();
    damage(&mut image);
    let (verdict, codes) = codes(&image.snapshot());
    assert_eq!(verdict, "invalid", "{name}: {codes:?}");
    assert_eq!(codes.first(), Some(&code), "{name}: {codes:?}");
}

const ID: usize = 0;
const FLAGS: usize = 8;
const COUNT: usize = 10;
const OVERFLOW: usize = 12;
const FIRST: usize = 16;

#[test]
fn the_undamaged_image_is_valid() {
    assert_eq!(read(&image().snapshot()).verdict, Verdict::Valid);
}

#[test]
fn page_headers() {
    for kind in [Kind::Branch, Kind::Leaf] {
        let name = format!("{kind:?}");
        refused(&name, "page-id", |image| {
            image.put_u64(image.at(kind, 0) + ID, 3)
        });
        for flags in [0, 4, 16, 3, 0x8002] {
            refused(&name, "page-flags", |image| {
                image.put_u16(image.at(kind, 0) + FLAGS, flags)
            });
        }
        refused(&name, "page-count", |image| {
            image.put_u16(image.at(kind, 1) + COUNT, 0)
        });
        refused(&name, "page-count", |image| {
            image.put_u16(image.at(kind, 1) + COUNT, 65535)
        });
        refused(&name, "page-overflow", |image| {
            image.put_u32(image.at(kind, 1) + OVERFLOW, u32::MAX)
        });
        refused(&name, "element", |image| {
            let at = image.at(kind, 1) + COUNT;
            let more = image.bytes[at] + 1;
            image.put_u16(at, u16::from(more));
        });
    }
    // A leaf read as a branch and the other way round.
    refused("leaf as branch", "element", |image| {
        image.put_u16(image.at(Kind::Leaf, 1) + FLAGS, 1)
    });
    refused("branch as leaf", "element", |image| {
        image.put_u16(image.at(Kind::Branch, 0) + FLAGS, 2)
    });
}

#[test]
fn an_overflow_count_that_the_content_does_not_need() {
    // Without a stored freelist a free page could be swallowed unseen.
    let mut writer = writer();
    writer.freelist = false;
    writer.free = 0;
    let mut image = writer.build();
    let last = image.pages.len() - 1;
    assert_eq!(image.pages[last].1, Kind::Branch, "the root");
    let at = image.at(Kind::Leaf, 0) + OVERFLOW;
    image.put_u32(at, 1);
    let (verdict, codes) = codes(&image.snapshot());
    assert_eq!(verdict, "invalid");
    assert!(codes.contains(&"page-overflow"), "{codes:?}");
}

#[test]
fn elements() {
    let leaf = |image: &Image| image.at(Kind::Leaf, 1) + FIRST + 16;
    refused("leaf pos", "element", |image| {
        image.put_u32(leaf(image) + 4, 17)
    });
    refused("leaf pos", "element", |image| {
        image.put_u32(leaf(image) + 4, u32::MAX)
    });
    refused("leaf key size", "element", |image| {
        image.put_u32(leaf(image) + 8, u32::MAX)
    });
    refused("leaf key size", "element", |image| {
        image.put_u32(leaf(image) + 8, 0)
    });
    refused("leaf value size", "element", |image| {
        image.put_u32(leaf(image) + 12, 4000)
    });
    refused("leaf value size", "element", |image| {
        image.put_u32(leaf(image) + 12, u32::MAX)
    });
    refused("leaf flags", "element-flags", |image| {
        image.put_u32(leaf(image), 1)
    });
    refused("leaf flags", "element-flags", |image| {
        image.put_u32(leaf(image), 2)
    });
    let branch = |image: &Image| image.at(Kind::Branch, 0) + FIRST + 16;
    refused("branch pos", "element", |image| {
        image.put_u32(branch(image), 9)
    });
    refused("branch key size", "element", |image| {
        image.put_u32(branch(image) + 4, u32::MAX)
    });
    for page in [0, 1, u64::MAX, 10_000] {
        refused("branch child", "page-out-of-range", |image| {
            image.put_u64(branch(image) + 8, page)
        });
    }
    // The last value ends behind its page, with every element where it belongs.
    refused("value past its page", "element", |image| {
        let at = image.at(Kind::Leaf, 0) + FIRST;
        let count = usize::from(image.bytes[image.at(Kind::Leaf, 0) + COUNT]);
        image.put_u32(at + 16 * (count - 1) + 12, 2048);
    });
}

#[test]
fn order_and_reachability() {
    refused("swapped keys", "key-order", |image| {
        let at = image.find(&revision(4, 0));
        image.bytes[at..at + 17].copy_from_slice(&revision(3, 0));
    });
    refused("a key below its branch's", "key-order", |image| {
        let leaf = image.at(Kind::Leaf, 1);
        let key = leaf + 16 + 16 * usize::from(image.bytes[leaf + COUNT]);
        image.bytes[key..key + 17].copy_from_slice(&revision(1, 0));
    });
    refused("a key above the next branch key", "key-order", |image| {
        let leaf = image.at(Kind::Leaf, 0);
        let at = image.bytes[leaf..leaf + 1024]
            .windows(17)
            .rposition(|key| *key == revision(6, 0));
        let at = leaf + at.unwrap();
        image.bytes[at..at + 17].copy_from_slice(&revision(60, 0));
    });
    refused("branch keys out of order", "key-order", |image| {
        let branch = image.at(Kind::Branch, 0);
        let key = branch + 16 + 16 * usize::from(image.bytes[branch + COUNT]) + 17;
        image.bytes[key..key + 17].copy_from_slice(&revision(1, 0));
    });
    refused("a page used twice", "page-used-twice", |image| {
        let branch = image.at(Kind::Branch, 0) + FIRST;
        let first = image.bytes[branch + 8..branch + 16].to_vec();
        image.bytes[branch + 24..branch + 32].copy_from_slice(&first);
    });
    refused("a cycle", "page-used-twice", |image| {
        let branch = image.at(Kind::Branch, 0);
        image.put_u64(branch + FIRST + 8, (branch / 1024) as u64);
    });
    refused(
        "a page neither used nor free",
        "page-unreachable",
        |image| {
            let freelist = image.at(Kind::Freelist, 0);
            image.put_u16(freelist + COUNT, 1);
        },
    );
    let mut image = image();
    let (leaf, freelist) = (image.at(Kind::Leaf, 0), image.at(Kind::Freelist, 0));
    image.put_u64(freelist + FIRST + 8, (leaf / 1024) as u64);
    assert_eq!(
        codes(&image.snapshot()),
        ("invalid", vec!["page-unreachable", "page-freed-in-use"])
    );
}

#[test]
fn freelist() {
    let at = |image: &Image| image.at(Kind::Freelist, 0);
    refused("flags", "page-flags", |image| {
        image.put_u16(at(image) + FLAGS, 2)
    });
    refused("id", "freelist", |image| image.put_u64(at(image) + ID, 3));
    refused("count", "freelist", |image| {
        image.put_u16(at(image) + COUNT, 65535)
    });
    refused("count", "freelist", |image| {
        image.put_u16(at(image) + COUNT, 1000)
    });
    refused("overflow", "page-overflow", |image| {
        image.put_u32(at(image) + OVERFLOW, 9999)
    });
    refused("number", "freelist", |image| {
        image.put_u64(at(image) + FIRST, 1 << 40)
    });
    refused("number", "freelist", |image| {
        image.put_u64(at(image) + FIRST, 0)
    });
    refused("order", "freelist", |image| {
        image.put_u64(at(image) + FIRST, 3)
    });
}

/// Changes both meta pages and makes their checksums fit.
fn both_metas(image: &mut Image, change: impl Fn(&mut Image, usize)) {
    for index in 0..2 {
        change(image, index as usize * image.page_size);
        image.sum_meta(index);
    }
}

#[test]
fn meta_pages() {
    for (offset, fault) in [
        (16, "magic"),
        (20, "version"),
        (72, "checksum"),
        (40, "checksum"),
    ] {
        for page in 0..2_usize {
            let mut image = image();
            image.bytes[page * 1024 + offset] ^= 0x10;
            let report = read(&image.snapshot());
            assert_eq!(report.verdict.name(), "suspect", "{page} {fault}");
            assert_eq!(report.verdict.reasons()[0].place.page, Some(page as u64));
            assert!(
                report.verdict.reasons()[0]
                    .damage
                    .to_string()
                    .contains(fault)
            );
            assert_eq!(report.database.unwrap().revision, 90);
        }
        refused("both", "no-meta", |image| {
            image.bytes[offset] ^= 0x10;
            image.bytes[1024 + offset] ^= 0x10;
        });
    }
    refused("root", "page-out-of-range", |image| {
        both_metas(image, |image, at| image.put_u64(at + 32, 1))
    });
    refused("root", "page-out-of-range", |image| {
        both_metas(image, |image, at| image.put_u64(at + 32, u64::MAX));
    });
    refused("freelist", "page-out-of-range", |image| {
        both_metas(image, |image, at| image.put_u64(at + 48, 1 << 50));
    });
    refused("page size", "no-meta", |image| {
        both_metas(image, |image, at| image.put_u32(at + 24, 1000))
    });
    refused("page size", "no-meta", |image| {
        both_metas(image, |image, at| image.put_u32(at + 24, 512))
    });
    for pages in [1 << 30, u64::MAX] {
        let mut image = image();
        both_metas(&mut image, |image, at| image.put_u64(at + 56, pages));
        let (verdict, codes) = codes(&image.snapshot());
        assert_eq!(
            (verdict, codes.contains(&"short")),
            ("invalid", true),
            "{codes:?}"
        );
    }
}

#[test]
fn the_page_size_is_searched_when_the_first_meta_page_is_lost() {
    for power in 10..=16 {
        let mut writer = writer();
        writer.page_size = 1 << power;
        let mut image = writer.build();
        image.bytes[..80].fill(0xff);
        let report = read(&image.snapshot());
        assert_eq!(report.verdict.name(), "suspect", "{power}");
        assert_eq!(report.database.unwrap().page_size, 1 << power);
    }
}

/// The content is damaged in a way that needs other entries.
#[track_caller]
fn content(name: &str, code: &str, change: impl FnOnce(&mut Writer)) {
    let mut writer = writer();
    change(&mut writer);
    let (verdict, codes) = codes(&writer.build().snapshot());
    assert_eq!(verdict, "invalid", "{name}: {codes:?}");
    assert_eq!(codes.first(), Some(&code), "{name}: {codes:?}");
}

#[test]
fn buckets() {
    content("no key bucket", "missing-bucket", |writer| {
        writer.buckets.remove(&b"key"[..]);
    });
    for inline in [true, false] {
        let mut writer = writer();
        writer.inline = inline;
        writer.most = usize::MAX;
        writer.freelist = false;
        let image = writer.build();
        // The root leaf is the last page; `key` is its sixth entry.
        let element = image.root as usize * 1024 + 16 + 5 * 16;
        let mut plain = image.clone();
        plain.put_u32(element, 0);
        assert_eq!(
            codes(&plain.snapshot()).1,
            ["not-a-bucket", "missing-bucket"][..1]
        );
        let pos = image.bytes[element + 4..element + 8].try_into().unwrap();
        let value = element + u32::from_le_bytes(pos) as usize + 3;
        for (at, with, code) in [
            (0, 1, "page-out-of-range"),
            (0, 200, "page-out-of-range"),
            (8, 1, "bucket-sequence"),
        ] {
            let mut other = image.clone();
            other.put_u64(value + at, with);
            assert_eq!(codes(&other.snapshot()).1.first(), Some(&code));
        }
    }
    refused("inline flags", "bucket-header", |image| {
        let at = image.find(b"authRoles\0");
        image.put_u16(at + 9 + 16 + FLAGS, 1);
    });
    refused("inline count", "page-count", |image| {
        let at = image.find(b"authRoles\0");
        image.put_u16(at + 9 + 16 + COUNT, 3);
    });
    refused("root of a small bucket", "bucket-header", |image| {
        let at = image.find(b"cluster\0");
        image.put_u64(at + 7, image.root);
    });
}

fn with_key(writer: &mut Writer, key: Vec<u8>, value: Vec<u8>) {
    let keys: &mut Entries = writer.buckets.get_mut(&b"key"[..]).unwrap();
    keys.push((key, value));
    keys.sort();
}

#[test]
fn revisions_and_records() {
    let fine = record(b"k", 95, 95, 1, b"v");
    let at = || revision(95, 0);
    for key in [
        &b"95"[..],
        &revision(95, 0)[..16],
        &[&revision(95, 0)[..], b"x"].concat(),
        &[&revision(95, 0)[..], b"tt"].concat(),
    ] {
        content("revision key", "revision-key", |writer| {
            with_key(writer, key.to_vec(), fine.clone())
        });
    }
    content("negative revision", "revision-key", |writer| {
        with_key(writer, revision(-1, 0), fine.clone())
    });
    for value in [
        &b"\xff\xff"[..],
        b"\x0a\x7fk",
        b"\x0a\x01k\x07",
        &fine[..fine.len() - 1],
    ] {
        content("garbage", "record", |writer| {
            with_key(writer, at(), value.to_vec())
        });
    }
    for value in [
        record(b"", 95, 95, 1, b"v"),
        record(b"k", 95, 94, 1, b"v"),
        record(b"k", 96, 95, 1, b"v"),
        record(b"k", 0, 95, 1, b"v"),
        record(b"k", 95, 95, 0, b"v"),
        record(b"k", 94, 95, 1, b"v"),
        record(b"k", 95, 95, -1, b"v"),
    ] {
        content("contradiction", "record", |writer| {
            with_key(writer, at(), value)
        });
    }
    let tombstone = [revision(95, 0), b"t".to_vec()].concat();
    for value in [vec![], fine.clone(), record(b"", 0, 0, 0, b"")] {
        content("tombstone", "record", |writer| {
            with_key(writer, tombstone.clone(), value)
        });
    }
}

#[test]
fn small_entries() {
    let cases: [(&str, &str, &[u8]); 17] = [
        ("members", "8e9e05c52164694d", b"{}"),
        ("members", "8e9e05c52164694d", b"{\"id\":5}"),
        ("members", "+1", b"{\"id\":1}"),
        ("members", "not hex", b"{\"id\":1}"),
        ("members_removed", "zz", b"removed"),
        ("meta", "consistent_index", b"1234567"),
        ("meta", "term", b""),
        ("meta", "confState", b"[}"),
        ("meta", "scheduledCompactRev", b"12345678_1234567"),
        ("meta", "storageVersion", b"\xff"),
        ("cluster", "clusterVersion", b"three"),
        ("cluster", "downgrade", b"no"),
        ("auth", "authEnabled", b"\x02"),
        ("authUsers", "alice", b"\x0a\x03bob"),
        ("authRoles", "reader", b"\x0a\xff"),
        ("lease", "12345678", b"\x08\x01"),
        ("alarm", "\x08\x01\x10\x09", b""),
    ];
    for (bucket, key, value) in cases {
        let mut writer = writer();
        let entries = writer.buckets.get_mut(bucket.as_bytes()).unwrap();
        entries.retain(|entry| entry.0 != key.as_bytes());
        entries.push((key.as_bytes().to_vec(), value.to_vec()));
        entries.sort();
        let report = read(&writer.build().snapshot());
        let reasons = report.verdict.reasons();
        assert_eq!(report.verdict.name(), "invalid", "{bucket} {key}");
        assert_eq!(reasons[0].damage.code(), "entry", "{bucket} {key}");
        assert_eq!(reasons[0].place.bucket.as_deref(), Some(bucket));
    }
}

#[test]
fn what_no_known_etcd_writes_is_only_suspect() {
    let mut later = writer();
    later.most = usize::MAX;
    later.buckets.insert(b"newer".to_vec(), Vec::new());
    assert_eq!(
        codes(&later.build().snapshot()),
        ("suspect", vec!["unknown-bucket"])
    );
    let mut later = writer();
    later
        .buckets
        .get_mut(&b"meta"[..])
        .unwrap()
        .push((b"zeta".to_vec(), vec![1]));
    assert_eq!(
        codes(&later.build().snapshot()),
        ("suspect", vec!["unknown-entry"])
    );
    let mut earlier = writer();
    earlier.buckets.remove(&b"cluster"[..]);
    assert_eq!(
        codes(&earlier.build().snapshot()),
        ("suspect", vec!["missing-bucket"])
    );
}

#[test]
fn length_and_trailer() {
    let image = image();
    let whole = image.snapshot();
    let size = whole.len();
    assert_eq!(codes(&[]), ("invalid", vec!["empty"]));
    for tiny in [1, 31, 32, 100, 544, 2048] {
        assert_eq!(
            codes(&whole[..tiny]),
            ("invalid", vec!["too-small"]),
            "{tiny}"
        );
    }
    // The trailer is gone, in whole or in part.
    assert_eq!(
        codes(&whole[..size - 32]),
        ("no-trailing-hash", vec!["missing-trailer"])
    );
    for missing in [1, 16, 31] {
        assert_eq!(
            codes(&whole[..size - missing]),
            ("invalid", vec!["length"]),
            "{missing}"
        );
    }
    // Cut further: by its meta page the file must be longer.
    for missing in [33, 544, 1056, 4096 + 32, 5000] {
        let (verdict, codes) = codes(&whole[..size - missing]);
        assert_eq!(
            (verdict, codes.contains(&"short")),
            ("invalid", true),
            "{missing} {codes:?}"
        );
    }
    // Something was written behind.
    for extra in [1, 32, 480, 512, 1024] {
        let longer = [&whole[..], &vec![0; extra]].concat();
        let (verdict, codes) = codes(&longer);
        assert_eq!(
            (verdict, codes.contains(&"appended")),
            ("invalid", true),
            "{extra} {codes:?}"
        );
    }
    // The trailer does not fit, from either side.
    for at in [size - 1, size - 32, size - 33, 0, 5000] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        let (verdict, codes) = codes(&flipped);
        assert_eq!(
            (verdict, codes.contains(&"trailer")),
            ("invalid", true),
            "{at} {codes:?}"
        );
    }
    // Slack behind the last page, hashed with the rest.
    let mut slack = image.clone();
    slack.bytes.extend([0; 2048]);
    assert_eq!(codes(&slack.snapshot()), ("suspect", vec!["slack"]));
    // Without a trailer slack is how a live file looks.
    assert_eq!(
        codes(&slack.bytes),
        ("no-trailing-hash", vec!["missing-trailer"])
    );
}

#[test]
fn a_copied_database_is_told_from_a_cut_snapshot() {
    let mut writer = writer();
    for (newer, what) in [(0, "lost its last bytes"), (1, "a copied database file")] {
        writer.newer = newer;
        let report = read(&writer.build().bytes);
        assert_eq!(report.verdict.name(), "no-trailing-hash");
        assert!(
            report.verdict.reasons()[0].to_string().contains(what),
            "{what}"
        );
    }
}

#[test]
fn verification_lets_pass_what_it_should() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup.db");
    let image = image();
    let verdict = |bytes: &[u8], missing_hash| {
        std::fs::write(&path, bytes).unwrap();
        verify(&path, None, Allow { missing_hash })
    };
    let verified = verdict(&image.snapshot(), false).unwrap();
    assert!(verified.has_trailing_hash());
    assert_eq!(
        verified.sha256(),
        hex::encode(Sha256::digest(image.snapshot()))
    );
    assert_eq!(
        verified.report().image_sha256,
        hex::encode(Sha256::digest(&image.bytes))
    );
    let refused = verdict(&image.bytes, false).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the snapshot is refused: the file ends without the SHA-256 that `etcdctl snapshot save` appends: a snapshot that lost its last bytes (byte 22528)"
    );
    assert!(refused.help().contains("allow the missing hash"));
    assert!(!verdict(&image.bytes, true).unwrap().has_trailing_hash());
    let mut damaged = image.clone();
    damaged.put_u16(image.at(Kind::Leaf, 0) + FLAGS, 0);
    let refused = verdict(&damaged.bytes, true).unwrap_err();
    assert_eq!(refused.reasons()[0].damage.code(), "page-flags");
    assert!(refused.report().is_some());
    assert!(
        verify(dir.path(), None, Allow::default())
            .unwrap_err()
            .to_string()
            .contains("is not a regular file")
    );
    let none = verify(&dir.path().join("none"), None, Allow::default()).unwrap_err();
    assert!(none.to_string().contains("cannot open"), "{none}");
}
