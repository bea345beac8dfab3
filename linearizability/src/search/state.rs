//! The cells of a component with an incremental 128-bit fingerprint and an undo log: a step costs what it changes, however
//! many cells there are.

use super::memo::{UNUSED, Used, Uses};
use crate::lookup::fold;
use crate::script::Content;

/// Something to take back.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Cell(u32, Content),
    Used(u32),
}

/// Contents of the cells, instances per service, and how many optional steps of each class were used.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) cells: Vec<Content>,
    pub(super) present: Vec<u32>,
    pub(super) used: Vec<u32>,
    pub(super) uses: Uses,
    used_up: Used,
    of_cells: u128,
    log: Vec<Undo>,
}

const SEEDS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];

/// 128 pseudo-random bits for a thing that is in the configuration (Zobrist's hashing: the fingerprint is their xor).
pub(super) fn zobrist(kind: u64, a: u64, b: u64) -> u128 {
    let half = |seed: u64| fold(fold(a ^ seed, b ^ 0xa409_3822_299f_31d0) ^ kind, seed ^ 0x082e_fa98_ec4e_6c89);
    u128::from(half(SEEDS[0])) << 64 | u128::from(half(SEEDS[1]))
}

fn of_cell(cell: u32, content: &Content) -> u128 {
    if !content.is_present() {
        return 0;
    }
    let rest = u64::from(content.shape) << 32 | u64::from(content.ttl);
    zobrist(u64::from(cell) << 8 | 1, content.nonce.bits() ^ fold(rest, SEEDS[1]), content.statuses)
}

impl State {
    pub(super) fn new(cells: usize, services: usize, classes: usize) -> Self {
        Self {
            cells: vec![Content::ABSENT; cells],
            present: vec![0; services],
            used: vec![0; classes],
            uses: Uses::default(),
            used_up: UNUSED,
            of_cells: 0,
            log: Vec::new(),
        }
    }

    /// Puts `content` into `cell` of `service`.
    pub(super) fn set(&mut self, cell: u32, service: u32, content: Content) {
        let old = self.cells[cell as usize];
        if old == content {
            return;
        }
        self.log.push(Undo::Cell(cell, old));
        self.swap(cell, service, &old, content);
    }

    fn swap(&mut self, cell: u32, service: u32, old: &Content, new: Content) {
        let change = of_cell(cell, old) ^ of_cell(cell, &new);
        self.of_cells ^= change;
        self.present[service as usize] += u32::from(new.is_present());
        self.present[service as usize] -= u32::from(old.is_present());
        self.cells[cell as usize] = new;
    }

    /// Uses the next step of an optional class.
    pub(super) fn take(&mut self, class: u32) {
        self.log.push(Undo::Used(class));
        self.used[class as usize] += 1;
        self.used_up = self.uses.with(self.used_up, class);
    }

    /// The optional steps that were used.
    pub(super) fn used_up(&self) -> Used {
        self.used_up
    }

    /// Of the cells alone.
    pub(super) fn cells_fingerprint(&self) -> u128 {
        self.of_cells
    }

    /// A point to return to.
    pub(super) fn mark(&self) -> usize {
        self.log.len()
    }

    /// Takes back everything since `mark`.
    pub(super) fn undo(&mut self, mark: usize, service_of: &[u32]) {
        while self.log.len() > mark {
            match self.log.pop() {
                Some(Undo::Cell(cell, content)) => {
                    let current = self.cells[cell as usize];
                    self.swap(cell, service_of[cell as usize], &current, content);
                }
                Some(Undo::Used(class)) => {
                    self.used_up = self.uses.without_last(self.used_up);
                    self.used[class as usize] -= 1;
                }
                None => return,
            }
        }
    }
}
