//! RD-3: `X-Last-Contact` is never below the true lag.
//!
//! A stale answer a from the state at A was made at or after a.invoked. If a change with own index i > A was
//! acknowledged at time t, the state at A has been out of date since t at the latest, so the true lag is at least
//! a.invoked - t. Breach: a.invoked - t > last_contact + 1 ms (it is cut to whole ms), with the server's clock taken as
//! slow as any fault line made one.

use crate::history::{Mode, Time};
use crate::verdict::Property;

use super::evidence::Evidence;
use super::notes::Notes;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let earliest = earliest_acknowledgements(evidence);
    for (at, call) in evidence.history.calls.iter().enumerate() {
        if call.operation.mode() != Some(Mode::Stale) {
            continue;
        }
        let Some(view) = call.view() else { continue };
        let Some(contact_ms) = view.last_contact_ms else { continue };
        notes.judged(Property::Rd3, 1);
        let next = evidence.owned.partition_point(|owned| owned.index <= view.applied);
        let Some((returned, newer)) = earliest.get(next) else { continue };
        let lag = call.invoked.since(*returned);
        if lag > evidence.rates.longest((u64::from(contact_ms) + 1) * 1_000_000) {
            notes.breach(Property::Rd3, &[evidence.owned[*newer].call, at as u32], || {
                let index = evidence.owned[*newer].index;
                (
                    format!("{} claimed a last contact of {contact_ms} ms for a state that was at least {} ms behind", evidence.history.name(call.node), lag / 1_000_000),
                    vec![format!("The answer came from the state at {}; the change at {index} had been acknowledged {} ms before the read was called.", view.applied, lag / 1_000_000)],
                )
            });
        }
    }
}

/// For each place in `owned`: the earliest acknowledgement of a change there or above it, and which.
fn earliest_acknowledgements(evidence: &Evidence<'_>) -> Vec<(Time, usize)> {
    let mut earliest = vec![(Time::NEVER, 0); evidence.owned.len()];
    let mut best = (Time::NEVER, 0);
    for (at, owned) in evidence.owned.iter().enumerate().rev() {
        best = best.min((owned.returned, at));
        earliest[at] = best;
    }
    earliest
}
