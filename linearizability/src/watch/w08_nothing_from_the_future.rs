//! W-8: nothing from the future. No answer shows an index that was not committed when it came.
//!
//! A write that was called after an answer a came takes effect after a. Breach: such a change has an own index at or
//! below a.applied: the answer showed a state that held the write's index before the write had been asked for.

use crate::history::Time;
use crate::reads::{Evidence, Notes};
use crate::verdict::Property;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let later = lowest_of_later(evidence);
    for (at, call) in evidence.history.calls.iter().enumerate().filter(|(_, call)| call.operation.is_read()) {
        let Some(applied) = call.claimed_index() else { continue };
        let Some((_, index, change)) = later.get(later.partition_point(|(since, ..)| *since <= call.returned)) else {
            continue;
        };
        notes.judged(Property::W8, 1);
        if *index <= applied {
            notes.breach(Property::W8, &[at as u32, *change], || {
                (
                    format!(
                        "an answer of {} came from the state at {applied}, before the change at {index} was called",
                        evidence.history.name(call.node)
                    ),
                    vec![format!(
                        "The answer came at {}; a state at {applied} holds the change at {index}.",
                        call.returned
                    )],
                )
            });
        }
    }
}

/// Changes in the order in which they were called; with each, the lowest own index among it and all that follow.
pub(super) fn lowest_of_later(evidence: &Evidence<'_>) -> Vec<(Time, u64, u32)> {
    let mut later: Vec<(Time, u64, u32)> =
        evidence.owned.iter().map(|owned| (owned.since, owned.index, owned.call)).collect();
    later.sort_unstable();
    for at in (1..later.len()).rev() {
        let (before, after) = (later[at - 1], later[at]);
        if after.1 < before.1 {
            later[at - 1] = (before.0, after.1, after.2);
        }
    }
    later
}
