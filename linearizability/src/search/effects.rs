//! What a step does to the state, whether its answer is right there, and which optional steps would make it right.

use super::problem::{Class, Effect, Entry, Problem};
use super::state::State;
use crate::history::Status;
use crate::script::{Content, Shown, explain_hidden};

impl Problem<'_> {
    fn set(&self, state: &mut State, cell: u32, content: Content) {
        state.set(cell, self.service_of[cell as usize], content);
    }

    /// Lets `entry` happen; false if its answer is wrong here (then the caller takes everything back).
    pub(super) fn apply(&self, state: &mut State, entry: &Entry) -> bool {
        if entry.rejected {
            return self.is_absent(state, &entry.effect);
        }
        match &entry.effect {
            Effect::View { service, rows, filtered, impossible } => {
                !impossible && self.apply_view(state, *service, rows, *filtered)
            }
            Effect::Cell(cell, shown) => self.apply_cell(state, *cell, shown.as_ref()),
            Effect::List(services) => {
                services.iter().all(|&(service, listed)| listed == (state.present[service as usize] > 0))
            }
            Effect::Renew(checks) => checks.iter().all(|(check, known, holders)| {
                if *known {
                    self.report(state, *check, Status::Passing, holders) || entry.lenient
                } else {
                    !self.holds(state, *check, holders)
                }
            }),
            write => self.write(state, write) || entry.lenient,
        }
    }

    /// Applies a write as far as it can be; false if there was nothing to act on.
    pub(super) fn write(&self, state: &mut State, effect: &Effect) -> bool {
        match effect {
            Effect::Register(registration) => {
                let new = self.script.register(&state.cells[registration.cell as usize], registration);
                self.set(state, registration.cell, new);
                true
            }
            Effect::Deregister(cell) => self.remove(state, *cell),
            Effect::DeregisterAny(cells) => cells.iter().filter(|cell| self.remove(state, **cell)).count() > 0,
            Effect::Report { check, status, holders } => self.report(state, *check, *status, holders),
            Effect::Renew(checks) => checks
                .iter()
                .fold(false, |any, (check, _, holders)| self.report(state, *check, Status::Passing, holders) || any),
            Effect::View { .. } | Effect::Cell(..) | Effect::List(_) => true,
        }
    }

    fn remove(&self, state: &mut State, cell: u32) -> bool {
        let was = state.cells[cell as usize].is_present();
        self.set(state, cell, Content::ABSENT);
        was
    }

    fn report(&self, state: &mut State, check: u32, status: Status, holders: &[u32]) -> bool {
        let mut found = false;
        for &cell in holders {
            if let Some(new) = self.script.report(&state.cells[cell as usize], check, status) {
                self.set(state, cell, new);
                found = true;
            }
        }
        found
    }

    fn holds(&self, state: &State, check: u32, holders: &[u32]) -> bool {
        holders.iter().any(|&cell| self.script.report(&state.cells[cell as usize], check, Status::Passing).is_some())
    }

    fn is_absent(&self, state: &State, effect: &Effect) -> bool {
        match effect {
            Effect::Deregister(cell) => !state.cells[*cell as usize].is_present(),
            Effect::DeregisterAny(cells) => cells.iter().all(|&cell| !state.cells[cell as usize].is_present()),
            Effect::Report { check, holders, .. } => !self.holds(state, *check, holders),
            _ => false,
        }
    }

    fn apply_view(&self, state: &mut State, service: u32, rows: &std::ops::Range<u32>, filtered: bool) -> bool {
        let rows = &self.rows[rows.start as usize..rows.end as usize];
        if !filtered && rows.len() != state.present[service as usize] as usize {
            return false;
        }
        for (cell, shown) in rows {
            if !self.apply_cell(state, *cell, Some(shown)) || filtered && !state.cells[*cell as usize].is_passing() {
                return false;
            }
        }
        !filtered
            || self.cells_of[service as usize].iter().all(|cell| {
                let shown = rows.iter().any(|(seen, _)| seen == cell);
                shown
                    || explain_hidden(&state.cells[*cell as usize]).is_some_and(|content| {
                        self.set(state, *cell, content);
                        true
                    })
            })
    }

    fn apply_cell(&self, state: &mut State, cell: u32, shown: Option<&Shown>) -> bool {
        let content = &state.cells[cell as usize];
        match shown {
            None => !content.is_present(),
            Some(shown) => {
                content.is_present()
                    && shown.explain(content).is_some_and(|content| {
                        self.set(state, cell, content);
                        true
                    })
            }
        }
    }

    /// The next step of an optional class, if it was called before line `limit`.
    pub(super) fn available(&self, state: &State, class: u32, limit: u32) -> Option<u32> {
        let Class { steps, unlimited, .. } = &self.classes[class as usize];
        let next = if *unlimited { 0 } else { state.used[class as usize] as usize };
        steps.get(next).filter(|(_, from)| *from < limit).map(|(step, _)| *step)
    }

    /// Lets the next step of an optional class happen.
    pub(super) fn take(&self, state: &mut State, class: u32, limit: u32) -> Option<u32> {
        let step = self.available(state, class, limit)?;
        if !self.classes[class as usize].unlimited {
            state.take(class);
        }
        self.write(state, &self.classes[class as usize].effect);
        Some(step)
    }

    /// Lets optional steps happen so that `entry` is right afterwards; `way` chooses where several can. Pushes them to
    /// `order`. `None`: there is no such way.
    pub(super) fn repair(
        &self,
        state: &mut State,
        entry: &Entry,
        way: usize,
        limit: u32,
        order: &mut Vec<u32>,
    ) -> Option<()> {
        if entry.rejected {
            if way > 0 {
                return None;
            }
            return match &entry.effect {
                Effect::Deregister(cell) => self.make_absent(state, *cell, limit, order),
                Effect::DeregisterAny(cells) => {
                    cells.iter().try_for_each(|cell| self.make_absent(state, *cell, limit, order))
                }
                _ => None,
            };
        }
        match &entry.effect {
            Effect::View { service, rows, filtered, impossible: false } if way == 0 => {
                let rows = &self.rows[rows.start as usize..rows.end as usize];
                for (cell, shown) in rows {
                    self.make_shown(state, *cell, shown, limit, order)?;
                }
                for &cell in &self.cells_of[*service as usize] {
                    let is_shown = rows.iter().any(|(seen, _)| *seen == cell);
                    let is_hidden = *filtered && explain_hidden(&state.cells[cell as usize]).is_some();
                    if !is_shown && !is_hidden {
                        self.make_absent(state, cell, limit, order)?;
                    }
                }
                Some(())
            }
            Effect::Cell(cell, Some(shown)) if way == 0 => self.make_shown(state, *cell, shown, limit, order),
            Effect::Cell(cell, None) if way == 0 => self.make_absent(state, *cell, limit, order),
            Effect::Deregister(cell) => self.make_present(state, std::slice::from_ref(cell), way, limit, order),
            Effect::DeregisterAny(cells) => self.make_present(state, cells, way, limit, order),
            Effect::List(services) => {
                // Which instance made a service appear can be chosen for one service only; others take the first.
                let mut way = Some(way);
                for &(service, listed) in services {
                    let cells = &self.cells_of[service as usize];
                    if listed && state.present[service as usize] == 0 {
                        self.make_present(state, cells, way.take().unwrap_or(0), limit, order)?;
                    } else if !listed {
                        cells.iter().try_for_each(|cell| self.make_absent(state, *cell, limit, order))?;
                    }
                }
                way.is_none_or(|way| way == 0).then_some(())
            }
            _ => None,
        }
    }

    fn place(&self, state: &mut State, class: u32, limit: u32, order: &mut Vec<u32>) -> Option<()> {
        order.push(self.take(state, class, limit)?);
        Some(())
    }

    fn make_absent(&self, state: &mut State, cell: u32, limit: u32, order: &mut Vec<u32>) -> Option<()> {
        if !state.cells[cell as usize].is_present() {
            return Some(());
        }
        let classes = self.removals.get(&cell)?;
        let class = classes.iter().copied().find(|class| self.available(state, *class, limit).is_some())?;
        self.place(state, class, limit, order)
    }

    fn make_present(
        &self,
        state: &mut State,
        cells: &[u32],
        way: usize,
        limit: u32,
        order: &mut Vec<u32>,
    ) -> Option<()> {
        let classes = cells.iter().filter_map(|cell| self.registers.get(cell)).flatten().copied();
        let class = classes.filter(|class| self.available(state, *class, limit).is_some()).nth(way)?;
        self.place(state, class, limit, order)
    }

    fn make_shown(&self, state: &mut State, cell: u32, shown: &Shown, limit: u32, order: &mut Vec<u32>) -> Option<()> {
        let content = state.cells[cell as usize];
        if !content.is_present() || content.nonce != shown.nonce {
            let classes = self.by_nonce.get(&(cell, shown.nonce))?;
            let class = classes.iter().copied().find(|class| self.available(state, *class, limit).is_some())?;
            self.place(state, class, limit, order)?;
        }
        if shown.explain(&state.cells[cell as usize]).is_some() {
            return Some(());
        }
        for &class in &self.reports {
            let mark = state.mark();
            let before = self.distance(&state.cells[cell as usize], shown);
            let length = order.len();
            if self.place(state, class, limit, order).is_none() {
                continue;
            }
            if self.distance(&state.cells[cell as usize], shown) >= before {
                state.undo(mark, &self.service_of);
                order.truncate(length);
            }
            if shown.explain(&state.cells[cell as usize]).is_some() {
                return Some(());
            }
        }
        None
    }

    /// Number of checks that differ.
    fn distance(&self, content: &Content, shown: &Shown) -> u32 {
        let differing = content.statuses ^ shown.statuses;
        ((differing | differing >> 1) & 0x5555_5555_5555_5555).count_ones()
    }
}
