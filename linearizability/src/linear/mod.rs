//! LIN-1 to LIN-4: the witness first, the search where it fails or is not wanted, and what the two together mean.
//!
//! | witness | search | verdict |
//! |---|---|---|
//! | accepted, and its order verified | not needed | LIN-1 and LIN-2 hold |
//! | failed | finds an order | linearizable, but the indices are wrong: LIN-2 (LIN-4 if a wide command is half visible) |
//! | failed, having guessed | finds an order | a second search, bound to the claims, decides LIN-2 |
//! | failed | finds that there is none | LIN-1, with the smallest core |
//! | failed | out of budget | unknown |

mod align;
mod decide;
mod prefix;
mod retries;
mod tell;

use crate::certificate;
use crate::core::{Core, core};
use crate::history::History;
use crate::passes::Context;
use crate::script::{Need, Script};
use crate::verdict::{Findings, Property};
use crate::witness::{self, Failure, Reason};

use decide::Decision;
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
    let failure = if context.options.black_box { None } else { accept_witness(context, &script, must, findings) };
    let is_settled = !context.options.black_box && failure.is_none();
    let holds = is_settled || search(context, &script, must, failure.as_ref(), findings);
    retries::check(context, &script, holds, findings);
}

/// Lets the witness decide; what it could not explain otherwise.
fn accept_witness(context: &Context<'_>, script: &Script, must: u64, findings: &mut Findings) -> Option<Failure> {
    let history = context.history();
    let members: Vec<u32> = (0..script.steps.len() as u32).collect();
    let accept = |order: &mut dyn Iterator<Item = u32>| {
        certificate::verify(history, script, &members, order).map_err(|refusal| Failure {
            step: refusal.step(),
            against: Vec::new(),
            // Only the placement of unknown writes can be refused: the claims themselves were swept before.
            reason: Reason::State,
            explanation: vec![format!("the order that the indices propose is no proof: {refusal:?}")],
            guessed: true,
        })
    };
    match witness::run(history, script, accept) {
        Ok(witness) => {
            findings.checked(Property::Lin1, must);
            findings.checked(Property::Lin2, witness.claims);
            findings.checked(Property::Lin4, witness.wide);
            None
        }
        Err(failure) => Some(failure),
    }
}

/// Searches without indices; says whether LIN-1 holds.
fn search(
    context: &Context<'_>,
    script: &Script,
    must: u64,
    failure: Option<&Failure>,
    findings: &mut Findings,
) -> bool {
    let history = context.history();
    match decide::decide(history, script, context.options.budget_steps) {
        Decision::Linearizable(_) => {
            findings.checked(Property::Lin1, must);
            match failure {
                None => {}
                Some(failure) if failure.guessed => bound_to_claims(context, script, failure, findings),
                Some(failure) => findings.violated(tell::wrong_index(history, script, failure)),
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
            if let Some(failure) = failure.filter(|failure| !failure.guessed) {
                findings.violated(tell::wrong_index(history, script, failure));
            }
            false
        }
    }
}

/// The unknown writes that the witness tried fit nowhere: a search that is bound to the claims says whether any would.
fn bound_to_claims(context: &Context<'_>, script: &Script, failure: &Failure, findings: &mut Findings) {
    let history = context.history();
    let wrong = || tell::wrong_index(history, script, failure);
    let Some(aligned) = align::align(history, script) else { return findings.violated(wrong()) };
    match decide::decide(history, &aligned, context.options.budget_steps) {
        Decision::Linearizable(order) => match witness::run_placed(history, script, &order) {
            Ok(witness) => {
                findings.checked(Property::Lin2, witness.claims);
                findings.checked(Property::Lin4, witness.wide);
            }
            Err(refused) if !refused.guessed => findings.violated(tell::wrong_index(history, script, &refused)),
            Err(refused) => findings.undecided(
                Property::Lin2,
                format!(
                    "an order agrees with the claimed indices, but the modify indices in the answers fit no placement of the unknown writes that was tried ({})",
                    refused.explanation.join("; ")
                ),
            ),
        },
        Decision::Not(_) => findings.violated(wrong()),
        Decision::Unknown { reason } => findings.undecided(Property::Lin2, reason),
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
