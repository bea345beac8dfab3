//! W-7: a time-out answers between wait and wait + wait/16 + slack, with the full current body.
//!
//! Breach, any of:
//! 1. early: a time-out answer (a.xi <= N) before the wait can be over: W-5's formula.
//! 2. late: p was certainly pending longer than wait + wait/16 + slack (on the slowest clock of the run; + the server's
//!    deadline of a read, if p was not called in a whole cluster), and nothing between client and server can have
//!    swallowed the answer.
//! 3. not current: a time-out answer is made when the wait is over. If the same server had given an answer with a
//!    higher index of the service before that moment, the body was old.

use crate::history::Time;
use crate::reads::{Evidence, Notes, Poll, Service};
use crate::verdict::Property;

use super::pending::{Shown, longest_wait, shortest_wait, woken_for_nothing};

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in evidence.services.iter().filter(|service| !service.polls.is_empty()) {
        let shown = Shown::of(service);
        for poll in &service.polls {
            early(evidence, service, poll, notes);
            late(evidence, service, poll, notes);
            not_current(evidence, service, poll, &shown, notes);
        }
    }
}

fn early(evidence: &Evidence<'_>, service: &Service, poll: &Poll, notes: &mut Notes<'_>) {
    let stopped = evidence.faults.stopped(
        &evidence.history.name(poll.node),
        poll.invoked,
        poll.pending_until.plus(1_000_000_000),
    );
    if woken_for_nothing(evidence, poll) && !stopped {
        notes.breach(Property::W7, &[poll.call], || {
            let waited = poll.pending_until.since(poll.invoked) / 1_000_000;
            (
                format!(
                    "a poll of {} timed out after {waited} ms of its {} ms",
                    evidence.service_name(service),
                    poll.wait_ms
                ),
                Vec::new(),
            )
        });
    }
}

fn late(evidence: &Evidence<'_>, service: &Service, poll: &Poll, notes: &mut Notes<'_>) {
    let grace = if evidence.health.at(poll.invoked).is_some() { 0 } else { evidence.bounds.recovery };
    let due = poll.invoked.plus(longest_wait(evidence, poll) + evidence.bounds.slack + grace);
    if due > evidence.history.end
        || poll.view.is_none() && poll.pending_until <= due
        || evidence.may_be_cut_off(poll.node, poll.invoked, due)
    {
        return;
    }
    notes.judged(Property::W7, 1);
    if poll.pending_until > due {
        notes.breach(Property::W7, &[poll.call], || {
            (
                format!(
                    "a poll of {} that was to wait {} ms still waited after {} ms",
                    evidence.service_name(service),
                    poll.wait_ms,
                    poll.pending_until.since(poll.invoked) / 1_000_000
                ),
                vec![format!(
                    "It had to be answered by {due}: the wait, a sixteenth of it, and {} ms for the way.",
                    (evidence.bounds.slack + grace) / 1_000_000
                )],
            )
        });
    }
}

fn not_current(evidence: &Evidence<'_>, service: &Service, poll: &Poll, shown: &Shown<'_>, notes: &mut Notes<'_>) {
    let Some(view) = poll.view.filter(|view| poll.li > 0 && view.xi <= poll.li) else { return };
    let over: Time = poll.invoked.plus(shortest_wait(evidence, poll));
    if over > poll.pending_until {
        return;
    }
    notes.judged(Property::W7, 1);
    if let Some(newer) = shown.newest_before(poll.node, over).filter(|seen| seen.xi > view.xi) {
        notes.breach(Property::W7, &[newer.call, poll.call], || {
            (
                format!(
                    "a poll of {} timed out with index {} although its server had answered {} before",
                    evidence.service_name(service),
                    view.xi,
                    newer.xi
                ),
                vec![format!(
                    "A time-out carries the state of the moment when the wait is over, here not before {over}."
                )],
            )
        });
    }
}
