//! One shell on a host: its three streams, and what keeps it.

use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openssh::Session;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::text::HeadTail;

/// A pipe to a program.
pub trait Inlet: AsyncWrite + AsFd + Send {}
impl<T: AsyncWrite + AsFd + Send> Inlet for T {}

/// Standard input of a remote program.
pub type Input = Pin<Box<dyn Inlet>>;
/// Standard output of a remote program.
pub type Output = Pin<Box<dyn AsyncRead + Send>>;

/// Bytes of error output kept at each end.
const STDERR_LIMIT: usize = 4096;

/// A shell that runs on a host. Dropping it closes its streams; it does not end a detached program.
pub struct Channel {
    /// Where the program reads.
    pub input: Input,
    /// What it writes.
    pub output: Output,
    /// What it writes as errors: kept at both ends, always drained.
    pub(super) errors: Drained,
    /// Keeps session or process.
    pub(super) held: Held,
    /// It has run a program before.
    pub(super) used: bool,
    /// One of the few sessions that a connection may carry at once.
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}

/// What a channel stands on.
#[allow(dead_code, reason = "held for what dropping it does")]
pub(super) enum Held {
    Ssh(Box<openssh::Child<Arc<Session>>>),
    Local(Box<tokio::process::Child>),
}

impl Channel {
    /// Whether it is sure that nothing of the first program began: the shell itself came to an end, and not just the connection. Of a
    /// shell that worked before nothing is sure: whatever ended it may have come late.
    pub async fn has_refused(self) -> bool {
        let Channel {
            input,
            output,
            held,
            used,
            ..
        } = self;
        if used {
            return false;
        }
        drop((input, output));
        let wait = async {
            match held {
                Held::Local(mut child) => child.wait().await.is_ok(),
                Held::Ssh(child) => match child.wait().await {
                    Ok(_) => true,
                    // How the crate tells status 127.
                    Err(openssh::Error::Remote(e)) => e.kind() == std::io::ErrorKind::NotFound,
                    Err(_) => false,
                },
            }
        };
        timeout(Duration::from_secs(2), wait).await.unwrap_or(false)
    }

    /// Whether the shell waits for its next program: nothing more came from the one before, and the connection stands, as far as is known.
    pub(super) async fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        timeout(Duration::ZERO, self.output.read(&mut byte))
            .await
            .is_err()
    }

    /// Forgets what earlier programs wrote as errors.
    pub(super) fn begin_again(&mut self) {
        self.used = true;
        match self.errors.kept.lock() {
            Ok(mut kept) => *kept = HeadTail::new(STDERR_LIMIT),
            Err(poisoned) => *poisoned.into_inner() = HeadTail::new(STDERR_LIMIT),
        }
    }

    /// All error output of a program that has ended.
    pub async fn error_text(&mut self) -> String {
        // It comes on a stream of its own and may be a little behind.
        let _ = timeout(Duration::from_millis(500), &mut self.errors.task).await;
        match self.errors.kept.lock() {
            Ok(kept) => kept.shown(),
            Err(poisoned) => poisoned.into_inner().shown(),
        }
    }
}

/// A stream that is read for its ends.
pub(super) struct Drained {
    kept: Arc<Mutex<HeadTail>>,
    task: JoinHandle<()>,
}

/// Drains a stream into a bounded record.
pub(super) fn drain(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Drained {
    let kept = Arc::new(Mutex::new(HeadTail::new(STDERR_LIMIT)));
    let into = Arc::clone(&kept);
    let task = tokio::spawn(async move {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            if let Ok(mut kept) = into.lock() {
                kept.push(&chunk[..n]);
            }
        }
    });
    Drained { kept, task }
}
