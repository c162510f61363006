//! `capacity`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

/// `capacity`.
#[derive(Args, Clone, Debug)]
pub struct CapacityArgs {
    /// Pods alive: 1 to 2 KB each
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub pods: Option<u64>,
    /// Secrets: 1 to 10 KB each
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub secrets: Option<u64>,
    /// ConfigMaps: 1 to 10 KB each
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub configmaps: Option<u64>,
    /// Events alive: 0.5 KB each, replaced within an hour
    #[arg(long, value_name = "N", conflicts_with = "snapshot")]
    pub events: Option<u64>,
    /// Other objects: how many, and the bytes of each; may be given several times
    #[arg(long, value_name = "NAME=N:BYTES", conflicts_with = "snapshot")]
    pub objects: Vec<String>,
    /// Take kinds, counts and sizes from this snapshot instead
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// Changes a second of a kind, or in a snapshot of what keys begin with; may be given several times
    #[arg(long, value_name = "NAME=RATE")]
    pub writes: Vec<String>,
    /// How long the oldest revision lives; Kubernetes compacts every 5m what is older than 5m
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub retention: String,
    /// Kubernetes nodes: tells the hardware that members want
    #[arg(long, value_name = "N")]
    pub nodes: Option<u64>,
    /// Form
    #[arg(long, alias = "output", value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
