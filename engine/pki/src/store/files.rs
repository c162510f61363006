//! Atomic, private files.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::error::PkiError;
use crate::layout::Pair;

/// No PEM file is this large: a longer one is something else.
const LIMIT: u64 = 1 << 20;

/// A file's text; none where there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, PkiError> {
    let failed = |source| PkiError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// Writes aside, syncs, renames, syncs the directory. Directories on the way are made with 0700.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    Staged::new(path, text, mode)?.put()?;
    settle(path)
}

/// Writes a pair, the key first; none: it stands there already. What can fail, a full disk above all, fails before either is in place,
/// and a run cut off between the two leaves a pair that the next one recognises and mends.
pub(super) fn write_pair(
    pair: &Pair,
    key: Option<&SecretString>,
    cert: &str,
) -> Result<(), PkiError> {
    let key = key
        .map(|pem| Staged::new(&pair.key, pem.expose_secret(), 0o600))
        .transpose()?;
    let cert = Staged::new(&pair.cert, cert, 0o644)?;
    if let Some(key) = key {
        key.put()?;
    }
    cert.put()?;
    settle(&pair.cert)
}

/// A file's new content beside it, on the disk; taken away again unless it is put in its place.
struct Staged<'a> {
    path: &'a Path,
    aside: PathBuf,
    put: bool,
}

impl<'a> Staged<'a> {
    fn new(path: &'a Path, text: &str, mode: u32) -> Result<Self, PkiError> {
        let failed = |source| write_failed(path, source);
        let dir = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|source| PkiError::File {
                doing: "create",
                path: dir.to_owned(),
                source,
            })?;
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        match std::fs::remove_file(&aside) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&aside)
            .map_err(failed)?;
        let staged = Self {
            path,
            aside,
            put: false,
        };
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(staged)
    }

    fn put(mut self) -> Result<(), PkiError> {
        std::fs::rename(&self.aside, self.path).map_err(|e| write_failed(self.path, e))?;
        self.put = true;
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if !self.put {
            let _ = std::fs::remove_file(&self.aside);
        }
    }
}

/// A directory's new entries to the disk.
fn settle(path: &Path) -> Result<(), PkiError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir)
        .and_then(|d| d.sync_all())
        .map_err(|source| write_failed(path, source))
}

fn write_failed(path: &Path, source: std::io::Error) -> PkiError {
    PkiError::File {
        doing: "write",
        path: path.to_owned(),
        source,
    }
}

/// Takes a file away whose content stands elsewhere by now.
pub(super) fn remove(path: &Path) -> Result<(), PkiError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(PkiError::File {
            doing: "remove",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Moves a file; the directory that it goes to is made with 0700.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), PkiError> {
    let failed = |source| PkiError::File {
        doing: "move",
        path: from.to_owned(),
        source,
    };
    let dir = to.parent().unwrap_or(Path::new("."));
    let mut made = DirBuilder::new();
    made.recursive(true).mode(0o700);
    made.create(dir).map_err(failed)?;
    std::fs::rename(from, to).map_err(failed)
}
