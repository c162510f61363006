//! How an inventory's clusters are watched: Prometheus' scrape configuration and alert rules, Grafana's dashboard, and what
//! `runbook status` saw as metrics.
//!
//! Knows: etcd's metrics of 3.4 to 3.6, Prometheus' and Grafana's file formats, which runbook answers which alert.
//! Must not know: files, hosts, the network. Members in, texts out; the same members give the same texts.
//!
//! Sources: etcd's `/metrics` of 3.4.23, 3.5.16 and 3.5.30, etcd's own mixin (`contrib/mixin`), Prometheus 2.42.

mod alert;
mod answer;
mod dashboard;
mod exposition;
mod file;
mod promql;
mod rules;
mod scrape;
mod target;

pub use alert::{ALERTS, Alert, Severity};
pub use answer::{Answer, RUNBOOKS, Runbook};
pub use exposition::{Series, certificate_files, exposition};
pub use file::{DASHBOARD, File, MonitorError, Note, PROMETHEUS, RULES, Watched, is_ours, watch};
pub use target::{Cluster, Target, TlsFiles};
