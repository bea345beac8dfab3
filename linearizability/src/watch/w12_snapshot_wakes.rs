//! W-12: a snapshot install wakes every poll whose service moved.
//!
//! Needs the server's own record: a line `install` at time t that took its Index from x to y. For a poll p on that
//! server, pending at t, and a known index i of p's service (an own index, or one that an answer carried) with
//! max(N, x) < i <= y: p is answered within 50 ms of t. Breach and excuses as in W-4.

use crate::history::{NodeRecord, Time};
use crate::reads::{Evidence, Notes, Poll, Service};
use crate::verdict::Property;

use super::pending::answer_due_here;
use super::w04_no_lost_wakeup::known_indices;

/// A snapshot that a server installed.
struct Install {
    time: Time,
    before: u64,
    after: u64,
}

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for record in evidence.nodes {
        let installs = installs(record);
        if installs.is_empty() {
            continue;
        }
        for service in &evidence.services {
            let indices = known_indices(service);
            let here = service.polls.iter().filter(|poll| evidence.history.name(poll.node) == record.node);
            for poll in here {
                for install in
                    installs.iter().filter(|install| poll.invoked <= install.time && install.time <= poll.pending_until)
                {
                    judge(evidence, service, poll, install, &indices, notes);
                }
            }
        }
    }
}

fn judge(
    evidence: &Evidence<'_>,
    service: &Service,
    poll: &Poll,
    install: &Install,
    indices: &[u64],
    notes: &mut Notes<'_>,
) {
    let floor = poll.li.max(install.before);
    let Some(index) =
        indices.get(indices.partition_point(|index| *index <= floor)).filter(|index| **index <= install.after)
    else {
        return;
    };
    let Some(due) = answer_due_here(evidence, poll, install.time) else { return };
    notes.judged(Property::W12, 1);
    if poll.pending_until > due {
        notes.breach(Property::W12, &[poll.call], || {
            (
                format!(
                    "a poll of {} with index {} slept through a snapshot that moved the service to {index}",
                    evidence.service_name(service),
                    poll.li
                ),
                vec![format!(
                    "{} installed a snapshot at {} that took its Index from {} to {}; the poll still waited at {}.",
                    evidence.history.name(poll.node),
                    install.time,
                    install.before,
                    install.after,
                    poll.pending_until
                )],
            )
        });
    }
}

fn installs(record: &NodeRecord) -> Vec<Install> {
    let mut before = 0;
    let mut installs = Vec::new();
    for line in &record.applied {
        if line.kind == "install" {
            installs.push(Install { time: Time(line.time), before, after: line.xi });
        }
        before = line.xi;
    }
    installs
}
