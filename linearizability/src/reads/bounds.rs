//! The bounds in time that the passes judge by, in one place. All are lengths on the recorder's clock, in nanoseconds.
//! They err on the server's side: a breach has to be a proof.

const MS: u64 = 1_000_000;

/// Bounds of the passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    /// A wake-up must be answered in this time (SPEC W-4: 50 ms).
    pub wake: u64,
    /// Added to every upper bound: the network between client and server, and a busy machine.
    pub slack: u64,
    /// From the end of a fault until the cluster is taken to have a leader and connected servers again. Longer than any
    /// deadline of a read, write or election inside the server (5 s), so that nothing begun before is still stuck.
    pub recovery: u64,
    /// Until a connected server has applied what was acknowledged (the slowest: a snapshot is streamed to it).
    pub catch_up: u64,
    /// From a missed deadline to its expiry in the log: the leader's granularity plus the commit (SPEC TTL-2: 1 s + commit).
    pub expire: u64,
    /// A call without an answer has taken effect this long after the client gave up, or never, if the cluster was whole
    /// meanwhile. Twice the server's longest deadline of a write (5 s).
    pub late_effect: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            wake: 50 * MS,
            slack: 500 * MS,
            recovery: 10_000 * MS,
            catch_up: 5_000 * MS,
            expire: 2_000 * MS,
            late_effect: 10_000 * MS,
        }
    }
}

/// Default of `wait` of a poll that gives none, and the longest that is granted (SPEC section 5), in ms.
const WAIT_DEFAULT_MS: u64 = 300_000;
const WAIT_MAX_MS: u64 = 600_000;

/// The wait that the server grants, in ns.
pub(crate) fn granted_wait(wait_ms: u32) -> u64 {
    let wait_ms = if wait_ms == 0 { WAIT_DEFAULT_MS } else { u64::from(wait_ms) };
    wait_ms.min(WAIT_MAX_MS) * MS
}

/// How fast the servers' clocks ran against the recorder's, over the whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    pub min: f64,
    pub max: f64,
}

impl Rates {
    /// The least real time in which a server's clock can show that `duration` passed.
    pub(crate) fn shortest(self, duration: u64) -> u64 {
        if self.max <= 1.0 { duration } else { (duration as f64 / self.max) as u64 }
    }

    /// The most real time that a server's clock can take to show that `duration` passed.
    pub(crate) fn longest(self, duration: u64) -> u64 {
        if self.min >= 1.0 { duration } else { ((duration as f64 / self.min) as u64).min(FOREVER) }
    }
}

/// 146 years, in ns: a clock that all but stands still must not make a sum of lengths overflow.
const FOREVER: u64 = u64::MAX / 4;
