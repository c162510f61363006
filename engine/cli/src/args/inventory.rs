//! `status`, `vars`, `inventory`.

use clap::{Args, Subcommand, ValueEnum};

use super::{ConnectionArgs, Format, InventoryArgs};

/// `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    #[command(flatten)]
    pub inventory: InventoryArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Inventory group that holds the members
    #[arg(long, value_name = "GROUP", default_value = "etcd")]
    pub group: String,
    /// Form
    #[arg(short = 'w', long, value_enum, default_value_t = StatusFormat::Table)]
    pub format: StatusFormat,
}

/// How `status` shows a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// For node_exporter's textfile collector: ends of certificates, alarms, quorum
    Prometheus,
}

/// `vars`.
#[derive(Args, Clone, Debug)]
pub struct VarsArgs {
    /// Host
    pub host: String,
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// Show passwords for login and sudo, which are masked otherwise
    #[arg(long)]
    pub show_secrets: bool,
}

/// `inventory`.
#[derive(Debug, Subcommand)]
pub enum InventoryCommand {
    /// Groups, hosts and variables, in the shape of `ansible-inventory --list`
    List(InventoryShow),
    /// Groups and hosts as a tree
    Graph(InventoryShow),
    /// Host names, one a line
    Hosts(InventoryShow),
}

/// What to show of an inventory.
#[derive(Args, Clone, Debug)]
pub struct InventoryShow {
    #[command(flatten)]
    pub inventory: InventoryArgs,
    /// Form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Show passwords for login and sudo, which are masked otherwise
    #[arg(long)]
    pub show_secrets: bool,
}
