//! What is written is what Prometheus and Grafana read, and speaks of metrics that etcd has.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot set up its case fails"
)]

mod dashboard;
mod exposition;
mod files;
mod real;
mod rules;
mod support;
