//! A file that has no name until it is complete.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::save::SaveError;

/// `FILE.part`, mode 0600; removed when dropped unfinished.
pub(super) struct Part {
    path: PathBuf,
    finished: bool,
}

impl Part {
    /// Makes it anew; one that a run left behind is taken away.
    pub(super) fn create(dest: &Path) -> Result<Self, SaveError> {
        let path = with_suffix(dest, ".part");
        private(&path)?;
        Ok(Self {
            path,
            finished: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opened for writing.
    pub(super) fn file(&self) -> std::io::Result<File> {
        OpenOptions::new().write(true).open(&self.path)
    }

    pub(super) fn failed(&self, doing: &'static str, source: std::io::Error) -> SaveError {
        failed(doing, &self.path, source)
    }

    /// Gives it its name, and the manifest its own; another file of the name stays unless it may be replaced.
    pub(super) fn finish(
        mut self,
        dest: &Path,
        replace: bool,
        manifest: &Manifest,
    ) -> Result<(), SaveError> {
        let beside = Manifest::path(dest);
        // A stranger's file is not ours to replace; the manifest of a snapshot that is gone is.
        if beside.exists() && !replace && Manifest::load(dest).is_none() {
            return Err(SaveError::Exists { path: beside });
        }
        let aside = with_suffix(&beside, ".part");
        let mut text = serde_json::to_vec_pretty(manifest)
            .map_err(|e| failed("write", &aside, std::io::Error::other(e)))?;
        text.push(b'\n');
        let mut file = private(&aside)?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(|e| failed("write", &aside, e))?;
        if replace {
            std::fs::rename(&self.path, dest).map_err(|e| failed("rename", dest, e))?;
        } else {
            self.name(dest)?;
        }
        self.finished = true;
        std::fs::rename(&aside, &beside).map_err(|e| failed("rename", &beside, e))?;
        let dir = match dest.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        File::open(dir)
            .and_then(|d| d.sync_all())
            .map_err(|e| failed("sync", dir, e))
    }

    /// A link fails where the name is taken meanwhile, a rename would not; some file systems have no links.
    fn name(&self, dest: &Path) -> Result<(), SaveError> {
        match std::fs::hard_link(&self.path, dest) {
            Ok(()) => std::fs::remove_file(&self.path).map_err(|e| self.failed("remove", e)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(SaveError::Exists {
                path: dest.to_owned(),
            }),
            Err(_) => std::fs::rename(&self.path, dest).map_err(|e| failed("rename", dest, e)),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing can be done about a failure here, and the next run takes it away.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A new file that only its owner reads.
fn private(path: &Path) -> Result<File, SaveError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed("replace", path, e)),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| failed("create", path, e))
}

fn failed(doing: &'static str, path: &Path, source: std::io::Error) -> SaveError {
    SaveError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
