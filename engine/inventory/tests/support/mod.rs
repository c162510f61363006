//! Inventories in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runbook_inventory::{
    Errors, Files, Inventory, InventorySpec, Kind, ScriptOutput, Unreadable, load,
};

/// Files by path; no scripts.
#[derive(Default)]
pub struct Memory(pub BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        Self(
            files
                .iter()
                .map(|(p, b)| (PathBuf::from(p), b.to_vec()))
                .collect(),
        )
    }
}

impl Files for Memory {
    fn kind(&self, path: &Path) -> Option<Kind> {
        if self.0.contains_key(path) {
            return Some(Kind::File);
        }
        self.0
            .keys()
            .any(|p| p.starts_with(path))
            .then_some(Kind::Dir)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Unreadable> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| Unreadable("no such file".into()))
    }

    fn list_dir(&self, path: &Path) -> Result<Vec<String>, Unreadable> {
        let below = self
            .0
            .keys()
            .filter_map(|p| p.strip_prefix(path).ok()?.components().next());
        let mut names: Vec<String> = below
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect();
        names.dedup();
        Ok(names)
    }

    fn is_executable(&self, _: &Path) -> bool {
        false
    }

    fn run_script(&self, _: &Path, _: &[&str]) -> Result<ScriptOutput, Unreadable> {
        Err(Unreadable("no scripts here".into()))
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        Path::new("/memory").join(path)
    }
}

/// One file's inventory.
pub fn read(name: &str, text: &[u8]) -> Result<Inventory, Errors> {
    load(&[InventorySpec::new(name)], &Memory::of(&[(name, text)]))
}
