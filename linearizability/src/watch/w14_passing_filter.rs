//! W-14: a poll with `passing=1` wakes when an instance leaves the passing set, though its body only shrinks: the filter
//! is one of the body, not of the index.
//!
//! Breach, either of:
//! 1. W-4's formula for a poll with the filter: its server had an index above N and the poll still waited;
//! 2. a filtered body shows an instance that is not passing.
//!
//! That a filtered body is the filter of the full one at the same index is W-1's.

use crate::history::Status;
use crate::reads::{Evidence, Notes, Poll};
use crate::verdict::Property;

use super::w04_no_lost_wakeup::overdue;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in &evidence.services {
        let polls: Vec<&Poll> = service.polls.iter().filter(|poll| poll.passing).collect();
        overdue(evidence, service, &polls, Property::W14, notes);
        for seen in service.seen.iter().filter(|seen| seen.passing) {
            notes.judged(Property::W14, 1);
            let rows = evidence.history.rows(seen.body);
            let failing = rows.iter().find(|row| {
                evidence.history.row_checks(row.checks).iter().any(|check| check.status != Status::Passing)
            });
            if let Some(row) = failing {
                notes.breach(Property::W14, &[seen.call], || {
                    (
                        format!(
                            "a body of {} filtered by passing=1 shows {}, which is not passing",
                            evidence.service_name(service),
                            evidence.history.name(row.id)
                        ),
                        Vec::new(),
                    )
                });
            }
        }
    }
}
