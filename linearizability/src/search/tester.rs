//! A drop-in for stateright's `LinearizabilityTester` inside models: the same recording, another search.
//!
//! It keeps the real-time *partial* order (per thread its calls, per call what others had completed), not a clock: two
//! interleavings with the same partial order stay one state of the model. The search remembers failed configurations
//! (positions of the threads, state), so its cost is the number of configurations, not of interleavings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use stateright::semantics::{ConsistencyTester, SequentialSpec};

use crate::lookup::Mix;

/// What other threads had completed when a call began: per thread, how many calls.
type Before<T> = BTreeMap<T, usize>;

/// A complete call: what came before it, what it asked, what it got.
type Done<T, S> = (Before<T>, <S as SequentialSpec>::Op, <S as SequentialSpec>::Ret);

/// A linearizability tester over a partial order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoTester<T: Ord, S: SequentialSpec>
where
    S::Op: Hash + Eq + Clone + Debug,
    S::Ret: Hash + Eq + Clone + Debug,
{
    start: S,
    done: BTreeMap<T, Vec<Done<T, S>>>,
    open: BTreeMap<T, (Before<T>, S::Op)>,
    is_valid: bool,
}

impl<T, S> PoTester<T, S>
where
    T: Ord + Copy + Debug,
    S: SequentialSpec + Clone + Hash,
    S::Op: Hash + Eq + Clone + Debug,
    S::Ret: Hash + Eq + Clone + Debug,
{
    /// A tester of an object that starts as `start`.
    pub fn new(start: S) -> Self {
        Self { start, done: BTreeMap::new(), open: BTreeMap::new(), is_valid: true }
    }

    /// Number of calls, complete and open.
    pub fn len(&self) -> usize {
        self.open.len() + self.done.values().map(Vec::len).sum::<usize>()
    }

    /// Whether no call was made.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A linearization, if there is one. Open calls stand in it only if they are needed.
    pub fn serialized_history(&self) -> Option<Vec<(S::Op, S::Ret)>> {
        if !self.is_valid {
            return None;
        }
        let threads: Vec<T> = self.done.keys().copied().collect();
        let mut search = Search { tester: self, threads, failed: BTreeSet::new(), order: Vec::new() };
        let mut positions = vec![0; search.threads.len()];
        search.go(&mut positions, &self.start).then_some(search.order)
    }
}

struct Search<'t, T: Ord, S: SequentialSpec>
where
    S::Op: Hash + Eq + Clone + Debug,
    S::Ret: Hash + Eq + Clone + Debug,
{
    tester: &'t PoTester<T, S>,
    threads: Vec<T>,
    failed: BTreeSet<u128>,
    order: Vec<(S::Op, S::Ret)>,
}

impl<T, S> Search<'_, T, S>
where
    T: Ord + Copy + Debug,
    S: SequentialSpec + Clone + Hash,
    S::Op: Hash + Eq + Clone + Debug,
    S::Ret: Hash + Eq + Clone + Debug,
{
    fn go(&mut self, positions: &mut [usize], state: &S) -> bool {
        let tester = self.tester;
        let calls = |at: usize| &tester.done[&self.threads[at]];
        if (0..positions.len()).all(|at| positions[at] >= calls(at).len()) {
            return true;
        }
        let configuration = fingerprint(positions, state);
        if self.failed.contains(&configuration) {
            return false;
        }
        for at in 0..positions.len() {
            let calls = &tester.done[&self.threads[at]];
            let mut next = state.clone();
            let step = match calls.get(positions[at]) {
                Some((before, op, ret)) => (self.may_follow(before, positions) && next.is_valid_step(op, ret))
                    .then(|| (op.clone(), ret.clone())),
                // One past the end: the open call happens.
                None if positions[at] == calls.len() => tester.open.get(&self.threads[at]).and_then(|(before, op)| {
                    self.may_follow(before, positions).then(|| {
                        let ret = next.invoke(op);
                        (op.clone(), ret)
                    })
                }),
                None => None,
            };
            let Some(step) = step else { continue };
            self.order.push(step);
            positions[at] += 1;
            if self.go(positions, &next) {
                return true;
            }
            positions[at] -= 1;
            self.order.pop();
        }
        self.failed.insert(configuration);
        false
    }

    fn may_follow(&self, before: &Before<T>, positions: &[usize]) -> bool {
        before.iter().all(|(thread, count)| self.threads.binary_search(thread).is_ok_and(|at| positions[at] >= *count))
    }
}

fn fingerprint<S: Hash>(positions: &[usize], state: &S) -> u128 {
    let half = |seed: u64| {
        let mut hasher = Mix::seeded(seed);
        positions.hash(&mut hasher);
        state.hash(&mut hasher);
        hasher.finish()
    };
    u128::from(half(0x1319_8a2e_0370_7344)) << 64 | u128::from(half(0xa409_3822_299f_31d0))
}

impl<T, S> ConsistencyTester<T, S> for PoTester<T, S>
where
    T: Ord + Copy + Debug,
    S: SequentialSpec + Clone + Hash,
    S::Op: Hash + Eq + Clone + Debug,
    S::Ret: Hash + Eq + Clone + Debug,
{
    fn on_invoke(&mut self, thread: T, op: S::Op) -> Result<&mut Self, String> {
        if !self.is_valid || self.open.contains_key(&thread) {
            self.is_valid = false;
            return Err(format!(
                "thread {thread:?} calls while its earlier call is open, or the history was invalid before"
            ));
        }
        let others = self.done.iter().filter(|(other, calls)| **other != thread && !calls.is_empty());
        let before = others.map(|(other, calls)| (*other, calls.len())).collect();
        self.open.insert(thread, (before, op));
        self.done.entry(thread).or_default();
        Ok(self)
    }

    fn on_return(&mut self, thread: T, ret: S::Ret) -> Result<&mut Self, String> {
        match self.open.remove(&thread).filter(|_| self.is_valid) {
            Some((before, op)) => self.done.entry(thread).or_default().push((before, op, ret)),
            None => {
                self.is_valid = false;
                return Err(format!(
                    "thread {thread:?} returns without an open call, or the history was invalid before"
                ));
            }
        }
        Ok(self)
    }

    fn is_consistent(&self) -> bool {
        self.serialized_history().is_some()
    }
}
