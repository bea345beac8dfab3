//! One seed, many streams: every actor of a run draws from a generator of its own.
//!
//! A stream depends on the run's seed and the actor's name only. A client that draws once more than before therefore
//! moves no fault, no latency and no other client: a scenario that is edited keeps what was not edited.

use rand::SeedableRng;
use rand::rngs::StdRng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The seed of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds(pub u64);

impl Seeds {
    /// Seed of the stream `name`; `number` tells several of a kind apart (incarnations, clients).
    #[must_use]
    pub fn seed(self, name: &str, number: u64) -> u64 {
        let named = xxh3_64_with_seed(name.as_bytes(), self.0);
        xxh3_64_with_seed(&number.to_le_bytes(), named)
    }

    /// The stream `name`, `number`.
    #[must_use]
    pub fn stream(self, name: &str, number: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed(name, number))
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn a_stream_repeats_and_shares_nothing_with_another() {
        let draw = |seed, name, number| Seeds(seed).stream(name, number).random::<u64>();
        assert_eq!(draw(7, "disk:n1", 0), draw(7, "disk:n1", 0));
        let others = [draw(8, "disk:n1", 0), draw(7, "disk:n2", 0), draw(7, "disk:n1", 1)];
        assert!(others.iter().all(|other| *other != draw(7, "disk:n1", 0)), "{others:?}");
    }
}
