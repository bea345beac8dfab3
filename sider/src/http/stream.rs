//! The server's patience with a client: a connection that sends no request, or sends one too slowly, is closed.
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

use sider_client::seam::{Patience, Sleep};
use sider_registry::limits;

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

/// Patience with a client that should say something, or read its answer.
pub(super) struct WithClient {
    host: Host,
    turns: Turns,
    /// The turn in which the timer was set.
    seen: u64,
    /// Bytes of the next head have arrived.
    in_head: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl WithClient {
    /// The first request must arrive like a head: whoever connects has something to say.
    pub(super) fn new(host: Host, turns: Turns) -> Self {
        Self { host, turns, seen: 0, in_head: true, timer: None }
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
}

impl Patience for WithClient {
    fn has_read(&mut self, len: usize) {
        let busy = self.turn();
        if !busy && !self.in_head && len > 0 {
            self.in_head = true;
            self.timer = None;
        }
    }

    fn poll_read_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.turn() {
            return Poll::Pending;
        }
        let bound = self.bound();
        let timer = self.timer.get_or_insert_with(|| Box::pin(self.host.sleep(bound)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, format!("the client was silent for {} s", bound.as_secs())))
    }

    /// It is not idle. The timer keeps its waker when it is set anew.
    fn has_written(&mut self) {
        let bound = self.bound();
        if let Some(timer) = self.timer.as_mut().filter(|_| !self.in_head) {
            self.host.restart(timer.as_mut(), bound);
        }
    }
}
