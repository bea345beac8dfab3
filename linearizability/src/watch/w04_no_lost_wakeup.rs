//! W-4: no lost wake-up. If the asked server has a state of the service above N while p is pending, p is answered within 50 ms.
//!
//! When the server had it is known
//! - from clients: another answer from the same server with xi > N had come at time t (before p was called, or while it waited);
//! - where the server recorded what it applied: the line that first reached a known index i > N of the service (an own
//!   index, or one that an answer carried) in the incarnation that p was asked of.
//!
//! Breach: p was certainly still pending at max(t, p.invoked, start of a whole cluster) + 50 ms + slack, the cluster
//! stayed whole until then (a stale poll of a server that was never restarted needs no whole cluster), and nothing between client and server can have swallowed the answer. Filtered polls: W-14.

use crate::history::{NodeRecord, Time};
use crate::reads::{Evidence, Notes, Poll, Service};
use crate::verdict::Property;

use super::pending::{Shown, answer_due_here};

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in &evidence.services {
        let polls: Vec<&Poll> = service.polls.iter().filter(|poll| !poll.passing).collect();
        overdue(evidence, service, &polls, Property::W4, notes);
    }
}

/// Judges some polls of `service`, under the name of `property`.
pub(super) fn overdue(
    evidence: &Evidence<'_>,
    service: &Service,
    polls: &[&Poll],
    property: Property,
    notes: &mut Notes<'_>,
) {
    if polls.is_empty() {
        return;
    }
    let shown = Shown::of(service);
    let indices = known_indices(service);
    for poll in polls {
        let mut candidates: Vec<(Time, Option<u32>, u64)> = Vec::new();
        if let Some(seen) = shown.first_above(poll.node, poll.li) {
            candidates.push((seen.returned, Some(seen.call), seen.xi));
        }
        if let Some(index) = indices.get(indices.partition_point(|index| *index <= poll.li)) {
            let node = evidence.history.name(poll.node);
            let record = evidence.nodes.iter().find(|record| record.node == node);
            candidates
                .extend(record.and_then(|record| applied_at(record, *index, poll)).map(|time| (time, None, *index)));
        }
        let Some((known, witness, index)) = candidates.into_iter().min() else { continue };
        let Some(due) = answer_due_here(evidence, poll, known) else { continue };
        notes.judged(property, 1);
        if poll.pending_until > due {
            lost(evidence, service, poll, (known, witness, index), property, notes);
        }
    }
}

fn lost(
    evidence: &Evidence<'_>,
    service: &Service,
    poll: &Poll,
    (known, witness, index): (Time, Option<u32>, u64),
    property: Property,
    notes: &mut Notes<'_>,
) {
    let calls: Vec<u32> = witness.into_iter().chain([poll.call]).collect();
    notes.breach(property, &calls, || {
        let node = evidence.history.name(poll.node);
        let how =
            if witness.is_some() { "had answered another call with it" } else { "recorded that it had applied it" };
        (
            format!(
                "a poll of {} with index {} still waited at {} though {node} had index {index}",
                evidence.service_name(service),
                poll.li,
                poll.pending_until
            ),
            vec![format!(
                "{node} {how} at {known}; the poll was called at {}, and had to be answered within 50 ms of both.",
                poll.invoked
            )],
        )
    });
}

/// Every index that the service is known to have had, rising.
pub(super) fn known_indices(service: &Service) -> Vec<u64> {
    let mut indices: Vec<u64> = service
        .changes
        .iter()
        .map(|change| change.index)
        .chain(service.seen.iter().map(|seen| seen.xi))
        .filter(|index| *index > 1)
        .collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// When the incarnation of the server that was running while `poll` waited reached `index`, by its own record.
fn applied_at(record: &NodeRecord, index: u64, poll: &Poll) -> Option<Time> {
    let before = record.applied.partition_point(|line| line.time <= poll.pending_until.0);
    let incarnation = record.applied[..before].last()?.incarnation;
    let lines =
        record.applied[..before].iter().rev().take_while(|line| line.incarnation == incarnation && line.xi >= index);
    lines.last().map(|line| Time(line.time))
}
