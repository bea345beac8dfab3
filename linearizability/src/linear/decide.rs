//! The components of a history, searched on two threads.

use crate::certificate;
use crate::history::History;
use crate::script::Script;
use crate::search::{Found, MEMORY_MAX, Problem, components, search, touched};

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

/// Decides linearizability without indices, within `budget` steps on each thread.
pub(crate) fn decide(history: &History, script: &Script, budget: u64) -> Decision {
    let parts = components(script);
    let lane = |skip: usize, step: usize| -> Vec<(usize, Part)> {
        let mut lane = Lane { history, script, budget, left: budget };
        let own = parts.iter().enumerate().skip(skip).step_by(step);
        // A hard component may use up what is left, so the easy ones come first.
        let first: Vec<_> = own.map(|(number, members)| (number, members, lane.quickly(members))).collect();
        let decide = |(number, members, part): (usize, &Vec<u32>, Option<Part>)| {
            (number, part.unwrap_or_else(|| lane.thoroughly(members)))
        };
        first.into_iter().map(decide).collect()
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

/// Searches one component after the other.
struct Lane<'a> {
    history: &'a History,
    script: &'a Script,
    budget: u64,
    left: u64,
}

impl Lane<'_> {
    /// `None`: that needs more steps.
    fn quickly(&mut self, members: &[u32]) -> Option<Part> {
        let problem = Problem::new(self.history, self.script, members);
        let found = search_within(&problem, &mut self.left, FIRST_STEPS_EACH * members.len() as u64);
        self.part(members, found)
    }

    fn thoroughly(&mut self, members: &[u32]) -> Part {
        if let Some(step) = wrong_cell(self.history, self.script, members, &mut self.left) {
            return Part::Nothing(step);
        }
        let found = search(&Problem::new(self.history, self.script, members), &mut self.left);
        self.part(members, found).unwrap_or_else(|| {
            let (budget, count) = (self.budget, members.len());
            let memory = MEMORY_MAX >> 20;
            Part::Unknown(format!(
                "no order found within {budget} steps and {memory} MiB for a component of {count} operations"
            ))
        })
    }

    /// What was found about a component; `None`: nothing.
    fn part(&self, members: &[u32], found: Found) -> Option<Part> {
        Some(match found {
            Found::Order(order) => match certificate::verify(self.history, self.script, members, &order) {
                Ok(()) => Part::Order(order),
                Err(refusal) => {
                    Part::Unknown(format!("the order found is no proof ({refusal:?}): this is a defect of the judge"))
                }
            },
            Found::Nothing { step } => Part::Nothing(step),
            Found::OutOfBudget => return None,
        })
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
        if *left == 0 {
            return None;
        }
        // Setting it up costs as much as a step for each operation.
        *left = left.saturating_sub(members.len() as u64);
        let problem = Problem::of_cell(history, script, members, cell);
        match search_within(&problem, left, CELL_STEPS_EACH * members.len() as u64) {
            Found::Nothing { step } => Some(step),
            Found::Order(_) | Found::OutOfBudget => None,
        }
    })
}
