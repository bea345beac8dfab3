//! The components of a history, searched on two threads.

use crate::certificate;
use crate::history::History;
use crate::script::Script;
use crate::search::{Found, Problem, components, search, touched};

/// What the search says about the whole history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Every component has an order that was verified; the orders, one after the other.
    Linearizable(Vec<u32>),
    /// Components (their steps) without an order, and the step where each failed.
    Not(Vec<(Vec<u32>, u32)>),
    Unknown {
        reason: String,
    },
}

/// Histories with fewer steps are searched by the caller alone.
const PARALLEL_MIN: usize = 20_000;

/// Decides linearizability without indices, within `budget` steps for each component.
pub(crate) fn decide(history: &History, script: &Script, budget: u64) -> Decision {
    let parts = components(script);
    let lane = |skip: usize, step: usize| -> Vec<(usize, Part)> {
        let numbered = parts.iter().enumerate().skip(skip).step_by(step);
        numbered.map(|(number, members)| (number, part(history, script, members, budget))).collect()
    };
    let mut results = if parts.len() > 1 && script.steps.len() >= PARALLEL_MIN {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| lane(1, 2));
            let mut own = lane(0, 2);
            own.extend(other.join().expect("a search does not panic"));
            own
        })
    } else {
        lane(0, 1)
    };
    results.sort_by_key(|(number, _)| *number);
    let mut wrong = Vec::new();
    let mut orders = Vec::new();
    let mut unknown = None;
    for (number, result) in results {
        match result {
            Part::Order(order) => orders.extend(order),
            Part::Nothing(step) => wrong.push((parts[number].clone(), step)),
            Part::Unknown(reason) => unknown = Some(reason),
        }
    }
    match unknown {
        _ if !wrong.is_empty() => Decision::Not(wrong),
        Some(reason) => Decision::Unknown { reason },
        None => Decision::Linearizable(orders),
    }
}

enum Part {
    Order(Vec<u32>),
    Nothing(u32),
    Unknown(String),
}

/// Steps of a first search over a whole component, for each of its operations; if they do not suffice, its instances are
/// looked at one by one.
const FIRST_STEPS_EACH: u64 = 1_000;
/// Steps of the search over one instance, for each operation of the component.
const CELL_STEPS_EACH: u64 = 100;

fn part(history: &History, script: &Script, members: &[u32], budget: u64) -> Part {
    let problem = Problem::new(history, script, members);
    let mut left = budget;
    let mut found = search_within(&problem, &mut left, FIRST_STEPS_EACH * members.len() as u64);
    if found == Found::OutOfBudget && left > 0 {
        if let Some(step) = wrong_cell(history, script, members, &mut left) {
            return Part::Nothing(step);
        }
        found = search(&problem, &mut left);
    }
    match found {
        Found::Order(order) => match certificate::verify(history, script, members, &order) {
            Ok(()) => Part::Order(order),
            Err(refusal) => {
                Part::Unknown(format!("the order found is no proof ({refusal:?}): this is a defect of the judge"))
            }
        },
        Found::Nothing { step } => Part::Nothing(step),
        Found::OutOfBudget => Part::Unknown(format!(
            "no order found within {budget} steps for a component of {} operations",
            members.len()
        )),
    }
}

fn search_within(problem: &Problem<'_>, left: &mut u64, granted: u64) -> Found {
    let granted = granted.min(*left);
    let mut rest = granted;
    let found = search(problem, &mut rest);
    *left -= granted - rest;
    found
}

/// An answer that is wrong about one instance, whatever the others did: a read is a conjunction over instances, so an order
/// of everything is one of each instance alone, and a search over one is far smaller than a search over all.
fn wrong_cell(history: &History, script: &Script, members: &[u32], left: &mut u64) -> Option<u32> {
    let mut services: Vec<u32> =
        members.iter().flat_map(|&step| touched(script, script.steps[step as usize].act)).collect();
    services.sort_unstable();
    services.dedup();
    services.iter().flat_map(|&service| &script.services[service as usize].cells).find_map(|&cell| {
        let problem = Problem::of_cell(history, script, members, cell);
        match search_within(&problem, left, CELL_STEPS_EACH * members.len() as u64) {
            Found::Nothing { step } => Some(step),
            Found::Order(_) | Found::OutOfBudget => None,
        }
    })
}
