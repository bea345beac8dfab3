//! The state with its indices: what every cell holds since which Index, and the last Index of every service. Compares answers
//! with it exactly; expiries are changes of their own here.

use super::axis::Numbers;
use crate::history::{Answer, Call, History, Row, Status, Symbol, View};
use crate::script::{Act, Content, Script};

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) content: Content,
    /// The Index of its last change.
    pub(super) modified: u64,
}

/// A service: the Index of its last change, and how many instances it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) index: u64,
    pub(super) present: u32,
}

/// Cells (numbers of the script), and what they become.
pub(super) type Changes = Vec<(u32, Content)>;

/// The state of some cells, found by their own numbers.
#[derive(Clone, Debug)]
pub(super) struct Board {
    pub(super) cells: Vec<Held>,
    pub(super) services: Vec<Counted>,
}

/// What a board is read with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'a> {
    pub(super) history: &'a History,
    pub(super) script: &'a Script,
    pub(super) numbers: &'a Numbers,
}

impl Board {
    /// Nothing is registered. A service that never changed has index 1.
    pub(super) fn empty(cells: usize, services: usize) -> Self {
        Self {
            cells: vec![Held { content: Content::ABSENT, modified: 0 }; cells],
            services: vec![Counted { index: 1, present: 0 }; services],
        }
    }
}

impl Rules<'_> {
    pub(super) fn held<'b>(&self, board: &'b Board, cell: u32) -> &'b Held {
        &board.cells[self.numbers.cells[cell as usize] as usize]
    }

    fn counted<'b>(&self, board: &'b Board, service: u32) -> &'b Counted {
        &board.services[self.numbers.services[service as usize] as usize]
    }

    /// What `act` would change.
    pub(super) fn changes(&self, board: &Board, act: Act) -> Changes {
        let script = self.script;
        let mut changes = Changes::new();
        match act {
            Act::Register(registration) => {
                let registration = &script.registrations[registration as usize];
                let old = &self.held(board, registration.cell).content;
                changes.push((registration.cell, script.register(old, registration)));
            }
            Act::Deregister(cell) => changes.push((cell, Content::ABSENT)),
            Act::DeregisterId(group) => {
                changes.extend(script.groups[group as usize].iter().map(|&cell| (cell, Content::ABSENT)));
            }
            Act::Report(check, status) => self.report(board, check, status, &mut changes),
            Act::RenewMany(renewal) => {
                for &(check, _) in &script.renewals[renewal as usize].checks {
                    self.report(board, check, Status::Passing, &mut changes);
                }
            }
            Act::Read(_) | Act::List(_) => {}
        }
        changes.retain(|(cell, content)| self.held(board, *cell).content != *content);
        changes
    }

    fn report(&self, board: &Board, check: u32, status: Status, changes: &mut Changes) {
        for &cell in &self.script.checks[check as usize].holders {
            let known = changes.iter().position(|(other, _)| *other == cell);
            let old = known.map_or_else(|| self.held(board, cell).content, |at| changes[at].1);
            let Some(new) = self.script.report(&old, check, status) else { continue };
            match known {
                Some(at) => changes[at].1 = new,
                None => changes.push((cell, new)),
            }
        }
    }

    /// Lets `changes` happen at `index`.
    pub(super) fn put(&self, board: &mut Board, changes: &Changes, index: u64) {
        for &(cell, content) in changes {
            let held = &mut board.cells[self.numbers.cells[cell as usize] as usize];
            let service = self.script.cells[cell as usize].service;
            let counted = &mut board.services[self.numbers.services[service as usize] as usize];
            counted.present += u32::from(content.is_present());
            counted.present -= u32::from(held.content.is_present());
            counted.index = index;
            *held = Held { content, modified: index };
        }
    }

    fn holds(&self, board: &Board, check: u32) -> bool {
        let mut holders = self.script.checks[check as usize].holders.iter();
        holders.any(|&cell| self.script.report(&self.held(board, cell).content, check, Status::Passing).is_some())
    }

    /// Whether the registry accepts `act` in this state (a renewal of many: whether it knows the checks that it says it knows).
    pub(super) fn accepts(&self, board: &Board, act: Act) -> bool {
        let is_present = |cell: u32| self.held(board, cell).content.is_present();
        match act {
            Act::Register(_) | Act::Read(_) | Act::List(_) => true,
            Act::Deregister(cell) => is_present(cell),
            Act::DeregisterId(group) => self.script.groups[group as usize].iter().any(|&cell| is_present(cell)),
            Act::Report(check, _) => self.holds(board, check),
            Act::RenewMany(renewal) => {
                let mut checks = self.script.renewals[renewal as usize].checks.iter();
                checks.all(|&(check, known)| known == self.holds(board, check))
            }
        }
    }

    /// Whether the registry in this state gives the answer of `call`, a read.
    pub(super) fn answers(&self, board: &Board, act: Act, call: &Call) -> bool {
        match (act, call.answer()) {
            (Act::Read(service), Some(Answer::View(view))) => {
                self.shows(board, service, view, Script::is_filtered(call))
            }
            (Act::List(ns), Some(Answer::Services { names, .. })) => {
                let names = self.history.symbols(*names);
                let services = &self.script.namespaces[ns as usize];
                let as_listed = |&service: &u32| {
                    let is_listed = names.contains(&self.script.services[service as usize].name);
                    is_listed == (self.counted(board, service).present > 0)
                };
                let is_known =
                    |name: &Symbol| services.iter().any(|&at| self.script.services[at as usize].name == *name);
                services.iter().all(as_listed) && names.iter().all(is_known)
            }
            _ => false,
        }
    }

    fn shows(&self, board: &Board, service: u32, view: &View, filtered: bool) -> bool {
        let rows = self.history.rows(view.body);
        let counted = self.counted(board, service);
        let as_shown = |row: &Row| {
            self.script.cell(service, row.id).is_some_and(|cell| {
                let held = self.held(board, cell);
                let shown = self.script.shown(row);
                held.modified == row.modify_index
                    && held.content.is_present()
                    && shown.explain(&held.content) == Some(held.content)
                    && (!filtered || held.content.is_passing())
            })
        };
        let is_left_out = |&cell: &u32| {
            let content = &self.held(board, cell).content;
            let id = self.script.cells[cell as usize].id;
            !content.is_present() || rows.iter().any(|row| row.id == id) || filtered && !content.is_passing()
        };
        let is_twice = |(at, row): (usize, &Row)| rows[..at].iter().any(|other| other.id == row.id);
        view.xi == counted.index
            && view.xi <= view.applied.max(1)
            && rows.iter().all(as_shown)
            && self.script.services[service as usize].cells.iter().all(is_left_out)
            && !rows.iter().enumerate().any(is_twice)
    }
}
