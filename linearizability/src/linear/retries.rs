//! LIN-3: calls under one idempotency key are one logical write. The script already joined them into one step, so an order
//! means "at most once"; here their answers are compared.

use crate::history::{Answer, Call, History, Operation};
use crate::lookup::Lookup;
use crate::passes::Context;
use crate::script::Script;
use crate::verdict::{Evidence, Findings, Property, Violation};

pub(super) fn check(context: &Context<'_>, script: &Script, is_linearizable: bool, findings: &mut Findings) {
    let history = context.history();
    let answered = first_answers(history, script);
    for &(retry, first) in &script.retries {
        let (late, early) = (&history.calls[retry as usize], &history.calls[first as usize]);
        if !is_logged(late) || !is_logged(early) {
            continue;
        }
        let (Some(&before), Some(after)) = (answered.get(&first), xi(late)) else { continue };
        let reference = &history.calls[before as usize];
        let Some(expected) = xi(reference) else { continue };
        if is_linearizable {
            findings.checked(Property::Lin3, 1);
        }
        if !context.options.black_box && expected != after {
            findings.violated(Violation {
                property: Property::Lin3,
                summary: format!(
                    "the retry of a {} got another answer: index {after}, the first answer had index {expected}",
                    late.operation.word()
                ),
                evidence: vec![Evidence::Call(before), Evidence::Call(retry)],
                explanation: vec![
                    format!("both calls carry the idempotency key {}", history.token(late.key)),
                    "one logical write takes effect at most once, and its retry returns the first answer".to_owned(),
                ],
            });
        }
    }
}

/// Per first call of a key: the earliest call under it that was answered, with the answer that the others have to repeat.
fn first_answers(history: &History, script: &Script) -> Lookup<u32, u32> {
    let mut answered = Lookup::default();
    for &(retry, first) in &script.retries {
        let mut attempts = [first, retry].into_iter().filter(|&at| xi(&history.calls[at as usize]).is_some());
        if let Some(attempt) = attempts.next() {
            answered.entry(first).or_insert(attempt);
        }
    }
    answered
}

/// A renewal that changes nothing is not logged, and its key is not stored.
fn is_logged(call: &Call) -> bool {
    !matches!(call.operation, Operation::Report { .. } | Operation::RenewMany { .. })
}

fn xi(call: &Call) -> Option<u64> {
    match call.answer() {
        Some(Answer::Written { xi, .. }) => Some(*xi),
        _ => None,
    }
}
