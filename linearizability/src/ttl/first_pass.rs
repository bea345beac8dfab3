//! TTL-5: a check is critical until the first pass.
//!
//! Breach: an answer shows a check other than critical, in a row that a registration g wrote which gave it no status and
//! certainly made a new instance, and no other call can have touched the check from g's call until the answer came.

use crate::history::Status;
use crate::reads::{Evidence, Notes};
use crate::verdict::Property;

use super::lives::{Effect, Life, Touch};

pub(super) fn check(evidence: &Evidence<'_>, life: &Life, notes: &mut Notes<'_>) {
    let bare = |touch: &&Touch| matches!(touch.effect, Effect::Register { status: None, .. });
    let registrations: Vec<&Touch> = life.touches.iter().filter(bare).filter(|touch| life.is_new(touch)).collect();
    for sighting in &life.sightings {
        let wrote = |touch: &&&Touch| matches!(touch.effect, Effect::Register { nonce, .. } if nonce == sighting.nonce && !nonce.is_none());
        let Some(registration) = registrations.iter().find(wrote) else { continue };
        let by = sighting.seen.returned;
        let touched = life
            .touches
            .iter()
            .any(|touch| touch.call != registration.call && touch.since <= by && touch.until >= registration.since);
        if touched {
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
