//! TTL-2: always. With a quorum connected and one leader for TTL + 1 s + commit, a silent check is critical and its watchers know.
//!
//! last: the latest moment at which a call can have touched the check (the return of an acknowledged one; an unknown one,
//! `late_effect` after the client gave up or the cluster became whole). W: a window in which the cluster was whole.
//! due = max(last, W.from) + T (on the slowest clock) + 1 s + commit.
//!
//! Breach, either of:
//! 1. a linearizable answer that was called in W after due + slack shows the check other than critical;
//! 2. a poll with N whose state showed the check other than critical (an answer with xi = N did) was certainly pending at
//!    max(due, its call) + 50 ms + slack, with W lasting until then and nothing able to swallow the answer.

use crate::history::{Status, Time};
use crate::reads::{Evidence, Notes, Poll};
use crate::verdict::Property;
use crate::watch::answer_due;

use super::lives::{Life, Sighting};

pub(super) fn check(evidence: &Evidence<'_>, life: &Life, notes: &mut Notes<'_>) {
    if evidence.health.windows.is_empty() || life.sometimes_plain {
        return;
    }
    let silence = Silence::of(life);
    for sighting in life.sightings.iter().filter(|sighting| sighting.seen.mode.is_linearizable()) {
        still_alive(evidence, life, sighting, &silence, notes);
    }
    watchers_know(evidence, life, &silence, notes);
}

/// For each place in the touches: the latest return of acknowledged ones so far, and the latest time at which a client of an unknown one gave up.
struct Silence(Vec<(Time, Time, Option<Time>)>);

impl Silence {
    fn of(life: &Life) -> Self {
        let (mut acknowledged, mut unknown) = (Time(0), None);
        let rows = life.touches.iter().map(|touch| {
            if touch.until == Time::NEVER {
                unknown = unknown.max(Some(touch.given_up));
            } else {
                acknowledged = acknowledged.max(touch.until);
            }
            (touch.since, acknowledged, unknown)
        });
        Self(rows.collect())
    }

    /// When a check that nobody touches any more has to be critical, counting the touches that were called by `now`.
    fn due(&self, evidence: &Evidence<'_>, life: &Life, now: Time, from: Time) -> Option<Time> {
        let (_, acknowledged, unknown) =
            *self.0.get(self.0.partition_point(|(since, ..)| *since <= now).checked_sub(1)?)?;
        let unknown = unknown.map(|given_up| given_up.max(from).plus(evidence.bounds.late_effect));
        let last = acknowledged.max(from).max(unknown.unwrap_or_default());
        Some(last.plus(evidence.rates.longest(life.ttl_max()) + evidence.bounds.expire))
    }
}

fn still_alive(evidence: &Evidence<'_>, life: &Life, sighting: &Sighting, silence: &Silence, notes: &mut Notes<'_>) {
    let seen = &sighting.seen;
    let Some(window) = evidence.health.at(seen.invoked) else { return };
    let Some(due) = silence.due(evidence, life, seen.returned, window.from) else { return };
    if seen.invoked <= due.plus(evidence.bounds.slack) {
        return;
    }
    notes.judged(Property::Ttl2, 1);
    if sighting.status != Status::Critical {
        let last = last_touch(life, seen.returned);
        notes.breach(Property::Ttl2, &[last, seen.call], || {
            (
                format!("check {} was still {} at {}, though nobody had renewed its {} ms", evidence.history.name(life.id), sighting.status.word(), seen.invoked, life.ttl_ms_max),
                vec![format!("It had to be critical by {due}: the cluster had been whole since {}, and the first call is the last that touched the check.", window.from)],
            )
        });
    }
}

fn last_touch(life: &Life, by: Time) -> u32 {
    let before = life.touches.partition_point(|touch| touch.since <= by);
    before.checked_sub(1).map_or(0, |at| life.touches[at].call)
}

fn watchers_know(evidence: &Evidence<'_>, life: &Life, silence: &Silence, notes: &mut Notes<'_>) {
    let mut alive: Vec<(u64, u32)> = life
        .sightings
        .iter()
        .filter(|sighting| sighting.status != Status::Critical && sighting.seen.xi > 1)
        .map(|sighting| (sighting.seen.xi, sighting.seen.call))
        .collect();
    alive.sort_unstable();
    for service in life.services.iter().map(|at| &evidence.services[*at as usize]) {
        for poll in service.polls.iter().filter(|poll| poll.li > 1) {
            let Some((_, witness)) =
                alive.get(alive.partition_point(|(xi, _)| *xi < poll.li)).filter(|(xi, _)| *xi == poll.li)
            else {
                continue;
            };
            not_told(evidence, life, poll, *witness, silence, notes);
        }
    }
}

fn not_told(evidence: &Evidence<'_>, life: &Life, poll: &Poll, witness: u32, silence: &Silence, notes: &mut Notes<'_>) {
    let Some(window) = evidence.health.at_or_after(poll.invoked) else { return };
    let Some(expired) = silence.due(evidence, life, poll.pending_until, window.from) else { return };
    let Some(due) = answer_due(evidence, poll, expired) else { return };
    notes.judged(Property::Ttl2, 1);
    if due > window.to || poll.pending_until <= due {
        return;
    }
    notes.breach(Property::Ttl2, &[witness, last_touch(life, poll.pending_until), poll.call], || {
        (
            format!("a watcher was not told that check {} had expired", evidence.history.name(life.id)),
            vec![format!("At index {} it was alive (first call); nobody touched it after the second call, so it had to be critical by {expired}; the poll still waited at {}.", poll.li, poll.pending_until)],
        )
    });
}
