//! W-10: coalescing is allowed, losing the last state is not: chained polls end at the service's last index.
//!
//! Breach, either of:
//! 1. a linearizable poll that was called after a change of its service with own index i was acknowledged is answered
//!    with xi < i: a chain that steps so has lost i.
//! 2. the last poll of a client's chain (linearizable) asks with N < i and is certainly still pending although i was
//!    acknowledged and the cluster has since been whole for the time in which every connected server catches up.

use std::collections::BTreeMap;

use crate::reads::{Change, Evidence, Notes, Poll, Service};
use crate::verdict::Property;

use super::pending::answer_due;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in evidence.services.iter().filter(|service| !service.polls.is_empty()) {
        let rises = acknowledged(service);
        let mut last: BTreeMap<u32, &Poll> = BTreeMap::new();
        for poll in service.polls.iter().filter(|poll| poll.mode.is_linearizable()) {
            answered_old(evidence, service, poll, &rises, notes);
            last.insert(poll.process, poll);
        }
        for poll in last.values() {
            chain_ends(evidence, service, poll, &rises, notes);
        }
    }
}

/// Changes in the order of their acknowledgements, only those that raise the highest index.
fn acknowledged(service: &Service) -> Vec<&Change> {
    let mut changes: Vec<&Change> = service.changes.iter().collect();
    changes.sort_unstable_by_key(|change| change.returned);
    let mut highest = 0;
    changes.retain(|change| {
        let rises = change.index > highest;
        highest = highest.max(change.index);
        rises
    });
    changes
}

fn answered_old(evidence: &Evidence<'_>, service: &Service, poll: &Poll, rises: &[&Change], notes: &mut Notes<'_>) {
    let Some(view) = poll.view else { return };
    let Some(change) =
        rises.partition_point(|change| change.returned < poll.invoked).checked_sub(1).map(|at| rises[at])
    else {
        return;
    };
    notes.judged(Property::W10, 1);
    if view.xi < change.index {
        notes.breach(Property::W10, &[change.call, poll.call], || {
            (
                format!("a poll of {} was answered with index {} after the change at {} had been acknowledged", evidence.service_name(service), view.xi, change.index),
                vec!["A poll confirms the leadership before it reads: what was acknowledged before its call is in its answer.".to_owned()],
            )
        });
    }
}

fn chain_ends(evidence: &Evidence<'_>, service: &Service, poll: &Poll, rises: &[&Change], notes: &mut Notes<'_>) {
    let Some(change) = rises.get(rises.partition_point(|change| change.index <= poll.li)) else { return };
    let window = evidence.health.at_or_after(change.returned.max(poll.invoked));
    let Some(from) = window.map(|window| window.from.max(change.returned)) else { return };
    let Some(due) = answer_due(evidence, poll, from.plus(evidence.bounds.catch_up)) else { return };
    notes.judged(Property::W10, 1);
    if poll.pending_until > due {
        notes.breach(Property::W10, &[change.call, poll.call], || {
            (
                format!("client {}'s chain of polls of {} stands still at index {}, below the acknowledged {}", poll.process, evidence.service_name(service), poll.li, change.index),
                vec![format!("The change was acknowledged at {}; the poll still waited at {}, in a cluster that had been whole for {} ms.", change.returned, poll.pending_until, evidence.bounds.catch_up / 1_000_000)],
            )
        });
    }
}
