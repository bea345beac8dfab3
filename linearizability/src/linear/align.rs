//! The claims as time: a script whose intervals allow only orders that agree with the indices.
//!
//! Each Index is a moment; all steps that claim it happen there, those of a lower one before, those of a higher one after.
//! Within one Index real time decides. What claims nothing (writes with unknown outcome, rejections) may happen at any
//! moment that real time leaves it. A search over these intervals decides exactly whether any placement of the unknown
//! writes agrees with the claims. It compares states; the modify indices in the answers are the witness's to check.

use crate::history::History;
use crate::script::{Need, Script, Step};

/// A moment: number of the Index among all that are claimed (from 1), then the line.
type Moment = (u32, u32);

/// `script` with the claims as time; `None`: the claims contradict real time.
pub(super) fn align(history: &History, script: &Script) -> Option<Script> {
    let claim = |step: &Step| history.calls[step.call as usize].claimed_index().filter(|_| step.need == Need::Accepted);
    let mut indices: Vec<u64> = script.steps.iter().filter_map(claim).collect();
    indices.sort_unstable();
    indices.dedup();
    let group = |index: u64| indices.partition_point(|&other| other < index) as u32 + 1;
    let claimed: Vec<(u32, Step)> = script.steps.iter().filter_map(|step| Some((group(claim(step)?), *step))).collect();
    let bounds = Bounds::new(&claimed)?;
    let moments: Vec<(Moment, Moment)> = script
        .steps
        .iter()
        .map(|step| match claim(step) {
            Some(index) => ((group(index), step.from), (group(index), step.until)),
            None => ((bounds.behind(step.from), step.from), (bounds.before(step.until), step.until)),
        })
        .collect();
    let mut axis: Vec<Moment> = moments.iter().flat_map(|&(from, until)| [from, until]).collect();
    axis.sort_unstable();
    axis.dedup();
    let line = |moment: Moment| axis.partition_point(|&other| other < moment) as u32 + 1;
    let mut aligned = script.clone();
    for (step, &(from, until)) in aligned.steps.iter_mut().zip(&moments) {
        if until < from {
            return None;
        }
        // Even without an answer the end is a line: what never returns is optional, and may be left out.
        (step.from, step.until) = (line(from), if step.until == u32::MAX { u32::MAX } else { line(until) });
    }
    Some(aligned)
}

/// Which Indices had passed at a line, and which were still to come.
struct Bounds {
    /// Line of an answer, and the highest Index (its number) that was answered up to there.
    answered: Vec<(u32, u32)>,
    /// Line of a call, and the lowest Index (its number) that was called from there on.
    called: Vec<(u32, u32)>,
}

impl Bounds {
    fn new(claimed: &[(u32, Step)]) -> Option<Self> {
        let mut answered: Vec<(u32, u32)> = claimed.iter().map(|(group, step)| (step.until, *group)).collect();
        answered.sort_unstable();
        answered.iter_mut().fold(0, |highest, (_, group)| {
            *group = highest.max(*group);
            *group
        });
        let mut called: Vec<(u32, u32)> = claimed.iter().map(|(group, step)| (step.from, *group)).collect();
        called.sort_unstable();
        called.iter_mut().rev().fold(u32::MAX, |lowest, (_, group)| {
            *group = lowest.min(*group);
            *group
        });
        let bounds = Self { answered, called };
        let is_possible = claimed.iter().all(|(group, step)| bounds.behind(step.from) <= *group);
        is_possible.then_some(bounds)
    }

    /// The highest Index that was answered before line `from`.
    fn behind(&self, from: u32) -> u32 {
        let count = self.answered.partition_point(|(until, _)| *until < from);
        count.checked_sub(1).map_or(0, |last| self.answered[last].1)
    }

    /// The lowest Index that was called behind line `until`.
    fn before(&self, until: u32) -> u32 {
        let first = self.called.partition_point(|(from, _)| *from <= until);
        self.called.get(first).map_or(u32::MAX, |(_, group)| *group)
    }
}
