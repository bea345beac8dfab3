//! The index witness: the servers' own indices propose an order, the specification and the clock judge it.
//!
//! Every acknowledged write claims an Index and every read the Index of the state that it was read from. Sorted by claim
//! (the change first, then what saw it, by invocation) they form one order over all services at once. Replaying it places what claims
//! nothing: writes with unknown outcome just before the first answer that needs them, rejections where the thing does not
//! exist. An order that is accepted by [`crate::certificate`] proves linearizability, whatever the servers claimed; a
//! failure proves only that no linearization agrees with the claims.
//!
//! Cost: O(n log n) for the sort, then one pass.

mod explain;
mod replay;

pub(crate) use replay::{Failure, Reason, run};

use crate::history::History;
use crate::script::{Need, Script};

/// A step with its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// The Index.
    at: u64,
    step: u32,
}

/// Steps by claim; steps without one apart, in the order of their calls.
struct Agenda {
    claims: Vec<Claim>,
    rejections: Vec<u32>,
    optional: Vec<u32>,
    /// For each position of `claims`: the earliest answer from there on.
    answered_from: Vec<u32>,
}

impl Agenda {
    fn new(history: &History, script: &Script) -> Self {
        let mut agenda = Self {
            claims: Vec::with_capacity(script.steps.len()),
            rejections: Vec::new(),
            optional: Vec::new(),
            answered_from: Vec::new(),
        };
        for (number, step) in script.steps.iter().enumerate() {
            let number = number as u32;
            let claimed = history.calls[step.call as usize].claimed_index();
            match (step.need, claimed) {
                (Need::Accepted, Some(index)) => {
                    agenda.claims.push(Claim { at: index, step: number });
                }
                (Need::Optional, _) => agenda.optional.push(number),
                (Need::Rejected, _) | (Need::Accepted, None) => agenda.rejections.push(number),
            }
        }
        agenda.claims = sorted(agenda.claims);
        let mut earliest = u32::MAX;
        agenda.answered_from = vec![0; agenda.claims.len()];
        for (claim, slot) in agenda.claims.iter().zip(&mut agenda.answered_from).rev() {
            earliest = earliest.min(script.steps[claim.step as usize].until);
            *slot = earliest;
        }
        agenda
    }
}

/// Claims of one Index that a table by Index is worth its memory for.
const SPREAD_MAX: u64 = 4;

/// Sorts claims that are in the order of their steps. Indices are dense in every history that was really served, so counting
/// them takes one pass; a claim far beyond the others is not worth a table.
fn sorted(mut claims: Vec<Claim>) -> Vec<Claim> {
    let highest = claims.iter().map(|claim| claim.at).max().unwrap_or(0);
    if highest > claims.len() as u64 * SPREAD_MAX {
        claims.sort_unstable();
        return claims;
    }
    let mut places = vec![0_u32; highest as usize + 2];
    claims.iter().for_each(|claim| places[claim.at as usize + 1] += 1);
    for at in 1..places.len() {
        places[at] += places[at - 1];
    }
    let mut sorted = vec![Claim { at: 0, step: 0 }; claims.len()];
    for claim in claims {
        let place = &mut places[claim.at as usize];
        sorted[*place as usize] = claim;
        *place += 1;
    }
    sorted
}
