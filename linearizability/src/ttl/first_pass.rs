//! TTL-5: a check is critical until the first pass.
//!
//! Breach: an answer shows a check other than critical, in a row that a registration g wrote which gave it no status and
//! certainly made a new instance, and no other call can have touched the check from g's call until the answer came.

use std::collections::BTreeMap;

use crate::history::{Status, Token};
use crate::reads::{Evidence, Notes};
use crate::verdict::Property;

use super::lives::{Effect, Life, Touch};

pub(super) fn check(evidence: &Evidence<'_>, life: &Life, notes: &mut Notes<'_>) {
    let bare = |touch: &&Touch| matches!(touch.effect, Effect::Register { status: None, .. });
    let mut registrations: BTreeMap<Token, &Touch> = BTreeMap::new();
    for touch in life.touches.iter().filter(bare).filter(|touch| life.is_new(touch)) {
        if let Effect::Register { nonce, .. } = touch.effect {
            registrations.entry(nonce).or_insert(touch);
        }
    }
    for sighting in life.sightings.iter().filter(|sighting| !sighting.nonce.is_none()) {
        let Some(registration) = registrations.get(&sighting.nonce) else { continue };
        if life.touched(registration.since, sighting.seen.returned, registration.call) {
            continue;
        }
        notes.judged(Property::Ttl5, 1);
        if sighting.status != Status::Critical {
            notes.breach(Property::Ttl5, &[registration.call, sighting.seen.call], || {
                (
                    format!(
                        "check {} was {} before its first pass",
                        evidence.history.name(life.id),
                        sighting.status.word()
                    ),
                    vec![
                        "The registration gave it no status, and nobody had reported one when the answer came."
                            .to_owned(),
                    ],
                )
            });
        }
    }
}
