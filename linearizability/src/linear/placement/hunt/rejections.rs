//! Rejections claim no Index and change nothing: each is placed in the first state that explains it. Waiting longer would help
//! nobody, since whatever was called behind its answer has to stand behind it.

use super::super::log::{Entry, What};
use super::{Hunt, State};

impl Hunt<'_> {
    fn is_placed(state: &State, number: usize) -> bool {
        state.placed[number / 64] >> (number % 64) & 1 == 1
    }

    /// Whether no rejection is left that had returned before line `from`: it would have to stand before that call.
    pub(super) fn may_wait(&self, state: &State, from: u32) -> bool {
        let script = self.rules.script;
        self.part
            .rejections
            .iter()
            .enumerate()
            .all(|(number, &step)| Self::is_placed(state, number) || script.steps[step as usize].until >= from)
    }

    /// Leaves the state before position `at` of the axis: places the rejections that it explains. False: one of them cannot
    /// wait any longer.
    pub(super) fn settle(&mut self, state: &mut State, at: usize) -> bool {
        let now = at.checked_sub(1).map_or(0, |before| self.axis[before].index);
        let next = self.axis.get(at).map_or(u64::MAX, |item| item.index);
        // No state lasts until before Index 0, which a wrong answer may claim.
        if let Some(last) = next.checked_sub(1) {
            self.place_rejections(state, now, last);
        }
        let late = self.part.rejections.iter().enumerate().find(|(number, step)| {
            let until = self.rules.script.steps[**step as usize].until;
            !Self::is_placed(state, *number) && (at == self.axis.len() || self.bounds.before(until) < next)
        });
        match late {
            Some((_, &step)) => self.stuck::<()>(at, step).is_some(),
            None => true,
        }
    }

    /// Places the rejections that this state explains, which lasts from Index `now` to `last`.
    pub(super) fn place_rejections(&mut self, state: &mut State, now: u64, last: u64) {
        let mut waiting: Vec<u32> = Vec::new();
        for number in 0..self.part.rejections.len() {
            if Self::is_placed(state, number) {
                continue;
            }
            let step = self.part.rejections[number];
            let entry = &self.rules.script.steps[step as usize];
            let behind = self.rejected_behind[number];
            if behind > last {
                break;
            }
            let is_blocked = waiting.iter().any(|&other| self.rules.script.steps[other as usize].until < entry.from);
            if is_blocked || self.rules.accepts(&state.board, entry.act) {
                waiting.push(step);
                continue;
            }
            state.placed[number / 64] |= 1 << (number % 64);
            self.entries.push(Entry { index: now.max(behind), what: What::Observer(entry.from, step) });
        }
    }
}
