//! Changed: the timers of a host's software, so that ticks in which it has
//! nothing to do can be passed over. tokio does not tell when its next timer
//! ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant, Sleep};

/// Milliseconds ahead of now whose timers are counted in an array.
const NEAR: u64 = 2048;

thread_local! {
    /// The timers of the host that runs, if it tells of them.
    static CURRENT: RefCell<Option<Arc<Timers>>> = const { RefCell::new(None) };
}

/// The software of the current host will tell of every timer that it sets, from
/// now until it is crashed: none is set yet. Steps in which it has nothing to
/// do are passed over. Needs ticks of whole milliseconds, and no I/O but
/// turmoil's.
pub fn tell_timers() -> Arc<Timers> {
    CURRENT.with_borrow_mut(|current| {
        Arc::clone(current.get_or_insert_with(|| Arc::new(Timers::new())))
    })
}

/// The timers of the current host, if it tells of them.
pub fn timers_here() -> Option<Arc<Timers>> {
    CURRENT.with_borrow(Option::clone)
}

/// Sleeps, and tells of it if the current host tells of its timers.
pub(crate) fn sleep(time: Duration) -> Sleep {
    let sleep = tokio::time::sleep(time);
    if let Some(timers) = timers_here() {
        timers.set(sleep.deadline());
    }
    sleep
}

/// Runs `f` as the host of `timers`.
pub(crate) fn enter<R>(timers: &mut Option<Arc<Timers>>, f: impl FnOnce() -> R) -> R {
    CURRENT.set(timers.take());
    let result = f();
    *timers = CURRENT.take();
    result
}

/// When the timers of a host end, in milliseconds, to which tokio rounds up.
#[derive(Debug)]
pub struct Timers {
    base: Instant,
    ends: Mutex<Ends>,
}

#[derive(Debug)]
struct Ends {
    /// Timers up to here have ended.
    passed: u64,
    /// How many end in each of the next [`NEAR`] milliseconds.
    near: Box<[u32]>,
    /// How many end later.
    far: BTreeMap<u64, u32>,
}

impl Timers {
    /// Now is a whole number of milliseconds on the clock of the runtime.
    fn new() -> Self {
        let near = vec![0; NEAR as usize].into_boxed_slice();
        Self {
            base: Instant::now(),
            ends: Mutex::new(Ends { passed: 0, near, far: BTreeMap::new() }),
        }
    }

    /// A timer was set that ends at `end`. The answer names it.
    pub fn set(&self, end: Instant) -> u64 {
        let at = self.up(end);
        let mut ends = self.lock();
        if at > ends.passed {
            *ends.count(at) += 1;
        }
        at
    }

    /// The timer that was named `at` is gone; it may have ended before.
    pub fn gone(&self, at: u64) {
        let mut ends = self.lock();
        if at <= ends.passed {
            return;
        }
        let count = ends.count(at);
        *count -= 1;
        if *count == 0 && at - ends.passed >= NEAR {
            ends.far.remove(&at);
        }
    }

    /// No timer ends from `now` on and before `duration` has passed. Those that
    /// ended before `now` have woken their tasks. One that ends at `now` may
    /// have done so, too, or does it when the host runs next.
    pub(crate) fn none_before(&self, now: Instant, duration: Duration) -> bool {
        let now = self.up(now);
        let duration = duration.as_millis() as u64;
        assert!(
            (1..NEAR).contains(&duration),
            "a host that tells of its timers goes in ticks of whole milliseconds below {NEAR}"
        );
        let end = now + duration;
        let mut ends = self.lock();
        ends.pass(now.saturating_sub(1));
        (now..end).all(|at| ends.near[(at % NEAR) as usize] == 0)
    }

    fn up(&self, at: Instant) -> u64 {
        let after = at.saturating_duration_since(self.base) + Duration::from_nanos(999_999);
        after.as_millis() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ends {
    fn pass(&mut self, last: u64) {
        while self.passed < last {
            self.near[(self.passed % NEAR) as usize] = 0;
            self.passed += 1;
            let nearest = self.passed + NEAR - 1;
            if self.far.first_key_value().is_some_and(|(at, _)| *at == nearest) {
                let (at, count) = self.far.pop_first().unwrap();
                self.near[(at % NEAR) as usize] = count;
            }
        }
    }

    /// Those that end at `at`, which has not passed.
    fn count(&mut self, at: u64) -> &mut u32 {
        if at - self.passed < NEAR {
            &mut self.near[(at % NEAR) as usize]
        } else {
            self.far.entry(at).or_default()
        }
    }
}
