//! openraft's runtime on a [`Host`]: its tasks, time and randomness are the host's.

use std::future::Future;
use std::time::Duration;

use openraft_rt::{AsyncRuntime, OptionalSend};
use openraft_rt_tokio::{TokioMpsc, TokioMutex, TokioOneshot, TokioRuntime, TokioWatch};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sider_client::seam::{Sleep, Timeout};

use super::{Host, LocalInstant};

/// The `AsyncRuntime` of openraft's type config. Channels are tokio's; spawning, sleeping, the clock and the random
/// numbers are those of the host of the current runtime ([`Host::enter`]).
#[derive(Debug)]
pub struct SiderRuntime(TokioRuntime);

impl AsyncRuntime for SiderRuntime {
    type JoinError = tokio::task::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = Sleep;
    type Instant = LocalInstant;
    type TimeoutError = tokio::time::error::Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = Timeout<T>;
    type ThreadLocalRng = StdRng;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        match Host::current() {
            Some(host) => host.spawn(future),
            None => tokio::spawn(future),
        }
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        Host::current().map_or_else(|| Sleep::new(duration, None), |host| host.sleep(duration))
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        Self::sleep(deadline - <LocalInstant as openraft_rt::Instant>::now())
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        match Host::current() {
            Some(host) => host.timeout(duration, future),
            None => Timeout::new(duration, future, None),
        }
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Self::Instant, future: F) -> Self::Timeout<R, F> {
        Self::timeout(deadline - <LocalInstant as openraft_rt::Instant>::now(), future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        join_error.is_panic()
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        let host = Host::current().expect("openraft draws its random numbers on a host's runtime");
        StdRng::seed_from_u64(host.rng(|rng| rng.random()))
    }

    type Mpsc = TokioMpsc;
    type Watch = TokioWatch;
    type Oneshot = TokioOneshot;
    type Mutex<T: OptionalSend + 'static> = TokioMutex<T>;

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}
