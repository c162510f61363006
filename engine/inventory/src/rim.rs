//! The one module that touches the machine: files by `std::fs`, scripts by `std::process`.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::files::{Files, Kind, ScriptOutput, Unreadable};

/// Files of this machine. `script_limit` bounds how long an inventory script may run.
#[derive(Clone, Debug)]
pub struct StdFiles {
    /// A script that is not done by then is killed and counts as failed.
    pub script_limit: Duration,
    /// Bytes of one file or of one script's output beyond which we refuse to read.
    pub size_limit: u64,
}

impl Default for StdFiles {
    fn default() -> Self {
        Self {
            script_limit: Duration::from_secs(120),
            size_limit: 64 << 20,
        }
    }
}

impl StdFiles {
    fn drain(&self, from: impl Read) -> Result<Vec<u8>, Unreadable> {
        let mut bytes = Vec::new();
        from.take(self.size_limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Unreadable(e.to_string()))?;
        if bytes.len() as u64 > self.size_limit {
            return Err(Unreadable(format!("larger than {} bytes", self.size_limit)));
        }
        Ok(bytes)
    }
}

impl Files for StdFiles {
    fn kind(&self, path: &Path) -> Option<Kind> {
        let meta = std::fs::metadata(path).ok()?;
        Some(if meta.is_dir() { Kind::Dir } else { Kind::File })
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Unreadable> {
        self.drain(std::fs::File::open(path).map_err(|e| Unreadable(e.to_string()))?)
    }

    fn list_dir(&self, path: &Path) -> Result<Vec<String>, Unreadable> {
        let entries = std::fs::read_dir(path).map_err(|e| Unreadable(e.to_string()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Unreadable(e.to_string()))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    fn is_executable(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    }

    fn run_script(&self, path: &Path, args: &[&str]) -> Result<ScriptOutput, Unreadable> {
        let mut child = Command::new(self.absolute(path))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Unreadable(e.to_string()))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (send, receive) = std::sync::mpsc::channel();
        for (which, pipe) in [(0, out.map(boxed)), (1, err.map(boxed))] {
            let (me, send) = (self.clone(), send.clone());
            // Detached: a grandchild that keeps the pipe open must not keep us beyond the limit.
            std::thread::spawn(move || {
                let bytes = pipe.map_or(Ok(Vec::new()), |p| me.drain(p));
                let _ = send.send((which, bytes));
            });
        }
        let end = Instant::now() + self.script_limit;
        let mut got = [Vec::new(), Vec::new()];
        for _ in 0..2 {
            match receive.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((which, Ok(bytes))) => got[which] = bytes,
                Ok((_, Err(why))) => return Err(give_up(&mut child, why)),
                Err(_) => return Err(give_up(&mut child, self.too_long())),
            }
        }
        let status = self.reap(&mut child, end)?;
        let [stdout, stderr] = got;
        Ok(ScriptOutput {
            status,
            stdout,
            stderr,
        })
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
    }
}

impl StdFiles {
    fn too_long(&self) -> Unreadable {
        Unreadable(format!(
            "not done after {} s",
            self.script_limit.as_secs_f32()
        ))
    }

    /// The pipes are closed, so the end is near; a script that closes them and lingers is killed at the limit.
    fn reap(&self, child: &mut Child, end: Instant) -> Result<Option<i32>, Unreadable> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status.code()),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
                Ok(None) => return Err(give_up(child, self.too_long())),
                Err(e) => return Err(Unreadable(e.to_string())),
            }
        }
    }
}

fn boxed(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

fn give_up(child: &mut Child, why: Unreadable) -> Unreadable {
    let _ = child.kill();
    let _ = child.wait();
    why
}
