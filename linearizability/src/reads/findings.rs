//! What the passes over answers report: breaches of a property, and how many cases each property was judged in.
//! A property that was judged in no case has not held: it was not looked at, and the report can say so.

use std::collections::BTreeMap;

/// Breaches kept for one property; more are counted only. One is a proof; a hundred copies of it help nobody.
pub(crate) const KEPT_PER_PROPERTY: usize = 16;

/// One proof that a property did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// Id in SPEC section 10, such as `W-4`.
    pub property: &'static str,
    /// What was seen, what had to be, and why it follows.
    pub text: String,
    /// The calls that prove it, by position in the history, in the order in which they are to be read.
    pub calls: Vec<u32>,
}

/// Cases of one property.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Cases in which the property could have failed.
    pub judged: u64,
    /// Cases in which it did.
    pub breached: u64,
}

/// Everything that the passes found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub breaches: Vec<Breach>,
    pub tallies: BTreeMap<&'static str, Tally>,
}

impl Findings {
    /// One more case in which `property` could have failed, whether or not it did.
    pub(crate) fn judged(&mut self, property: &'static str) {
        self.tallies.entry(property).or_default().judged += 1;
    }

    /// `count` more cases.
    pub(crate) fn judged_many(&mut self, property: &'static str, count: usize) {
        self.tallies.entry(property).or_default().judged += count as u64;
    }

    /// `property` failed. `text` is built only while it would be kept.
    pub(crate) fn breach(&mut self, property: &'static str, calls: &[u32], text: impl FnOnce() -> String) {
        let tally = self.tallies.entry(property).or_default();
        tally.breached += 1;
        if tally.breached <= KEPT_PER_PROPERTY as u64 {
            self.breaches.push(Breach { property, text: text(), calls: calls.to_vec() });
        }
    }

    /// Whether `property` failed at least once.
    #[cfg(test)]
    pub(crate) fn has(&self, property: &str) -> bool {
        self.breaches.iter().any(|breach| breach.property == property)
    }
}
