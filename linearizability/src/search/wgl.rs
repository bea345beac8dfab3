//! Wing and Gong's search (1993) with Lowe's memo (2017), over a doubly linked list of calls and returns.
//!
//! - An answer that is right now and changes nothing is placed at once, without an alternative: whatever order exists, it can
//!   be moved here.
//! - Optional steps are placed just before the first answer that needs them. Where that can lose an order (checks whose
//!   status outlives a registration, removals of several instances), a second search places them anywhere.
//! - A configuration in which a pending answer shows what was overwritten already, and what nobody can write again, is given
//!   up at once.
//! - The memo holds configurations that failed, as 128-bit fingerprints of what was placed and of the cells, with the optional
//!   steps that were used up: what failed with some of them fails with more of them. A collision could only turn right into
//!   wrong, with probability 2^-128 per pair; an order that is found is verified again by [`crate::certificate`].

use super::memo::{Lost, Memo};
use super::problem::{Effect, Entry, Problem};
use super::state::{State, zobrist};
use super::writers::Writers;
use crate::script::Shown;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A linearization: steps.
    Order(Vec<u32>),
    /// There is none: no order explains the answer of `step`, together with everything that was called before it. If the budget
    /// ended while that step was being looked for, an answer behind it may still be explained by an order that fails later.
    Nothing { step: u32 },
    /// The budget, or the memory for what failed, is used up.
    OutOfBudget,
}

/// Memory of one search for what failed. A search that needs more would also need hours: each remembered configuration is a
/// few steps.
pub(crate) const MEMORY_MAX: usize = 512 << 20;

/// Searches for a linearization of `problem` in at most `budget` steps, which it counts down, and in [`MEMORY_MAX`] bytes.
///
/// A step is one look at one operation: whether it may come next. It costs 0.05 to 0.3 µs.
pub(crate) fn search(problem: &Problem<'_>, budget: &mut u64) -> Found {
    search_in(problem, budget, MEMORY_MAX)
}

/// The same in `bytes` bytes.
fn search_in(problem: &Problem<'_>, budget: &mut u64, bytes: usize) -> Found {
    if !problem.is_relaxed {
        let found = search_once(problem, false, budget, bytes);
        let is_final = !problem.needs_full || problem.classes.is_empty();
        if is_final || !matches!(found, Found::Nothing { .. }) {
            return found;
        }
    }
    search_once(problem, true, budget, bytes)
}

fn search_once(problem: &Problem<'_>, anywhere: bool, budget: &mut u64, bytes: usize) -> Found {
    let mut search = Search::new(problem, anywhere, bytes);
    let found = search.run(budget);
    if !matches!(found, Found::Nothing { .. }) || search.lost <= search.furthest.0 {
        return found;
    }
    // There is no order, but what was given up early might have come further: then the step is another.
    search.earlier = Some(std::mem::take(&mut search.memo));
    match search.run(budget) {
        // What is proved stays proved, even if the step is not the last one that it might be.
        Found::OutOfBudget => found,
        again => again,
    }
}

/// Where to go on at a node.
#[derive(Clone, Copy)]
enum Cursor {
    /// A call event, and the way of letting it happen: 0 is as it is, others let optional steps happen before it.
    Event(u32, u32),
    Class(u32),
}

/// A step that was placed.
#[derive(Clone, Copy)]
struct Frame {
    /// `None`: an optional step alone.
    entry: Option<u32>,
    /// `None`: without alternative.
    resume: Option<Cursor>,
    mark: usize,
    placed: usize,
    /// What was lost so far behind the configuration before it.
    lost: Lost,
}

const NONE: u32 = u32::MAX;
const HEAD: u32 = 0;

struct Search<'p, 's> {
    problem: &'p Problem<'s>,
    /// Optional steps anywhere, instead of just before the answer that needs them.
    anywhere: bool,
    bytes_max: usize,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Entry of an event, twice, plus one for its return. Event 0 is the head.
    events: Vec<u32>,
    calls: Vec<u32>,
    returns: Vec<u32>,
    state: State,
    order: Vec<u32>,
    frames: Vec<Frame>,
    placed: u128,
    memo: Memo,
    /// The return that no configuration passed so far, and its entry.
    furthest: (u32, u32),
    writers: Writers,
    /// What was lost so far behind the configuration at hand.
    lost: Lost,
    /// In a second run, the memo of the first: from now on nothing is given up that may come further than all before.
    earlier: Option<Memo>,
}

impl<'p, 's> Search<'p, 's> {
    fn new(problem: &'p Problem<'s>, anywhere: bool, bytes_max: usize) -> Self {
        let count = problem.entries.len();
        // A line and an event in one number, which sorts faster than a pair.
        let mut lines: Vec<u64> = Vec::with_capacity(count * 2);
        for (number, entry) in (0..).zip(&problem.entries) {
            lines.push((u64::from(entry.from) << 32) | (number * 2));
            lines.push((u64::from(entry.until) << 32) | (number * 2 + 1));
        }
        lines.sort_unstable();
        let mut events = vec![NONE];
        let (mut calls, mut returns) = (vec![0; count], vec![0; count]);
        for event in lines.into_iter().map(|line| line as u32) {
            let side = if event & 1 == 0 { &mut calls } else { &mut returns };
            side[event as usize / 2] = events.len() as u32;
            events.push(event);
        }
        let size = events.len() as u32;
        Self {
            problem,
            anywhere,
            bytes_max,
            next: (0..size).map(|at| if at + 1 < size { at + 1 } else { NONE }).collect(),
            previous: (0..size).map(|at| at.wrapping_sub(1)).collect(),
            events,
            calls,
            returns,
            state: State::new(problem.service_of.len(), problem.cells_of.len(), problem.classes.len()),
            order: Vec::with_capacity(count),
            frames: Vec::with_capacity(count),
            placed: 0,
            memo: Memo::default(),
            furthest: (0, 0),
            writers: Writers::new(problem),
            lost: 0,
            earlier: None,
        }
    }

    fn run(&mut self, budget: &mut u64) -> Found {
        loop {
            let first_return = self.take_answers(budget);
            if first_return == NONE {
                return Found::Order(std::mem::take(&mut self.order));
            }
            self.note_furthest(first_return);
            let mut is_known = self.lost > 0 || self.is_known();
            let mut cursor = if is_known { None } else { Some(Cursor::Event(self.next[HEAD as usize], 0)) };
            while !cursor.is_some_and(|cursor| self.branch(cursor, budget)) {
                if *budget == 0 || self.bytes() > self.bytes_max {
                    return Found::OutOfBudget;
                }
                if !is_known && !self.anywhere {
                    self.memo.add(self.configuration(), self.state.used_up(), self.lost);
                }
                // The node before this one is exhausted only now: it is not known yet.
                is_known = false;
                match self.back() {
                    Some(resume) => cursor = Some(resume),
                    None => {
                        let entry = &self.problem.entries[self.furthest.1 as usize];
                        return Found::Nothing { step: entry.step };
                    }
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.memo.bytes() + self.earlier.as_ref().map_or(0, Memo::bytes) + self.state.uses.bytes()
    }

    /// A configuration that failed before; in the full search also one that is being explored, since optional steps can lead
    /// back to it.
    fn is_known(&mut self) -> bool {
        let (configuration, used) = (self.configuration(), self.state.used_up());
        if let Some(earlier) = &mut self.earlier
            && earlier.covers(configuration, &self.state.uses, used, self.furthest.0).is_some()
        {
            return true;
        }
        let known = self.memo.covers(configuration, &self.state.uses, used, Lost::MAX);
        self.lost = known.unwrap_or(0);
        if self.anywhere && known.is_none() {
            self.memo.add(configuration, used, 0);
        }
        known.is_some()
    }

    fn configuration(&self) -> u128 {
        self.placed ^ self.state.cells_fingerprint()
    }

    fn note_furthest(&mut self, first_return: u32) {
        if first_return >= self.furthest.0 {
            self.furthest = (first_return, self.events[first_return as usize] / 2);
        }
    }

    /// Places every pending answer that is right and changes nothing; gives the first return event that remains. `lost` is
    /// then above 0 if a pending answer can never be right.
    fn take_answers(&mut self, budget: &mut u64) -> u32 {
        self.lost = 0;
        let mut before = HEAD;
        loop {
            let at = self.next[before as usize];
            if at == NONE || self.events[at as usize] & 1 == 1 {
                return at;
            }
            before = at;
            let number = self.events[at as usize] / 2;
            let entry = &self.problem.entries[number as usize];
            if !entry.is_pure() {
                continue;
            }
            *budget = budget.saturating_sub(1);
            let (mark, fingerprint) = (self.state.mark(), self.state.cells_fingerprint());
            if self.problem.apply(&mut self.state, entry) && self.state.cells_fingerprint() == fingerprint {
                // Those before it stay wrong, since nothing changed.
                before = self.previous[at as usize];
                self.push(Some(number), None, mark, self.order.len());
                self.lift(number);
                self.order.push(entry.step);
            } else {
                self.state.undo(mark, &self.problem.service_of);
                self.lost = self.lost.max(self.lost_by(number, entry));
            }
        }
    }

    /// The return of a pending answer that can never be right, because an instance that it shows was written and overwritten
    /// already; 0 if it is not such a one.
    fn lost_by(&self, number: u32, entry: &Entry) -> Lost {
        let last = self.returns[number as usize];
        let is_exact = self.anywhere || self.earlier.is_some();
        if is_exact && last > self.furthest.0 {
            return 0;
        }
        let is_gone = |cell: u32, shown: &Shown| {
            self.state.cells[cell as usize].nonce != shown.nonce
                && self.writers.only(cell, shown.nonce).is_some_and(|writer| self.is_placed(writer))
        };
        let is_gone = match &entry.effect {
            Effect::View { rows, .. } => {
                let rows = &self.problem.rows[rows.start as usize..rows.end as usize];
                rows.iter().any(|(cell, shown)| is_gone(*cell, shown))
            }
            Effect::Cell(cell, Some(shown)) => is_gone(*cell, shown),
            _ => false,
        };
        if is_gone { last } else { 0 }
    }

    fn push(&mut self, entry: Option<u32>, resume: Option<Cursor>, mark: usize, placed: usize) {
        self.frames.push(Frame { entry, resume, mark, placed, lost: self.lost });
    }

    fn is_placed(&self, entry: u32) -> bool {
        let call = self.calls[entry as usize];
        self.next[self.previous[call as usize] as usize] != call
    }

    /// Lets the next possible step happen, from `cursor` on; false if there is none.
    fn branch(&mut self, mut cursor: Cursor, budget: &mut u64) -> bool {
        let limit = if self.problem.classes.is_empty() { 0 } else { self.limit() };
        loop {
            if *budget == 0 {
                return false;
            }
            *budget -= 1;
            match cursor {
                Cursor::Event(at, 1..) if self.anywhere => cursor = Cursor::Event(self.next[at as usize], 0),
                Cursor::Event(at, way) if at != NONE && self.events[at as usize] & 1 == 0 => {
                    let number = self.events[at as usize] / 2;
                    let tried = self.place(number, way, limit, Cursor::Event(at, way + 1));
                    if tried == Some(true) {
                        return true;
                    }
                    let more = !self.anywhere && !self.problem.classes.is_empty() && (way == 0 || tried.is_some());
                    cursor = if more { Cursor::Event(at, way + 1) } else { Cursor::Event(self.next[at as usize], 0) };
                }
                Cursor::Event(..) if self.anywhere => cursor = Cursor::Class(0),
                Cursor::Class(class) if (class as usize) < self.problem.classes.len() => {
                    let (mark, before) = (self.state.mark(), self.state.cells_fingerprint());
                    let step = self.problem.take(&mut self.state, class, limit);
                    if let Some(step) = step.filter(|_| self.state.cells_fingerprint() != before) {
                        let resume = Some(Cursor::Class(class + 1));
                        self.push(None, resume, mark, self.order.len());
                        self.order.push(step);
                        return true;
                    }
                    self.state.undo(mark, &self.problem.service_of);
                    cursor = Cursor::Class(class + 1);
                }
                _ => return false,
            }
        }
    }

    /// Optional steps must have been called before this line to happen now.
    fn limit(&self) -> u32 {
        let mut at = self.next[HEAD as usize];
        while self.events[at as usize] & 1 == 0 {
            at = self.next[at as usize];
        }
        self.problem.entries[self.events[at as usize] as usize / 2].until
    }

    /// Tries to let an entry happen. `None`: this way does not exist; false: its answer would be wrong.
    fn place(&mut self, number: u32, way: u32, limit: u32, resume: Cursor) -> Option<bool> {
        let entry = &self.problem.entries[number as usize];
        let (mark, placed) = (self.state.mark(), self.order.len());
        let exists = way == 0
            || self.problem.repair(&mut self.state, entry, way as usize - 1, limit, &mut self.order).is_some()
                && self.order.len() > placed;
        // Pending answers that change nothing were looked at already.
        let is_wrong = way == 0 && entry.is_pure() && !self.problem.script.has_checks;
        let fits = exists && !is_wrong && self.problem.apply(&mut self.state, entry);
        if !fits {
            self.state.undo(mark, &self.problem.service_of);
            self.order.truncate(placed);
            return exists.then_some(false);
        }
        self.push(Some(number), Some(resume), mark, placed);
        self.lift(number);
        self.order.push(entry.step);
        Some(true)
    }

    /// Takes back the last choice, and everything that followed from it.
    fn back(&mut self) -> Option<Cursor> {
        while let Some(frame) = self.frames.pop() {
            self.state.undo(frame.mark, &self.problem.service_of);
            self.order.truncate(frame.placed);
            if let Some(entry) = frame.entry {
                self.put_back(entry);
            }
            if frame.resume.is_some() {
                self.lost = self.lost.max(frame.lost);
                return frame.resume;
            }
        }
        None
    }

    fn lift(&mut self, entry: u32) {
        self.unlink(self.calls[entry as usize]);
        self.unlink(self.returns[entry as usize]);
        self.placed ^= zobrist(3, entry.into(), 0);
    }

    /// In the reverse order of [`Self::lift`]: the two events may be neighbours.
    fn put_back(&mut self, entry: u32) {
        self.relink(self.returns[entry as usize]);
        self.relink(self.calls[entry as usize]);
        self.placed ^= zobrist(3, entry.into(), 0);
    }

    fn unlink(&mut self, event: u32) {
        let (before, after) = (self.previous[event as usize], self.next[event as usize]);
        self.next[before as usize] = after;
        if after != NONE {
            self.previous[after as usize] = before;
        }
    }

    fn relink(&mut self, event: u32) {
        let (before, after) = (self.previous[event as usize], self.next[event as usize]);
        self.next[before as usize] = event;
        if after != NONE {
            self.previous[after as usize] = event;
        }
    }
}

#[cfg(test)]
mod tests;
