//! W-6: changes of other services never wake a poll, and never move its service's index.
//!
//! Breach, either of:
//! 1. a.xi > 1 is the own index of an acknowledged write that touched one other service only.
//! 2. p was woken for nothing (see W-5), and the newest acknowledged change in the answer's state (the last own index at
//!    or below a.applied) is one of another service whose call overlapped p.

use crate::reads::{Evidence, Notes, Poll};
use crate::verdict::Property;

use super::pending::woken_for_nothing;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for (place, service) in evidence.services.iter().enumerate() {
        for poll in &service.polls {
            let Some(view) = poll.view else { continue };
            let foreign = |owner: Option<u32>| owner.is_some_and(|owner| owner as usize != place);
            if let Ok(at) = evidence.owned.binary_search_by_key(&view.xi, |owned| owned.index)
                && view.xi > 1
                && foreign(evidence.owned[at].service)
            {
                notes.breach(Property::W6, &[evidence.owned[at].call, poll.call], || {
                    (
                        format!(
                            "a poll of {} was answered with index {}, at which another service changed",
                            evidence.service_name(service),
                            view.xi
                        ),
                        Vec::new(),
                    )
                });
            }
            other_change_woke(evidence, poll, &foreign, &evidence.service_name(service), notes);
        }
    }
}

fn other_change_woke(
    evidence: &Evidence<'_>,
    poll: &Poll,
    foreign: &dyn Fn(Option<u32>) -> bool,
    name: &str,
    notes: &mut Notes<'_>,
) {
    let Some(view) = poll.view else { return };
    let Some(newest) = evidence
        .owned
        .partition_point(|owned| owned.index <= view.applied)
        .checked_sub(1)
        .map(|at| &evidence.owned[at])
    else {
        return;
    };
    if !foreign(newest.service) || newest.since > poll.pending_until || newest.returned < poll.invoked {
        return;
    }
    notes.judged(Property::W6, 1);
    if woken_for_nothing(evidence, poll)
        && !evidence.faults.stopped(
            &evidence.history.name(poll.node),
            poll.invoked,
            poll.pending_until.plus(1_000_000_000),
        )
    {
        notes.breach(Property::W6, &[newest.call, poll.call], || {
            (
                format!("a poll of {name} with index {} was answered early with index {}, while another service changed at {}", poll.li, view.xi, newest.index),
                vec!["The answer's state holds that change as its newest, and none of the polled service.".to_owned()],
            )
        });
    }
}
