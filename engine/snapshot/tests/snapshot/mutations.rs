//! No bytes whatever make the reader panic, hang or take memory; what changes without a trace is content alone.

use proptest::prelude::*;
use runbook_snapshot::{Options, hash_kv_source, inspect_source, to_json};

use crate::fixtures::all;
use crate::writer::{Image, Kind, Writer, etcd, puts, record, revision};

fn image() -> Image {
    let mut keys = puts(12, b"value");
    keys.push((revision(90, 0), record(b"large", 90, 90, 1, &[b'x'; 1500])));
    let mut writer = Writer::new(etcd(keys));
    writer.page_size = 1024;
    writer.most = 4;
    writer.build()
}

fn options() -> Options {
    Options {
        hash_kv: true,
        ..Options::default()
    }
}

/// Bytes that may change unseen: behind a page's data, free pages, the rest of a meta page.
fn slack(image: &Image) -> Vec<bool> {
    let mut slack = vec![true; image.bytes.len()];
    let number = |at: usize, bytes: usize| {
        image.bytes[at..at + bytes]
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    for meta in [0, 1024] {
        slack[meta..meta + 80].fill(false);
        // The header's count and overflow are not used of a meta page.
        slack[meta + 10..meta + 16].fill(true);
    }
    for (id, kind, _) in image.pages.iter().filter(|page| page.1 != Kind::Free) {
        let at = *id as usize * 1024;
        let count = number(at + 10, 2);
        let mut end = 16 + count * 16;
        for element in 0..count {
            let element = at + 16 + element * 16;
            end += match kind {
                Kind::Leaf => number(element + 8, 4) + number(element + 12, 4),
                _ => number(element + 4, 4),
            };
        }
        slack[at..at + end].fill(false);
        // A branch key that still separates its children does no harm: deletions leave such keys too.
        if *kind == Kind::Branch {
            slack[at + 16 + count * 16..at + end].fill(true);
        }
    }
    slack
}

#[test]
fn every_flipped_bit_of_a_page_is_found_or_is_content_or_is_not_read() {
    let image = image();
    let slack = slack(&image);
    let whole = inspect_source(&image.snapshot(), &Options::default()).unwrap();
    let whole = whole.database.unwrap();
    let mut unseen = 0;
    for (at, slack) in slack.iter().enumerate() {
        let bit = at * 5 % 8;
        let mut flipped = image.clone();
        flipped.bytes[at] ^= 1 << bit;
        let report = inspect_source(&flipped.snapshot(), &Options::default()).unwrap();
        if report.verdict.name() != "valid" || *slack {
            continue;
        }
        let database = report.database.unwrap();
        assert_ne!(
            database.hash, whole.hash,
            "the damage of byte {at}, bit {bit}, was not found"
        );
        unseen += 1;
    }
    // Letters of keys, values and names: only HashKV can tell those.
    let content: usize = 12 * (5 + 10) + 1500 + 400;
    assert!(unseen < content, "{unseen}");
}

#[test]
fn truncation_at_every_length() {
    let whole = image().snapshot();
    for length in 0..whole.len() {
        let report = inspect_source(&&whole[..length], &Options::default()).unwrap();
        let hashless = length == whole.len() - 32;
        let expected = if hashless {
            "no-trailing-hash"
        } else {
            "invalid"
        };
        assert_eq!(report.verdict.name(), expected, "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        let report = inspect_source(&bytes, &options()).unwrap();
        prop_assert_eq!(report.verdict.name(), "invalid");
        prop_assert!(hash_kv_source(&bytes, 5, 1).is_err());
    }

    #[test]
    fn a_few_changed_words(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), word()), 1..6),
        trailer in any::<bool>(),
    ) {
        let mut image = image();
        for (at, word) in changes {
            let at = at.index(image.bytes.len() / 4 - 1) * 4;
            image.put_u64(at, word);
        }
        if trailer {
            image.sum_meta(0);
            image.sum_meta(1);
        }
        let file = image.snapshot();
        let report = inspect_source(&file, &options()).unwrap();
        prop_assert!(to_json(&report).is_object());
        let _ = hash_kv_source(&file, 14, 1);
    }

    #[test]
    fn a_stretch_of_a_real_file_replaced(
        which in any::<prop::sample::Index>(),
        from in any::<prop::sample::Index>(),
        with in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        thread_local!(static REAL: Vec<Vec<u8>> = all().into_iter().map(|fixture| fixture.bytes).collect());
        let mut bytes = REAL.with(|real| real[which.index(real.len())].clone());
        let from = from.index(bytes.len() - with.len());
        let same = bytes[from..from + with.len()] == with[..];
        bytes[from..from + with.len()].copy_from_slice(&with);
        let report = inspect_source(&bytes, &options()).unwrap();
        prop_assert_eq!(report.verdict.name() == "invalid", !same);
    }
}

/// Numbers that hurt.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..70_u64,
        Just(u64::MAX),
        Just(u64::from(u32::MAX)),
        Just(u64::from(u32::MAX) << 32),
        Just(1 << 63),
        Just(0x0002_0000_0000_0000),
    ]
}
