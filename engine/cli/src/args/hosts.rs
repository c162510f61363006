//! Which hosts, and how they are reached.

use clap::{ArgAction, Args};

/// Inventories and how to choose from them.
#[derive(Args, Clone, Debug, Default)]
pub struct InventoryArgs {
    /// INI, YAML, a directory, an executable, a list `h1,h2,`; several are merged
    #[arg(
        short,
        long,
        value_name = "INV",
        env = "RUNBOOK_INVENTORY",
        value_delimiter = '\u{1f}'
    )]
    pub inventory: Vec<String>,
    /// Only hosts that match this pattern
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
}

/// How to reach hosts; each wins over the inventory.
#[derive(Args, Clone, Debug, Default)]
pub struct ConnectionArgs {
    /// Log in as this user
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Private key file
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<String>,
    /// Seconds to wait for a connection
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u32>,
    /// Gain rights by sudo
    #[arg(short, long)]
    pub r#become: bool,
    /// Ask for sudo's password
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// -v results, -vv also commands and durations, -vvv also connections
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Hosts worked on at once
    #[arg(short, long, value_name = "N", default_value_t = 50)]
    pub forks: usize,
}
