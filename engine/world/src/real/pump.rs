//! A file's bytes on their way into a program's input.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};

const CHUNK: usize = 256 * 1024;
/// Bytes that the pipe is to hold: an unprivileged process may ask for no more.
const PIPE: usize = 1 << 20;
/// How often a stalled pump asks whether it is still wanted.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Sends a file from `begin` up to `end` into a pipe that does not block, and tells how far it is. The kernel moves the bytes: copying them through this process costs
/// a tenth of all that sending takes. Dropped, it stops soon.
///
/// # Errors
/// The file cannot be read or ends before `end`, or nobody reads the input any more.
pub(super) async fn pump(
    file: File,
    range: (u64, u64),
    pipe: OwnedFd,
    told: impl FnMut(u64) + Send + 'static,
) -> io::Result<()> {
    // A larger one saves turns, and is no need.
    let _ = fcntl_setpipe_size(&pipe, PIPE);
    let wanted = Wanted::default();
    let flag = Arc::clone(&wanted.0);
    let moving = move || Pump { file, pipe, flag }.run(range, true, told);
    tokio::task::spawn_blocking(moving).await?
}

/// Withdrawn when it is dropped.
struct Wanted(Arc<AtomicBool>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

struct Pump {
    file: File,
    /// Does not block.
    pipe: OwnedFd,
    flag: Arc<AtomicBool>,
}

impl Pump {
    fn run(
        &self,
        (mut at, end): (u64, u64),
        mut in_kernel: bool,
        mut told: impl FnMut(u64),
    ) -> io::Result<()> {
        while at < end && self.flag.load(Ordering::Relaxed) {
            let left = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let moved = if in_kernel {
                self.splice(at, left)
            } else {
                self.copy(at, left)
            };
            match moved {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(moved) => {
                    at += moved as u64;
                    told(at);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.pipe, PollFlags::OUT)], Some(&LOOK))?;
                }
                // Some file systems cannot.
                Err(error) if in_kernel && error.kind() == io::ErrorKind::InvalidInput => {
                    in_kernel = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn splice(&self, mut at: u64, len: usize) -> io::Result<usize> {
        let flags = SpliceFlags::NONBLOCK;
        Ok(splice(
            &self.file,
            Some(&mut at),
            &self.pipe,
            None,
            len,
            flags,
        )?)
    }

    fn copy(&self, at: u64, len: usize) -> io::Result<usize> {
        let mut chunk = vec![0; len];
        let read = self.file.read_at(&mut chunk, at)?;
        Ok(rustix::io::write(&self.pipe, &chunk[..read])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Input;
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    /// A program whose input is a pipe, as those on hosts have it.
    fn sink() -> (tokio::process::Child, Input) {
        let mut child = tokio::process::Command::from(Command::new("sha256sum"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input: Input = Box::pin(child.stdin.take().unwrap());
        (child, input)
    }

    fn noise() -> (tempfile::NamedTempFile, Vec<u8>) {
        let mut bytes = vec![0; 3_000_001];
        File::open("/dev/urandom")
            .unwrap()
            .read_exact(&mut bytes)
            .unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        (file, bytes)
    }

    #[tokio::test]
    async fn both_ways_send_the_same_bytes() {
        use sha2::Digest as _;
        let (file, bytes) = noise();
        for (begin, end) in [
            (0, bytes.len()),
            (1_234_567, bytes.len()),
            (7, 7),
            (5, 70_000),
        ] {
            let wanted = hex::encode(sha2::Sha256::digest(&bytes[begin..end]));
            let range = (begin as u64, end as u64);
            for kernel in [true, false] {
                let (child, input) = sink();
                let pump = Pump {
                    file: file.reopen().unwrap(),
                    pipe: input.as_fd().try_clone_to_owned().unwrap(),
                    flag: Arc::new(AtomicBool::new(true)),
                };
                let run = move || {
                    let mut last = range.0;
                    pump.run(range, kernel, |at| last = at).map(|()| last)
                };
                let last = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
                drop(input);
                let said = child.wait_with_output().await.unwrap().stdout;
                assert_eq!(String::from_utf8_lossy(&said[..64]), wanted);
                assert_eq!(last, range.1);
            }
        }
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_and_a_file_that_became_shorter_are_errors() {
        let (file, bytes) = noise();
        let (mut child, input) = sink();
        child.kill().await.unwrap();
        let sent = pump(
            file.reopen().unwrap(),
            (0, bytes.len() as u64),
            input.as_fd().try_clone_to_owned().unwrap(),
            |_| {},
        )
        .await;
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let (_child, input) = sink();
        let longer = (0, bytes.len() as u64 + 9);
        let sent = pump(
            file.reopen().unwrap(),
            longer,
            input.as_fd().try_clone_to_owned().unwrap(),
            |_| {},
        );
        assert_eq!(sent.await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
