//! The components of a history, searched on two threads.

use super::together;
use crate::certificate::{self, Refusal};
use crate::history::History;
use crate::script::Script;
use crate::search::{Components, Found, MEMORY_MAX, Problem, components, search, touched};

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
    let components = components(script);
    let count = components.members.len() as u32;
    let decide =
        |numbers: Vec<u32>| Lane { history, script, components: &components, budget, left: budget }.decide(&numbers);
    let mut results = if count > 1 && script.steps.len() >= PARALLEL_MIN {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| decide((1..count).step_by(2).collect()));
            let mut own = decide((0..count).step_by(2).collect());
            own.extend(other.join().expect("a search does not panic"));
            own
        })
    } else {
        decide((0..count).collect())
    };
    results.sort_by_key(|(number, _)| *number);
    let mut wrong = Vec::new();
    let mut orders = Vec::new();
    let mut unknown = None;
    for (number, result) in results {
        match result {
            Part::Order(order) => orders.extend(order),
            Part::Nothing(step) => wrong.push((components.members[number as usize].clone(), step)),
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

/// Searches the components of one thread.
struct Lane<'a> {
    history: &'a History,
    script: &'a Script,
    components: &'a Components,
    budget: u64,
    left: u64,
}

impl<'a> Lane<'a> {
    fn decide(mut self, numbers: &[u32]) -> Vec<(u32, Part)> {
        let groups = together::groups(self.components, numbers);
        // A hard component may use up what is left, so the easy ones come first.
        let first = groups.iter().flat_map(|group| self.quickly(group)).collect::<Vec<_>>();
        let decide = |(number, part): (u32, Option<Part>)| {
            (number, part.unwrap_or_else(|| self.thoroughly(self.members(number))))
        };
        first.into_iter().map(decide).collect()
    }

    fn members(&self, number: u32) -> &'a [u32] {
        &self.components.members[number as usize]
    }

    /// What a first search finds about each component of a group; `None`: that needs more steps.
    fn quickly(&mut self, group: &[u32]) -> Vec<(u32, Option<Part>)> {
        let problems = together::problems(self.history, self.script, self.components, group);
        let mut parts = Vec::new();
        for (&number, problem) in group.iter().zip(problems) {
            let granted = FIRST_STEPS_EACH * self.members(number).len() as u64;
            let part = match search_within(&problem, &mut self.left, granted) {
                Found::Order(order) => Some(Part::Order(order)),
                Found::Nothing { step } => Some(Part::Nothing(step)),
                Found::OutOfBudget => None,
            };
            parts.push((number, part));
        }
        self.verify(&mut parts);
        parts
    }

    /// Takes back the orders that are no proof.
    fn verify(&self, parts: &mut [(u32, Option<Part>)]) {
        let (mut members, mut orders): (Vec<u32>, Vec<&[u32]>) = (Vec::new(), Vec::new());
        for (number, part) in parts.iter() {
            if let Some(Part::Order(order)) = part {
                members.extend_from_slice(self.members(*number));
                orders.push(order);
            }
        }
        if let Err(refusal) = together::verify(self.history, self.script, &members, &orders) {
            let ordered = parts.iter_mut().filter(|(_, part)| matches!(part, Some(Part::Order(_))));
            ordered.for_each(|(_, part)| *part = Some(Part::no_proof(refusal)));
        }
    }

    fn thoroughly(&mut self, members: &[u32]) -> Part {
        if let Some(step) = wrong_cell(self.history, self.script, members, &mut self.left) {
            return Part::Nothing(step);
        }
        match search(&Problem::new(self.history, self.script, members), &mut self.left) {
            Found::Order(order) => match certificate::verify(self.history, self.script, members, &order) {
                Ok(()) => Part::Order(order),
                Err(refusal) => Part::no_proof(refusal),
            },
            Found::Nothing { step } => Part::Nothing(step),
            Found::OutOfBudget => {
                let (budget, count) = (self.budget, members.len());
                let memory = MEMORY_MAX >> 20;
                Part::Unknown(format!(
                    "no order found within {budget} steps and {memory} MiB for a component of {count} operations"
                ))
            }
        }
    }
}

impl Part {
    fn no_proof(refusal: Refusal) -> Self {
        Self::Unknown(format!("the order found is no proof ({refusal:?}): this is a defect of the judge"))
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
