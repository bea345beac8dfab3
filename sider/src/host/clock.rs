//! Moments on a host's own clock.

use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use super::{Host, scale};

/// A moment on the clock of the host whose runtime asks. openraft's elections and leases count in these, so that a
/// host with a drifting clock campaigns early or late, as it would in life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalInstant(Duration);

impl LocalInstant {
    /// Room below zero: openraft subtracts a lease from "now" right after the start.
    const ORIGIN: Duration = Duration::from_secs(1 << 30);

    pub(super) fn now_on(host: &Host) -> Self {
        Self(Self::ORIGIN + scale(host.0.base.elapsed(), host.0.simulated.rate))
    }

    /// Time since the host was made.
    pub(super) fn since_base(self) -> Duration {
        self.0.saturating_sub(Self::ORIGIN)
    }
}

/// Prints local seconds: a real `Instant` in a log line would make two runs of one seed differ.
impl std::fmt::Debug for LocalInstant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.since_base())
    }
}

impl openraft_rt::Instant for LocalInstant {
    fn now() -> Self {
        Host::current().map_or(Self(Self::ORIGIN), |host| Self::now_on(&host))
    }
}

impl Add<Duration> for LocalInstant {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

impl AddAssign<Duration> for LocalInstant {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Duration> for LocalInstant {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by))
    }
}

impl SubAssign<Duration> for LocalInstant {
    fn sub_assign(&mut self, by: Duration) {
        *self = *self - by;
    }
}

impl Sub<Self> for LocalInstant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
