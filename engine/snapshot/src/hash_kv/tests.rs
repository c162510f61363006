//! HashKV against its definition, however many keys are held.

use proptest::prelude::*;

use super::*;
use crate::writer::{Entries, Writer, etcd, puts, record, revision};

#[test]
fn the_hash_does_not_depend_on_how_many_keys_are_held() {
    let mut keys = puts(300, b"value");
    for main in 400..500 {
        let key = format!("key-{:06}", main - 300);
        let value = record(key.as_bytes(), main - 300, main, 2, b"later");
        keys.push((revision(main, 0), value));
    }
    let file = Writer::new(etcd(keys)).build().snapshot();
    let size = file.len() as u64;
    let image = image::open(&file, size, &mut Findings::new(1))
        .unwrap()
        .unwrap();
    for (at, compact) in [(499, 450), (499, 1), (302, 250), (420, 302)] {
        let whole = hash_in_parts(&image, at, compact, usize::MAX).unwrap();
        let parts = hash_in_parts(&image, at, compact, 20).unwrap();
        assert_eq!(parts, whole, "{at} {compact}");
        let other = hash_in_parts(&image, at - 1, compact, 20).unwrap();
        assert_ne!(other, whole);
    }
}

/// The hash by its definition.
fn plain(keys: &Entries, at: i64, compact: i64) -> u32 {
    let records: Vec<_> = keys
        .iter()
        .map(|(key, value)| {
            let (revision, tombstone) = revision_key(key).unwrap();
            // Its name: the first field.
            (revision.main, tombstone, &value[2..3])
        })
        .collect();
    let newest = |at| {
        let mut newest = HashMap::new();
        for (index, (main, tombstone, name)) in records.iter().enumerate() {
            if *main > at {
                break;
            }
            newest.remove(name);
            if !tombstone {
                newest.insert(name, index);
            }
        }
        newest
    };
    let mut kept = newest(at);
    if kept.is_empty() {
        kept = newest(compact);
    }
    let mut crc = crc32c::crc32c(b"key");
    for (index, (main, tombstone, _)) in records.iter().enumerate() {
        let left = *main > compact || kept.values().any(|kept| *kept == index);
        if *main <= at && left && !(*main == compact && *tombstone) {
            crc = crc32c::crc32c_append(crc, &keys[index].0);
            crc = crc32c::crc32c_append(crc, &keys[index].1);
        }
    }
    crc
}

proptest! {
    #[test]
    fn the_hash_is_what_its_definition_says(
        changes in proptest::collection::vec((b'a'..b'm', any::<bool>()), 1..50),
        at in any::<prop::sample::Index>(),
        compact in any::<prop::sample::Index>(),
    ) {
        let at = 2 + at.index(changes.len()) as i64;
        let compact = 1 + compact.index(at as usize) as i64;
        let keys: Entries = changes
            .iter()
            .zip(2..)
            .map(|((name, delete), main)| match delete {
                true => ([&revision(main, 0)[..], b"t"].concat(), record(&[*name], 0, 0, 0, b"")),
                false => (revision(main, 0), record(&[*name], main, main, 1, b"v")),
            })
            .collect();
        let file = Writer::new(etcd(keys.clone())).build().snapshot();
        let size = file.len() as u64;
        let image = image::open(&file, size, &mut Findings::new(1)).unwrap().unwrap();
        for most in [1, 3, usize::MAX] {
            let hash = hash_in_parts(&image, at, compact, most).unwrap();
            prop_assert_eq!(hash, plain(&keys, at, compact), "{} {} {}", at, compact, most);
        }
    }
}
