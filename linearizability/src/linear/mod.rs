//! LIN-1 to LIN-4: the witness first, the search where it fails or is not wanted, and what the two together mean.
//!
//! | witness | search | verdict |
//! |---|---|---|
//! | accepted, and its order verified | not needed | LIN-1 holds; LIN-2 too, unless a search over all placements finds that the unknown writes need an index twice |
//! | failed, having guessed | not needed if a search over all placements of the unknown writes finds one | LIN-1 and LIN-2 hold |
//! | failed, no placement fits | finds an order | linearizable, but the indices are wrong: LIN-2 (LIN-4 if a wide command is half visible) |
//! | failed | finds that there is none | LIN-1, with the smallest core |
//! | failed | out of budget | unknown |

mod decide;
mod placement;
mod prefix;
mod retries;
mod tell;
mod together;

use crate::certificate;
use crate::core::{Core, core};
use crate::history::History;
use crate::judge::Options;
use crate::passes::Context;
use crate::script::{Need, Script};
use crate::verdict::{Findings, Property};
use crate::witness::{self, Failure, Reason, Witness};

use decide::Decision;
use placement::Placement;
pub use prefix::explained_prefix;

/// The pass.
pub(crate) fn check(context: &Context<'_>, findings: &mut Findings) {
    let history = context.history();
    let script = match Script::build(history) {
        Ok(script) => script,
        Err(error) => return findings.undecided(Property::Lin1, error.to_string()),
    };
    let must = script.steps.iter().filter(|step| step.need != Need::Optional).count() as u64;
    if must == 0 {
        return;
    }
    let mut open = None;
    if !context.options.black_box {
        match accept_witness(context, &script, must, findings) {
            None => return retries::check(context, &script, true, findings),
            Some(failure) => open = place(context, &script, must, failure, findings),
        }
        if open.is_none() {
            return retries::check(context, &script, true, findings);
        }
    }
    let holds = search(context, &script, must, open.as_ref(), findings);
    retries::check(context, &script, holds, findings);
}

/// What is open behind the witness.
struct Open {
    failure: Failure,
    /// Why nobody knows whether another placement of the unknown writes agrees with the claims; `None`: none does.
    undecided: Option<String>,
}

/// Lets the witness decide; what it could not explain otherwise.
fn accept_witness(context: &Context<'_>, script: &Script, must: u64, findings: &mut Findings) -> Option<Failure> {
    let history = context.history();
    match run_witness(history, script) {
        Ok(witness) => {
            findings.checked(Property::Lin1, must);
            if let Some(failure) = clash(context, script) {
                findings.violated(tell::wrong_index(history, script, &failure));
                return None;
            }
            findings.checked(Property::Lin2, witness.claims);
            findings.checked(Property::Lin4, witness.wide);
            None
        }
        Err(failure) => Some(failure),
    }
}

/// The order that the witness finds, verified.
fn run_witness(history: &History, script: &Script) -> Result<Witness, Failure> {
    let members: Vec<u32> = (0..script.steps.len() as u32).collect();
    witness::run(history, script, |order| {
        certificate::verify(history, script, &members, order).map_err(|refusal| Failure {
            step: refusal.step(),
            against: Vec::new(),
            // Only the placement of unknown writes can be refused: the claims themselves were swept before.
            reason: Reason::State,
            explanation: vec![format!("the order that the indices propose is no proof: {refusal:?}")],
            guessed: true,
        })
    })
}

/// The witness lets unknown writes happen where an answer needs them, but does not ask whether each finds an Index of its own. In a
/// history of moderate size the search over all placements does; where it cannot tell, the witness is believed.
fn clash(context: &Context<'_>, script: &Script) -> Option<Failure> {
    let unknown = unknown_writes(script);
    let steps = script.steps.len();
    if unknown == 0 || steps > CLASH_OPERATIONS_MAX || unknown * steps > CLASH_WORK_MAX {
        return None;
    }
    match placement::place(context.history(), script, placement_steps(context.options, unknown, CLASH_WORK_MAX)) {
        Placement::None { step } => Some(tell::no_index(step)),
        Placement::Found { .. } | Placement::Unknown { .. } => None,
    }
}

fn unknown_writes(script: &Script) -> usize {
    script.steps.iter().filter(|step| step.need == Need::Optional).count()
}

/// Steps of a search over placements, for each component: at each it looks at every unknown write, which takes 20 to 40 ns.
fn placement_steps(options: &Options, unknown: usize, work: usize) -> u64 {
    options.budget_steps.min((work / (unknown + PLACEMENT_WORK_LEAST)) as u64)
}

/// Looks at unknown writes of a search over placements behind a failed witness: about 3 s.
const PLACEMENT_WORK_MAX: usize = 100_000_000;
/// What a step costs without any.
const PLACEMENT_WORK_LEAST: usize = 40;
/// The same behind an accepted order, and the operations and their product with the unknown writes up to which it is asked:
/// about 1 s.
const CLASH_WORK_MAX: usize = 30_000_000;
const CLASH_OPERATIONS_MAX: usize = 20_000;

/// Where the unknown writes that the witness tried fit nowhere, tries every placement; what is still open behind that.
fn place(context: &Context<'_>, script: &Script, must: u64, failure: Failure, findings: &mut Findings) -> Option<Open> {
    match place_behind(context.options, context.history(), script, &failure) {
        None => Some(Open { failure, undecided: None }),
        Some(Placement::Found { claims, wide, .. }) => {
            findings.checked(Property::Lin1, must);
            findings.checked(Property::Lin2, claims);
            findings.checked(Property::Lin4, wide);
            None
        }
        Some(Placement::None { step }) => Some(Open { failure: tell::nowhere(failure, step), undecided: None }),
        Some(Placement::Unknown { reason }) => Some(Open { failure, undecided: Some(reason) }),
    }
}

/// The search over placements behind a witness that ended with `failure`, its order verified; `None`: the failure is final.
fn place_behind(options: &Options, history: &History, script: &Script, failure: &Failure) -> Option<Placement> {
    let unknown = unknown_writes(script);
    if !failure.guessed && unknown == 0 {
        return None;
    }
    let found = placement::place(history, script, placement_steps(options, unknown, PLACEMENT_WORK_MAX));
    let Placement::Found { order, .. } = &found else { return Some(found) };
    let members: Vec<u32> = (0..script.steps.len() as u32).collect();
    Some(match certificate::verify(history, script, &members, order) {
        Ok(()) => found,
        Err(refusal) => Placement::Unknown {
            reason: format!("the indices found for the unknown writes give an order that is no proof: {refusal:?}"),
        },
    })
}

/// Searches without indices; says whether LIN-1 holds.
fn search(context: &Context<'_>, script: &Script, must: u64, open: Option<&Open>, findings: &mut Findings) -> bool {
    let history = context.history();
    let failure = open.map(|open| &open.failure);
    match decide::decide(history, script, context.options.budget_steps) {
        Decision::Linearizable(_) => {
            findings.checked(Property::Lin1, must);
            match open {
                None => {}
                Some(Open { undecided: Some(reason), .. }) => findings.undecided(Property::Lin2, reason.clone()),
                Some(Open { failure, .. }) => findings.violated(tell::wrong_index(history, script, failure)),
            }
            true
        }
        Decision::Not(components) => {
            findings.checked(Property::Lin1, must);
            for (members, failed) in &components {
                let (core, observer) = smallest_core(history, script, members, *failed, failure);
                findings.violated(tell::no_order(history, script, &core, observer));
            }
            if let Some(failure) = failure.filter(|failure| failure.reason == Reason::Half) {
                findings.violated(tell::wrong_index(history, script, failure));
            }
            false
        }
        Decision::Unknown { reason } => {
            findings.undecided(Property::Lin1, reason);
            if let Some(open) = open.filter(|open| open.undecided.is_none()) {
                findings.violated(tell::wrong_index(history, script, &open.failure));
            }
            false
        }
    }
}

/// The core around the answer at which the search got stuck, or around that at which the witness failed: whichever is a
/// proof with fewer operations.
fn smallest_core(
    history: &History,
    script: &Script,
    members: &[u32],
    failed: u32,
    failure: Option<&Failure>,
) -> (Core, u32) {
    let found = core(history, script, members, failed);
    let Some(other) = failure.map(|failure| failure.step).filter(|step| members.contains(step)) else {
        return (found, failed);
    };
    let size = |core: &Core| if core.is_proof { core.steps.len() } else { usize::MAX };
    let second = if size(&found) <= CORE_SMALL { None } else { Some(core(history, script, members, other)) };
    match second {
        Some(second) if size(&second) < size(&found) => (second, other),
        _ => (found, failed),
    }
}

/// A core of so few operations is not worth a second hunt.
const CORE_SMALL: usize = 10;
