//! TTL-3: no flap. Renewals that are acknowledged in time never let a check go critical, whatever leaders do; and it never
//! turns passing without a renewal, a report or a registration.
//!
//! Breach, either of:
//! 1. r, s acknowledged renewals of the check with s.returned <= r.called + T, and an answer whose state lies between
//!    them (r.xi <= v.applied <= s.xi; r alone if r.xi = v.applied) shows it critical, with nothing but renewals able to
//!    touch it from r.called to s.returned. The answer may have come at any later time.
//! 2. answers v, w with v.applied < w.applied, critical in v and passing in w, and no call can have turned it: none
//!    acknowledged with xi > v.applied, none with an unknown outcome, called before w came.

use crate::history::{Status, Time};
use crate::reads::{Evidence, Notes};
use crate::verdict::Property;

use super::lives::{Life, Renewal, Sighting};

pub(super) fn check(evidence: &Evidence<'_>, life: &Life, notes: &mut Notes<'_>) {
    for sighting in &life.sightings {
        between_renewals(evidence, life, sighting, notes);
    }
    resurrected(evidence, life, notes);
}

/// Renewals on either side of a state that are tried as a pair: those next to it, as indices rise with time.
const TRIED: usize = 8;

/// Two renewals around the sighting's state, the second acknowledged within the lease of the first, with only renewals
/// in between; or one whose own state it is.
fn around(life: &Life, applied: u64, lease: u64) -> Option<(&Renewal, &Renewal)> {
    let renewal = |at: &u32| &life.renewals[*at as usize];
    let above = life.renewals_by_index.partition_point(|at| renewal(at).index <= applied);
    let below = life.renewals_by_index.partition_point(|at| renewal(at).index < applied);
    let firsts = || life.renewals_by_index[..above].iter().rev().take(TRIED).map(renewal);
    let seconds = || life.renewals_by_index[below..].iter().take(TRIED).map(renewal);
    let alone = firsts().filter(|first| first.index == applied).map(|first| (first, first));
    let in_time =
        |first: &Renewal, second: &Renewal| second.since > first.since && second.returned <= first.since.plus(lease);
    let pairs = firsts()
        .flat_map(|first| seconds().filter(move |second| in_time(first, second)).map(move |second| (first, second)));
    alone.chain(pairs).find(|(first, second)| {
        let own = if first.call == second.call { first.call } else { u32::MAX };
        life.undisturbed(first.since, second.returned, own)
    })
}

fn between_renewals(evidence: &Evidence<'_>, life: &Life, sighting: &Sighting, notes: &mut Notes<'_>) {
    let lease = evidence.rates.shortest(life.ttl_min());
    let Some((first, second)) = around(life, sighting.seen.applied, lease) else { return };
    notes.judged(Property::Ttl3, 1);
    if sighting.status != Status::Critical {
        return;
    }
    notes.breach(Property::Ttl3, &[first.call, second.call, sighting.seen.call], || {
        (
            format!(
                "check {} was critical in the state at {}, between renewals that were acknowledged in time",
                evidence.history.name(life.id),
                sighting.seen.applied
            ),
            vec![format!(
                "Renewed at {} (index {}) and acknowledged again at {} (index {}), within {} ms.",
                first.since, first.index, second.returned, second.index, life.ttl_ms_min
            )],
        )
    });
}

fn resurrected(evidence: &Evidence<'_>, life: &Life, notes: &mut Notes<'_>) {
    let mut order: Vec<&Sighting> = life.sightings.iter().collect();
    order.sort_by_key(|sighting| (sighting.seen.applied, sighting.seen.returned));
    let mut critical: Option<&Sighting> = None;
    for sighting in order {
        if sighting.status == Status::Critical {
            critical = Some(sighting);
            continue;
        }
        // Only the first sighting after a critical one says something new.
        let Some(before) = critical.take().filter(|before| before.seen.applied < sighting.seen.applied) else {
            continue;
        };
        notes.judged(Property::Ttl3, 1);
        if !can_have_turned(life, before.seen.applied, sighting.seen.returned) {
            notes.breach(Property::Ttl3, &[before.seen.call, sighting.seen.call], || {
                (
                    format!(
                        "check {} was critical in the state at {} and {} in the state at {}, and nobody renewed it",
                        evidence.history.name(life.id),
                        before.seen.applied,
                        sighting.status.word(),
                        sighting.seen.applied
                    ),
                    vec![
                        "No renewal, report or registration that can lie between the two states was called.".to_owned(),
                    ],
                )
            });
        }
    }
}

fn can_have_turned(life: &Life, above: u64, by: Time) -> bool {
    // Indices rise with time, so the last ones tell it at once.
    let called = life.touches.partition_point(|touch| touch.since <= by);
    life.touches[..called].iter().rev().any(|touch| touch.index.is_none_or(|index| index > above))
}
