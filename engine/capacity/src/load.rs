//! What a database is to hold.

use runbook_snapshot::{Census, PrefixRoom, Room};

use crate::estimate::Span;

/// Bytes of a Kubernetes key, such as `/registry/pods/namespace/web-5d8f7c9b4d-x2x4z`.
const KEY_BYTES: f64 = 80.0;
/// Kubernetes deletes events after an hour.
pub const EVENT_LIFE_S: u64 = 3600;
/// More objects than any etcd holds.
const MOST_OBJECTS: u64 = 1_000_000_000_000;
/// etcd takes no larger request.
const MOST_VALUE: u64 = 1_572_864;

/// Objects of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// Such as `pods`, or the beginning of their keys.
    pub name: String,
    /// Alive at once.
    pub objects: u64,
    /// Bytes of a value: the least and the most that is usual.
    pub value: Span,
    /// Bytes of a key.
    pub key: f64,
    /// Changes a second, of all of them.
    pub writes_per_s: f64,
    /// Whether a change is a new object in the place of one that expires, as with events.
    pub expires: bool,
    /// Old records and tombstones that are there already, with their bytes of a value each; a snapshot tells.
    pub history: (u64, f64),
}

/// All kinds, and how long old revisions stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Kinds.
    pub kinds: Vec<Kind>,
    /// Seconds that the oldest revision lives before it is compacted.
    pub retention_s: f64,
    /// Size of the database now, where a snapshot tells it.
    pub now: Option<u64>,
}

/// What cannot be estimated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Nothing was named.
    #[error("there is nothing to store")]
    Nothing,
    /// No kind of that name.
    #[error("there are no objects `{name}` to write")]
    UnknownKind {
        /// What was named.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A name given twice.
    #[error("`{name}` is given twice")]
    Twice {
        /// It.
        name: String,
    },
    /// A number that no etcd meets.
    #[error("`{name}`: {objects} objects are more than any etcd holds")]
    TooMany {
        /// The kind.
        name: String,
        /// How many were said.
        objects: u64,
    },
    /// A size that etcd refuses.
    #[error("`{name}`: etcd takes no value of {bytes} bytes")]
    TooLarge {
        /// The kind.
        name: String,
        /// Bytes that were said.
        bytes: u64,
    },
    /// A rate that is none.
    #[error("`{name}`: {rate} is no number of changes a second")]
    Rate {
        /// The kind.
        name: String,
        /// What was said.
        rate: f64,
    },
}

/// A kind that Kubernetes has, with the usual sizes of its objects; nothing for another name.
pub fn known(name: &str, objects: u64) -> Option<Kind> {
    let (low, high) = match name {
        "pods" => (1_000.0, 2_000.0),
        "secrets" | "configmaps" => (1_000.0, 10_000.0),
        "events" => (500.0, 500.0),
        _ => return None,
    };
    let expires = name == "events";
    Some(Kind {
        name: name.to_owned(),
        objects,
        value: Span { low, high },
        key: KEY_BYTES,
        // As many new ones as expire.
        writes_per_s: if expires {
            objects as f64 / EVENT_LIFE_S as f64
        } else {
            0.0
        },
        expires,
        history: (0, 0.0),
    })
}

impl Kind {
    /// Objects of a size that the operator names.
    ///
    /// # Errors
    /// Where etcd would refuse the size.
    pub fn of_size(name: &str, objects: u64, bytes: u64) -> Result<Kind, LoadError> {
        if bytes > MOST_VALUE {
            let name = name.to_owned();
            return Err(LoadError::TooLarge { name, bytes });
        }
        let size = bytes as f64;
        Ok(Kind {
            name: name.to_owned(),
            objects,
            value: Span {
                low: size,
                high: size,
            },
            key: KEY_BYTES,
            writes_per_s: 0.0,
            expires: false,
            history: (0, 0.0),
        })
    }
}

/// The kinds of a snapshot: what its keys begin with, with their own sizes and history.
pub fn from_census(census: &Census, retention_s: f64) -> Load {
    let mean = |bytes: u64, room: &Room| bytes as f64 / (room.records.max(1)) as f64;
    let kind = |prefix: &PrefixRoom| {
        let size = mean(prefix.live.value_bytes, &prefix.live);
        let room = if prefix.live.records > 0 {
            &prefix.live
        } else {
            &prefix.history
        };
        Kind {
            name: prefix.prefix.clone(),
            objects: prefix.live.records,
            value: Span {
                low: size,
                high: size,
            },
            key: mean(room.key_bytes, room),
            writes_per_s: 0.0,
            expires: false,
            history: (
                prefix.history.records,
                mean(prefix.history.value_bytes, &prefix.history),
            ),
        }
    };
    Load {
        kinds: census.prefixes.iter().map(kind).collect(),
        retention_s,
        now: Some(census.total_size),
    }
}

impl Load {
    /// Sets how often objects of a kind change.
    ///
    /// # Errors
    /// Where there is no such kind, or the rate is none.
    pub fn write(&mut self, name: &str, per_s: f64) -> Result<(), LoadError> {
        if !(0.0..=1e9).contains(&per_s) {
            let name = name.to_owned();
            return Err(LoadError::Rate { name, rate: per_s });
        }
        match self.kinds.iter_mut().find(|kind| kind.name == name) {
            Some(kind) => kind.writes_per_s = per_s,
            None => {
                let known = self.kinds.iter().map(|k| k.name.clone()).collect();
                let name = name.to_owned();
                return Err(LoadError::UnknownKind { name, known });
            }
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), LoadError> {
        if self
            .kinds
            .iter()
            .all(|k| k.objects == 0 && k.history.0 == 0)
        {
            return Err(LoadError::Nothing);
        }
        let mut seen = std::collections::HashSet::new();
        for kind in &self.kinds {
            let name = kind.name.clone();
            if !seen.insert(&kind.name) {
                return Err(LoadError::Twice { name });
            }
            if kind.objects > MOST_OBJECTS {
                let objects = kind.objects;
                return Err(LoadError::TooMany { name, objects });
            }
        }
        Ok(())
    }
}
