//! What the server counts as it goes, and the page that shows it together with the registry's and Raft's numbers.
//!
//! Counters are ordered by their labels, so that two runs of one simulation print the same page; every series that can
//! be named ahead is there from the start, so that a rate over it is never "no data".

mod page;
mod scrape;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use super::poll::Ended;
use super::routes;
use crate::node::WriteError;

pub(super) use scrape::render;

/// Statuses that a route can answer with: the series that exist from the start.
const STATUSES: [u16; 10] = [200, 400, 404, 405, 408, 409, 413, 429, 500, 503];
/// Upper bounds of the request durations, in microseconds. Time that a poll was parked does not count.
const BUCKETS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// The label of requests that found no route.
const NO_ROUTE: &str = "other";
/// What became of a write, as a label.
const WRITE_OUTCOMES: [&str; 6] = ["ok", "rejected", "no_leader", "overloaded", "not_ready", "unknown"];
/// Why a connection was refused, as a label.
const REFUSALS: [&str; 2] = ["address", "server"];

/// The counters.
#[derive(Debug)]
pub(super) struct Metrics {
    /// By route, then by status.
    requests: Mutex<BTreeMap<&'static str, BTreeMap<u16, u64>>>,
    durations: Durations,
    writes: Labelled,
    refusals: Labelled,
    bodies_refused: AtomicU64,
    polls: Labelled,
}

impl Metrics {
    /// All at zero.
    pub(super) fn new() -> Self {
        let zeros = BTreeMap::from(STATUSES.map(|status| (status, 0)));
        let paths = routes::table().into_iter().map(|route| route.path).chain([NO_ROUTE]);
        Self {
            requests: Mutex::new(paths.map(|path| (path, zeros.clone())).collect()),
            durations: Durations::default(),
            writes: Labelled::new(&WRITE_OUTCOMES),
            refusals: Labelled::new(&REFUSALS),
            bodies_refused: AtomicU64::new(0),
            polls: Labelled::new(&Ended::ALL.map(Ended::as_str)),
        }
    }

    /// A request was answered. `route` is its route, not what the client wrote: a client cannot make series. A poll that
    /// waited says nothing about how fast the server is, so it has no `worked`.
    pub(super) fn answered(&self, route: &str, status: StatusCode, worked: Option<Duration>) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let known = if requests.contains_key(route) { route } else { NO_ROUTE };
        if let Some(of_route) = requests.get_mut(known) {
            *of_route.entry(status.as_u16()).or_default() += 1;
        }
        drop(requests);
        if let Some(worked) = worked {
            self.durations.observe(worked);
        }
    }

    /// A write came to an end.
    pub(super) fn written<T>(&self, result: &Result<T, WriteError>) {
        self.writes.count(match result {
            Ok(_) => "ok",
            Err(WriteError::Rejected(_)) => "rejected",
            Err(WriteError::NoLeader(_)) => "no_leader",
            Err(WriteError::Overloaded(_)) => "overloaded",
            Err(WriteError::NotReady(_)) => "not_ready",
            Err(WriteError::Unknown(_)) => "unknown",
        });
    }

    /// A connection got no place.
    pub(super) fn connection_refused(&self, reason: &'static str) {
        self.refusals.count(reason);
    }

    /// There was no room for a body.
    pub(super) fn body_refused(&self) {
        self.bodies_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A poll came to an end.
    pub(super) fn poll_ended(&self, how: Ended) {
        self.polls.count(how.as_str());
    }
}

/// Counters by the value of one label; the values are known ahead.
#[derive(Debug)]
struct Labelled(BTreeMap<&'static str, AtomicU64>);

impl Labelled {
    fn new(values: &[&'static str]) -> Self {
        Self(values.iter().map(|value| (*value, AtomicU64::new(0))).collect())
    }

    fn count(&self, value: &'static str) {
        let counter = self.0.get(value);
        debug_assert!(counter.is_some(), "{value} is not among the label's values");
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(value, count)| (*value, count.load(Ordering::Relaxed)))
    }
}

/// A histogram of durations.
#[derive(Debug, Default)]
struct Durations {
    /// One for each bound, and the last for what is above all.
    counts: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Durations {
    fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < us);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}
