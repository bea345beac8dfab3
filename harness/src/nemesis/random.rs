//! Faults drawn from the seed. Swarm testing: each family is on or off for a whole run, so that rare mixes occur.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::scenario::model::{DiskError, Family, Random, Shape, Target, What};

/// A drawn fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// What.
    pub what: What,
    /// Whom.
    pub target: Target,
    /// How long.
    pub lasts: Duration,
}

/// The families that are on in a run: each with its probability, at least one.
#[must_use]
pub fn families(random: &Random, rng: &mut StdRng) -> Vec<Family> {
    let drawn: Vec<Family> = random.families.iter().copied().filter(|_| rng.random_bool(random.p_family)).collect();
    if drawn.is_empty() { random.families.choose(rng).copied().into_iter().collect() } else { drawn }
}

/// The next fault of one of `families`.
#[must_use]
pub fn draw(families: &[Family], random: &Random, rng: &mut StdRng) -> Drawn {
    let family = families.choose(rng).copied().expect("at least one family is on");
    let lasts = rng.random_range(random.lasts.0..=random.lasts.1);
    let whom = [Target::Leader, Target::Leader, Target::Follower, Target::Any].choose(rng).cloned();
    let target = whom.expect("not empty");
    let what = match family {
        Family::Net => net(rng),
        Family::Crash => What::Crash,
        Family::Power => What::PowerLoss,
        Family::Pause => What::Pause,
        Family::Clock => What::ClockStep(rng.random_range(-60_000..=60_000)),
        Family::Disk => match rng.random_range(0..3) {
            0 => What::DiskError(DiskError::Io),
            1 => What::DiskError(DiskError::Full),
            _ => What::SlowDisk(Duration::from_millis(rng.random_range(20..=300))),
        },
        Family::Raft => {
            if rng.random_bool(0.7) {
                What::Transfer
            } else {
                What::Elect
            }
        }
        Family::Members => What::Replace,
    };
    // Replacing the leader is legal and rare; followers are what operators replace.
    let target = if family == Family::Members { Target::Follower } else { target };
    Drawn { what, target, lasts }
}

fn net(rng: &mut StdRng) -> What {
    let shapes = [
        Shape::Halves,
        Shape::One,
        Shape::Random,
        Shape::LeaderMinority,
        Shape::OneWayOut,
        Shape::OneWayIn,
        Shape::AllButOne,
        Shape::Bridge,
        Shape::Ring,
    ];
    match rng.random_range(0..10) {
        0 => What::Delay(Duration::from_millis(rng.random_range(10..=150))),
        1 => What::Loss(rng.random_range(0.01..=0.2)),
        2 => What::Duplicate(rng.random_range(0.1..=0.6)),
        _ => What::Partition(*shapes.choose(rng).expect("not empty")),
    }
}
