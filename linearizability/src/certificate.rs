//! The order check: twenty lines that every "linearizable" has to pass, whoever found the order.

use std::borrow::Borrow;

use crate::history::History;
use crate::script::{Need, Script};
use crate::spec::{Registry, Repeats};

/// Why an order is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A step is missing or stands twice.
    Count { step: u32 },
    /// It stands behind a step that was called after it had returned.
    RealTime { step: u32 },
    /// The specification does not permit its answer there.
    Answer { step: u32 },
}

impl Refusal {
    /// The step that stands wrong.
    pub(crate) fn step(self) -> u32 {
        match self {
            Self::Count { step } | Self::RealTime { step } | Self::Answer { step } => step,
        }
    }
}

/// Whether `order` is a linearization of the steps `members` of `script`: every one that must happen stands in it once, no
/// step stands behind one that was called after it had returned, and the specification permits every answer in turn.
pub(crate) fn verify(
    history: &History,
    script: &Script,
    members: &[u32],
    order: impl IntoIterator<Item = impl Borrow<u32>>,
) -> Result<(), Refusal> {
    let mut happened = vec![0_u64; script.steps.len().div_ceil(64)];
    let bit = |step: u32| (step as usize / 64, 1_u64 << (step % 64));
    let (mut registry, mut repeats) = (Registry::default(), Repeats::default());
    let mut latest_call = 0;
    for step in order {
        let step = *step.borrow();
        let (word, mask) = bit(step);
        if happened[word] & mask != 0 {
            return Err(Refusal::Count { step });
        }
        happened[word] |= mask;
        let entry = &script.steps[step as usize];
        latest_call = latest_call.max(entry.from);
        if entry.until < latest_call {
            return Err(Refusal::RealTime { step });
        }
        let call = &history.calls[entry.call as usize];
        if !repeats.permit(call) && !registry.permits(history, call) {
            return Err(Refusal::Answer { step });
        }
        repeats.note(call);
    }
    let missing = |&step: &u32| {
        let (word, mask) = bit(step);
        script.steps[step as usize].need != Need::Optional && happened[word] & mask == 0
    };
    members.iter().copied().find(missing).map_or(Ok(()), |step| Err(Refusal::Count { step }))
}
