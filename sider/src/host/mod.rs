//! The machine as the server sees it: its clock, its randomness, and whether its tasks run at all.
//!
//! In production there is one machine, with the operating system's clock and seed. In simulation many hosts share one
//! process; each has its own seed, its own clock rate and wall-clock offset, and can be paused as by SIGSTOP. Everything
//! in this crate takes time, randomness and tasks from here and nowhere else, openraft included ([`SiderRuntime`]).

mod clock;
mod gate;
mod runtime;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sider_client::seam::{Sleep, Timeout, Timers};
use sider_registry::model::Timestamp;
use tokio::runtime::{Handle, Id};
use tokio::task::JoinHandle;

pub use clock::LocalInstant;
pub use gate::Gate;
pub use runtime::SiderRuntime;

/// One machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The moment at which the local clock stood at zero.
    base: tokio::time::Instant,
    /// Wall clock at `base`, ms since the Unix epoch.
    epoch_ms: u64,
    /// Steps of the wall clock, ms: they move [`Host::wall`] and nothing else.
    step_ms: std::sync::atomic::AtomicI64,
    rng: Mutex<StdRng>,
    simulated: Simulated,
}

/// What a simulation does to a machine and wants to know of it. The default is a real machine.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// Local seconds per true second, above zero.
    pub rate: f64,
    /// In front of every task.
    pub gate: Gate,
    /// Is told of every timer.
    pub timers: Option<Arc<dyn Timers>>,
}

impl Default for Simulated {
    fn default() -> Self {
        Self { rate: 1.0, gate: Gate::default(), timers: None }
    }
}

impl Host {
    /// A machine whose wall clock stands at `epoch_ms` now. Must be called inside the runtime whose tasks run on it.
    #[must_use]
    pub fn new(seed: u64, epoch_ms: u64, simulated: Simulated) -> Self {
        assert!(simulated.rate > 0.0, "a clock that stands still or runs backwards cannot carry a lease");
        Self(Arc::new(Inner {
            base: tokio::time::Instant::now(),
            epoch_ms,
            step_ms: std::sync::atomic::AtomicI64::new(0),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            simulated,
        }))
    }

    /// Local time since the host was made: monotonic, at the host's own rate. Wall-clock steps do not move it.
    #[must_use]
    pub fn now(&self) -> Duration {
        LocalInstant::now_on(self).since_base()
    }

    /// The wall clock, for people.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        let step = self.0.step_ms.load(std::sync::atomic::Ordering::Relaxed);
        let ms = self.0.epoch_ms.saturating_add(u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX));
        Timestamp(ms.saturating_add_signed(step))
    }

    /// Steps the wall clock, as NTP or an operator does.
    pub fn step_wall(&self, by_ms: i64) {
        self.0.step_ms.fetch_add(by_ms, std::sync::atomic::Ordering::Relaxed);
    }

    /// Sleeps for `local` on this host's clock.
    pub fn sleep(&self, local: Duration) -> Sleep {
        Sleep::new(self.to_true(local), self.timers())
    }

    /// Sets `sleep` anew: it ends after `local` on this host's clock.
    pub fn restart(&self, sleep: Pin<&mut Sleep>, local: Duration) {
        sleep.restart(self.to_true(local), self.timers());
    }

    /// Runs `future` for at most `local` on this host's clock.
    pub fn timeout<F: Future>(&self, local: Duration, future: F) -> Timeout<F> {
        Timeout::new(self.to_true(local), future, self.timers())
    }

    /// Starts a task on this host: it does not run while the host is paused, and keeps the current log span.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        use tracing::Instrument as _;
        tokio::spawn(self.0.simulated.gate.wrap(future.in_current_span()))
    }

    /// A number from the host's seeded generator, uniform in `0..=max`.
    #[must_use]
    pub fn random_up_to(&self, max: u64) -> u64 {
        self.rng(|rng| rng.random_range(0..=max))
    }

    /// The host's seeded generator.
    pub fn rng<R>(&self, draw: impl FnOnce(&mut StdRng) -> R) -> R {
        draw(&mut self.0.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes this the host of the current runtime, for [`SiderRuntime`], until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> Entered {
        let id = Handle::current().id();
        lock_hosts().insert(id.to_string(), (id, self.clone()));
        Entered { id }
    }

    /// The host of the current runtime. A thread or runtime that nobody entered has none.
    fn current() -> Option<Self> {
        thread_local! {
            /// The last answer: asking for the time is frequent, changing runtimes is not.
            static LAST: RefCell<Option<(Id, Host)>> = const { RefCell::new(None) };
        }
        let id = Handle::try_current().ok()?.id();
        if let Some(host) = LAST.with_borrow(|last| last.as_ref().filter(|(of, _)| *of == id).map(|(_, h)| h.clone())) {
            return Some(host);
        }
        let host = lock_hosts().get(&id.to_string()).map(|(_, host)| host.clone())?;
        LAST.with_borrow_mut(|last| *last = Some((id, host.clone())));
        Some(host)
    }

    fn timers(&self) -> Option<&Arc<dyn Timers>> {
        self.0.simulated.timers.as_ref()
    }

    fn to_true(&self, local: Duration) -> Duration {
        scale(local, 1.0 / self.0.simulated.rate)
    }
}

/// Undoes [`Host::enter`].
#[derive(Debug)]
pub struct Entered {
    id: Id,
}

impl Drop for Entered {
    fn drop(&mut self) {
        lock_hosts().remove(&self.id.to_string());
    }
}

/// Hosts by the id of their runtime (an `Id` has no order, its text has).
static HOSTS: Mutex<BTreeMap<String, (Id, Host)>> = Mutex::new(BTreeMap::new());

fn lock_hosts() -> std::sync::MutexGuard<'static, BTreeMap<String, (Id, Host)>> {
    HOSTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `duration * factor`, exact when the factor is 1, saturating.
fn scale(duration: Duration, factor: f64) -> Duration {
    if (factor - 1.0).abs() < f64::EPSILON {
        return duration;
    }
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// Fills `bytes` from any generator: identities are minted from the host's.
pub(crate) fn mint(rng: &mut StdRng) -> u128 {
    let mut bytes = [0_u8; 16];
    rng.fill_bytes(&mut bytes);
    u128::from_le_bytes(bytes)
}
