//! Who can write what an answer shows.

use super::problem::{Effect, Problem};
use crate::history::Token;
use crate::lookup::Lookup;
use crate::script::Registration;

/// The registrations of a problem, by what they write.
#[derive(Debug, Default)]
pub(super) struct Writers {
    /// Entry; [`SEVERAL`]: several entries, or optional steps.
    by_content: Lookup<(u32, Token), u32>,
}

const SEVERAL: u32 = u32::MAX;

impl Writers {
    pub(super) fn new(problem: &Problem<'_>) -> Self {
        let mut writers = Self::default();
        // In a weakened problem writes may happen any number of times.
        if problem.is_relaxed {
            return writers;
        }
        for (number, entry) in (0..).zip(&problem.entries) {
            if let Effect::Register(registration) = &entry.effect {
                writers.by_content.entry(key(registration)).and_modify(|writer| *writer = SEVERAL).or_insert(number);
            }
        }
        for class in &problem.classes {
            if let Effect::Register(registration) = &class.effect {
                writers.by_content.insert(key(registration), SEVERAL);
            }
        }
        writers
    }

    /// The entry that alone can write `nonce` into `cell`, and once.
    pub(super) fn only(&self, cell: u32, nonce: Token) -> Option<u32> {
        self.by_content.get(&(cell, nonce)).copied().filter(|writer| *writer != SEVERAL)
    }
}

fn key(registration: &Registration) -> (u32, Token) {
    (registration.cell, registration.fresh.nonce)
}
