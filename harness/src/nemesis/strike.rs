//! One fault, resolved: what is done now, and what undoes it later.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::action::Action;
use super::target::Scene;
use crate::scenario::model::{Target, What};

/// What a fault comes to.
#[derive(Debug, Default, PartialEq)]
pub struct Strike {
    /// Now, in order.
    pub now: Vec<Action>,
    /// When it is over.
    pub undo: Vec<Action>,
    /// Servers that do not count as healthy until it is undone.
    pub afflicted: Vec<String>,
}

/// Resolves `what` at `target`. Empty if there is nobody to strike.
#[must_use]
pub fn resolve(what: What, target: &Target, scene: &Scene<'_>, rng: &mut StdRng) -> Strike {
    match what {
        What::Partition(shape) => {
            let links = scene.links(shape, target, rng);
            let afflicted = cut_off(&links, scene);
            Strike { now: vec![Action::Cut { links: links.clone() }], undo: vec![Action::Mend { links }], afflicted }
        }
        What::Delay(by) => {
            let links = scene.links_of(&scene.resolve(target, rng));
            let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            let now = vec![Action::Delay { links: links.clone(), by_ms }];
            Strike { now, undo: vec![Action::Delay { links, by_ms: 0 }], afflicted: Vec::new() }
        }
        What::Loss(share) => {
            let links = scene.links_of(&scene.resolve(target, rng));
            let now = vec![Action::Lose { links: links.clone(), share }];
            Strike { now, undo: vec![Action::Lose { links, share: 0.0 }], afflicted: Vec::new() }
        }
        What::Duplicate(share) => Strike {
            now: vec![Action::Duplicate { share }],
            undo: vec![Action::Duplicate { share: 0.0 }],
            afflicted: Vec::new(),
        },
        _ => machine(what, scene.resolve(target, rng), scene, rng),
    }
}

/// Faults of machines.
fn machine(what: What, targets: Vec<String>, scene: &Scene<'_>, rng: &mut StdRng) -> Strike {
    if targets.is_empty() && what != What::Elect {
        return Strike::default();
    }
    let strike = |now: Action, undo: Action| Strike { now: vec![now], undo: vec![undo], afflicted: targets.clone() };
    let start = Action::Start { targets: targets.clone() };
    let heal = Action::HealDisk { targets: targets.clone() };
    let alone = |now: Action| Strike { now: vec![now], undo: Vec::new(), afflicted: Vec::new() };
    match what {
        What::Crash => strike(Action::Kill { targets: targets.clone() }, start),
        What::PowerLoss => strike(Action::PowerOff { targets: targets.clone() }, start),
        What::Stop => strike(Action::Stop { targets: targets.clone() }, start),
        What::Pause => strike(Action::Pause { targets: targets.clone() }, Action::Resume { targets: targets.clone() }),
        What::ClockStep(by_ms) => alone(Action::StepClock { targets, by_ms }),
        What::DiskError(error) => Strike {
            now: vec![Action::FailDisk { targets: targets.clone(), full: error.into() }],
            undo: vec![heal, start],
            afflicted: targets.clone(),
        },
        What::SlowDisk(by) => {
            let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            strike(Action::SlowDisk { targets: targets.clone(), by_ms }, heal)
        }
        What::LyingDisk => strike(Action::Lie { targets: targets.clone() }, heal),
        What::FlipByte => {
            Strike { now: vec![Action::Flip { targets: targets.clone() }], undo: replace(&targets), afflicted: targets }
        }
        What::Wipe => Strike {
            now: vec![Action::Wipe { targets: targets.clone() }, start],
            undo: replace(&targets),
            afflicted: targets,
        },
        What::LoseEverything => lose_everything(scene),
        What::Replace => Strike { now: replace(&targets), undo: Vec::new(), afflicted: Vec::new() },
        What::Transfer => alone(Action::Transfer { targets: successor(scene, rng) }),
        What::Elect => elect(scene),
        What::Join => {
            let now = vec![Action::Start { targets: targets.clone() }, Action::Join { targets }];
            Strike { now, ..Strike::default() }
        }
        What::Remove => alone(Action::Remove { targets }),
        What::Partition(_) | What::Delay(_) | What::Loss(_) | What::Duplicate(_) => {
            unreachable!("a fault of links, not of machines")
        }
    }
}

/// A new server in place of one whose disk is worth nothing: another identity under the same name.
fn replace(targets: &[String]) -> Vec<Action> {
    let targets = targets.to_vec();
    vec![
        Action::Wipe { targets: targets.clone() },
        Action::HealDisk { targets: targets.clone() },
        Action::Remove { targets: targets.clone() },
        Action::Start { targets: targets.clone() },
        Action::Join { targets },
    ]
}

/// All servers are lost with all that they stored; when it is over there is a new cluster under the old addresses.
fn lose_everything(scene: &Scene<'_>) -> Strike {
    let targets = scene.members.clone();
    let joining = targets.iter().skip(1).cloned().collect();
    Strike {
        now: vec![Action::Wipe { targets: targets.clone() }],
        undo: vec![
            Action::Refound { targets: targets.clone() },
            Action::Start { targets: targets.clone() },
            Action::Join { targets: joining },
        ],
        afflicted: targets,
    }
}

/// The leader stands still until another leads.
fn elect(scene: &Scene<'_>) -> Strike {
    let Some(leader) = scene.leader() else { return Strike::default() };
    let targets = vec![leader];
    Strike {
        now: vec![Action::Pause { targets: targets.clone() }],
        undo: vec![Action::Resume { targets: targets.clone() }],
        afflicted: targets,
    }
}

/// A member that runs and does not lead.
fn successor(scene: &Scene<'_>, rng: &mut StdRng) -> Vec<String> {
    let leader = scene.leader();
    let others: Vec<&String> =
        scene.members.iter().filter(|name| Some(*name) != leader.as_ref() && scene.cluster.is_running(name)).collect();
    others.choose(rng).map(|name| vec![(*name).clone()]).unwrap_or_default()
}

/// Members that do not see a majority of the others both ways.
fn cut_off(links: &[(String, String)], scene: &Scene<'_>) -> Vec<String> {
    let sees = |a: &String, b: &String| {
        a == b || !links.contains(&(a.clone(), b.clone())) && !links.contains(&(b.clone(), a.clone()))
    };
    let seen = |name: &String| scene.members.iter().filter(|other| sees(name, other)).count();
    scene.members.iter().filter(|name| 2 * seen(name) <= scene.members.len()).cloned().collect()
}
