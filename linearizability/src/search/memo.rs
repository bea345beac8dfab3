//! Configurations that failed: what was placed and what the cells held (a fingerprint), and which optional steps were used up.
//!
//! Dominance: whoever fails with a set of optional steps used up fails with every superset, since fewer are left. Sets are
//! nodes of a tree (a step more than the parent's), so that two of them are compared by what differs alone.

use crate::lookup::Lookup;

/// A set of used optional steps: a node of [`Uses`].
pub(super) type Used = u32;

/// The empty set.
pub(super) const UNUSED: Used = 0;

/// Failed sets that one configuration remembers; more are not remembered, which costs time but loses nothing.
const SETS_MAX: usize = 16;

/// The tree of sets.
#[derive(Clone, Debug)]
pub(super) struct Uses {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: Used,
    class: u32,
    depth: u32,
}

impl Default for Uses {
    fn default() -> Self {
        Self { nodes: vec![Node { parent: UNUSED, class: u32::MAX, depth: 0 }] }
    }
}

impl Uses {
    /// Memory of the tree, at most: a vector that has just grown is half empty.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.len() * 2 * size_of::<Node>()
    }

    /// `set` and one more step of `class`.
    pub(super) fn with(&mut self, set: Used, class: u32) -> Used {
        let depth = self.nodes[set as usize].depth + 1;
        self.nodes.push(Node { parent: set, class, depth });
        u32::try_from(self.nodes.len() - 1).expect("the budget ends a search before 2^32 steps were used")
    }

    /// The set without the step that was added last.
    pub(super) fn without_last(&self, set: Used) -> Used {
        self.nodes[set as usize].parent
    }

    /// Whether all of `small` is in `large`, counted by class.
    fn is_subset(&self, mut small: Used, mut large: Used, more: &mut Vec<u32>) -> bool {
        let node = |at: Used| self.nodes[at as usize];
        if node(small).depth > node(large).depth {
            return false;
        }
        more.clear();
        while node(large).depth > node(small).depth {
            more.push(node(large).class);
            large = node(large).parent;
        }
        let mut less: Vec<u32> = Vec::new();
        while small != large {
            more.push(node(large).class);
            less.push(node(small).class);
            (small, large) = (node(small).parent, node(large).parent);
        }
        less.iter().all(|class| {
            let found = more.iter().position(|other| other == class);
            found.map(|at| more.swap_remove(at)).is_some()
        })
    }
}

/// The failed configurations.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// The first of its sets, in `sets`. In two halves, since a table of `u128` would pad each entry to 32 bytes.
    heads: Lookup<(u64, u64), u32>,
    sets: Vec<FailedSet>,
    scratch: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct FailedSet {
    used: Used,
    lost: Lost,
    /// The next one of the same configuration; `u32::MAX` ends the list.
    next: u32,
}

/// The latest return to which what was given up early behind a configuration might have come; 0: nothing was.
pub(super) type Lost = u32;

/// A table that has just grown is filled to 7/16, and has a byte of its own for each place.
const HEAD_BYTES: usize = (size_of::<((u64, u64), u32)>() + 1) * 16 / 7;

impl Memo {
    /// Memory of what is remembered, at most.
    pub(super) fn bytes(&self) -> usize {
        self.heads.len() * HEAD_BYTES + self.sets.len() * 2 * size_of::<FailedSet>()
    }

    /// What was lost behind `configuration`, if it failed with `used` or with less, and no more than `most` was lost then.
    pub(super) fn covers(&mut self, configuration: u128, uses: &Uses, used: Used, most: Lost) -> Option<Lost> {
        let mut at = self.heads.get(&halves(configuration)).copied().unwrap_or(u32::MAX);
        while let Some(set) = self.sets.get(at as usize) {
            if set.lost <= most && uses.is_subset(set.used, used, &mut self.scratch) {
                return Some(set.lost);
            }
            at = set.next;
        }
        None
    }

    /// Remembers that `configuration` fails with `used`.
    pub(super) fn add(&mut self, configuration: u128, used: Used, lost: Lost) {
        let head = self.heads.entry(halves(configuration)).or_insert(u32::MAX);
        let (mut length, mut at) = (0, *head);
        while let Some(set) = self.sets.get(at as usize) {
            length += 1;
            at = set.next;
        }
        if length < SETS_MAX {
            self.sets.push(FailedSet { used, lost, next: *head });
            *head = self.sets.len() as u32 - 1;
        }
    }
}

fn halves(configuration: u128) -> (u64, u64) {
    ((configuration >> 64) as u64, configuration as u64)
}
