//! Deadlines of ttl checks, sans I/O: time is an argument, what is due is an answer.
//!
//! Only a leader has deadlines (TTL-4). A check's deadline moves with each renewal; it is out of the race while a renewal
//! waits for the confirmation of leadership ([`Deadlines::hold`]) and while its expiry is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sider_registry::command::Expiry;
use sider_registry::model::{CheckKey, Index};

/// The deadlines of one server. Times are the host's monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Deadlines {
    /// The term that this server leads, if it leads.
    leading: Option<u64>,
    checks: BTreeMap<CheckKey, Deadline>,
    /// Those that may come due, by time: neither held nor expiring.
    running: BTreeSet<(Duration, CheckKey)>,
}

/// What a renewal met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The deadline was moved.
    Moved,
    /// An expiry is under way: the renewal must be a logged command behind it.
    Expiring,
    /// The check has no deadline here, or not the one that the renewal met: it must be a logged command.
    Absent,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Deadline {
    at: Duration,
    ttl: Duration,
    fence: Index,
    /// Renewals that wait for the confirmation of leadership.
    held: u32,
    /// An expiry was proposed and has no answer yet.
    expiring: bool,
}

impl Deadline {
    fn runs(&self) -> bool {
        self.held == 0 && !self.expiring
    }
}

impl Deadlines {
    /// This server leads `term` from `now` on: every check gets its full ttl (TTL-6).
    pub fn lead(&mut self, term: u64, now: Duration, checks: impl Iterator<Item = (CheckKey, Duration, Index)>) {
        self.resign();
        self.leading = Some(term);
        for (check, ttl, fence) in checks {
            self.arm(check, ttl, fence, now);
        }
    }

    /// This server leads no more: it expires nothing.
    pub fn resign(&mut self) {
        *self = Self::default();
    }

    /// The check is armed, or armed anew: its deadline is `ttl` from `now`.
    pub fn arm(&mut self, check: CheckKey, ttl: Duration, fence: Index, now: Duration) {
        if self.leading.is_none() {
            return;
        }
        let held = self.disarm(&check);
        let deadline = Deadline { at: now.saturating_add(ttl), ttl, fence, held, expiring: false };
        self.insert(check, deadline);
    }

    /// The check has no deadline any more. Answers how many renewals held it.
    pub fn disarm(&mut self, check: &CheckKey) -> u32 {
        let Some(deadline) = self.checks.remove(check) else { return 0 };
        self.running.remove(&(deadline.at, check.clone()));
        deadline.held
    }

    /// A renewal arrived and waits for the confirmation of leadership: until [`Self::release`] the check is not due,
    /// so a renewal that came in time is not overtaken by its own deadline (TTL-3). False: it has none, and nothing is to
    /// be released.
    pub fn hold(&mut self, check: &CheckKey) -> bool {
        self.change(check, |deadline| deadline.held += 1);
        self.checks.contains_key(check)
    }

    /// Ends one [`Self::hold`] that answered true, in the same term.
    pub fn release(&mut self, check: &CheckKey) {
        self.change(check, |deadline| deadline.held = deadline.held.saturating_sub(1));
    }

    /// A renewal that arrived at `received`, while this server led `term`, is confirmed: the deadline is at least a full
    /// ttl from then. If another leadership has begun since, an expiry of the earlier one may stand in the log and be
    /// committed yet, whatever this table says: the renewal must be logged behind it.
    pub fn renew(&mut self, check: &CheckKey, received: Duration, term: Option<u64>) -> Renewal {
        if term.is_none() || term != self.leading {
            return Renewal::Absent;
        }
        let mut renewal = Renewal::Absent;
        self.change(check, |deadline| {
            if deadline.expiring {
                renewal = Renewal::Expiring;
            } else {
                deadline.at = deadline.at.max(received.saturating_add(deadline.ttl));
                renewal = Renewal::Moved;
            }
        });
        renewal
    }

    /// An expiry of the check is under way.
    #[must_use]
    pub fn expiring(&self, check: &CheckKey) -> bool {
        self.checks.get(check).is_some_and(|deadline| deadline.expiring)
    }

    /// An expiry of any check is under way.
    #[must_use]
    pub fn any_expiring(&self) -> bool {
        self.checks.values().any(|deadline| deadline.expiring)
    }

    /// At most `most` checks whose deadline has passed, marked as under way. Costs O(due log n).
    pub fn due(&mut self, now: Duration, most: usize) -> Vec<Expiry> {
        let due: Vec<CheckKey> =
            self.running.iter().take_while(|(at, _)| *at <= now).take(most).map(|(_, check)| check.clone()).collect();
        due.into_iter()
            .map(|check| {
                self.change(&check, |deadline| deadline.expiring = true);
                let seen = self.checks[&check].fence;
                Expiry { check, seen }
            })
            .collect()
    }

    /// These expiries were applied: those whose fence did not stand are due again when their deadline is.
    pub fn settle(&mut self, expiries: &[Expiry]) {
        for expiry in expiries {
            self.change(&expiry.check, |deadline| {
                if deadline.fence == expiry.seen {
                    deadline.expiring = false;
                }
            });
        }
    }

    /// When the next check comes due.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.running.first().map(|(at, _)| *at)
    }

    /// Checks with a deadline.
    #[must_use]
    pub fn len(&self) -> usize {
        self.checks.len()
    }

    /// No check has a deadline.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// The term that this server leads.
    #[must_use]
    pub fn leading(&self) -> Option<u64> {
        self.leading
    }

    fn change(&mut self, check: &CheckKey, change: impl FnOnce(&mut Deadline)) {
        let Some(mut deadline) = self.checks.remove(check) else { return };
        self.running.remove(&(deadline.at, check.clone()));
        change(&mut deadline);
        self.insert(check.clone(), deadline);
    }

    fn insert(&mut self, check: CheckKey, deadline: Deadline) {
        if deadline.runs() {
            self.running.insert((deadline.at, check.clone()));
        }
        self.checks.insert(check, deadline);
    }
}
