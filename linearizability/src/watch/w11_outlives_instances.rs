//! W-11: the index of a service outlives its last instance: deregister, then register again, and it keeps rising.
//!
//! E is an index at which the service lost an instance: the own index of an acknowledged deregistration, or the xi > 1 of
//! an unfiltered answer with an empty body. Breach, for E known at time t, either of:
//! 1. a registration called after t gets an own index <= E;
//! 2. a linearizable answer called after t carries an index < E.

use crate::history::Time;
use crate::reads::{Evidence, Notes, Service};
use crate::verdict::Property;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in &evidence.services {
        let emptied = emptied(service);
        if emptied.is_empty() {
            continue;
        }
        let before =
            |time: Time| emptied.partition_point(|(known, ..)| *known < time).checked_sub(1).map(|at| emptied[at]);
        for change in service.changes.iter().filter(|change| change.nonce.is_some()) {
            let Some((_, index, witness)) = before(change.since) else { continue };
            notes.judged(Property::W11, 1);
            if change.index <= index {
                went_back(evidence, service, (index, witness), (change.index, change.call), notes);
            }
        }
        for seen in service.seen.iter().filter(|seen| seen.mode.is_linearizable()) {
            let Some((_, index, witness)) = before(seen.invoked) else { continue };
            notes.judged(Property::W11, 1);
            if seen.xi < index {
                went_back(evidence, service, (index, witness), (seen.xi, seen.call), notes);
            }
        }
    }
}

fn went_back(
    evidence: &Evidence<'_>,
    service: &Service,
    (index, witness): (u64, u32),
    (later, call): (u64, u32),
    notes: &mut Notes<'_>,
) {
    notes.breach(Property::W11, &[witness, call], || {
        (
            format!("the index of {} was {index} when an instance had gone, and {later} afterwards", evidence.service_name(service)),
            vec!["A watcher that waits with the higher index would sleep through every change until it is reached again.".to_owned()],
        )
    });
}

/// Time, index and call; both time and index rise.
fn emptied(service: &Service) -> Vec<(Time, u64, u32)> {
    let gone = service
        .changes
        .iter()
        .filter(|change| change.nonce.is_none())
        .map(|change| (change.returned, change.index, change.call));
    let empty = service
        .seen
        .iter()
        .filter(|seen| seen.body.len == 0 && !seen.passing && seen.xi > 1)
        .map(|seen| (seen.returned, seen.xi, seen.call));
    let mut emptied: Vec<(Time, u64, u32)> = gone.chain(empty).collect();
    emptied.sort_unstable();
    let mut highest = 0;
    emptied.retain(|(_, index, _)| {
        let rises = *index > highest;
        highest = highest.max(*index);
        rises
    });
    emptied
}
