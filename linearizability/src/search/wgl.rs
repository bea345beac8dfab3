//! Wing and Gong's search (1993) with Lowe's memo (2017), over a doubly linked list of calls and returns.
//!
//! - An answer that is right now and changes nothing is placed at once, without an alternative: whatever order exists, it can
//!   be moved here.
//! - Optional steps are placed just before the first answer that needs them. Where that can lose an order (checks whose
//!   status outlives a registration, removals of several instances), a second search places them anywhere.
//! - The memo holds configurations that failed, as 128-bit fingerprints of what was placed and of the cells, with the optional
//!   steps that were used up: what failed with some of them fails with more of them. A collision could only turn right into
//!   wrong, with probability 2^-128 per pair; an order that is found is verified again by [`crate::certificate`].

use super::memo::Memo;
use super::problem::Problem;
use super::state::{State, zobrist};

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A linearization: steps.
    Order(Vec<u32>),
    /// There is none: no order explains the answer of `step`, together with everything that was called before it.
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
        let found = Search::new(problem, false, bytes).run(budget);
        let is_final = !problem.needs_full || problem.classes.is_empty();
        if is_final || !matches!(found, Found::Nothing { .. }) {
            return found;
        }
    }
    Search::new(problem, true, bytes).run(budget)
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
}

impl<'p, 's> Search<'p, 's> {
    fn new(problem: &'p Problem<'s>, anywhere: bool, bytes_max: usize) -> Self {
        let count = problem.entries.len();
        let mut lines: Vec<(u32, u32)> = Vec::with_capacity(count * 2);
        for (number, entry) in problem.entries.iter().enumerate() {
            lines.push((entry.from, number as u32 * 2));
            lines.push((entry.until, number as u32 * 2 + 1));
        }
        lines.sort_unstable();
        let mut events = vec![NONE];
        let (mut calls, mut returns) = (vec![0; count], vec![0; count]);
        for (_, event) in lines {
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
        }
    }

    fn run(&mut self, budget: &mut u64) -> Found {
        loop {
            let first_return = self.take_answers(budget);
            if first_return == NONE {
                return Found::Order(std::mem::take(&mut self.order));
            }
            self.note_furthest(first_return);
            let mut is_known = self.is_known();
            let mut cursor = if is_known { None } else { Some(Cursor::Event(self.next[HEAD as usize], 0)) };
            while !cursor.is_some_and(|cursor| self.branch(cursor, budget)) {
                if *budget == 0 || self.memo.bytes() + self.state.uses.bytes() > self.bytes_max {
                    return Found::OutOfBudget;
                }
                if !is_known && !self.anywhere {
                    self.memo.add(self.configuration(), self.state.used_up());
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

    /// A configuration that failed before; in the full search also one that is being explored, since optional steps can lead
    /// back to it.
    fn is_known(&mut self) -> bool {
        let (configuration, used) = (self.configuration(), self.state.used_up());
        let is_known = self.memo.covers(configuration, &self.state.uses, used);
        if self.anywhere && !is_known {
            self.memo.add(configuration, used);
        }
        is_known
    }

    fn configuration(&self) -> u128 {
        self.placed ^ self.state.cells_fingerprint()
    }

    fn note_furthest(&mut self, first_return: u32) {
        if first_return >= self.furthest.0 {
            self.furthest = (first_return, self.events[first_return as usize] / 2);
        }
    }

    /// Places every pending answer that is right and changes nothing; gives the first return event that remains.
    fn take_answers(&mut self, budget: &mut u64) -> u32 {
        let mut at = self.next[HEAD as usize];
        while at != NONE && self.events[at as usize] & 1 == 0 {
            let number = self.events[at as usize] / 2;
            let entry = &self.problem.entries[number as usize];
            at = self.next[at as usize];
            if !entry.is_pure() {
                continue;
            }
            *budget = budget.saturating_sub(1);
            let (mark, before) = (self.state.mark(), self.state.cells_fingerprint());
            if self.problem.apply(&mut self.state, entry) && self.state.cells_fingerprint() == before {
                self.frames.push(Frame { entry: Some(number), resume: None, mark, placed: self.order.len() });
                self.lift(number);
                self.order.push(entry.step);
                at = self.next[HEAD as usize];
            } else {
                self.state.undo(mark, &self.problem.service_of);
            }
        }
        at
    }

    /// Lets the next possible step happen, from `cursor` on; false if there is none.
    fn branch(&mut self, mut cursor: Cursor, budget: &mut u64) -> bool {
        let limit = self.limit();
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
                        self.frames.push(Frame { entry: None, resume, mark, placed: self.order.len() });
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
        let fits = exists && self.problem.apply(&mut self.state, entry);
        if !fits {
            self.state.undo(mark, &self.problem.service_of);
            self.order.truncate(placed);
            return exists.then_some(false);
        }
        self.frames.push(Frame { entry: Some(number), resume: Some(resume), mark, placed });
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
mod tests {
    use super::{Found, MEMORY_MAX, search_in};
    use crate::generate::{Plan, generate};
    use crate::script::Script;
    use crate::search::Problem;

    #[test]
    fn a_search_ends_at_its_bounds_of_steps_and_of_memory() {
        let history = generate(&Plan::bench(3, 2_000, 8, 1, 100)).to_history().expect("a well-formed history");
        let script = Script::build(&history).expect("few checks");
        let members: Vec<u32> = (0..script.steps.len() as u32).collect();
        let problem = Problem::new(&history, &script, &members);
        let found = |mut steps: u64, bytes: usize| (search_in(&problem, &mut steps, bytes), steps);
        assert!(matches!(found(10_000_000, MEMORY_MAX).0, Found::Order(_)), "the history is right");
        assert_eq!(found(500, MEMORY_MAX), (Found::OutOfBudget, 0));
        let (ended, left) = found(10_000_000, 1_000);
        assert!(ended == Found::OutOfBudget && left > 0, "memory ends it, with {left} steps left");
    }
}
