//! W-2: an answer's index is never below the index asked with.
//!
//! For a poll p about service S with N: if N, or a higher index of S, had been given out for S before p was called (an
//! answer about S with xi >= N, or a change of S with own index >= N, returned before p.invoked), then a.xi >= N.
//! An N of another service proves nothing: S may never have had it.

use crate::history::Time;
use crate::reads::{Evidence, Notes, Service};
use crate::verdict::Property;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in evidence.services.iter().filter(|service| !service.polls.is_empty()) {
        let given = given_out(service);
        for poll in service.polls.iter().filter(|poll| poll.li > 0) {
            let Some(view) = poll.view else { continue };
            let Some((_, _, witness)) = given
                .get(given.partition_point(|(_, index, _)| *index < poll.li))
                .filter(|(returned, ..)| *returned < poll.invoked)
            else {
                continue;
            };
            notes.judged(Property::W2, 1);
            if view.xi < poll.li {
                notes.breach(Property::W2, &[*witness, poll.call], || {
                    (
                        format!(
                            "a poll of {} with index {} was answered with index {}",
                            evidence.service_name(service),
                            poll.li,
                            view.xi
                        ),
                        vec![
                            "The service had that index before the poll was called: the first call shows it."
                                .to_owned(),
                        ],
                    )
                });
            }
        }
    }
}

/// When the highest index known of the service rose: time, index, call; both rise.
fn given_out(service: &Service) -> Vec<(Time, u64, u32)> {
    let seen = service.seen.iter().map(|seen| (seen.returned, seen.xi, seen.call));
    let mut given: Vec<(Time, u64, u32)> =
        seen.chain(service.changes.iter().map(|change| (change.returned, change.index, change.call))).collect();
    given.sort_unstable();
    let mut highest = 0;
    given.retain(|(_, index, _)| {
        let rises = *index > highest;
        highest = highest.max(*index);
        rises
    });
    given
}
