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

pub(crate) use replay::{Failure, Reason, Witness, run};

use crate::script::{NO_CLAIM, Need, Script};

/// Steps by claim; steps without one apart, in the order of their calls.
struct Agenda {
    /// Steps that claim an Index: see `Script::claims`. Those with the same one stand in the order of their calls.
    claims: Vec<u32>,
    rejections: Vec<u32>,
    optional: Vec<u32>,
    /// For each position of `claims`: the earliest answer from there on. Empty where no rejection needs it.
    answered_from: Vec<u32>,
}

impl Agenda {
    fn new(script: &Script) -> Self {
        let (mut rejections, mut optional) = (Vec::new(), Vec::new());
        let (mut claiming, mut highest) = (0, 0);
        for (number, &claim) in (0..).zip(&script.claims) {
            if claim != NO_CLAIM {
                claiming += 1;
                highest = highest.max(claim);
                continue;
            }
            match script.steps[number as usize].need {
                Need::Optional => optional.push(number),
                Need::Rejected | Need::Accepted => rejections.push(number),
            }
        }
        let claims = sorted(&script.claims, claiming, highest);
        let answered_from = if rejections.is_empty() { Vec::new() } else { answered_from(script, &claims) };
        Self { claims, rejections, optional, answered_from }
    }
}

fn answered_from(script: &Script, claims: &[u32]) -> Vec<u32> {
    let mut earliest = u32::MAX;
    let mut answered_from = vec![0; claims.len()];
    for (step, slot) in claims.iter().zip(&mut answered_from).rev() {
        earliest = earliest.min(script.steps[*step as usize].until);
        *slot = earliest;
    }
    answered_from
}

/// Claims of one Index that a table by Index is worth its memory for.
const SPREAD_MAX: u64 = 4;

/// The steps that claim an Index, by it: `claiming` steps, none above `highest`. Indices are dense in every history that was
/// really served, so counting them takes two passes; a claim far beyond the others is not worth a table.
fn sorted(claims: &[u64], claiming: usize, highest: u64) -> Vec<u32> {
    let steps = || (0_u32..).zip(claims).filter(|(_, claim)| **claim != NO_CLAIM);
    if highest > claims.len() as u64 * SPREAD_MAX {
        let mut sorted: Vec<u32> = steps().map(|(step, _)| step).collect();
        sorted.sort_by_key(|step| claims[*step as usize]);
        return sorted;
    }
    // By Index: first how many steps claim the one below, then where the next one belongs.
    let mut places = vec![0_u32; highest as usize + 2];
    steps().for_each(|(_, claim)| places[*claim as usize + 1] += 1);
    for at in 1..places.len() {
        places[at] += places[at - 1];
    }
    let mut sorted = vec![0_u32; claiming];
    for (step, claim) in steps() {
        let place = &mut places[*claim as usize];
        sorted[*place as usize] = step;
        *place += 1;
    }
    sorted
}
