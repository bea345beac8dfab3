//! What may happen at an Index: the accepted write that owns it, an unknown write, an expiry, or nothing.

use super::super::axis::Item;
use super::super::board::Changes;
use super::super::log::expired;
use super::{Choice, Hunt, State};
use crate::history::Status;
use crate::script::{Content, code};

/// Ttl checks of which every combination may expire unseen at one Index; of more, only few together are tried, and a search
/// that then finds nothing decides nothing.
const EXPIRE_TOGETHER_MAX: usize = 5;
const EXPIRE_TOGETHER_FEW: usize = 2;
impl Hunt<'_> {
    /// What may happen at an Index, the likeliest first.
    pub(super) fn choices(&mut self, at: usize, state: &State) -> Vec<Choice> {
        let axis = self.axis;
        let item = &axis[at];
        let writes = item.claims.iter().copied().filter(|&step| !self.act(step).is_read());
        let is_taken = self.others.contains(&item.index);
        let owners = writes.filter(|&step| !is_taken && !self.rules.changes(&state.board, self.act(step)).is_empty());
        let mut choices: Vec<Choice> = owners.map(Choice::Accepted).collect();
        if choices.is_empty() && !item.is_shown() {
            choices.push(Choice::Nothing);
        }
        if item.is_free {
            self.hidden(item, state, &mut choices);
        }
        if choices.is_empty() {
            // Let it fail there, so that the step is known.
            choices.push(Choice::Nothing);
        }
        choices
    }

    fn hidden(&mut self, item: &Item, state: &State, choices: &mut Vec<Choice>) {
        if !self.others.contains(&item.index) {
            for number in 0..self.part.optional.len() {
                let step = self.part.optional[number];
                let is_open = state.used[number / 64] >> (number % 64) & 1 == 0 && self.behind[number] < item.index;
                if is_open && self.is_possible(item, &self.rules.changes(&state.board, self.act(step))) {
                    choices.push(Choice::Unknown(number));
                }
            }
        }
        self.expiries(item, state, choices);
    }

    /// Whether `changes` contradict nothing that is known about the Index.
    pub(super) fn is_possible(&self, item: &Item, changes: &Changes) -> bool {
        let fits = |(cell, content): &(u32, Content)| {
            let mut facts = item.facts.iter().filter(|(of, _)| of == cell);
            !self.part.is_still(self.rules.script, *cell, item.index)
                && facts.all(|(_, shown)| shown.explain(content) == Some(*content))
        };
        let is_among = |cell: u32| changes.iter().any(|(other, _)| *other == cell);
        let moves =
            |service: u32| changes.iter().any(|(cell, _)| self.rules.script.cells[*cell as usize].service == service);
        !changes.is_empty()
            && changes.iter().all(fits)
            && item.facts.iter().all(|(cell, _)| is_among(*cell))
            && item.moved.iter().all(|&service| moves(service))
    }

    /// One command may let several checks expire: those that are shown so, and any others that nobody looked at.
    fn expiries(&mut self, item: &Item, state: &State, choices: &mut Vec<Choice>) {
        let critical = code(Status::Critical);
        let (mut shown, mut unseen) = (Vec::new(), Vec::new());
        for &cell in &self.part.cells {
            let content = &self.rules.held(&state.board, cell).content;
            if content.ttl == 0 || self.part.is_still(self.rules.script, cell, item.index) {
                continue;
            }
            let fact = item.facts.iter().find(|(of, _)| *of == cell);
            for position in (0..32).filter(|position| content.ttl >> position & 1 == 1) {
                if content.status(position) == critical {
                    continue;
                }
                match fact {
                    None => unseen.push((cell, position)),
                    Some((_, fact)) if fact.statuses >> (2 * position) & 3 == critical => shown.push((cell, position)),
                    Some(_) => {}
                }
            }
        }
        let together = if unseen.len() <= EXPIRE_TOGETHER_MAX { unseen.len() } else { EXPIRE_TOGETHER_FEW };
        let mut sets: Vec<(Vec<(u32, u32)>, usize)> = vec![(shown, 0)];
        let mut first = 0;
        for _ in 0..together {
            let end = sets.len();
            for at in first..end {
                let (set, taken) = sets[at].clone();
                for (number, &check) in unseen.iter().enumerate().skip(taken) {
                    let mut set = set.clone();
                    set.push(check);
                    sets.push((set, number + 1));
                }
            }
            first = end;
        }
        for (set, _) in sets {
            if self.is_possible(item, &expired(&self.rules, &state.board, &set)) {
                self.is_cut |= together < unseen.len();
                choices.push(Choice::Expiry(set));
            }
        }
    }
}
