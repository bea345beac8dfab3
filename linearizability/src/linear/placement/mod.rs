//! A placement of the unknown writes at indices, so that every answer shows exactly the state and the indices that it claims.
//!
//! The claims are facts: an accepted write that changes something does so at its Index, a read shows the state at its Index,
//! and the modify indices and the service index in it name the Index of a change each. What is left open is which unknown
//! write (or expiry) happened at which of the indices that no accepted write owns. A search over the indices, a component at
//! a time, tries all of that; a change is impossible wherever an answer proves that nothing changed. Whatever it
//! finds is replayed once more over the whole history, without choices, before anybody believes it.
//!
//! Knows nothing of LIN-1: whether there is an order at all without the indices is for [`super::decide`].

mod axis;
mod board;
mod hunt;
mod log;

use std::collections::BTreeSet;

use crate::history::History;
use crate::script::Script;
use crate::search::components;

use axis::{Bounds, Numbers, Part, indices_of_others, sure_owners};
use board::Rules;
use hunt::{Hunt, Outcome};
use log::Log;

/// What the search over placements says.
#[derive(Debug)]
pub(super) enum Placement {
    /// The order of all steps, verified against every index that is claimed; the claims compared, and the commands that
    /// removed instances of several services at one Index.
    Found { order: Vec<u32>, claims: u64, wide: u64 },
    /// No placement agrees with the claims; the step behind which the search never came.
    None { step: u32 },
    /// The budget is used up, or the parts found do not fit together.
    Unknown { reason: String },
}

/// Orders of the components that are tried.
const TURNS: u64 = 16;

/// Searches for a placement, in at most `budget` steps for each component; all turns after the first together get as much again.
pub(super) fn place(history: &History, script: &Script, budget: u64) -> Placement {
    let members = components(script).members;
    let bounds = Bounds::new(history, script);
    let numbers = Numbers::by_part(script, &members);
    let sure = sure_owners(history, script);
    let owners: BTreeSet<u64> = sure.values().copied().collect();
    let parts: Vec<Part> = members.iter().map(|members| Part::new(history, script, members, &bounds)).collect();
    let rules = Rules { history, script, numbers: &numbers };
    let mut turns: Vec<usize> = (0..parts.len()).collect();
    // What was found for the components before is a choice. If nothing fits beside it, the one that found no room goes first.
    for again in 0..TURNS {
        let budget = if again == 0 { budget } else { budget / (2 * TURNS) };
        let mut log = Log::default();
        let mut taken = BTreeSet::new();
        let mut crowded = None;
        for (turn, at) in turns.iter().copied().enumerate() {
            let others = indices_of_others(&parts, at, &sure);
            let hunt = |taken: &BTreeSet<u64>| {
                let axis = parts[at].axis(&bounds, &(&owners | taken));
                Hunt::new(rules, &bounds, &parts[at], &axis, &(&others | taken)).run(budget)
            };
            let mut outcome = hunt(&taken);
            if let Outcome::Nothing { .. } = outcome
                && !taken.is_empty()
            {
                outcome = hunt(&BTreeSet::new());
                if let Outcome::Found(_) = outcome {
                    crowded = Some(turn);
                    break;
                }
            }
            match outcome {
                Outcome::Found(found) => {
                    taken.extend(found.hidden());
                    log.append(found);
                }
                Outcome::Nothing { step } => return Placement::None { step },
                Outcome::OutOfBudget => {
                    return Placement::Unknown {
                        reason: format!("no placement of the unknown writes at indices found within {budget} steps"),
                    };
                }
            }
        }
        let Some(turn) = crowded else { return fit_together(log, history, script) };
        turns[..=turn].rotate_right(1);
    }
    let reason = "the unknown writes of the services compete for indices: no order of the services leaves room for all";
    Placement::Unknown { reason: reason.to_owned() }
}

fn fit_together(mut log: Log, history: &History, script: &Script) -> Placement {
    match log.verify(history, script) {
        Ok((claims, wide)) => Placement::Found { order: log.order(), claims, wide },
        Err(refusal) => {
            Placement::Unknown { reason: format!("the placements of the services do not fit together: {refusal}") }
        }
    }
}
