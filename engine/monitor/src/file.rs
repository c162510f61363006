//! The files, and what makes them ours.

use std::collections::HashSet;

use runbook_model::host::{HostName, MemberSpec};

use crate::dashboard;
use crate::rules;
use crate::scrape;
use crate::target::{TlsFiles, clusters};

/// Prometheus' configuration.
pub const PROMETHEUS: &str = "prometheus.yml";
/// Its rules.
pub const RULES: &str = "etcd.rules.yml";
/// Grafana's dashboard.
pub const DASHBOARD: &str = "etcd.dashboard.json";

/// What every file of ours says of itself, near its beginning.
const MARK: &str = "Written by `runbook monitor`";
/// The comment at the head of the YAML files.
const HEAD: &str =
    "# Written by `runbook monitor` from the inventory. Changes here are lost with the next run.\n";

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Groups of the inventory with their members, in order.
    pub groups: Vec<(String, Vec<MemberSpec>)>,
    /// ` -i prod.inv` as a shell reads it: what commands in alerts are given.
    pub inventory: String,
    /// Files on the Prometheus host.
    pub tls: TlsFiles,
    /// Between two scrapes, milliseconds.
    pub interval_ms: u64,
}

/// A text with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Within the output directory.
    pub name: &'static str,
    /// Its whole content.
    pub text: String,
}

/// What the operator should know of a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// Its metrics listener cannot be reached from elsewhere.
    #[error("`{host}` serves metrics of its own on loopback only; `{url}` is scraped instead")]
    MetricsOnLoopback {
        /// The host.
        host: HostName,
        /// Its client URL.
        url: String,
    },
}

/// Why there is nothing to write.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// No group has a member.
    #[error("there is no member to watch")]
    NoMembers,
    /// `ETCD_LISTEN_METRICS_URLS` is not a list of URLs.
    #[error(
        "`{url}` in `ETCD_LISTEN_METRICS_URLS` of `{host}` is not `http://ADDRESS:PORT` or `https://ADDRESS:PORT`"
    )]
    MetricsUrl {
        /// The host.
        host: HostName,
        /// What stands there.
        url: String,
    },
    /// Two clusters of one name.
    #[error("two groups have a cluster `{name}` with a member `{member}` each")]
    SameMember {
        /// The cluster.
        name: String,
        /// The member.
        member: String,
    },
    /// The serialiser refused.
    #[error("cannot write YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
    /// The serialiser refused.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl MonitorError {
    /// What the operator can do.
    pub fn help(&self) -> &'static str {
        match self {
            MonitorError::NoMembers => "put hosts into the group, or name another with --group",
            MonitorError::MetricsUrl { .. } => {
                "write it as etcd takes it: `etcd_extra` with ETCD_LISTEN_METRICS_URLS: http://0.0.0.0:2381"
            }
            MonitorError::SameMember { .. } => "tell them apart with `etcd_cluster`",
            MonitorError::Yaml(_) | MonitorError::Json(_) => {
                "this is a defect of runbook: report it"
            }
        }
    }
}

/// The files that watch these members.
///
/// # Errors
/// Where there is nobody to watch, or a member's metrics have no address.
pub fn watch(watched: &Watched) -> Result<(Vec<File>, Vec<Note>), MonitorError> {
    let mut notes = Vec::new();
    let clusters = clusters(&watched.groups, &mut notes)?;
    if clusters.is_empty() {
        return Err(MonitorError::NoMembers);
    }
    for cluster in &clusters {
        let mut seen = HashSet::new();
        if let Some(twice) = cluster.targets.iter().find(|t| !seen.insert(&t.member)) {
            return Err(MonitorError::SameMember {
                name: cluster.name.clone(),
                member: twice.member.clone(),
            });
        }
    }
    let scrape = scrape::config(&clusters, &watched.tls, watched.interval_ms);
    let rules = rules::groups(&clusters, &watched.inventory);
    let files = vec![
        File {
            name: PROMETHEUS,
            text: yaml(&scrape)?,
        },
        File {
            name: RULES,
            text: yaml(&rules)?,
        },
        File {
            name: DASHBOARD,
            text: serde_json::to_string_pretty(&dashboard::dashboard(MARK))? + "\n",
        },
    ];
    Ok((files, notes))
}

/// Whether a text is one that we wrote, whatever the version.
pub fn is_ours(text: &str) -> bool {
    text.lines().take(20).any(|line| line.contains(MARK))
}

fn yaml(value: &impl serde::Serialize) -> Result<String, MonitorError> {
    Ok(HEAD.to_owned() + &serde_saphyr::to_string(value)?)
}
