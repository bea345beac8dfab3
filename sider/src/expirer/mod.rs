//! The leader's deadlines of ttl checks (SPEC section 6). Knows nothing of Raft or HTTP: it is told what was armed and
//! who leads, and hands out what is due.

mod deadlines;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sider_registry::command::{Event, Expiry};
use sider_registry::limits;
use sider_registry::model::CheckKey;
use tokio::sync::Notify;

pub use deadlines::{Deadlines, Renewal};

use crate::host::Host;

/// The deadlines of one server, shared between those who arm, renew and expire.
#[derive(Debug, Clone)]
pub struct Expirer {
    deadlines: Arc<Mutex<Deadlines>>,
    /// Rung when the next deadline may have moved nearer.
    changed: Arc<Notify>,
    /// Rung when expiries under way have ended.
    settled: Arc<Notify>,
    host: Host,
}

impl Expirer {
    /// No deadlines yet.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { deadlines: Arc::default(), changed: Arc::default(), settled: Arc::default(), host }
    }

    /// Takes note of what a command changed. Called under the registry's write lock, so that a new leader's first look
    /// at the checks and the changes after it leave no gap.
    pub fn observe(&self, events: &[Event]) {
        let mut moved = false;
        let mut deadlines = self.lock();
        if deadlines.leading().is_none() {
            return;
        }
        for event in events {
            match event {
                Event::TtlArmed { check, ttl, modify_index } => {
                    deadlines.arm(check.clone(), *ttl, *modify_index, self.host.now());
                    moved = true;
                }
                Event::TtlDisarmed { check } => {
                    deadlines.disarm(check);
                }
                Event::Service { .. } | Event::Catalog { .. } => {}
            }
        }
        drop(deadlines);
        if moved {
            self.changed.notify_one();
        }
    }

    /// This server leads `term` from now on. Call it under the registry's read lock.
    pub fn lead(&self, term: u64, checks: impl Iterator<Item = (CheckKey, Duration, sider_registry::model::Index)>) {
        self.lock().lead(term, self.host.now(), checks);
        self.changed.notify_one();
    }

    /// This server leads no more.
    pub fn resign(&self) {
        self.lock().resign();
        self.settled.notify_waiters();
    }

    /// Keeps `checks` from coming due until the guard is dropped.
    #[must_use]
    pub fn hold(&self, checks: Vec<CheckKey>) -> Held {
        let mut deadlines = self.lock();
        let checks = checks.into_iter().filter(|check| deadlines.hold(check)).collect();
        let term = deadlines.leading();
        drop(deadlines);
        Held { expirer: self.clone(), term, checks }
    }

    /// Moves the deadline of a renewal that arrived at `received` and was `held` since; see [`Deadlines::renew`].
    #[must_use]
    pub fn renew(&self, check: &CheckKey, received: Duration, held: &Held) -> Renewal {
        self.lock().renew(check, received, held.term)
    }

    /// An expiry of the check is under way.
    #[must_use]
    pub fn expiring(&self, check: &CheckKey) -> bool {
        self.lock().expiring(check)
    }

    /// Waits until expiries that are under way have ended. Returns at once if none is.
    pub async fn settled(&self) {
        let settled = self.settled.notified();
        let mut settled = std::pin::pin!(settled);
        // Listen first, look second: an end in between is not missed.
        settled.as_mut().enable();
        if self.lock().any_expiring() {
            settled.await;
        }
    }

    /// Waits until at least one check is due, and answers those that are (a bounded number) and the term that this
    /// server leads: they may be proposed in no other.
    pub async fn due(&self) -> (u64, Vec<Expiry>) {
        loop {
            let (term, due, next) = {
                let mut deadlines = self.lock();
                let due = deadlines.due(self.host.now(), limits::EXPIRE_BATCH_MAX);
                (deadlines.leading(), due, deadlines.next())
            };
            if let Some(term) = term
                && !due.is_empty()
            {
                return (term, due);
            }
            let changed = self.changed.notified();
            match next {
                Some(at) => {
                    let wait = at.saturating_sub(self.host.now());
                    // Either way the table is looked at again.
                    let _elapsed = self.host.timeout(wait, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// These expiries were applied. Those of a leadership that has ended are never settled: they may be committed yet.
    pub fn settle(&self, expiries: &[Expiry]) {
        self.lock().settle(expiries);
        self.changed.notify_one();
        self.settled.notify_waiters();
    }

    /// Checks with a deadline on this server.
    #[must_use]
    pub fn armed(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Deadlines> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Expirer::hold`].
#[derive(Debug)]
pub struct Held {
    expirer: Expirer,
    /// The term that this server led when they were held.
    term: Option<u64>,
    checks: Vec<CheckKey>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut deadlines = self.expirer.lock();
        if deadlines.leading() == self.term {
            self.checks.iter().for_each(|check| deadlines.release(check));
        }
        drop(deadlines);
        self.expirer.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
