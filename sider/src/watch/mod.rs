//! Long polls that wait for a change. Knows nothing of Raft or HTTP: [`Watches::announce`] is told what changed, and
//! whoever parked on it wakes.
//!
//! The order that loses no wake-up: park, then read the state, then wait. Whatever is applied after parking is
//! remembered in the place; whatever was applied before is in the state that is read.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use sider_registry::limits;
use sider_registry::model::Index;

mod table;

pub use table::{Ticket, WatchKey, WatchTable};

/// All parked polls of one server.
#[derive(Debug, Clone, Default)]
pub struct Watches {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    table: WatchTable<Waker>,
    closed: bool,
}

/// [`limits::WATCHES_MAX`] polls are parked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} polls wait on this server already: ask another server, or poll less", limits::WATCHES_MAX)]
pub struct TooManyWatches;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A change above the index was announced.
    Changed,
    /// The server is stopping: answer with what there is.
    Closing,
}

/// A taken place; dropping it gives it back at once.
#[derive(Debug)]
pub struct Parked {
    shared: Arc<Mutex<Shared>>,
    key: WatchKey,
    ticket: Ticket,
}

impl Watches {
    /// Takes a place. Do it before reading the state.
    ///
    /// # Errors
    /// The bound on parked polls is reached.
    pub fn park(&self, key: WatchKey) -> Result<Parked, TooManyWatches> {
        let mut shared = lock(&self.shared);
        if shared.table.len() >= limits::WATCHES_MAX {
            return Err(TooManyWatches);
        }
        let ticket = shared.table.park(key.clone());
        trace_gauge(&shared);
        Ok(Parked { shared: Arc::clone(&self.shared), key, ticket })
    }

    /// Wakes everybody who waits for `key` below `index`. The wakers run after the lock is free.
    pub fn announce(&self, key: &WatchKey, index: Index) {
        let wakers = lock(&self.shared).table.announce(key, index);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Everything may have changed (a snapshot was installed).
    pub fn announce_all(&self, index_of: impl Fn(&WatchKey) -> Index) {
        let wakers = lock(&self.shared).table.announce_all(index_of);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends every wait, now and from now on: the server is stopping.
    pub fn close(&self) {
        let wakers = {
            let mut shared = lock(&self.shared);
            shared.closed = true;
            shared.table.announce_all(|_| Index(0))
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Polls parked now (the gauge of W-13).
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.shared).table.len()
    }

    /// No poll is parked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Polls parked by key, in key order, for metrics.
    #[must_use]
    pub fn by_key(&self) -> Vec<(WatchKey, usize)> {
        lock(&self.shared).table.by_key().map(|(key, n)| (key.clone(), n)).collect()
    }
}

impl Parked {
    /// Waits until a change above `index` is announced, or the server stops. Cancel-safe.
    pub async fn above(&mut self, index: Index) -> Wake {
        poll_fn(|cx| {
            let mut shared = lock(&self.shared);
            if shared.closed {
                return Poll::Ready(Wake::Closing);
            }
            if shared.table.poll_above(&self.key, self.ticket, index, cx.waker().clone()) {
                return Poll::Ready(Wake::Changed);
            }
            Poll::Pending
        })
        .await
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.table.leave(&self.key, self.ticket);
        trace_gauge(&shared);
    }
}

/// The fact that W-13 is judged by.
fn trace_gauge(shared: &Shared) {
    tracing::trace!(target: "sider::watch", parked = shared.table.len());
}

/// The table is changed in single steps that cannot panic half-way, so a poisoned lock still holds a whole table.
fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
