//! TTL-1: never early. TTL-8: nor by a step of a clock.
//!
//! For a check with time to live T and an answer v that shows it critical, take any acknowledged renewal r that v's state
//! holds (v.applied >= r.xi, or v is linearizable and was called after r returned). Breach of TTL-1: v came before
//! r.called + T (as the fastest clock measures T), and nothing but renewals can have touched the check between r.called
//! and v's return: no report of another status, no registration or deregistration of its instance, none with an unknown
//! outcome. A registration that gives a new check the status `passing` counts as a renewal.
//!
//! Breach of TTL-8: the same, with a `clock` fault in force at some moment from r.called to v's return.

use crate::history::{Status, Time};
use crate::reads::{Evidence, Notes};
use crate::verdict::Property;

use super::lives::{Life, Renewal, Sighting};

pub(super) fn check(evidence: &Evidence<'_>, life: &Life, notes: &mut Notes<'_>) {
    let lease = evidence.rates.shortest(life.ttl_min());
    for sighting in &life.sightings {
        let Some(renewal) = lease_in_force(life, sighting, lease) else { continue };
        let stepped = clock_fault(evidence, renewal.since, sighting.seen.returned);
        notes.judged(Property::Ttl1, 1);
        notes.judged(Property::Ttl8, usize::from(stepped));
        if sighting.status == Status::Critical && life.undisturbed(renewal.since, sighting.seen.returned, renewal.call)
        {
            early(evidence, life, renewal, sighting, Property::Ttl1, notes);
            if stepped {
                early(evidence, life, renewal, sighting, Property::Ttl8, notes);
            }
        }
    }
}

/// The last renewal that the sighting's state holds, if its lease cannot have run out when the sighting was made.
fn lease_in_force<'l>(life: &'l Life, sighting: &Sighting, lease: u64) -> Option<&'l Renewal> {
    let seen = &sighting.seen;
    let before = life.renewals.partition_point(|renewal| renewal.since <= seen.returned);
    let recent = life.renewals[..before].iter().rev().take_while(|renewal| renewal.since.plus(lease) > seen.returned);
    recent
        .into_iter()
        .find(|renewal| seen.applied >= renewal.index || seen.mode.is_linearizable() && seen.invoked > renewal.returned)
}

fn clock_fault(evidence: &Evidence<'_>, from: Time, to: Time) -> bool {
    evidence.faults.active.iter().any(|fault| fault.name == "clock" && fault.from <= to && fault.to >= from)
}

fn early(
    evidence: &Evidence<'_>,
    life: &Life,
    renewal: &Renewal,
    sighting: &Sighting,
    property: Property,
    notes: &mut Notes<'_>,
) {
    notes.breach(property, &[renewal.call, sighting.seen.call], || {
        let after = sighting.seen.returned.since(renewal.since) / 1_000_000;
        (
            format!("check {} was seen critical {after} ms after the call of an acknowledged renewal, within its {} ms", evidence.history.name(life.id), life.ttl_ms_min),
            vec![
                format!("The renewal was called at {} and acknowledged with index {}; the answer from the state at {} came at {}.", renewal.since, renewal.index, sighting.seen.applied, sighting.seen.returned),
                "No other report and no registration of its instance can lie between them.".to_owned(),
            ],
        )
    });
}
