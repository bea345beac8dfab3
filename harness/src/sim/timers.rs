//! turmoil is told of every timer of a machine: one that nothing reaches and that has no timer to end is passed over.

use std::sync::Arc;
use std::time::Duration;

use sider_client::seam::{Sleep, Timers};
use tokio::time::Instant;

#[derive(Debug)]
struct Told(Arc<turmoil::Timers>);

impl Timers for Told {
    fn set(&self, end: Instant) -> u64 {
        self.0.set(end)
    }

    fn gone(&self, key: u64) {
        self.0.gone(key);
    }
}

/// From now on the machine that runs tells of all its timers: those of its server, and [`sleep`].
#[must_use]
pub fn told() -> Arc<dyn Timers> {
    Arc::new(Told(turmoil::tell_timers()))
}

/// Who is told of the timers of the machine that runs, if it tells of them.
#[must_use]
pub fn here() -> Option<Arc<dyn Timers>> {
    turmoil::timers_here().map(|timers| Arc::new(Told(timers)) as Arc<dyn Timers>)
}

/// Sleeps for `time`, true time.
pub fn sleep(time: Duration) -> Sleep {
    Sleep::new(time, here().as_ref())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::panic::catch_unwind;
    use std::rc::Rc;
    use std::task::Poll;

    use sider_client::seam::Timeout;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use turmoil::net::{TcpListener, TcpStream};

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const STEP: Duration = Duration::from_millis(2);

    fn sim(step: Duration, idle_too: bool) -> turmoil::Sim<'static> {
        let mut sim = turmoil::Builder::new()
            .tick_duration(step)
            .simulation_duration(60_000 * MS)
            .min_message_latency(4 * MS)
            .max_message_latency(4 * MS)
            .build();
        if idle_too {
            sim.run_idle_hosts();
        }
        sim
    }

    /// True time on this machine's clock and in the network are the same.
    fn now() -> Duration {
        turmoil::sim_elapsed().expect("a machine runs")
    }

    async fn takes(expected: Duration, future: impl Future) {
        let begun = (Instant::now(), now());
        future.await;
        assert_eq!((begun.0.elapsed(), now() - begun.1), (expected, expected));
    }

    async fn sleeper() -> turmoil::Result {
        let _told = told();
        for time in [1, 2, 3, 7, 8, 10, 2047, 2048, 2049, 9_000] {
            takes(time * MS, sleep(time * MS)).await;
        }
        takes(4 * MS, sleep(Duration::from_micros(3_200))).await;
        for end in [100, 3_000] {
            // One that is dropped wakes nobody, and hides none that ends with it.
            let (one, other) = (sleep(end * MS), sleep(end * MS));
            drop(one);
            takes(end * MS, other).await;
            let timeout = Timeout::new(end * MS, std::future::pending::<()>(), here().as_ref());
            takes(end * MS, timeout).await;
        }
        for (first, then) in [(50, 3_000), (3_000, 50)] {
            let mut moved = Box::pin(sleep(first * MS));
            assert!(poll_fn(|cx| Poll::Ready(moved.as_mut().poll(cx).is_pending())).await);
            moved.as_mut().restart(then * MS, here().as_ref());
            takes(then * MS, moved).await;
        }
        Ok(())
    }

    #[test]
    fn a_machine_that_is_passed_over_wakes_when_its_timer_ends() {
        for (step, idle_too) in [(1, false), (2, false), (10, false), (1, true), (2, true), (10, true)] {
            let mut sim = sim(step * MS, idle_too);
            sim.client("sleeper", sleeper());
            sim.run().expect("all slept as long as they should");
        }
    }

    #[test]
    fn a_machine_at_rest_is_crashed_and_woken_from_outside_at_its_time() {
        let mut sim = sim(STEP, false);
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (wake, woken) = tokio::sync::watch::channel(());
        let noted = Rc::clone(&seen);
        sim.host("at rest", move || {
            let (noted, mut woken) = (Note(Rc::clone(&noted)), woken.clone());
            async move {
                let _told = told();
                woken.mark_unchanged();
                woken.changed().await?;
                noted.0.borrow_mut().push(now());
                std::future::pending().await
            }
        });
        let steps = |sim: &mut turmoil::Sim<'_>, count| (0..count).for_each(|_| assert!(sim.step().is_ok()));
        steps(&mut sim, 1_000);
        wake.send_replace(());
        steps(&mut sim, 1_000);
        sim.crash("at rest");
        steps(&mut sim, 500);
        sim.bounce("at rest");
        steps(&mut sim, 500);
        wake.send_replace(());
        steps(&mut sim, 1);
        // Woken, dropped, woken.
        assert_eq!(*seen.borrow(), [2_000 * MS, 4_000 * MS, 6_000 * MS]);
    }

    /// Notes when it is dropped.
    struct Note(Rc<RefCell<Vec<Duration>>>);

    impl Drop for Note {
        fn drop(&mut self) {
            if let Some(time) = turmoil::sim_elapsed() {
                self.0.borrow_mut().push(time);
            }
        }
    }

    #[test]
    fn a_machine_that_is_passed_over_hears_a_message_at_its_time() {
        for idle_too in [false, true] {
            let mut sim = sim(STEP, idle_too);
            sim.host("silent", || async {
                let _told = told();
                let begun = Instant::now();
                let listener = TcpListener::bind("0.0.0.0:1").await?;
                let (mut stream, _) = listener.accept().await?;
                while let Ok(sent_ms) = stream.read_u64().await {
                    let waited = u64::try_from(begun.elapsed().as_millis())?;
                    // Messages come at the begin of a step, those of one step together.
                    assert!((2..=4).contains(&(waited - sent_ms)), "sent at {sent_ms} ms, heard at {waited} ms");
                    stream.write_u64(waited).await?;
                }
                Ok(())
            });
            sim.client("speaker", async {
                let _told = told();
                let mut stream = TcpStream::connect("silent:1").await?;
                for pause in [1, 50, 333, 5_000] {
                    sleep(pause * MS).await;
                    let sent_ms = u64::try_from(now().as_millis())?;
                    stream.write_u64(sent_ms).await?;
                    assert!(stream.read_u64().await? > sent_ms);
                }
                Ok(())
            });
            sim.run().expect("every message came in time");
        }
    }

    #[test]
    fn a_timer_that_was_not_told_of_is_found() {
        // In the midst of a step, and between two.
        for time in [7, 8] {
            let found = catch_unwind(|| {
                let mut sim = sim(STEP, true);
                sim.client("forgetful", async move {
                    let _told = told();
                    tokio::time::sleep(time * MS).await;
                    let _stream = TcpStream::connect("forgetful:1").await;
                    Ok(())
                });
                drop(sim.run());
            });
            let panic = found.expect_err("the run does not pass");
            let text = panic.downcast_ref::<String>().expect("a text with the address");
            assert!(text.contains("has a timer that it did not tell of"), "{text}");
        }
    }
}
