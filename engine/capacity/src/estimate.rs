//! From a load to sizes.

use serde::Serialize;

use crate::load::{Kind, Load, LoadError};
use crate::pages::{Packing, REWRITTEN, element, tombstone};
use crate::quota::{Quota, quota_for};

/// From the least to the most that is to be expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Span {
    /// Least.
    #[serde(serialize_with = "whole")]
    pub low: f64,
    /// Most.
    #[serde(serialize_with = "whole")]
    pub high: f64,
}

/// An estimate has no parts of bytes.
fn whole<S: serde::Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(value.round() as u64)
}

impl Span {
    fn of(value: impl Fn(f64) -> f64, over: Span) -> Span {
        // Pages are filled in steps: larger values may pack better.
        let (a, b) = (value(over.low), value(over.high));
        Span {
            low: a.min(b),
            high: a.max(b),
        }
    }

    fn plus(self, other: Span) -> Span {
        Span {
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }
}

/// One kind, in bytes of the database.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Objects alive.
    pub objects: u64,
    /// Bytes of a value.
    pub value: Span,
    /// Changes a second.
    pub writes_per_s: f64,
    /// Old records and tombstones until they are compacted.
    pub history_records: u64,
    /// Objects alive, packed.
    pub live: Span,
    /// Old records and tombstones, packed.
    pub history: Span,
    /// All of it in the file at its fullest: half-empty pages and free ones included.
    pub database: Span,
}

/// What a database becomes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Kinds, in the order in which they were given.
    pub rows: Vec<Row>,
    /// Objects alive, packed: the size after compacting and defragmenting.
    pub live: Span,
    /// History until it is compacted, packed.
    pub history: Span,
    /// Half-empty and free pages.
    pub overhead: Span,
    /// The file at its fullest.
    pub database: Span,
    /// The file now, where a snapshot tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
    /// What to set, for the most that is to be expected.
    pub quota: Quota,
}

/// Estimates a database.
///
/// # Errors
/// Where there is nothing to store, or a number is none that etcd meets.
pub fn estimate(load: &Load) -> Result<Estimate, LoadError> {
    load.check()?;
    let rows: Vec<Row> = load
        .kinds
        .iter()
        .map(|k| row(k, load.retention_s))
        .collect();
    let sum = |of: fn(&Row) -> Span| rows.iter().map(of).fold(Span::default(), Span::plus);
    let (live, history) = (sum(|r| r.live), sum(|r| r.history));
    let churns = rows.iter().any(|row| row.history_records > 0);
    let rewritten = if churns { REWRITTEN } else { 0.0 };
    let database = sum(|r| r.database).plus(Span {
        low: rewritten,
        high: rewritten,
    });
    let overhead = Span {
        low: (database.low - live.low - history.low).max(0.0),
        high: (database.high - live.high - history.high).max(0.0),
    };
    // A file never shrinks by itself: it is at least what it is now.
    let most = (database.high as u64).max(load.now.unwrap_or(0));
    Ok(Estimate {
        live,
        history,
        overhead,
        database,
        now: load.now,
        quota: quota_for(most),
        rows,
    })
}

fn row(kind: &Kind, retention_s: f64) -> Row {
    let written = kind.writes_per_s * retention_s;
    let (old, old_value) = kind.history;
    // What is said of changes is what will be; else what the snapshot holds.
    let (records, own_size) = if kind.writes_per_s > 0.0 {
        (written, None)
    } else {
        (old as f64, Some(old_value))
    };
    let tombstones = if kind.expires { written } else { 0.0 };
    let objects = kind.objects as f64;
    let live = |value| objects * packing(kind, value).bytes();
    let history = |value| {
        records * packing(kind, own_size.unwrap_or(value)).bytes()
            + tombstones * Packing::of(tombstone(kind.key)).bytes()
    };
    let churns = records > 0.0;
    let database = |value| {
        let packing = packing(kind, value);
        if churns {
            (live(value) * packing.churned() + history(value)) * packing.slack()
        } else {
            live(value)
        }
    };
    Row {
        name: kind.name.clone(),
        objects: kind.objects,
        value: kind.value,
        writes_per_s: kind.writes_per_s,
        history_records: (records + tombstones) as u64,
        live: Span::of(live, kind.value),
        history: Span::of(history, kind.value),
        database: Span::of(database, kind.value),
    }
}

fn packing(kind: &Kind, value: f64) -> Packing {
    Packing::of(element(kind.key, value))
}

#[cfg(test)]
mod tests {
    use super::estimate;
    use crate::load::{Kind, Load, LoadError, known};

    fn load(kinds: Vec<Kind>) -> Load {
        Load {
            kinds,
            retention_s: 600.0,
            now: None,
        }
    }

    #[test]
    fn a_load_that_is_none_is_told() {
        assert_eq!(estimate(&load(Vec::new())), Err(LoadError::Nothing));
        let none = known("pods", 0).unwrap();
        assert_eq!(estimate(&load(vec![none])), Err(LoadError::Nothing));
        let pods = known("pods", 10).unwrap();
        let twice = estimate(&load(vec![pods.clone(), pods.clone()]));
        assert!(matches!(twice, Err(LoadError::Twice { .. })));
        let many = known("pods", u64::MAX).unwrap();
        assert!(matches!(
            estimate(&load(vec![many])),
            Err(LoadError::TooMany { .. })
        ));
        assert!(known("widgets", 1).is_none());
        assert!(matches!(
            Kind::of_size("a", 1, 2 << 20),
            Err(LoadError::TooLarge { .. })
        ));
        let mut load = load(vec![pods]);
        for rate in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(
                matches!(load.write("pods", rate), Err(LoadError::Rate { .. })),
                "{rate}"
            );
        }
        assert!(matches!(
            load.write("nodes", 1.0),
            Err(LoadError::UnknownKind { .. })
        ));
    }

    #[test]
    fn changes_cost_until_they_are_compacted() {
        let still = estimate(&load(vec![known("pods", 10_000).unwrap()])).unwrap();
        assert_eq!(still.history.high, 0.0);
        let mut busy = load(vec![known("pods", 10_000).unwrap()]);
        busy.write("pods", 20.0).unwrap();
        let busy = estimate(&busy).unwrap();
        assert_eq!(busy.rows[0].history_records, 12_000);
        assert_eq!(busy.live, still.live);
        assert!(busy.database.high > still.database.high + busy.history.high);
        assert!(busy.database.low <= busy.database.high);
    }

    #[test]
    fn events_replace_each_other() {
        let events = estimate(&load(vec![known("events", 36_000).unwrap()])).unwrap();
        // Ten a second for ten minutes, each with the tombstone of another.
        assert_eq!(events.rows[0].history_records, 12_000);
    }
}
