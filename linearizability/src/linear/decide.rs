//! The components of a history, searched on two threads.

use crate::certificate;
use crate::history::History;
use crate::script::Script;
use crate::search::{Found, Problem, components, search};

/// What the search says about the whole history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Every component has an order that was verified.
    Linearizable,
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
    let mut unknown = None;
    for (number, result) in results {
        match result {
            Part::Order => {}
            Part::Nothing(step) => wrong.push((parts[number].clone(), step)),
            Part::Unknown(reason) => unknown = Some(reason),
        }
    }
    match unknown {
        _ if !wrong.is_empty() => Decision::Not(wrong),
        Some(reason) => Decision::Unknown { reason },
        None => Decision::Linearizable,
    }
}

enum Part {
    Order,
    Nothing(u32),
    Unknown(String),
}

fn part(history: &History, script: &Script, members: &[u32], budget: u64) -> Part {
    let problem = Problem::new(history, script, members);
    let mut left = budget;
    match search(&problem, &mut left) {
        Found::Order(order) => match certificate::verify(history, script, members, &order) {
            Ok(()) => Part::Order,
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
