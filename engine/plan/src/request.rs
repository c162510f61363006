//! What planning is asked, and what it may read on this machine.

use std::collections::BTreeMap;
use std::sync::Mutex;

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

/// The file system itself. A file is read once: what a plan says of it is the same for every host.
#[derive(Debug, Default)]
pub struct LocalFiles(Mutex<BTreeMap<String, Result<Digest, String>>>);

fn read_digest(path: &str) -> Result<Digest, String> {
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

impl Files for LocalFiles {
    fn digest(&self, path: &str) -> Result<Digest, String> {
        let mut known = match self.0.lock() {
            Ok(known) => known,
            Err(poisoned) => poisoned.into_inner(),
        };
        known
            .entry(path.to_owned())
            .or_insert_with(|| read_digest(path))
            .clone()
    }

    fn exists(&self, path: &str) -> bool {
        std::fs::symlink_metadata(path).is_ok()
    }

    fn absolute(&self, path: &str) -> String {
        let Ok(from_root) = std::path::absolute(path) else {
            return path.to_owned();
        };
        // `..` is the file system's to resolve; the last name stays, also where it is a link or does not exist yet.
        let resolved = match (from_root.parent(), from_root.file_name()) {
            (Some(dir), Some(name)) => dir.canonicalize().map(|dir| dir.join(name)),
            _ => from_root.canonicalize(),
        };
        resolved.unwrap_or(from_root).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_the_root_without_detours() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("inventories")).unwrap();
        let detour = root.join("inventories/../backup.db");
        assert_eq!(
            LocalFiles::default().absolute(detour.to_str().unwrap()),
            root.join("backup.db").display().to_string()
        );
        let nowhere = root.join("no/such/dir/x.db").display().to_string();
        assert_eq!(LocalFiles::default().absolute(&nowhere), nowhere);
        assert!(LocalFiles::default().absolute("x.db").starts_with('/'));
    }

    #[test]
    fn digests_are_of_regular_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        let found = LocalFiles::default()
            .digest(file.to_str().unwrap())
            .unwrap();
        assert_eq!(found.size, 3);
        assert!(found.sha256.starts_with("ba7816bf"));
        assert!(
            LocalFiles::default()
                .digest(dir.path().to_str().unwrap())
                .is_err()
        );
    }
}
