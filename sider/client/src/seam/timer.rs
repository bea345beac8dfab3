//! Timers. In production they are tokio's; a simulation is also told of each, since a machine that nothing reaches does
//! nothing until its next timer ends, and tokio does not tell when that is.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

/// Who is told of the timers of a machine.
pub trait Timers: Debug + Send + Sync {
    /// A timer was set that ends at `end`. The answer names it.
    fn set(&self, end: Instant) -> u64;

    /// The timer that was named `key` is gone; it may have ended before.
    fn gone(&self, key: u64);
}

/// Ends when its time has passed.
pub type Sleep = Timer<tokio::time::Sleep>;
/// Ends with its future, or with an error when its time has passed.
pub type Timeout<F> = Timer<tokio::time::Timeout<F>>;

pin_project_lite::pin_project! {
    /// A future with a timer.
    #[derive(Debug)]
    pub struct Timer<F> {
        #[pin]
        future: F,
        told: Option<Told>,
    }
}

/// `timers` know of a timer until this is dropped.
#[derive(Debug)]
struct Told {
    timers: Arc<dyn Timers>,
    key: u64,
}

impl Told {
    fn until(end: Instant, timers: &Arc<dyn Timers>) -> Self {
        Self { timers: Arc::clone(timers), key: timers.set(end) }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.timers.gone(self.key);
    }
}

impl Sleep {
    /// Sleeps for `time`.
    pub fn new(time: Duration, timers: Option<&Arc<dyn Timers>>) -> Self {
        let future = tokio::time::sleep(time);
        let told = timers.map(|timers| Told::until(future.deadline(), timers));
        Self { future, told }
    }

    /// Begins anew: sleeps for `time`, from now on. It keeps its waker.
    pub fn restart(self: Pin<&mut Self>, time: Duration, timers: Option<&Arc<dyn Timers>>) {
        let end = tokio::time::sleep(time).deadline();
        let this = self.project();
        this.future.reset(end);
        *this.told = timers.map(|timers| Told::until(end, timers));
    }
}

impl<T: Future> Timeout<T> {
    /// Runs `future` for at most `time`.
    pub fn new(time: Duration, future: T, timers: Option<&Arc<dyn Timers>>) -> Self {
        let end = timers.and_then(|_| Instant::now().checked_add(time));
        match end {
            Some(end) => Self::until(end, future, timers),
            None => Self { future: tokio::time::timeout(time, future), told: None },
        }
    }

    /// Runs `future` until `end` at most.
    pub fn until(end: Instant, future: T, timers: Option<&Arc<dyn Timers>>) -> Self {
        Self { future: tokio::time::timeout_at(end, future), told: timers.map(|timers| Told::until(end, timers)) }
    }
}

impl<F: Future> Future for Timer<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
