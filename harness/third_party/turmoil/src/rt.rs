use std::future::Future;
use std::mem;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use rand::rngs::SmallRng;
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, Duration, Instant, Sleep};
use tracing::{Level, Span};

use super::Result;
use crate::timers::{self, Timers};

// To support re-creation, we need to store a factory of the future that
// represents the software. This is somewhat annoying in that it requires
// boxxing to avoid generics.
type Software<'a> = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result>>> + 'a>;

/// Runtime kinds.
pub enum Kind<'a> {
    /// A runtime for executing test code.
    Client,

    /// A runtime that is running simulated host software.
    Host { software: Software<'a> },
}

/// Runtime configuration.
#[derive(Clone, Default)]
pub struct Config {
    /// Whether io is enabled on the runtime.
    pub enable_io: bool,

    /// Rng used to seed the tokio runtime.
    ///
    /// Only used if the `tokio_unstable` cfg flag is set.
    #[cfg_attr(not(tokio_unstable), expect(dead_code))]
    pub rng: Option<SmallRng>,
}

/// Per host simulated runtime.
///
/// The tokio runtime is paused (see [`Builder::start_paused`]), which gives us
/// control over when and how to advance time. In particular, see [`Rt::tick`],
/// which lets the runtime do a bit more work.
pub struct Rt<'a> {
    pub kind: Kind<'a>,

    /// The Tokio runtime driving this simulated host. Each runtime may have a
    /// different sense of "now" which simulates clock skew. Changed: was a
    /// `Runtime` and a `LocalSet`.
    tokio: Clockwork,

    /// Names the node in whatever it says. Changed: was made anew in each step.
    pub span: Span,

    /// Optional handle to a host's software. When software finishes, the handle is
    /// consumed to check for error, which is propagated up to fail the simulation.
    handle: Option<JoinHandle<Result>>,

    /// Runtime configuration.
    config: Config,

    /// Changed: all timers of the software, if it tells of them.
    timers: Option<Arc<Timers>>,
}

/// A runtime and how far its time has come.
struct Clockwork {
    /// Made once, set anew for each tick. Stands first: it is dropped before
    /// the runtime that it belongs to.
    sleep: Pin<Box<Sleep>>,
    tokio: LocalRuntime,
    /// The runtime's own time.
    now: Instant,
    /// Time that has passed in ticks that were passed over, and that the
    /// runtime does not know of yet.
    behind: Duration,
}

impl<'a> Rt<'a> {
    pub(crate) fn client<F>(nodename: &str, client: F, mut config: Config) -> Self
    where
        F: Future<Output = Result> + 'static,
    {
        let tokio = Clockwork::new(&mut config);
        let handle = tokio.start(|| client);

        Self {
            kind: Kind::Client,
            tokio,
            span: node_span(nodename),
            handle: Some(handle),
            config,
            timers: None,
        }
    }

    pub(crate) fn host<F, Fut>(nodename: &str, software: F, mut config: Config) -> Self
    where
        F: Fn() -> Fut + 'a,
        Fut: Future<Output = Result> + 'static,
    {
        let tokio = Clockwork::new(&mut config);
        let software: Software = Box::new(move || Box::pin(software()));
        let handle = tokio.start(&software);

        Self {
            kind: Kind::Host { software },
            tokio,
            span: node_span(nodename),
            handle: Some(handle),
            config,
            timers: None,
        }
    }

    pub(crate) fn is_client(&self) -> bool {
        matches!(self.kind, Kind::Client)
    }

    fn is_host(&self) -> bool {
        matches!(self.kind, Kind::Host { .. })
    }

    pub(crate) fn is_software_running(&self) -> bool {
        self.handle.is_some()
    }

    pub(crate) fn now(&self) -> Instant {
        self.tokio.now + self.tokio.behind
    }

    /// Nothing would run in a tick of `duration`: no task is ready, and no
    /// timer ends before its end.
    pub(crate) fn is_idle(&self, duration: Duration) -> bool {
        match &self.timers {
            Some(timers) => timers.none_before(self.now(), duration) && self.tokio.is_idle(),
            None => false,
        }
    }

    /// A tick of `duration` in which the host is idle: time passes, no more.
    pub(crate) fn pass_over(&mut self, duration: Duration) {
        self.tokio.behind += duration;
    }

    /// A tick in which the host is idle, but for its last millisecond: a timer
    /// may end with it, and its task runs in the next tick.
    ///
    /// Panics if a task runs, or could run after it: it waited for a timer that
    /// was not told of.
    pub(crate) fn run_idle(&mut self, addr: IpAddr, duration: Duration) {
        let last = Duration::from_millis(1);
        let polls = |rt: &LocalRuntime| rt.metrics().worker_poll_count(0);
        let before = polls(&self.tokio.tokio);
        timers::enter(&mut self.timers, || self.tokio.tick(duration - last));
        assert!(
            before == polls(&self.tokio.tokio) && self.tokio.is_idle(),
            "host {addr} has a timer that it did not tell of"
        );
        self.tokio.behind = last;
    }

    // This method is called by [`Sim::run`], which iterates through all the
    // runtimes and ticks each one.
    //
    // Every time `tick` is called, the following unfolds:
    //
    // 1. The runtime learns of the ticks that were passed over
    // 2. The future that the runtime is blocked on simply sleeps
    // 3. The host's tasks get a chance to run; when none can, time advances to
    //    the next timer
    // 4. The sleep finishes
    // 5. The runtime pauses
    //
    // Returns whether the software has finished successfully or the error
    // that caused failure. Subsequent calls do not return the error as it is
    // expected to fail the simulation.
    pub(crate) fn tick(&mut self, duration: Duration) -> Result<bool> {
        timers::enter(&mut self.timers, || self.tokio.tick(duration));

        // pull for software completion
        match &self.handle {
            Some(handle) if handle.is_finished() => {
                // Consume handle to extract task result
                if let Some(h) = self.handle.take() {
                    match self.tokio.tokio.block_on(h) {
                        // If the host was crashed the JoinError is cancelled, which
                        // needs to be handled to not fail the simulation.
                        Err(je) if je.is_cancelled() => {}
                        res => res??,
                    }
                };
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Ok(true),
        }
    }

    pub(crate) fn crash(&mut self) {
        if !self.is_host() {
            panic!("can only crash host's software");
        }

        if self.handle.take().is_some() {
            self.cancel_tasks();
        };
    }

    pub(crate) fn bounce(&mut self) {
        if !self.is_host() {
            panic!("can only bounce host's software");
        }

        self.cancel_tasks();

        if let Kind::Host { software } = &self.kind {
            self.handle.replace(self.tokio.start(software));
        };
    }

    /// Cancel all tasks within the [`Rt`] by dropping the current tokio
    /// runtime.
    ///
    /// Dropping the runtime blocks the calling thread until all futures have
    /// completed, which is desired here to ensure host software completes and
    /// all resources are dropped.
    fn cancel_tasks(&mut self) {
        // What is dropped may ask for the time.
        self.tokio.catch_up();
        self.tokio = Clockwork::new(&mut self.config);
        self.timers = None;
    }
}

impl Clockwork {
    fn new(config: &mut Config) -> Self {
        let tokio = init(config);
        let (now, sleep) = {
            let _guard = tokio.enter();
            (Instant::now(), Box::pin(sleep_until(Instant::now())))
        };
        Self {
            sleep,
            tokio,
            now,
            behind: Duration::ZERO,
        }
    }

    fn start<F>(&self, software: impl FnOnce() -> F) -> JoinHandle<Result>
    where
        F: Future<Output = Result> + 'static,
    {
        self.tokio
            .block_on(async { tokio::task::spawn_local(software()) })
    }

    /// No task is ready.
    fn is_idle(&self) -> bool {
        let metrics = self.tokio.metrics();
        metrics.global_queue_depth() == 0 && metrics.worker_local_queue_depth(0) == 0
    }

    fn tick(&mut self, duration: Duration) {
        self.catch_up();
        self.now += duration;
        self.sleep.as_mut().reset(self.now);
        self.tokio.block_on(self.sleep.as_mut());
    }

    /// Tells the runtime what time it is, and runs nothing.
    fn catch_up(&mut self) {
        let behind = mem::take(&mut self.behind);
        if behind.is_zero() {
            return;
        }
        self.now += behind;
        // tokio's function moves the clock in its first step, and would then
        // have the runtime run.
        let _guard = self.tokio.enter();
        let advance = std::pin::pin!(tokio::time::advance(behind));
        let _ = advance.poll(&mut Context::from_waker(Waker::noop()));
    }
}

fn init(config: &mut Config) -> LocalRuntime {
    let mut tokio_builder = tokio::runtime::Builder::new_current_thread();

    #[cfg(tokio_unstable)]
    tokio_builder.unhandled_panic(tokio::runtime::UnhandledPanic::ShutdownRuntime);

    if config.enable_io {
        tokio_builder.enable_io();
    }

    #[cfg(tokio_unstable)]
    if let Some(rng) = &mut config.rng {
        let bytes: [u8; 32] = rand::Rng::random(rng);
        let seed = tokio::runtime::RngSeed::from_bytes(&bytes);
        tokio_builder.rng_seed(seed);
    }

    let tokio = tokio_builder
        .enable_time()
        .start_paused(true)
        .build_local(LocalOptions::default())
        .unwrap();

    tokio.block_on(async {
        // Sleep to "round" `Instant::now()` to the closest `ms`
        tokio::time::sleep(Duration::from_millis(1)).await;
    });

    tokio
}

fn node_span(nodename: &str) -> Span {
    tracing::span!(Level::INFO, "node", name = nodename)
}
