//! Answers of reads compared with the state at their claim: rows, what was left out, and the answer's own indices.

use super::{Failure, Held, Outcome, Reason, Replay};
use crate::history::{Answer, Call, Row, View};
use crate::script::{Act, Need, Script, describe_row, explain_hidden};

impl Replay<'_> {
    pub(super) fn read(&mut self, step: u32) -> Outcome<()> {
        self.claims += 1;
        let call = self.call(step);
        match (self.step(step).act, call.answer()) {
            (Act::Read(service), Some(Answer::View(view))) => self.view(step, service, call, view)?,
            (Act::List(ns), Some(Answer::Services { names, .. })) => {
                let names = self.history.symbols(*names);
                self.list(step, ns, names)?;
            }
            _ => {}
        }
        self.emit(step)
    }

    pub(super) fn view(&mut self, step: u32, service: u32, call: &Call, view: &View) -> Outcome<()> {
        let filtered = Script::is_filtered(call);
        if filtered || self.services[service as usize].shown != Some(view.body) {
            self.body(step, service, view, filtered)?;
            self.services[service as usize].shown = (!filtered).then_some(view.body);
        }
        self.service_index(step, service, view, filtered)
    }

    fn body(&mut self, step: u32, service: u32, view: &View, filtered: bool) -> Outcome<()> {
        let rows = self.history.rows(view.body);
        let mut shown = 0;
        for row in rows {
            let Some(cell) = self.script.cell(service, row.id) else {
                let text =
                    vec![format!("it shows instance {}, which no call ever registered", self.history.name(row.id))];
                return self.fail(step, Reason::State, Vec::new(), text);
            };
            self.row(step, cell, row, view)?;
            shown += 1;
            if filtered && !self.cells[cell as usize].content.is_passing() {
                let text = vec![format!("it was filtered for passing instances and shows {}", self.cell_name(cell))];
                return self.fail(step, Reason::State, Vec::new(), text);
            }
        }
        if filtered || shown != self.services[service as usize].instances {
            self.left_out(step, service, rows, filtered)?;
        }
        Ok(())
    }

    pub(super) fn row(&mut self, step: u32, cell: u32, row: &Row, view: &View) -> Outcome<()> {
        let shown = self.script.shown(row);
        let held = self.cells[cell as usize];
        if held.modified == row.modify_index && shown.is(&held.content) {
            return Ok(());
        }
        let until = self.step(step).until;
        if shown.explain(&held.content).is_none() {
            match self.chain(cell, row.nonce, until, |content| shown.explain(content).is_some()) {
                Some(chain) => self.place_chain(&chain),
                None => return self.wrong_row(step, cell, row),
            }
        }
        let Some(content) = shown.explain(&self.cells[cell as usize].content) else {
            return self.wrong_row(step, cell, row);
        };
        let expired = content != self.cells[cell as usize].content;
        self.cells[cell as usize].content = content;
        self.modified(step, cell, row, view.applied, (&held, expired))
    }

    pub(super) fn is_by_unknown(&self, by: u32) -> bool {
        by != u32::MAX && self.step(by).need == Need::Optional
    }

    /// The row's modify index has to be that of its last change, or of a later change that no call owns and that may have
    /// happened unseen.
    pub(super) fn modified(
        &mut self,
        step: u32,
        cell: u32,
        row: &Row,
        applied: u64,
        (before, changed): (&Held, bool),
    ) -> Outcome<()> {
        let held = &self.cells[cell as usize];
        let known = held.modified;
        let content_changed = changed || held.content != before.content;
        let same_change = held.by == before.by && (held.content.statuses ^ before.content.statuses) & held.decided == 0;
        // An expiry that nobody saw, or an unknown write, may have come before the last change: then it left no trace in the
        // modify index.
        if row.modify_index == known && (!content_changed || same_change || self.is_by_unknown(held.by)) {
            return Ok(());
        }
        let until = self.step(step).until;
        // Without unknown writes the last hidden change was an expiry, which still shows, or a write that was taken for one
        // that changes nothing because the expiry before it was not seen.
        let held = &self.cells[cell as usize];
        let may_hide = held.content.has_expired()
            || self.is_by_unknown(held.by)
            || self.idle.get(&cell).is_some_and(|claims| claims.contains(&row.modify_index))
            || self.optional.may_touch(self.script, cell, until);
        let hidden =
            row.modify_index > known && row.modify_index <= applied && !self.is_owned(row.modify_index) && may_hide;
        if !hidden {
            let text = vec![
                format!("it shows {} with modify index {}", self.cell_name(cell), row.modify_index),
                format!("the last change of that instance had index {known}"),
            ];
            let by = Some(self.cells[cell as usize].by).filter(|by| *by != u32::MAX);
            let failed = self.fail(step, Reason::Index, by.into_iter().collect(), text);
            return Self::sure_if(row.modify_index > applied, failed);
        }
        self.cells[cell as usize].modified = row.modify_index;
        let service = &mut self.services[self.script.cells[cell as usize].service as usize];
        service.index = service.index.max(row.modify_index);
        Ok(())
    }

    pub(super) fn wrong_row(&self, step: u32, cell: u32, row: &Row) -> Outcome<()> {
        let held = &self.cells[cell as usize];
        let seen = describe_row(self.history, row.nonce, row.checks);
        let text = vec![
            format!("it shows {} as {seen}", self.cell_name(cell)),
            format!(
                "at its index {} it had to be {}",
                self.call(step).claimed_index().unwrap_or(0),
                self.describe(&held.content)
            ),
        ];
        let by = Some(held.by).filter(|by| *by != u32::MAX);
        let half = by.is_some_and(|by| matches!(self.step(by).act, Act::DeregisterId(_))) && !held.content.is_present();
        self.fail(step, if half { Reason::Half } else { Reason::State }, by.into_iter().collect(), text)
    }

    /// Instances that exist and are not shown.
    pub(super) fn left_out(&mut self, step: u32, service: u32, rows: &[Row], filtered: bool) -> Outcome<()> {
        let until = self.step(step).until;
        for &cell in &self.script.services[service as usize].cells {
            let held = self.cells[cell as usize];
            let id = self.script.cells[cell as usize].id;
            if !held.content.is_present() || rows.iter().any(|row| row.id == id) {
                continue;
            }
            if filtered
                && let Some(hidden) = explain_hidden(&held.content)
                && (hidden == held.content || !self.removes_instead(cell, until))
            {
                self.cells[cell as usize].content = hidden;
                continue;
            }
            if !self.explain_absent(cell, until) {
                let text = vec![
                    format!("it does not show {}", self.cell_name(cell)),
                    format!("at its index that had to be {}", self.describe(&held.content)),
                ];
                return self.fail(step, Reason::State, vec![held.by], text);
            }
        }
        let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return self.fail(step, Reason::State, Vec::new(), vec!["it shows one instance twice".to_owned()]);
        }
        Ok(())
    }

    pub(super) fn service_index(&mut self, step: u32, service: u32, view: &View, filtered: bool) -> Outcome<()> {
        let known = self.services[service as usize].index;
        if view.xi == known && view.xi <= view.applied.max(1) {
            return Ok(());
        }
        let until = self.step(step).until;
        let cells = &self.script.services[service as usize].cells;
        // What is shown has told its modify index already: only what is not shown can have changed unseen.
        let may_hide = || {
            cells.iter().any(|&cell| {
                let held = &self.cells[cell as usize];
                let unseen_expiry = filtered && held.content.ttl != 0;
                unseen_expiry || self.is_by_unknown(held.by) || self.optional.may_touch(self.script, cell, until)
            })
        };
        if view.xi > known && view.xi <= view.applied && !self.is_owned(view.xi) && may_hide() {
            self.services[service as usize].index = view.xi;
            return Ok(());
        }
        let name = self.history.name(self.script.services[service as usize].name);
        let text = vec![
            format!("it says that service {name} changed last at index {}, read from index {}", view.xi, view.applied),
            format!("the last change of that service up to there had index {known}"),
        ];
        let failed = self.fail(step, Reason::Index, Vec::new(), text);
        Self::sure_if(view.xi > view.applied.max(1), failed)
    }

    /// An answer that knows of a change behind its own Index is wrong whatever the unknown writes did.
    fn sure_if(from_the_future: bool, failed: Outcome<()>) -> Outcome<()> {
        failed.map_err(|failure| Failure { guessed: failure.guessed && !from_the_future, ..failure })
    }

    pub(super) fn list(&mut self, step: u32, ns: u32, names: &[crate::history::Symbol]) -> Outcome<()> {
        let until = self.step(step).until;
        let services = &self.script.namespaces[ns as usize];
        for &service in services {
            let entry = &self.script.services[service as usize];
            let listed = names.contains(&entry.name);
            if listed == (self.services[service as usize].instances > 0) {
                continue;
            }
            if listed {
                self.need_present(step, &entry.cells).map_err(|failure| Failure {
                    explanation: vec![format!(
                        "it lists service {}, which had no instance at its index",
                        self.history.name(entry.name)
                    )],
                    ..failure
                })?;
                continue;
            }
            for &cell in &entry.cells {
                let held = self.cells[cell as usize];
                if held.content.is_present() && !self.explain_absent(cell, until) {
                    let name = self.history.name(entry.name);
                    let text = vec![format!(
                        "it does not list service {name}, which had {} at its index",
                        self.cell_name(cell)
                    )];
                    return self.fail(step, Reason::State, vec![held.by], text);
                }
            }
        }
        let known =
            names.iter().filter(|name| services.iter().any(|&at| self.script.services[at as usize].name == **name));
        if known.count() != names.len() {
            return self.fail(
                step,
                Reason::State,
                Vec::new(),
                vec!["it lists a service that no call ever named".to_owned()],
            );
        }
        Ok(())
    }
}
