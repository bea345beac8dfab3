//! Virtual time that anybody may read anywhere, with the same answer in every run of a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Nanoseconds since the start of the run.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Start of the current step.
    step_ns: AtomicU64,
    /// A step is under way: hosts' own clocks may be read.
    stepping: AtomicBool,
    /// The last moment given out: time never goes back in a file, though hosts run one after another within a step.
    last_ns: AtomicU64,
}

impl VirtualClock {
    /// A step begins at `at`.
    pub fn begin_step(&self, at: Duration) {
        self.0.step_ns.store(nanos(at), Ordering::Relaxed);
        self.0.stepping.store(true, Ordering::Relaxed);
    }

    /// The step is over and the next begins at `at`. Between steps nothing but this moment is read: turmoil's own clock
    /// gives real time to code that runs outside its host's runtime.
    pub fn end_step(&self, at: Duration) {
        self.0.step_ns.store(nanos(at), Ordering::Relaxed);
        self.0.stepping.store(false, Ordering::Relaxed);
    }

    /// A step is under way; between steps only machines that are killed run code, to drop what they had.
    #[must_use]
    pub fn is_stepping(&self) -> bool {
        self.0.stepping.load(Ordering::Relaxed)
    }

    /// The start of the current step.
    #[must_use]
    pub fn step_ns(&self) -> u64 {
        self.0.step_ns.load(Ordering::Relaxed)
    }

    /// Now, on the host that runs; never less than the step's start. Must not be called from inside turmoil.
    #[must_use]
    pub fn host_ns(&self) -> u64 {
        let inside = self.0.stepping.load(Ordering::Relaxed) && tokio::runtime::Handle::try_current().is_ok();
        let own = if inside { turmoil::sim_elapsed().map(nanos) } else { None };
        own.unwrap_or(0).max(self.step_ns())
    }

    /// Now, never less than what was answered before: for lines whose order in a file is their order in time.
    #[must_use]
    pub fn monotone_ns(&self) -> u64 {
        let now = self.host_ns();
        self.0.last_ns.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
