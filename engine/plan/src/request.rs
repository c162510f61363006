//! What planning is asked, and what it may read on this machine.

use std::collections::BTreeMap;

use runbook_dsl::checked::CheckedRunbook;
use runbook_inventory::{Inventory, Overrides};
use serde_json::Value as Json;

/// Everything that decides a plan, but for the view of the cluster.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The runbook.
    pub checked: &'a CheckedRunbook,
    /// The inventory.
    pub inventory: &'a Inventory,
    /// What the command line says of connections: addresses and users of members may follow from it.
    pub connection: &'a Overrides,
    /// `-e` values by name: text from `NAME=VALUE`, anything from `@FILE`.
    pub arguments: &'a BTreeMap<String, Json>,
    /// `--limit`: narrows the hosts that steps work on, never what guards look at.
    pub limit: Option<&'a str>,
    /// `--override NAME --reason TEXT`: reason by name.
    pub overrides: &'a BTreeMap<String, String>,
    /// Run id: letters, digits, `-`, `.`; stands in paths and in the cluster's token.
    pub run: &'a str,
    /// This tool's version.
    pub tool: &'a str,
    /// Files of this machine.
    pub files: &'a dyn Files,
    /// Seconds since the epoch on this machine: for the validity of certificates, shown nowhere.
    pub now: i64,
}

/// Files of this machine, as far as planning reads them.
pub trait Files {
    /// Size and SHA-256 of a regular file; in words why not.
    fn digest(&self, path: &str) -> Result<Digest, String>;

    /// Whether anything stands at the path.
    fn exists(&self, path: &str) -> bool;

    /// The path from the root; a relative one counts from the working directory.
    fn absolute(&self, path: &str) -> String;
}

/// A file of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Bytes.
    pub size: u64,
    /// Lower-case hex.
    pub sha256: String,
}

/// The file system itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalFiles;

impl Files for LocalFiles {
    fn digest(&self, path: &str) -> Result<Digest, String> {
        use sha2::Digest as _;
        use std::io::Read as _;

        let mut file = std::fs::File::open(path).map_err(|e| e.to_string())?;
        let meta = file.metadata().map_err(|e| e.to_string())?;
        if !meta.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0u8; 1 << 20];
        let mut size = 0u64;
        loop {
            let read = file.read(&mut buffer).map_err(|e| e.to_string())?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            size += read as u64;
        }
        Ok(Digest {
            size,
            sha256: hex::encode(hasher.finalize()),
        })
    }

    fn exists(&self, path: &str) -> bool {
        std::fs::symlink_metadata(path).is_ok()
    }

    fn absolute(&self, path: &str) -> String {
        std::path::absolute(path).map_or_else(|_| path.to_owned(), |p| p.display().to_string())
    }
}
