//! Every shape that bbolt gives a file is read, and none of them changes the hash.

use runbook_snapshot::{Options, Report, Verdict, inspect_source};

use crate::writer::{Kind, Writer, etcd, puts, record, revision};

fn read(file: &[u8]) -> Report {
    inspect_source(&file, &Options::default()).unwrap()
}

fn shapes() -> Vec<Writer> {
    let mut shapes = Vec::new();
    for power in 10..=16 {
        for inline in [true, false] {
            for most in [2, 3, usize::MAX] {
                let mut writer = Writer::new(etcd(puts(40, b"value")));
                writer.page_size = 1 << power;
                writer.inline = inline;
                writer.most = most;
                writer.freelist = most == 3;
                writer.newer = u64::from(!inline && most == 2);
                shapes.push(writer);
            }
        }
    }
    shapes
}

#[test]
fn the_hash_does_not_depend_on_the_shape() {
    let mut hashes = Vec::new();
    for shape in shapes() {
        let image = shape.build();
        let report = read(&image.snapshot());
        if shape.newer == 0 {
            assert_eq!(
                report.verdict,
                Verdict::Valid,
                "{} {}",
                shape.page_size,
                shape.most
            );
        } else {
            // Readable, but no stream writes it so.
            assert_eq!(report.verdict.reasons()[0].damage.code(), "meta-pair");
            assert_eq!(report.verdict.name(), "suspect");
        }
        let database = report.database.unwrap();
        assert_eq!(database.page_size, shape.page_size as u64);
        assert_eq!(database.total_size, image.bytes.len() as u64);
        assert_eq!((database.total_key, database.total_key_36), (41 + 11, 39));
        assert_eq!(database.revision, 42);
        hashes.push(database.hash);
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
}

#[test]
fn trees_of_several_levels() {
    let mut writer = Writer::new(etcd(puts(40, b"value")));
    writer.most = 2;
    let image = writer.build();
    let branches = image
        .pages
        .iter()
        .filter(|page| page.1 == Kind::Branch)
        .count();
    assert!(branches > 20, "{branches}");
    assert_eq!(read(&image.snapshot()).verdict, Verdict::Valid);
}

#[test]
fn values_longer_than_a_page_and_longer_than_what_is_held() {
    let mut hashes = Vec::new();
    for length in [5_000, 70_000, 3_000_000] {
        for page_size in [1024, 4096, 65536] {
            let mut writer = Writer::new(etcd(puts(3, &vec![b'x'; length])));
            writer.page_size = page_size;
            let image = writer.build();
            let report = read(&image.snapshot());
            assert_eq!(report.verdict, Verdict::Valid, "{length} {page_size}");
            let database = report.database.unwrap();
            assert_eq!(database.keys.largest_value, length as u64);
            hashes.push((length, database.hash));
        }
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 3, "{hashes:?}");
}

#[test]
fn free_pages_are_counted_with_and_without_a_stored_freelist() {
    for freelist in [true, false] {
        let mut writer = Writer::new(etcd(puts(40, b"value")));
        writer.freelist = freelist;
        writer.free = 5;
        let report = read(&writer.build().snapshot());
        assert_eq!(report.verdict, Verdict::Valid);
        assert_eq!(report.database.unwrap().free_pages, 5);
    }
}

#[test]
fn storage_version_of_3_6() {
    let mut writer = Writer::new(etcd(puts(1, b"v")));
    let meta = writer.buckets.get_mut(&b"meta"[..]).unwrap();
    meta.insert(4, (b"storageVersion".to_vec(), b"3.6.0".to_vec()));
    let report = read(&writer.build().snapshot());
    assert_eq!(report.verdict, Verdict::Valid);
    let database = report.database.unwrap();
    assert_eq!(database.version, "3.6.0");
    assert_eq!(database.server_fit.least.unwrap().to_string(), "3.6");
    assert_eq!(database.server_fit.evidence, Some("storageVersion"));
}

#[test]
fn an_empty_store() {
    let mut writer = Writer::new(etcd(Vec::new()));
    for inline in [true, false] {
        writer.inline = inline;
        let report = read(&writer.build().snapshot());
        assert_eq!(report.verdict, Verdict::Valid);
        assert_eq!(report.database.unwrap().revision, 0);
    }
}

#[test]
fn more_keys_alive_than_are_held() {
    let count = 120_000;
    let mut keys = puts(count, b"v");
    for again in [false, true] {
        if again {
            // Made once more without having been deleted: no etcd writes that, and none counts it twice.
            for main in count + 3..2 * count + 3 {
                let key = format!("key-{:06}", main - count);
                keys.push((
                    revision(main, 0),
                    record(key.as_bytes(), main, main, 1, b"v"),
                ));
            }
        }
        // One is deleted; the last one made again is new.
        let alive = count - 1 + i64::from(again);
        let report = read(&Writer::new(etcd(keys.clone())).build().snapshot());
        assert_eq!(report.verdict, Verdict::Valid);
        let database = report.database.unwrap();
        assert_eq!(database.total_key_36, alive as u64, "{again}");
        assert_eq!(database.total_key, keys.len() as u64 + 11);
    }
}
