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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use turmoil::net::{TcpListener, TcpStream};

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const STEP: Duration = Duration::from_millis(2);

    fn sim(idle_too: bool) -> turmoil::Sim<'static> {
        let mut sim = turmoil::Builder::new()
            .tick_duration(STEP)
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

    #[test]
    fn a_machine_that_is_passed_over_wakes_when_its_timer_ends() {
        for idle_too in [false, true] {
            let mut sim = sim(idle_too);
            sim.client("sleeper", async {
                let _told = told();
                for time in [1, 2, 3, 7, 8, 2047, 2048, 2049, 9_000] {
                    let begun = (Instant::now(), now());
                    sleep(time * MS).await;
                    assert_eq!((begun.0.elapsed(), now() - begun.1), (time * MS, time * MS));
                }
                // One that is dropped wakes nobody, and hides none that ends with it.
                drop(sleep(100 * MS));
                let (one, other) = (sleep(100 * MS), sleep(100 * MS));
                drop(one);
                let begun = now();
                other.await;
                assert_eq!(now() - begun, 100 * MS);
                Ok(())
            });
            sim.run().expect("all slept as long as they should");
        }
    }

    #[test]
    fn a_machine_that_is_passed_over_hears_a_message_at_its_time() {
        for idle_too in [false, true] {
            let mut sim = sim(idle_too);
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
    #[should_panic(expected = "a host has a timer that it did not tell of")]
    fn a_timer_that_was_not_told_of_is_found() {
        let mut sim = sim(true);
        sim.client("forgetful", async {
            let _told = told();
            tokio::time::sleep(7 * MS).await;
            Ok(())
        });
        let _ended = sim.run();
    }

    #[test]
    #[should_panic(expected = "a host has a timer that it did not tell of")]
    fn so_is_one_that_ends_between_two_steps() {
        let mut sim = sim(true);
        sim.client("forgetful", async {
            let _told = told();
            tokio::time::sleep(8 * MS).await;
            Ok(())
        });
        let _ended = sim.run();
    }
}
