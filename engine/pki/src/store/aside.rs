//! What is replaced is kept: beside the directory, in one of the run's own.

use std::path::{Path, PathBuf};

use super::error::PkiError;
use super::{Wanted, files};
use crate::layout::Pair;

/// Keeps a file's present content, unless the run kept the file before: the first is what was there when it began.
pub(super) fn keep(wanted: &Wanted<'_>, path: &Path) -> Result<(), PkiError> {
    let Some(to) = place(wanted, path) else {
        return Ok(());
    };
    match files::read(path)? {
        Some(text) if !to.exists() => files::write(&to, &text, mode(path)),
        _ => Ok(()),
    }
}

/// Keeps a pair, the certificate last: where it is, its key is too.
pub(super) fn keep_pair(wanted: &Wanted<'_>, pair: &Pair) -> Result<(), PkiError> {
    if place(wanted, &pair.cert).is_some_and(|cert| cert.exists()) {
        return Ok(());
    }
    keep(wanted, &pair.key)?;
    keep(wanted, &pair.cert)
}

/// Whether the run put another certificate in this one's place already.
pub(super) fn was_replaced(wanted: &Wanted<'_>, cert: &Path, text: &str) -> Result<bool, PkiError> {
    let Some(kept) = place(wanted, cert) else {
        return Ok(false);
    };
    Ok(files::read(&kept)?.is_some_and(|before| before != text))
}

fn place(wanted: &Wanted<'_>, path: &Path) -> Option<PathBuf> {
    let name = path.strip_prefix(wanted.dir).ok()?;
    Some(wanted.aside?.join(name))
}

/// Puts files back from where a run kept them; one that was not there before is put there. Returns whether anything was changed.
///
/// # Errors
/// A file could not be read or written.
pub fn reinstate(dir: &Path, aside: &Path, names: &[String]) -> Result<bool, PkiError> {
    let mut changed = false;
    for name in names {
        let (there, kept) = (dir.join(name), aside.join(name));
        let now = files::read(&there)?;
        match files::read(&kept)? {
            Some(before) if now.as_ref() != Some(&before) => {
                files::write(&there, &before, mode(&there))?;
            }
            None if now.is_some() => files::rename(&there, &kept)?,
            _ => continue,
        }
        changed = true;
    }
    Ok(changed)
}

/// Keys are their owner's alone.
fn mode(path: &Path) -> u32 {
    let key = path.extension().is_some_and(|e| e == "key");
    if key { 0o600 } else { 0o644 }
}
