//! W-9: an index is at least 1; an N never issued answers at once with the current index; N = 0 answers at once.
//!
//! Breach, any of:
//! 1. an answer with xi < 1.
//! 2. p with N = 0, called in a whole cluster, was certainly pending 50 ms + slack later.
//! 3. the same for an N that had not been issued even then: a change called after that moment got an own index <= N.
//!    (Linearizable polls; a stale one waits until its server has caught up.)

use crate::history::Time;
use crate::reads::{Evidence, Notes, Poll, Service};
use crate::verdict::Property;

use super::w08_nothing_from_the_future::lowest_of_later;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let calls = lowest_of_later(evidence);
    for service in &evidence.services {
        notes.judged(Property::W9, service.seen.len());
        for seen in service.seen.iter().filter(|seen| seen.xi < 1) {
            notes.breach(Property::W9, &[seen.call], || {
                (
                    format!("an answer about {} carries index 0", evidence.service_name(service)),
                    vec!["A client that asks again with 0 would never wait.".to_owned()],
                )
            });
        }
        for poll in &service.polls {
            at_once(evidence, service, poll, &calls, notes);
        }
    }
}

fn at_once(evidence: &Evidence<'_>, service: &Service, poll: &Poll, calls: &[(Time, u64, u32)], notes: &mut Notes<'_>) {
    let due = poll.invoked.plus(evidence.bounds.wake + evidence.bounds.slack);
    let whole = evidence.health.at(poll.invoked).is_some_and(|window| due <= window.to)
        && !evidence.may_be_cut_off(poll.node, poll.invoked, due);
    if !whole || !poll.mode.is_linearizable() {
        return;
    }
    let unissued =
        calls.get(calls.partition_point(|(since, ..)| *since < due)).filter(|(_, index, _)| *index <= poll.li);
    if poll.li != 0 && unissued.is_none() {
        return;
    }
    notes.judged(Property::W9, 1);
    if poll.pending_until > due {
        let witness: Vec<u32> = [poll.call].into_iter().chain(unissued.map(|(.., call)| *call)).collect();
        notes.breach(Property::W9, &witness, || {
            let why = unissued.map_or("Index 0 asks for the current state.".to_owned(), |(_, index, _)| {
                format!("A change that was called later got index {index}, so {} had not been issued.", poll.li)
            });
            (
                format!("a poll of {} with index {} was not answered at once", evidence.service_name(service), poll.li),
                vec![why],
            )
        });
    }
}
