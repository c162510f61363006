//! One shell on a host: its three streams, and what keeps it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use openssh::Session;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use crate::text::HeadTail;

/// Standard input of a remote program.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;
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
    pub errors: Arc<Mutex<HeadTail>>,
    /// Keeps session or process.
    pub(super) held: Held,
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
    /// Whether the shell itself came to an end, and not just the connection.
    pub async fn has_exited(self) -> bool {
        let Channel {
            input,
            output,
            held,
            ..
        } = self;
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
        tokio::time::timeout(std::time::Duration::from_secs(2), wait)
            .await
            .unwrap_or(false)
    }

    /// Error output so far.
    pub fn error_text(&self) -> String {
        match self.errors.lock() {
            Ok(kept) => kept.shown(),
            Err(poisoned) => poisoned.into_inner().shown(),
        }
    }
}

/// Drains a stream into a bounded record.
pub(super) fn drain(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Arc<Mutex<HeadTail>> {
    let kept = Arc::new(Mutex::new(HeadTail::new(STDERR_LIMIT)));
    let into = Arc::clone(&kept);
    tokio::spawn(async move {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            if let Ok(mut kept) = into.lock() {
                kept.push(&chunk[..n]);
            }
        }
    });
    kept
}
