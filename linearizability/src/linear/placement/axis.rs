//! The indices at which something can happen, and what the answers prove about each.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Answer, History};
use crate::script::{Act, Need, Script, Shown};
use crate::search::touched;

/// Indices between two claims at which something unseen is tried; a search that leaves some out and finds nothing decides
/// nothing.
const FREE_EACH_MAX: u64 = 64;
/// Indices behind all claims that are tried.
const FREE_BEHIND_MAX: u64 = 8;

/// Which Indices had passed at a line, and which were still to come.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Line of an answer, and the highest Index that was claimed up to there.
    answered: Vec<(u32, u64)>,
    /// Line of a call, and the lowest Index that was claimed by calls from there on.
    called: Vec<(u32, u64)>,
    /// All Indices that are claimed or shown.
    known: BTreeSet<u64>,
}

impl Bounds {
    pub(super) fn new(history: &History, script: &Script) -> Self {
        let (mut answered, mut called, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
        for step in script.steps.iter().filter(|step| step.need == Need::Accepted) {
            let call = &history.calls[step.call as usize];
            let Some(index) = call.claimed_index() else { continue };
            answered.push((step.until, index));
            called.push((step.from, index));
            known.insert(index);
            if let Some(view) = call.view() {
                known.insert(view.xi);
                known.extend(history.rows(view.body).iter().map(|row| row.modify_index));
            }
        }
        answered.sort_unstable();
        called.sort_unstable();
        answered.iter_mut().fold(0, |highest, (_, index)| {
            *index = highest.max(*index);
            *index
        });
        called.iter_mut().rev().fold(u64::MAX, |lowest, (_, index)| {
            *index = lowest.min(*index);
            *index
        });
        Self { answered, called, known }
    }

    /// The highest Index that was answered before line `from`.
    pub(super) fn behind(&self, from: u32) -> u64 {
        let count = self.answered.partition_point(|(until, _)| *until < from);
        count.checked_sub(1).map_or(0, |last| self.answered[last].1)
    }

    /// The lowest Index that was called behind line `until`.
    pub(super) fn before(&self, until: u32) -> u64 {
        let first = self.called.partition_point(|(from, _)| *from <= until);
        self.called.get(first).map_or(u64::MAX, |(_, index)| *index)
    }
}

/// The cells and services of the script, numbered within their component.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) cells: Vec<u32>,
    pub(super) services: Vec<u32>,
}

impl Numbers {
    pub(super) fn by_part(script: &Script, parts: &[Vec<u32>]) -> Self {
        let mut numbers = Self { cells: vec![0; script.cells.len()], services: vec![0; script.services.len()] };
        for members in parts {
            let services = services_of(script, members);
            for (number, &service) in services.iter().enumerate() {
                numbers.services[service as usize] = number as u32;
            }
            let cells = services.iter().flat_map(|&service| &script.services[service as usize].cells);
            for (number, &cell) in cells.enumerate() {
                numbers.cells[cell as usize] = number as u32;
            }
        }
        numbers
    }

    /// Everything under its own number.
    pub(super) fn whole(script: &Script) -> Self {
        Self { cells: (0..script.cells.len() as u32).collect(), services: (0..script.services.len() as u32).collect() }
    }
}

fn services_of(script: &Script, members: &[u32]) -> Vec<u32> {
    let mut services: Vec<u32> =
        members.iter().flat_map(|&step| touched(script, script.steps[step as usize].act)).collect();
    services.sort_unstable();
    services.dedup();
    services
}

/// Accepted writes that own the Index that they claim whatever the unknown writes did: a registration with a nonce of its own
/// and a deregistration always change something. Step and Index.
pub(super) fn sure_owners(history: &History, script: &Script) -> BTreeMap<u32, u64> {
    let mut nonces = BTreeMap::new();
    for step in &script.steps {
        if let Act::Register(registration) = step.act {
            let registration = &script.registrations[registration as usize];
            *nonces.entry((registration.cell, registration.fresh.nonce)).or_insert(0) += 1;
        }
    }
    let accepted = (0..).zip(&script.steps).filter(|(_, step)| step.need == Need::Accepted);
    let sure = accepted.filter(|(_, step)| match step.act {
        Act::Register(registration) => {
            let registration = &script.registrations[registration as usize];
            nonces[&(registration.cell, registration.fresh.nonce)] == 1
        }
        Act::Deregister(_) | Act::DeregisterId(_) => true,
        _ => false,
    });
    sure.filter_map(|(number, step)| Some((number, history.calls[step.call as usize].claimed_index()?))).collect()
}

/// Indices at which another component changed: an answer proves it, or an accepted write is sure to own it. Only an expiry
/// reaches two components.
pub(super) fn indices_of_others(parts: &[Part], own: usize, sure: &BTreeMap<u32, u64>) -> BTreeSet<u64> {
    let changed = |item: &&Item| item.is_shown() || item.claims.iter().any(|step| sure.contains_key(step));
    let others = parts.iter().enumerate().filter(|(at, _)| *at != own).map(|(_, part)| part);
    others.flat_map(|part| part.items.iter().filter(changed).map(|item| item.index)).collect()
}

/// What is known about one Index.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) index: u64,
    /// Accepted steps that claim it, by call.
    pub(super) claims: Vec<u32>,
    /// Cells that changed here, and what they held then.
    pub(super) facts: Vec<(u32, Shown)>,
    /// Services that changed here.
    pub(super) moved: Vec<u32>,
    /// Whether no accepted write is sure to own it.
    pub(super) is_free: bool,
}

impl Item {
    /// Whether an answer proves that something changed here.
    pub(super) fn is_shown(&self) -> bool {
        !self.facts.is_empty() || !self.moved.is_empty()
    }
}

/// The indices of one component at which something may have happened, in order.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) items: Vec<Item>,
    /// Whether free indices were left out.
    pub(super) is_cut: bool,
}

/// One component.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) services: Vec<u32>,
    pub(super) cells: Vec<u32>,
    pub(super) items: Vec<Item>,
    pub(super) optional: Vec<u32>,
    /// By call.
    pub(super) rejections: Vec<u32>,
    /// Whether what explains a rejection may have happened behind all that was claimed: a rejection claims no Index, and nobody
    /// was called behind its answer who does.
    has_late_rejection: bool,
    /// Per service and per cell (numbers of the script): from the Index behind the first on, up to the second, nothing changed.
    still_services: BTreeMap<u32, Vec<(u64, u64)>>,
    still_cells: BTreeMap<u32, Vec<(u64, u64)>>,
    anchor: u32,
}

impl Part {
    pub(super) fn new(history: &History, script: &Script, members: &[u32], bounds: &Bounds) -> Self {
        let services = services_of(script, members);
        let cells = services.iter().flat_map(|&service| script.services[service as usize].cells.clone()).collect();
        let mut part = Self {
            services,
            cells,
            items: Vec::new(),
            optional: Vec::new(),
            rejections: Vec::new(),
            has_late_rejection: false,
            still_services: BTreeMap::new(),
            still_cells: BTreeMap::new(),
            anchor: members.first().copied().unwrap_or(0),
        };
        let mut items = BTreeMap::new();
        for &step in members {
            let entry = &script.steps[step as usize];
            match (entry.need, history.calls[entry.call as usize].claimed_index()) {
                (Need::Optional, _) => part.optional.push(step),
                (Need::Accepted, Some(index)) => {
                    item(&mut items, index).claims.push(step);
                    part.note_answer(history, script, step, &mut items);
                }
                (Need::Rejected, _) | (Need::Accepted, None) => part.rejections.push(step),
            }
        }
        part.has_late_rejection =
            part.rejections.iter().any(|&step| bounds.before(script.steps[step as usize].until) == u64::MAX);
        part.items = items.into_values().collect();
        for item in &mut part.items {
            item.claims.sort_by_key(|step| script.steps[*step as usize].from);
        }
        part.still_services.values_mut().chain(part.still_cells.values_mut()).for_each(merge);
        debug_assert!(part.items.iter().all(|item| bounds.known.contains(&item.index)), "the bounds know all claims");
        part
    }

    fn note_answer(&mut self, history: &History, script: &Script, step: u32, items: &mut BTreeMap<u64, Item>) {
        let entry = &script.steps[step as usize];
        let (Act::Read(service), Some(Answer::View(view))) = (entry.act, history.calls[entry.call as usize].answer())
        else {
            return;
        };
        self.still_services.entry(service).or_default().push((view.xi, view.applied));
        // A service that never changed says 1.
        if view.xi > 1 {
            let moved = &mut item(items, view.xi).moved;
            if !moved.contains(&service) {
                moved.push(service);
            }
        }
        for row in history.rows(view.body) {
            let Some(cell) = script.cell(service, row.id) else { continue };
            self.still_cells.entry(cell).or_default().push((row.modify_index, view.applied));
            let fact = (cell, script.shown(row));
            let facts = &mut item(items, row.modify_index).facts;
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
    }

    /// A step of the component, to point at.
    pub(super) fn anchor(&self) -> u32 {
        self.anchor
    }

    /// Whether an answer proves that `cell` did not change at `index`.
    pub(super) fn is_still(&self, script: &Script, cell: u32, index: u64) -> bool {
        let within = |list: Option<&Vec<(u64, u64)>>| {
            list.is_some_and(|list| {
                let next = list.partition_point(|(after, _)| *after < index);
                next.checked_sub(1).is_some_and(|last| list[last].1 >= index)
            })
        };
        within(self.still_cells.get(&cell)) || within(self.still_services.get(&script.cells[cell as usize].service))
    }

    /// The items, and between and behind them the indices that are not in `blocked`, where something may have changed unseen.
    pub(super) fn axis(&self, bounds: &Bounds, blocked: &BTreeSet<u64>) -> Axis {
        let mut items = self.items.clone();
        for item in &mut items {
            item.is_free = !blocked.contains(&item.index);
        }
        let own: BTreeSet<u64> = items.iter().map(|item| item.index).collect();
        let (mut before, mut is_cut) = (0, false);
        for &index in &bounds.known {
            is_cut |= index.saturating_sub(before + 1) > FREE_EACH_MAX;
            let between = (before + 1..index).take(FREE_EACH_MAX as usize).chain([index]);
            for free in between.filter(|index| *index > 0 && !blocked.contains(index) && !own.contains(index)) {
                items.push(Item { index: free, is_free: true, ..Item::default() });
            }
            before = index;
        }
        if self.has_late_rejection {
            let last = before.max(blocked.last().copied().unwrap_or(0));
            let behind =
                last.saturating_add(1)..=last.saturating_add((self.optional.len() as u64).min(FREE_BEHIND_MAX));
            items.extend(behind.map(|index| Item { index, is_free: true, ..Item::default() }));
            is_cut |= self.optional.len() as u64 > FREE_BEHIND_MAX;
        }
        items.sort_by_key(|item| item.index);
        Axis { items, is_cut }
    }
}

fn item(items: &mut BTreeMap<u64, Item>, index: u64) -> &mut Item {
    items.entry(index).or_insert_with(|| Item { index, ..Item::default() })
}

/// Sorts intervals and joins those that overlap.
fn merge(list: &mut Vec<(u64, u64)>) {
    list.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(list.len());
    for &(after, until) in list.iter() {
        match merged.last_mut() {
            Some(last) if after <= last.1 => last.1 = last.1.max(until),
            _ => merged.push((after, until)),
        }
    }
    *list = merged;
}
