//! The search through one component: Index by Index, which change happened at each.
//!
//! At an Index that an accepted write owns there is no choice. Elsewhere an unknown write, an expiry or nothing is tried; what an
//! answer proves about the Index and about the time around it leaves few of them. What failed is remembered, with the unknown
//! writes that were used up: it fails with more of them too.

mod choices;
mod rejections;

use std::collections::BTreeSet;
use std::hash::Hasher;

use super::axis::{Axis, Bounds, Item, Part};
use super::board::{Board, Changes, Rules};
use super::log::{Entry, Log, What, expired};
use crate::lookup::{Lookup, Mix};
use crate::script::{Act, Need};

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

/// Failed sets that one state remembers.
const SETS_MAX: usize = 16;
/// States that are remembered as failed: with a set or two each, some 100 MB.
const FAILED_MAX: usize = 500_000;
/// Cells in all states that are kept for coming back to: some 250 MB.
const KEPT_CELLS_MAX: usize = 8_000_000;

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
        axis: &'a Axis,
        others: &'a BTreeSet<u64>,
    ) -> Self {
        let behind =
            |steps: &[u32]| steps.iter().map(|&step| bounds.behind(rules.script.steps[step as usize].from)).collect();
        Self {
            rules,
            bounds,
            part,
            axis: &axis.items,
            others,
            behind: behind(&part.optional),
            rejected_behind: behind(&part.rejections),
            entries: Vec::new(),
            failed: Lookup::default(),
            furthest: (0, part.anchor()),
            is_cut: axis.is_cut,
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

    fn is_known(&self, key: (u64, u64), used: &[u64]) -> bool {
        let is_subset = |small: &Vec<u64>| small.iter().zip(used).all(|(small, large)| small & !large == 0);
        self.failed.get(&key).is_some_and(|sets| sets.iter().any(is_subset))
    }

    fn remember(&mut self, key: (u64, u64), used: Vec<u64>) {
        if self.failed.len() >= FAILED_MAX && !self.failed.contains_key(&key) {
            return;
        }
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
