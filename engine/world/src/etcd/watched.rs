//! A stream that remembers how it went, for telling causes apart afterwards.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What was seen of a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The first bytes that came.
    pub(crate) first: Vec<u8>,
    /// The other side ended it.
    pub(crate) ended: bool,
    /// The alert by which the other side ended TLS.
    pub(crate) alert: Option<rustls::AlertDescription>,
    /// The first error of reading or writing.
    pub(crate) error: Option<String>,
}

/// What a [`Watched`] stream tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    pub(crate) fn seen(&self) -> Seen {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    fn note(&self, write: impl FnOnce(&mut Seen)) {
        write(&mut self.0.lock().unwrap_or_else(|e| e.into_inner()));
    }

    fn failed(&self, error: &io::Error) {
        let tls = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<rustls::Error>());
        self.note(|seen| {
            if let Some(rustls::Error::AlertReceived(alert)) = tls {
                seen.alert.get_or_insert(*alert);
            }
            seen.error.get_or_insert_with(|| error.to_string());
        });
    }
}

/// A stream under watch.
pub(crate) struct Watched<S> {
    stream: S,
    watch: Watch,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S) -> (Self, Watch) {
        let watch = Watch::default();
        (
            Self {
                stream,
                watch: watch.clone(),
            },
            watch,
        )
    }
}

const FIRST: usize = 16;

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        match &polled {
            Poll::Ready(Ok(())) => {
                let came = &buf.filled()[before..];
                let room = buf.remaining() > 0 || !came.is_empty();
                self.watch.note(|seen| {
                    seen.ended |= came.is_empty() && room;
                    let wanted = FIRST.saturating_sub(seen.first.len()).min(came.len());
                    seen.first.extend_from_slice(&came[..wanted]);
                });
            }
            Poll::Ready(Err(error)) => self.watch.failed(error),
            Poll::Pending => {}
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Err(error)) = &polled {
            self.watch.failed(error);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
