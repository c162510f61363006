//! `snapshot`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

/// `snapshot`.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// What a snapshot holds
    Inspect(SnapshotArgs),
    /// Whether a snapshot is whole: 0 valid, 10 refused
    Verify(SnapshotArgs),
}

/// A snapshot file.
#[derive(Args, Clone, Debug)]
pub struct SnapshotArgs {
    /// The file
    pub file: PathBuf,
    /// Form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// SHA-256 that the file must have
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Accept a file without the trailing hash (a copied db file)
    #[arg(long)]
    pub allow_missing_hash: bool,
}
