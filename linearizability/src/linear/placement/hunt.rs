//! The search through one component: Index by Index, which change happened at each.
//!
//! At an Index that an accepted write owns there is no choice. Elsewhere an unknown write, an expiry or nothing is tried; what an
//! answer proves about the Index and about the time around it leaves few of them. Rejections claim no Index and change nothing:
//! each is placed in the first state that explains it. What failed is remembered, with the unknown writes that were used up:
//! it fails with more of them too.

use std::collections::BTreeSet;
use std::hash::Hasher;

use super::axis::{Bounds, Item, Part};
use super::board::{Board, Changes, Rules};
use super::log::{Entry, Log, What, expired};
use crate::history::Status;
use crate::lookup::{Lookup, Mix};
use crate::script::{Act, Need, code};

/// What a hunt found.
#[derive(Debug)]
pub(super) enum Outcome {
    Found(Log),
    /// Nothing fits; the step at which it got stuck.
    Nothing {
        step: u32,
    },
    OutOfBudget,
}

/// Ttl checks of which every combination may expire unseen at one Index; of more, only few together are tried, and a search
/// that then finds nothing decides nothing.
const EXPIRE_TOGETHER_MAX: usize = 5;
const EXPIRE_TOGETHER_FEW: usize = 2;
/// Failed sets that one state remembers.
const SETS_MAX: usize = 16;
/// Cells in all states that are kept for coming back to.
const KEPT_CELLS_MAX: usize = 20_000_000;

#[derive(Clone, Debug)]
struct State {
    board: Board,
    /// A bit for each unknown write that was placed.
    used: Vec<u64>,
    /// A bit for each rejection that was placed.
    placed: Vec<u64>,
}

#[derive(Clone, Debug)]
enum Choice {
    Nothing,
    Accepted(u32),
    /// Position in `Part::optional`.
    Unknown(usize),
    Expiry(Vec<(u32, u32)>),
}

/// A point to come back to.
struct Node {
    at: usize,
    state: State,
    length: usize,
    /// Those that were not tried, the next one last.
    choices: Vec<Choice>,
    key: (u64, u64),
}

pub(super) struct Hunt<'a> {
    rules: Rules<'a>,
    bounds: &'a Bounds,
    part: &'a Part,
    axis: &'a [Item],
    /// Indices at which another component changed.
    others: &'a BTreeSet<u64>,
    /// Per unknown write and per rejection: the highest Index that was answered before its call.
    behind: Vec<u64>,
    rejected_behind: Vec<u64>,
    entries: Vec<Entry>,
    failed: Lookup<(u64, u64), Vec<Vec<u64>>>,
    furthest: (usize, u32),
    /// Whether a combination was left out that might have fitted.
    is_cut: bool,
}

impl<'a> Hunt<'a> {
    pub(super) fn new(
        rules: Rules<'a>,
        bounds: &'a Bounds,
        part: &'a Part,
        axis: &'a [Item],
        others: &'a BTreeSet<u64>,
    ) -> Self {
        let behind =
            |steps: &[u32]| steps.iter().map(|&step| bounds.behind(rules.script.steps[step as usize].from)).collect();
        Self {
            rules,
            bounds,
            part,
            axis,
            others,
            behind: behind(&part.optional),
            rejected_behind: behind(&part.rejections),
            entries: Vec::new(),
            failed: Lookup::default(),
            furthest: (0, part.anchor()),
            is_cut: false,
        }
    }

    pub(super) fn run(mut self, budget: u64) -> Outcome {
        let mut nodes: Vec<Node> = Vec::new();
        let mut left = budget;
        let mut next = Some((0, self.start()));
        loop {
            while let Some((at, state)) = next.take() {
                left = left.saturating_sub(1);
                if left == 0 || nodes.len() * state.board.cells.len() > KEPT_CELLS_MAX {
                    return Outcome::OutOfBudget;
                }
                if at == self.axis.len() {
                    let mut state = state;
                    if self.settle(&mut state, at) {
                        return Outcome::Found(self.into_log());
                    }
                    break;
                }
                let mut choices = self.choices(at, &state);
                if choices.len() == 1
                    && let Some(only) = choices.pop()
                {
                    next = self.step(at, state, &only).map(|state| (at + 1, state));
                    continue;
                }
                let key = fingerprint(at, &state);
                if self.is_known(key, &state.used) {
                    break;
                }
                choices.reverse();
                nodes.push(Node { at, state, length: self.entries.len(), choices, key });
                break;
            }
            while next.is_none() {
                let Some(node) = nodes.last_mut() else { return self.nothing() };
                self.entries.truncate(node.length);
                match node.choices.pop() {
                    Some(choice) => {
                        let (at, state) = (node.at, node.state.clone());
                        left = left.saturating_sub(1);
                        next = self.step(at, state, &choice).map(|state| (at + 1, state));
                    }
                    None => {
                        let node = nodes.pop().expect("it is the last");
                        self.remember(node.key, node.state.used);
                    }
                }
                if left == 0 {
                    return Outcome::OutOfBudget;
                }
            }
        }
    }

    fn start(&self) -> State {
        State {
            board: Board::empty(self.part.cells.len(), self.part.services.len()),
            used: vec![0; self.part.optional.len().div_ceil(64)],
            placed: vec![0; self.part.rejections.len().div_ceil(64)],
        }
    }

    fn nothing(&self) -> Outcome {
        if self.is_cut { Outcome::OutOfBudget } else { Outcome::Nothing { step: self.furthest.1 } }
    }

    fn into_log(self) -> Log {
        let script = self.rules.script;
        let is_hidden = |entry: &&Entry| match entry.what {
            What::Change(step) => script.steps[step as usize].need == Need::Optional,
            What::Expiry(_) => true,
            What::Observer(..) => false,
        };
        let hidden = self.entries.iter().filter(is_hidden).map(|entry| entry.index).collect();
        Log { entries: self.entries, hidden }
    }

    fn act(&self, step: u32) -> Act {
        self.rules.script.steps[step as usize].act
    }

    fn from(&self, step: u32) -> u32 {
        self.rules.script.steps[step as usize].from
    }

    /// What may happen at an Index, the likeliest first.
    fn choices(&mut self, at: usize, state: &State) -> Vec<Choice> {
        let axis = self.axis;
        let item = &axis[at];
        let writes = item.claims.iter().copied().filter(|&step| !self.act(step).is_read());
        let owners = writes.filter(|&step| !self.rules.changes(&state.board, self.act(step)).is_empty());
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
        if !self.others.contains(&item.index) || item.is_shown() {
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
    fn is_possible(&self, item: &Item, changes: &Changes) -> bool {
        let fits = |(cell, content): &(u32, crate::script::Content)| {
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

    /// Lets `choice` happen at an Index, and everything that claims the state behind it; `None`: something does not fit.
    fn step(&mut self, at: usize, mut state: State, choice: &Choice) -> Option<State> {
        let axis = self.axis;
        let item = &axis[at];
        let index = item.index;
        let (changes, caller) = match choice {
            Choice::Nothing => (Changes::new(), None),
            Choice::Accepted(step) => (self.rules.changes(&state.board, self.act(*step)), Some(*step)),
            Choice::Unknown(number) => {
                state.used[number / 64] |= 1 << (number % 64);
                let step = self.part.optional[*number];
                (self.rules.changes(&state.board, self.act(step)), Some(step))
            }
            Choice::Expiry(checks) => (expired(&self.rules, &state.board, checks), None),
        };
        if !self.settle(&mut state, at) {
            return None;
        }
        if let Some(step) = caller {
            // Whoever returned before this call saw a lower Index.
            let is_late = self.bounds.behind(self.from(step)) >= index;
            if is_late || !self.may_wait(&state, self.from(step)) || !self.accepts_now(&state, step) {
                return self.stuck(at, step);
            }
            self.entries.push(Entry { index, what: What::Change(step) });
        } else if let Choice::Expiry(checks) = choice {
            self.entries.push(Entry { index, what: What::Expiry(checks.clone()) });
        }
        self.rules.put(&mut state.board, &changes, index);
        if !matches!(choice, Choice::Nothing) && !self.is_possible(item, &changes) {
            return self.stuck(at, caller.unwrap_or(self.furthest.1));
        }
        self.place_rejections(&mut state, index, index);
        for &step in item.claims.iter().filter(|step| Some(**step) != caller) {
            if self.bounds.behind(self.from(step)) > index || !self.observes(&state, step) {
                return self.stuck(at, step);
            }
            self.entries.push(Entry { index, what: What::Observer(self.from(step), step) });
        }
        Some(state)
    }

    fn stuck<T>(&mut self, at: usize, step: u32) -> Option<T> {
        if at >= self.furthest.0 {
            self.furthest = (at, step);
        }
        None
    }

    fn accepts_now(&self, state: &State, step: u32) -> bool {
        self.rules.script.steps[step as usize].need == Need::Optional
            || self.rules.accepts(&state.board, self.act(step))
    }

    /// Whether the answer of a step that changes nothing is that of the state now.
    fn observes(&self, state: &State, step: u32) -> bool {
        let act = self.act(step);
        let script = self.rules.script;
        let call = &self.rules.history.calls[script.steps[step as usize].call as usize];
        let fits = if act.is_read() {
            self.rules.answers(&state.board, act, call)
        } else {
            self.rules.changes(&state.board, act).is_empty() && self.rules.accepts(&state.board, act)
        };
        fits && self.may_wait(state, self.from(step))
    }

    fn is_placed(state: &State, number: usize) -> bool {
        state.placed[number / 64] >> (number % 64) & 1 == 1
    }

    /// Whether no rejection is left that had returned before line `from`: it would have to stand before that call.
    fn may_wait(&self, state: &State, from: u32) -> bool {
        let script = self.rules.script;
        self.part
            .rejections
            .iter()
            .enumerate()
            .all(|(number, &step)| Self::is_placed(state, number) || script.steps[step as usize].until >= from)
    }

    /// Leaves the state before position `at` of the axis: places the rejections that it explains. False: one of them cannot
    /// wait any longer.
    fn settle(&mut self, state: &mut State, at: usize) -> bool {
        let now = at.checked_sub(1).map_or(0, |before| self.axis[before].index);
        let next = self.axis.get(at).map_or(u64::MAX, |item| item.index);
        self.place_rejections(state, now, next - 1);
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
    fn place_rejections(&mut self, state: &mut State, now: u64, last: u64) {
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

    fn is_known(&self, key: (u64, u64), used: &[u64]) -> bool {
        let is_subset = |small: &Vec<u64>| small.iter().zip(used).all(|(small, large)| small & !large == 0);
        self.failed.get(&key).is_some_and(|sets| sets.iter().any(is_subset))
    }

    fn remember(&mut self, key: (u64, u64), used: Vec<u64>) {
        let sets = self.failed.entry(key).or_default();
        if sets.len() < SETS_MAX {
            sets.push(used);
        }
    }
}

/// Of everything that decides how the hunt goes on, but for the unknown writes that are left.
fn fingerprint(at: usize, state: &State) -> (u64, u64) {
    let half = |seed: u64| {
        let mut hasher = Mix::seeded(seed);
        hasher.write_u64(at as u64);
        for held in &state.board.cells {
            hasher.write_u64(held.content.nonce.bits());
            hasher.write_u64(held.content.statuses);
            hasher.write_u64(u64::from(held.content.shape) << 32 | u64::from(held.content.ttl));
            hasher.write_u64(held.modified);
        }
        state.board.services.iter().for_each(|service| hasher.write_u64(service.index));
        state.placed.iter().for_each(|word| hasher.write_u64(*word));
        hasher.finish()
    };
    (half(0x1319_8a2e_0370_7344), half(0xa409_3822_299f_31d0))
}
