//! W-5: no spurious wake-up. An ok answer that comes before the wait can be over has xi > N.
//!
//! Breach: N > 0 had been given out before p was called (some answer with an index >= N had come), a.xi <= N, and
//! p.returned - p.invoked is below the wait as the fastest clock of the run measures it. The client's time is longer than
//! the server's wait, so no delay of the network can make an early answer look early. A server that is being stopped
//! answers its polls at once: polls that span a stop or a start of their server are not judged.

use crate::reads::{Evidence, Notes};
use crate::verdict::Property;

use super::pending::woken_for_nothing;

/// A stop is recorded when it has happened; the answers come shortly before.
const STOP_RECORDED_WITHIN_NS: u64 = 1_000_000_000;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in &evidence.services {
        for poll in service.polls.iter().filter(|poll| poll.li > 0) {
            let Some(view) = poll.view else { continue };
            let node = evidence.history.name(poll.node);
            if evidence.faults.stopped(&node, poll.invoked, poll.pending_until.plus(STOP_RECORDED_WITHIN_NS)) {
                continue;
            }
            notes.judged(Property::W5, 1);
            if woken_for_nothing(evidence, poll) {
                notes.breach(Property::W5, &[poll.call], || {
                    let waited = poll.pending_until.since(poll.invoked) / 1_000_000;
                    (
                        format!(
                            "a poll of {} with index {} was answered after {waited} ms of its {} ms with index {}",
                            evidence.service_name(service),
                            poll.li,
                            poll.wait_ms,
                            view.xi
                        ),
                        vec!["Before the wait is over only a higher index, or an error, may answer.".to_owned()],
                    )
                });
            }
        }
    }
}
