//! Violations in words: the operations, what was seen, what had to be, and why no order explains it.

use crate::core::Core;
use crate::history::{Call, History};
use crate::report::describe;
use crate::script::{Need, Script};
use crate::verdict::{Evidence, Property, Violation};
use crate::witness::{Failure, Reason};

/// LIN-1: there is no order.
pub(super) fn no_order(history: &History, script: &Script, core: &Core, failed: u32) -> Violation {
    let call_of = |step: u32| &history.calls[script.steps[step as usize].call as usize];
    let observer =
        core.steps.iter().copied().find(|step| *step == failed).or(core.steps.last().copied()).unwrap_or(failed);
    let call = call_of(observer);
    let what = core.cell.map(|cell| cell_name(history, script, cell));
    let subject = what.as_deref().unwrap_or("the services that it touches");
    let mut explanation = Vec::new();
    if core.is_proof {
        let count = core.steps.len();
        explanation.push(format!(
            "{} about {subject} contradict each other, whatever the other operations did:",
            if count == 1 {
                "this operation alone is a contradiction".to_owned()
            } else {
                format!("these {count} operations")
            }
        ));
        if count == 1 {
            explanation[0] = format!("this answer about {subject} is wrong, whatever the other operations did:");
        }
    } else {
        explanation.push(
            "no smaller set of operations was found within the budget; the search got stuck at this answer:".to_owned(),
        );
    }
    for (number, &step) in core.steps.iter().enumerate() {
        let mark = if step == observer { "  <- cannot be explained" } else { "" };
        explanation.push(format!("  {}. {}{mark}", number + 1, describe::call(history, call_of(step))));
    }
    explanation.extend(why(history, script, core, observer));
    Violation {
        property: Property::Lin1,
        summary: format!(
            "no order explains the answer of op {} ({}) about {subject}",
            call.number,
            describe::operation(history, &call.operation)
        ),
        evidence: core.steps.iter().map(|&step| Evidence::Call(script.steps[step as usize].call)).collect(),
        explanation,
    }
}

/// Which of the others had happened before the observer, and which may have happened before or after it.
fn why(history: &History, script: &Script, core: &Core, observer: u32) -> Vec<String> {
    let seen = &script.steps[observer as usize];
    let number = |step: u32| history.calls[script.steps[step as usize].call as usize].number;
    let others = core.steps.iter().copied().filter(|&step| step != observer);
    let (mut before, mut open) = (Vec::new(), Vec::new());
    for step in others {
        let entry = &script.steps[step as usize];
        let side = if entry.need != Need::Optional && entry.until < seen.from { &mut before } else { &mut open };
        side.push(format!("op {}", number(step)));
    }
    let mut lines = Vec::new();
    if !before.is_empty() {
        lines.push(format!(
            "{} had returned before op {} was called, so it had to see their effect",
            before.join(", "),
            number(observer)
        ));
    }
    if !open.is_empty() {
        lines.push(format!("{} overlapped it or had an unknown outcome: every choice was tried", open.join(", ")));
    }
    lines.push(
        "writes that are not shown were allowed to happen any number of times from their call on, or never, and answers that are not shown were ignored".to_owned(),
    );
    lines
}

/// Why no placement of the unknown writes agrees with the claims: the answer behind which the search over placements never
/// came; what the witness says of it, if it failed there too.
pub(super) fn nowhere(failure: Failure, step: u32) -> Failure {
    if failure.step == step {
        return failure;
    }
    let explanation =
        vec!["wherever the unknown writes are put, what it shows and the indices around it do not agree".to_owned()];
    Failure { step, against: Vec::new(), reason: Reason::State, explanation, guessed: true }
}

/// There is an order, but no indices for its unknown writes: the search over them never came behind `step`.
pub(super) fn no_index(step: u32) -> Failure {
    let explanation =
        vec!["the unknown writes that explain it find no index of their own: one index is one change".to_owned()];
    Failure { step, against: Vec::new(), reason: Reason::Index, explanation, guessed: true }
}

/// LIN-2 or LIN-4: the index that an answer claims is not that of what it shows.
pub(super) fn wrong_index(history: &History, script: &Script, failure: &Failure) -> Violation {
    let call_of = |step: u32| -> &Call { &history.calls[script.steps[step as usize].call as usize] };
    let call = call_of(failure.step);
    let claimed = call.claimed_index().map_or("no index".to_owned(), |index| format!("index {index}"));
    let (property, summary) = match failure.reason {
        Reason::Half => {
            (Property::Lin4, format!("op {} shows a command that touches several services only in part", call.number))
        }
        Reason::RealTime => {
            (Property::Lin2, format!("the index of op {} ({claimed}) contradicts real time", call.number))
        }
        Reason::SharedIndex => {
            (Property::Lin2, format!("op {} claims an index that another change has ({claimed})", call.number))
        }
        Reason::State => {
            (Property::Lin2, format!("the answer of op {} is not that of the state at {claimed}", call.number))
        }
        Reason::Index => (
            Property::Lin2,
            format!("op {} carries an index that is not that of what it shows ({claimed})", call.number),
        ),
    };
    let steps = failure.against.iter().copied().filter(|step| *step != u32::MAX).chain([failure.step]);
    let steps: Vec<u32> = steps.collect();
    let mut explanation: Vec<String> = steps
        .iter()
        .enumerate()
        .map(|(at, &step)| format!("  {}. {}", at + 1, describe::call(history, call_of(step))))
        .collect();
    explanation.extend(failure.explanation.iter().cloned());
    explanation.push("the history without its indices may still have an order: LIN-1 says so".to_owned());
    Violation {
        property,
        summary,
        evidence: steps.iter().map(|&step| Evidence::Call(script.steps[step as usize].call)).collect(),
        explanation,
    }
}

fn cell_name(history: &History, script: &Script, cell: u32) -> String {
    let cell = &script.cells[cell as usize];
    format!("instance {}/{}", history.name(script.services[cell.service as usize].name), history.name(cell.id))
}
