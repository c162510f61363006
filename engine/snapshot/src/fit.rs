//! Which servers can read a snapshot.

use serde::Serialize;

use crate::entries::Entries;

/// A server's minor release, such as 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(pub u64, pub u64);

impl Minor {
    /// Reads `3.5`, `3.5.16` or `v3.5.16`.
    pub fn parse(version: &str) -> Option<Minor> {
        let version = version.strip_prefix('v').unwrap_or(version);
        let mut parts = version.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Minor(major, minor))
    }
}

impl std::fmt::Display for Minor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Serialize for Minor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the file says of the servers that wrote it and can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerFit {
    /// The least minor release that is meant to read it; nothing where the file does not tell.
    pub least: Option<Minor>,
    /// What says so: `storageVersion`, `clusterVersion` or `term`.
    pub evidence: Option<&'static str>,
}

/// Whether one server can read it, by what etcd supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// It can.
    Reads,
    /// The file is of a later release. etcd may well start on it (3.4.23 does on a snapshot of 3.5.30, 3.5.30 on one
    /// that says 3.6), but supports no such step back.
    Downgrade,
    /// More than one minor release later than the file's: etcd supports upgrades one minor at a time.
    SkipsAMinor,
    /// The file does not tell.
    Unknown,
}

impl ServerFit {
    pub(crate) fn of(entries: &Entries) -> ServerFit {
        let storage = entries
            .meta
            .storage_version
            .as_deref()
            .and_then(Minor::parse);
        let cluster = entries.cluster_version.as_deref().and_then(Minor::parse);
        // 3.5 was the first to store the term.
        let term = entries.meta.term.map(|_| Minor(3, 5));
        let (least, evidence) = [
            (cluster, "clusterVersion"),
            (term, "term"),
            (storage, "storageVersion"),
        ]
        .into_iter()
        .filter_map(|(least, evidence)| Some((least?, evidence)))
        .max_by_key(|(least, _)| *least)
        .unzip();
        ServerFit { least, evidence }
    }

    /// Whether a server of that release reads the file.
    pub fn server(&self, server: Minor) -> Fit {
        match self.least {
            None => Fit::Unknown,
            Some(least) if server < least => Fit::Downgrade,
            Some(least) if server.0 != least.0 || server.1 > least.1 + 1 => Fit::SkipsAMinor,
            Some(_) => Fit::Reads,
        }
    }
}
