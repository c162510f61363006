//! Counts the keys alive by holding them: where the records' own word cannot be had, or was found wrong.

use std::io;

use crate::damage::Findings;
use crate::image::Image;
use crate::live::{LiveKeys, Part, Seed};
use crate::records::{revision_key, scan};
use crate::source::Bytes;
use crate::tree::{At, Visitor, Walk};

/// Walks over bucket `key` as many times as `first` leaves parts.
pub(crate) fn count(image: &Image<'_>, seed: Seed, first: LiveKeys) -> io::Result<u64> {
    let walk = |live| {
        let mut count = LiveCount { live, seed };
        Walk::new(image, &mut count, &mut Findings::new(0)).run()?;
        Ok::<_, io::Error>(count.live.finish())
    };
    let (mut total, Part { bits, .. }) = walk(first)?;
    for index in 1..1 << bits {
        total += walk(LiveKeys::rest(Part { bits, index }))?.0;
    }
    Ok(total)
}

struct LiveCount {
    live: LiveKeys,
    seed: Seed,
}

impl Visitor for LiveCount {
    fn bucket(&mut self, name: &[u8], _: &mut Findings) -> bool {
        name == b"key"
    }

    fn entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        _: At<'_>,
        _: &mut Findings,
    ) -> io::Result<()> {
        if let Ok(record) = scan(value, &self.seed)?
            && let Some((_, tombstone)) = revision_key(key)
        {
            self.live.put(record.key, !tombstone);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::compaction::Compaction;
    use crate::content::Content;
    use crate::fixtures::all;
    use crate::image;
    use crate::records::Records;
    use crate::writer::{Writer, etcd, record, revision};

    /// The count by the records' own word, if no more than `most` keys are held, and by holding all.
    fn counts(file: &[u8], most: usize) -> (Option<u64>, u64) {
        let size = file.len() as u64;
        let image = image::open(&file, size, &mut Findings::new(1))
            .unwrap()
            .unwrap();
        let seed = Seed::default();
        let holding = |most| LiveKeys::holding(Part::ALL, most);
        let compaction = Compaction::read(&image).unwrap();
        let records = Records::new(holding(most), compaction.revision(), seed);
        let mut content = Content::new(records);
        Walk::new(&image, &mut content, &mut Findings::new(1))
            .run()
            .unwrap();
        let whole = count(&image, seed, holding(usize::MAX)).unwrap();
        assert_eq!(count(&image, seed, holding(20)).unwrap(), whole);
        (content.records.live.total(compaction.is_over()), whole)
    }

    #[test]
    fn real_records_tell_how_many_keys_are_alive() {
        for fixture in all() {
            for most in [0, 3, usize::MAX] {
                let (told, whole) = counts(&fixture.bytes, most);
                assert_eq!(told, Some(whole), "{} {most}", fixture.name);
            }
        }
    }

    /// A file of these changes from revision 2 on: a key's number and its version, 0 to delete it.
    fn file(changes: &[(i64, i64)], scheduled: i64, finished: i64) -> Vec<u8> {
        let mut created = BTreeMap::new();
        let change = |((key, version), main): (&(i64, i64), i64)| {
            let name = format!("key-{key}").into_bytes();
            if *version == 0 {
                let key = [&revision(main, 0)[..], b"t"].concat();
                return (key, record(&name, 0, 0, 0, b""));
            }
            if *version == 1 {
                created.insert(*key, main);
            }
            let create = created.get(key).copied().unwrap_or(1);
            let value = record(&name, create, main, *version, b"value");
            (revision(main, 0), value)
        };
        let mut buckets = etcd(changes.iter().zip(2..).map(change).collect());
        let meta = buckets.get_mut(&b"meta"[..]).unwrap();
        for (name, main) in [
            (&b"scheduledCompactRev"[..], scheduled),
            (b"finishedCompactRev", finished),
        ] {
            let entry = meta.iter_mut().find(|entry| entry.0 == name).unwrap();
            entry.1 = revision(main, 0);
        }
        Writer::new(buckets).build().snapshot()
    }

    /// 500 keys, first seen with that version; some are changed, deleted, made again: 450 are alive.
    fn lives(first: i64) -> Vec<(i64, i64)> {
        let mut changes: Vec<_> = (0..500).map(|key| (key, first)).collect();
        for key in 0..500 {
            changes.extend((key % 3 == 0).then_some((key, first + 1)));
            changes.extend((key % 5 == 0).then_some((key, 0)));
            changes.extend((key % 10 == 0).then_some((key, 1)));
        }
        changes
    }

    #[test]
    fn what_was_compacted_is_taken_into_account() {
        // The first record of each key stands at or before the compaction, the last of these is its own tombstone.
        let mut changes = lives(3);
        changes.insert(500, (1000, 0));
        for most in [0, 20, 100, usize::MAX] {
            let counted = counts(&file(&lives(1), 1, 1), most);
            assert_eq!(counted, (Some(450), 450), "{most}");
            let counted = counts(&file(&changes, 502, 502), most);
            assert_eq!(counted, (Some(450), 450), "{most}");
        }
        // While a compaction is under way nobody knows what it left.
        assert_eq!(counts(&file(&changes, 502, 400), 20), (None, 450));
    }

    #[test]
    fn records_that_contradict_each_other_are_not_believed() {
        let mut twice = lives(1);
        twice.extend((0..500).map(|key| (key, 1)));
        assert_eq!(counts(&file(&twice, 1, 1), 50), (None, 500));
        let mut never_made = lives(1);
        never_made.extend((1000..1500).map(|key| (key, 0)));
        assert_eq!(counts(&file(&never_made, 1, 1), 50), (None, 450));
        assert_eq!(counts(&file(&lives(2), 1, 1), 50), (None, 450));
    }
}
