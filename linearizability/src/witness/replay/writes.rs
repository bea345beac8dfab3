//! Writes in the order of their claims, and what an acknowledged write needs to have found.

use super::{CHAIN_MAX, Outcome, Reason, Replay, decided};
use crate::history::{Status, Token};
use crate::script::{Act, Content};
use crate::witness::Agenda;

impl<'a> Replay<'a> {
    /// Everything that claims one Index: at most one write changes something and stands first; all others saw the state
    /// after it.
    pub(super) fn group(&mut self, agenda: &Agenda, start: usize) -> Outcome<usize> {
        let claims = &agenda.claims;
        let at = |step: u32| self.script.claims[step as usize];
        let index = at(claims[start]);
        let end = start + claims[start..].iter().take_while(|step| at(**step) == index).count();
        let owner = self.owner(claims, start, end);
        let mut changed: Option<u32> = None;
        for at in owner.into_iter().chain((start..end).filter(|at| Some(*at) != owner)) {
            let step = claims[at];
            // The owner stands before the whole group, wherever its call was.
            self.make_way(agenda, if Some(at) == owner { start } else { at }, step)?;
            if self.step(step).act.is_read() {
                self.read(step)?;
            } else {
                self.write(step, index, &mut changed)?;
            }
        }
        Ok(end)
    }

    /// Which of the writes that claim one Index made the change: the one after which the others change nothing.
    pub(super) fn owner(&mut self, claims: &[u32], start: usize, end: usize) -> Option<usize> {
        let mut changing = (start..end).filter(|&at| self.would_change(claims[at]));
        let only = changing.next()?;
        let Some(second) = changing.next() else { return Some(only) };
        let mut candidates: Vec<usize> = [only, second].into_iter().chain(changing).collect();
        candidates.sort_by_key(|&at| self.may_have_expired(claims[at]));
        let (cells, services, wide) = (self.cells.clone(), self.services.clone(), self.wide);
        let mut settles = |at: &usize| {
            self.apply(claims[*at], 0);
            let mut others = (start..end).map(|other| claims[other]);
            let settled = others.all(|other| !self.would_change(other) || self.may_have_expired(other));
            self.cells.clone_from(&cells);
            self.services.clone_from(&services);
            self.wide = wide;
            settled
        };
        candidates.iter().copied().find(|at| settles(at)).or(candidates.first().copied())
    }

    /// Whether the write reports a ttl check critical: an expiry that nobody saw may have made that no change.
    pub(super) fn may_have_expired(&self, step: u32) -> bool {
        let Act::Report(check, Status::Critical) = self.step(step).act else { return false };
        let id = &self.script.checks[check as usize].id;
        self.script.checks[check as usize].holders.iter().all(|&cell| {
            let content = &self.cells[cell as usize].content;
            let position =
                content.is_present().then(|| self.script.shapes[content.shape as usize].binary_search(id).ok());
            position.flatten().is_none_or(|position| content.ttl >> position & 1 == 1)
        })
    }

    pub(super) fn write(&mut self, step: u32, index: u64, changed: &mut Option<u32>) -> Outcome<()> {
        self.claims += 1;
        if let Act::Register(registration) = self.step(step).act {
            self.explain_kept(step, registration, index);
        }
        let mut changes = self.would_change(step);
        if !changes || matches!(self.step(step).act, Act::RenewMany(_)) {
            self.check_accepted(step)?;
            changes = self.would_change(step);
        }
        if changes {
            if changed.is_some() || self.is_owned(index) {
                if self.may_have_expired(step) {
                    self.apply(step, 0);
                    return self.emit(step);
                }
                let text = vec![format!(
                    "both changed the state and claim index {index}; every change has an index of its own"
                )];
                return self.fail(step, Reason::SharedIndex, changed.iter().copied().collect(), text);
            }
            self.apply(step, index);
            self.own(index);
            *changed = Some(step);
        } else {
            self.note_idle(step, index);
        }
        self.emit(step)
    }

    pub(super) fn note_idle(&mut self, step: u32, index: u64) {
        let (script, act) = (self.script, self.step(step).act);
        let mut note = |check: u32| {
            for &cell in &script.checks[check as usize].holders {
                if self.cells[cell as usize].content.ttl != 0 {
                    self.idle.entry(cell).or_default().push(index);
                }
            }
        };
        match act {
            Act::Report(check, _) => note(check),
            Act::RenewMany(renewal) => {
                script.renewals[renewal as usize].checks.iter().for_each(|(check, _)| note(*check));
            }
            _ => {}
        }
    }

    /// A registration keeps statuses, so it can be the first to show an unknown write: if a reader sees it with other
    /// statuses than it would leave now, an unknown write may have come before.
    pub(super) fn explain_kept(&mut self, step: u32, registration: u32, index: u64) {
        let registration = &self.script.registrations[registration as usize];
        let Some(row) = self.optional.seen_row(registration.fresh.nonce).filter(|row| row.modify_index == index) else {
            return;
        };
        let shown = self.script.shown(&row);
        // With the index of the registration itself, an expiry can only be one that the registration kept.
        let fits = |old: &Content| {
            let new = self.script.register(old, registration);
            shown.explain(&new).is_some_and(|seen| (seen.statuses ^ new.statuses) & decided(old, &new) == 0)
        };
        let old = self.cells[registration.cell as usize].content;
        if fits(&old) {
            return;
        }
        let until = self.step(step).until;
        if let Some(chain) = self.chain(registration.cell, shown.nonce, until, fits) {
            self.place_chain(&chain);
        }
    }

    /// The shortest chains of unused optional writes about `cell` after which it `fits`; one of them is chosen.
    pub(super) fn chain(
        &mut self,
        cell: u32,
        nonce: Token,
        until: u32,
        fits: impl Fn(&Content) -> bool,
    ) -> Option<Vec<u32>> {
        if self.optional.is_empty() {
            return None;
        }
        let candidates = self.optional.towards(self.script, cell, nonce, until);
        let mut chains: Vec<(Vec<u32>, Content)> = vec![(Vec::new(), self.cells[cell as usize].content)];
        for _ in 0..CHAIN_MAX {
            let mut longer = Vec::new();
            for (chain, content) in &chains {
                for number in candidates.iter().copied().filter(|number| !chain.contains(number)) {
                    let next = self.after(content, self.step(self.optional.step(number)).act);
                    if next != *content {
                        let mut chain = chain.clone();
                        chain.push(number);
                        longer.push((chain, next));
                    }
                }
            }
            let mut fitting: Vec<Vec<u32>> =
                longer.iter().filter(|(_, content)| fits(content)).map(|(chain, _)| chain.clone()).collect();
            if !fitting.is_empty() {
                let chosen = self.optional.choose_way(fitting.len());
                return Some(fitting.swap_remove(chosen));
            }
            chains = longer;
        }
        None
    }

    pub(super) fn place_chain(&mut self, chain: &[u32]) {
        for &number in chain {
            let step = self.optional.spend(number);
            self.place(step);
        }
    }

    /// One cell after a write.
    pub(super) fn after(&self, old: &Content, act: Act) -> Content {
        match act {
            Act::Register(other) => self.script.register(old, &self.script.registrations[other as usize]),
            Act::Report(check, status) => self.script.report(old, check, status).unwrap_or(*old),
            Act::RenewMany(renewal) => {
                let checks = self.script.renewals[renewal as usize].checks.iter();
                checks.fold(*old, |content, (check, _)| {
                    self.script.report(&content, *check, Status::Passing).unwrap_or(content)
                })
            }
            Act::Deregister(_) | Act::DeregisterId(_) => Content::ABSENT,
            Act::Read(_) | Act::List(_) => *old,
        }
    }

    pub(super) fn is_owned(&self, index: u64) -> bool {
        self.owned.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn own(&mut self, index: u64) {
        let word = index as usize / 64;
        // An Index far beyond the number of calls belongs to no history that was really served; it is caught as a wrong claim.
        if word < self.history.calls.len() + (1 << 20) {
            if word >= self.owned.len() {
                self.owned.resize(word * 2 + 1, 0);
            }
            self.owned[word] |= 1 << (index % 64);
        }
    }

    pub(super) fn would_change(&self, step: u32) -> bool {
        let cells = &self.cells;
        match self.step(step).act {
            Act::Register(registration) => {
                let registration = &self.script.registrations[registration as usize];
                let old = &cells[registration.cell as usize].content;
                self.script.register(old, registration) != *old
            }
            Act::Deregister(cell) => cells[cell as usize].content.is_present(),
            Act::DeregisterId(group) => {
                self.script.groups[group as usize].iter().any(|&cell| cells[cell as usize].content.is_present())
            }
            Act::Report(check, status) => self.report_changes(check, status),
            Act::RenewMany(renewal) => {
                let checks = &self.script.renewals[renewal as usize].checks;
                checks.iter().any(|&(check, _)| self.report_changes(check, Status::Passing))
            }
            Act::Read(_) | Act::List(_) => false,
        }
    }

    pub(super) fn report_changes(&self, check: u32, status: Status) -> bool {
        self.script.checks[check as usize].holders.iter().any(|&cell| {
            let old = &self.cells[cell as usize].content;
            self.script.report(old, check, status).is_some_and(|new| new != *old)
        })
    }

    /// An accepted write that changes nothing must still have been acceptable; unknown registrations may make it so.
    pub(super) fn check_accepted(&mut self, step: u32) -> Outcome<()> {
        let entry = *self.step(step);
        match entry.act {
            Act::Deregister(_) => {
                let Act::Deregister(cell) = &self.step(step).act else { return Ok(()) };
                self.need_present(step, std::slice::from_ref(cell))
            }
            Act::DeregisterId(group) => {
                let cells = &self.script.groups[group as usize];
                self.need_present(step, cells)
            }
            Act::Report(check, _) => self.need_check(step, check),
            Act::RenewMany(renewal) => {
                for &(check, known) in &self.script.renewals[renewal as usize].checks {
                    if known {
                        self.need_check(step, check)?;
                    }
                }
                self.check_unknown(step, renewal)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn need_present(&mut self, step: u32, cells: &'a [u32]) -> Outcome<()> {
        if cells.iter().any(|&cell| self.cells[cell as usize].content.is_present()) {
            return Ok(());
        }
        let until = self.step(step).until;
        for &cell in cells {
            if let Some(register) = self.optional.any_register(self.script, cell, until) {
                self.place(register);
                return Ok(());
            }
        }
        let what = cells.first().map_or_else(|| "that instance".to_owned(), |&cell| self.cell_name(cell));
        let by = cells.first().map(|&cell| self.cells[cell as usize].by).filter(|by| *by != u32::MAX);
        let text = vec![
            "it was accepted, so something was removed".to_owned(),
            format!("at its index {what} did not exist, and no unknown registration can have made it"),
        ];
        self.fail(step, Reason::State, by.into_iter().collect(), text)
    }

    pub(super) fn need_check(&mut self, step: u32, check: u32) -> Outcome<()> {
        let holders = &self.script.checks[check as usize].holders;
        let held = |replay: &Self| {
            holders.iter().any(|&cell| {
                replay.script.report(&replay.cells[cell as usize].content, check, Status::Passing).is_some()
            })
        };
        if held(self) {
            return Ok(());
        }
        let until = self.step(step).until;
        for &cell in holders {
            while let Some(register) = self.optional.any_register(self.script, cell, until) {
                self.place(register);
                if held(self) {
                    return Ok(());
                }
            }
        }
        let name = self.history.name(self.script.checks[check as usize].id);
        let by = holders.first().map(|&cell| self.cells[cell as usize].by).filter(|by| *by != u32::MAX);
        let text = vec![
            format!("it was accepted, so check {name} existed"),
            "at its index no instance held that check, and no unknown registration can have made it".to_owned(),
        ];
        self.fail(step, Reason::State, by.into_iter().collect(), text)
    }

    pub(super) fn check_unknown(&mut self, step: u32, renewal: u32) -> Outcome<()> {
        let until = self.step(step).until;
        for &(check, known) in &self.script.renewals[renewal as usize].checks {
            if known {
                continue;
            }
            for cell in self.targets(Act::Report(check, Status::Passing)) {
                if !self.explain_absent(cell, until) {
                    let name = self.history.name(self.script.checks[check as usize].id);
                    let text =
                        vec![format!("the server did not know check {name}, which existed at the index of its answer")];
                    return self.fail(step, Reason::State, vec![self.cells[cell as usize].by], text);
                }
            }
        }
        Ok(())
    }

    /// Applies a write with a known Index.
    pub(super) fn apply(&mut self, step: u32, index: u64) {
        match self.step(step).act {
            Act::Register(registration) => {
                let registration = &self.script.registrations[registration as usize];
                let new = self.script.register(&self.cells[registration.cell as usize].content, registration);
                self.set(registration.cell, new, index, step);
            }
            Act::Deregister(cell) => self.set(cell, Content::ABSENT, index, step),
            Act::DeregisterId(group) => {
                let present = |&&cell: &&u32| self.cells[cell as usize].content.is_present();
                let cells: Vec<u32> = self.script.groups[group as usize].iter().filter(present).copied().collect();
                self.wide += u64::from(cells.len() > 1);
                cells.iter().for_each(|&cell| self.set(cell, Content::ABSENT, index, step));
            }
            Act::Report(check, status) => self.report(check, status, index, step),
            Act::RenewMany(renewal) => {
                for &(check, _) in &self.script.renewals[renewal as usize].checks {
                    self.report(check, Status::Passing, index, step);
                }
            }
            Act::Read(_) | Act::List(_) => {}
        }
    }

    pub(super) fn report(&mut self, check: u32, status: Status, index: u64, step: u32) {
        for &cell in &self.script.checks[check as usize].holders {
            let old = self.cells[cell as usize].content;
            if let Some(new) = self.script.report(&old, check, status).filter(|new| *new != old) {
                self.set(cell, new, index, step);
            }
        }
    }

    /// `index` 0: not known; the answer that needed the change will say.
    pub(super) fn set(&mut self, cell: u32, content: Content, index: u64, by: u32) {
        if !self.idle.is_empty() && index > 0 {
            self.idle.remove(&cell);
        }
        let held = &mut self.cells[cell as usize];
        let service = &mut self.services[self.script.cells[cell as usize].service as usize];
        service.instances += u32::from(content.is_present());
        service.instances -= u32::from(held.content.is_present());
        service.index = service.index.max(index);
        service.shown = None;
        held.decided = decided(&held.content, &content);
        held.content = content;
        held.by = by;
        held.modified = held.modified.max(index);
    }

    /// Lets an optional write happen now.
    pub(super) fn place(&mut self, step: u32) {
        self.apply(step, 0);
        self.order.push(step);
    }

    pub(super) fn explain_absent(&mut self, cell: u32, until: u32) -> bool {
        let Some(removal) = self.optional.removal(self.script, cell, until) else { return false };
        self.place(removal);
        !self.cells[cell as usize].content.is_present()
    }

    /// An unknown deregistration may come earlier than a rejection needs it: before a write that it must not undo.
    pub(super) fn removes_now(&mut self, step: u32) -> bool {
        if self.optional.is_empty() {
            return false;
        }
        let entry = self.step(step);
        let mut present = self.targets(entry.act);
        present.retain(|&cell| self.cells[cell as usize].content.is_present());
        let can = present.iter().all(|&cell| self.optional.may_remove(self.script, cell, entry.until));
        can && self.optional.choose_way(2) == 1
    }

    /// An instance that a filter left out may have expired, or may be gone.
    pub(super) fn removes_instead(&mut self, cell: u32, until: u32) -> bool {
        self.optional.may_remove(self.script, cell, until) && self.optional.choose_way(2) == 1
    }
}
