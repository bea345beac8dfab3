//! A byte stream whose peer cannot keep it waiting for ever: hyper bounds the time of a request's head, and no more.
//!
//! Has no clock of its own: how long is too long, and by which clock, is a matter of the [`Patience`] that it is given.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::BoxStream;

/// How long a peer may keep a stream waiting. Each stream has one of its own.
pub trait Patience: Send + Unpin + 'static {
    /// A read has ended, with that many bytes; none: the peer sends no more, or the read failed.
    fn has_read(&mut self, _len: usize) {}

    /// A read waits for the peer. Ready when it has waited for too long, with the error that the reader gets.
    fn poll_read_late(&mut self, _cx: &mut Context<'_>) -> Poll<io::Error> {
        Poll::Pending
    }

    /// A write has ended: the peer takes what it is sent.
    fn has_written(&mut self);

    /// A write waits for the peer. Ready when it has waited for too long, with the error that the writer gets.
    fn poll_write_late(&mut self, _cx: &mut Context<'_>) -> Poll<io::Error> {
        Poll::Pending
    }
}

/// See the module.
pub struct Timed<P> {
    inner: BoxStream,
    patience: P,
}

impl<P: Patience> Timed<P> {
    /// `inner`, as long as `patience` lasts.
    #[must_use]
    pub fn new(inner: BoxStream, patience: P) -> Self {
        Self { inner, patience }
    }

    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.patience.poll_write_late(cx).map(Err);
        }
        self.patience.has_written();
        written
    }
}

impl<P: Patience> AsyncRead for Timed<P> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if read.is_pending() {
            return self.patience.poll_read_late(cx).map(Err);
        }
        self.patience.has_read(buf.filled().len() - before);
        read
    }
}

impl<P: Patience> AsyncWrite for Timed<P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
