//! `monitor`.

use std::path::PathBuf;

use clap::Args;

use super::InventoryArgs;

/// `monitor`.
#[derive(Args, Clone, Debug)]
pub struct MonitorArgs {
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// Directory to write into; it is made where it is missing
    #[arg(short = 'o', long, value_name = "DIR")]
    pub out: PathBuf,
    /// Inventory group that holds the members; may be given several times
    #[arg(long, value_name = "GROUP", default_value = "etcd")]
    pub group: Vec<String>,
    /// Authority's certificate, a path on the Prometheus host [default: /etc/prometheus/JOB-ca.crt]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<String>,
    /// Client certificate, likewise [default: /etc/prometheus/JOB-client.crt]
    #[arg(long, value_name = "FILE")]
    pub cert: Option<String>,
    /// Its key, likewise; only the path is written [default: /etc/prometheus/JOB-client.key]
    #[arg(long, value_name = "FILE")]
    pub key: Option<String>,
    /// Time between two scrapes
    #[arg(long, value_name = "DURATION", default_value = "15s")]
    pub interval: String,
    /// Write nothing, say what would be written
    #[arg(short = 'C', long, visible_alias = "check")]
    pub dry_run: bool,
    /// Show what changes in each file
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Overwrite files that this command did not write
    #[arg(long)]
    pub force: bool,
}
