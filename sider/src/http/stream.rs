//! A client's byte stream with a clock: a connection that sends no request, or sends one too slowly, is closed.
//!
//! hyper has one timer for a request's head and starts it when the last answer was sent, so that an idle connection dies
//! as fast as a slow head; clients keep theirs for minutes and would write into connections that are just being closed.
//! Here the two have their own bounds: [`limits::HTTP_IDLE_TIMEOUT`] until the first byte, then
//! [`limits::HTTP_HEAD_TIMEOUT`] until the head is complete. While a request is worked on there is no bound here (a
//! long poll waits for minutes). A client that does not read its answer counts as idle.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use sider_client::seam::BoxStream;
use sider_registry::limits;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::host::Host;

/// Whether a request is being worked on. Odd: yes. It only grows, so that a request that came and went between two
/// looks is seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<AtomicU64>);

/// A request is being worked on until this is dropped.
#[derive(Debug)]
pub(super) struct Turn(Turns);

impl Turns {
    /// A request's head has arrived.
    pub(super) fn begin(&self) -> Turn {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn(self.clone())
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The stream.
pub(super) struct TimedStream {
    inner: BoxStream,
    host: Host,
    turns: Turns,
    /// The turn in which the timer was set.
    seen: u64,
    /// Bytes of the next head have arrived.
    in_head: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    /// The first request must arrive like a head: whoever connects has something to say.
    pub(super) fn new(inner: BoxStream, host: Host, turns: Turns) -> Self {
        Self { inner, host, turns, seen: 0, in_head: true, timer: None }
    }

    /// Forgets the timer of an earlier turn. True while a request is worked on.
    fn turn(&mut self) -> bool {
        let now = self.turns.now();
        if now != self.seen {
            self.seen = now;
            self.in_head = false;
            self.timer = None;
        }
        now % 2 == 1
    }

    fn bound(&self) -> Duration {
        if self.in_head { limits::HTTP_HEAD_TIMEOUT } else { limits::HTTP_IDLE_TIMEOUT }
    }

    /// Ready when the client has been silent for too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let bound = self.bound();
        let timer = self.timer.get_or_insert_with(|| Box::pin(self.host.sleep(bound)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, format!("the client was silent for {} s", bound.as_secs())))
    }

    /// The client has taken some of an answer: it is not idle. The timer keeps its waker when it is set anew.
    fn put_off(&mut self) {
        let deadline = self.host.sleep(self.bound()).deadline();
        if let Some(timer) = self.timer.as_mut().filter(|_| !self.in_head) {
            timer.as_mut().reset(deadline);
        }
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let busy = self.turn();
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(result) => {
                if !busy && !self.in_head && buf.filled().len() > before {
                    self.in_head = true;
                    self.timer = None;
                }
                Poll::Ready(result)
            }
            Poll::Pending if busy => Poll::Pending,
            Poll::Pending => self.poll_late(cx).map(Err),
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        self.put_off();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs));
        self.put_off();
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
