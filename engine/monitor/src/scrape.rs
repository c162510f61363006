//! Prometheus' configuration.

use runbook_model::host::Scheme;
use serde::Serialize;

use crate::file::RULES;
use crate::target::{Cluster, TlsFiles};

/// A member answers within milliseconds; ten seconds are Prometheus' own default.
const MOST_TIMEOUT_MS: u64 = 10_000;

/// `prometheus.yml`.
#[derive(Debug, Serialize)]
pub(crate) struct Config {
    global: Global,
    rule_files: [&'static str; 1],
    scrape_configs: Vec<Job>,
}

#[derive(Debug, Serialize)]
struct Global {
    scrape_interval: String,
    scrape_timeout: String,
    evaluation_interval: String,
}

#[derive(Debug, Serialize)]
struct Job {
    job_name: String,
    scheme: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_config: Option<Tls>,
    static_configs: Vec<Static>,
}

#[derive(Debug, Serialize)]
struct Tls {
    ca_file: String,
    cert_file: String,
    key_file: String,
}

#[derive(Debug, Serialize)]
struct Static {
    targets: [String; 1],
    labels: Labels,
}

#[derive(Debug, Serialize)]
struct Labels {
    cluster: String,
    member: String,
    /// Where it is not the job's.
    #[serde(rename = "__scheme__", skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
}

/// One job a cluster, one target a member.
pub(crate) fn config(clusters: &[Cluster], tls: &TlsFiles, interval_ms: u64) -> Config {
    Config {
        global: Global {
            scrape_interval: duration(interval_ms),
            scrape_timeout: duration(interval_ms.min(MOST_TIMEOUT_MS)),
            evaluation_interval: duration(interval_ms),
        },
        rule_files: [RULES],
        scrape_configs: clusters.iter().map(|c| job(c, tls)).collect(),
    }
}

fn job(cluster: &Cluster, tls: &TlsFiles) -> Job {
    let job_name = cluster.job();
    let scheme = cluster.targets.first().map_or(Scheme::Https, |t| t.scheme);
    let path = |given: &Option<String>, what: &str| {
        given
            .clone()
            .unwrap_or_else(|| format!("/etc/prometheus/{job_name}-{what}"))
    };
    let secure = cluster.targets.iter().any(|t| t.scheme == Scheme::Https);
    let tls_config = secure.then(|| Tls {
        ca_file: path(&tls.ca, "ca.crt"),
        cert_file: path(&tls.cert, "client.crt"),
        key_file: path(&tls.key, "client.key"),
    });
    let of = |target: &crate::target::Target| Static {
        targets: [target.address.clone()],
        labels: Labels {
            cluster: cluster.name.clone(),
            member: target.member.clone(),
            scheme: (target.scheme != scheme).then(|| target.scheme.to_string()),
        },
    };
    Job {
        scheme: scheme.to_string(),
        tls_config,
        static_configs: cluster.targets.iter().map(of).collect(),
        job_name,
    }
}

/// As Prometheus writes it: whole seconds, or milliseconds.
fn duration(ms: u64) -> String {
    if ms.is_multiple_of(1000) {
        format!("{}s", ms / 1000)
    } else {
        format!("{ms}ms")
    }
}
