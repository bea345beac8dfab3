//! Reads, at once or when something has changed (SPEC sections 4 and 5).
//!
//! The order that keeps the promises of a watch: take the place, make the local state as new as the mode asks for, look,
//! and only then wait. A change that comes after the place was taken is remembered there; one that came before is in the
//! state that is looked at. One read barrier is enough for a whole poll: the local state only moves forward from there.

use std::time::Duration;

use sider_registry::limits;
use sider_registry::model::Index;

use super::Api;
use super::decode::query::{Mode, ReadQuery};
use super::error::ApiError;
use crate::node::{Freshness, Node, ReadError};
use crate::watch::{Wake, WatchKey};

/// What one look at the registry saw: everything in it is of one state.
#[derive(Debug)]
pub(super) struct Seen<T> {
    /// The index that a poll compares: at least 1.
    pub(super) index: Index,
    /// The Index of the state.
    pub(super) applied: Index,
    /// How old the state may be.
    pub(super) freshness: Freshness,
    /// What was read.
    pub(super) value: T,
}

/// How a poll ended, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ended {
    /// The index was above already, or was never given out.
    AtOnce,
    /// A change woke it.
    Changed,
    /// Its wait was over.
    TimedOut,
    /// The server is stopping.
    Closing,
}

impl Ended {
    /// Every way.
    pub(super) const ALL: [Self; 4] = [Self::AtOnce, Self::Changed, Self::TimedOut, Self::Closing];

    /// The label's value.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::Changed => "changed",
            Self::TimedOut => "timeout",
            Self::Closing => "closing",
        }
    }
}

/// A read of the state that `look` looks at.
pub(super) async fn read<T>(
    api: &Api,
    key: WatchKey,
    query: &ReadQuery,
    look: impl Fn() -> Result<Seen<T>, ApiError>,
) -> Result<Seen<T>, ApiError> {
    let node = &api.node;
    let Some(above) = query.above else {
        prepare(node, query.mode).await?;
        return look();
    };
    let begun = node.host().now();
    let mut place = node.watches().park(key)?;
    prepare(node, query.mode).await?;
    if query.mode == Mode::Stale {
        // The index may come from a server that is ahead of this one: wait for it, or say that this server is behind.
        node.wait_index(above, limits::READ_TIMEOUT.min(query.wait)).await?;
    }
    let wait = query.wait + jitter(node, query.wait);
    let mut woken = false;
    loop {
        let seen = look()?;
        // An index above what the barrier proved to be the newest was never given out: the client must start over.
        if seen.index > above || above > seen.applied {
            api.metrics.poll_ended(if woken { Ended::Changed } else { Ended::AtOnce });
            return Ok(seen);
        }
        let left = wait.saturating_sub(node.host().now().saturating_sub(begun));
        let ended = match node.host().timeout(left, place.above(above)).await {
            Ok(Wake::Changed) => {
                woken = true;
                continue;
            }
            // The state has not changed, so it is no answer (W-5): the client learns at once that it must go elsewhere.
            Ok(Wake::Closing) => Ended::Closing,
            Err(_) => Ended::TimedOut,
        };
        api.metrics.poll_ended(ended);
        return match ended {
            Ended::Closing => Err(ReadError::NotReady("this server is stopping: poll another".to_owned()).into()),
            Ended::AtOnce | Ended::Changed | Ended::TimedOut => look(),
        };
    }
}

/// Makes the local state as new as the mode asks for.
async fn prepare(node: &Node, mode: Mode) -> Result<(), ApiError> {
    match mode {
        Mode::Consistent => node.read_barrier().await?,
        Mode::Stale => node.stale_ready()?,
    }
    Ok(())
}

/// Up to a sixteenth of the wait, so that polls that began together do not end together.
fn jitter(node: &Node, wait: Duration) -> Duration {
    let most = wait / limits::WAIT_JITTER_DIVISOR;
    Duration::from_micros(node.host().random_up_to(u64::try_from(most.as_micros()).unwrap_or(u64::MAX)))
}
