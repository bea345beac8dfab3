//! One pass over the agenda: the state of all cells with the Index of each one's last change, and the order that results.

use super::explain::Optional;
use super::{Agenda, Claim};
use crate::history::{Answer, Call, History, Row, Status, View};
use crate::script::{Act, Content, Need, Script, Step, describe_row, explain_hidden};

/// The order that the indices propose.
#[derive(Debug)]
pub(crate) struct Witness {
    /// Steps.
    pub(crate) order: Vec<u32>,
    /// Claims that were compared with the replay.
    pub(crate) claims: u64,
    /// Acknowledged commands that removed instances of several services at one index.
    pub(crate) wide: u64,
}

/// Why the claims cannot be right.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The step whose answer does not fit.
    pub(crate) step: u32,
    /// The steps that it contradicts.
    pub(crate) against: Vec<u32>,
    pub(crate) reason: Reason,
    /// What was expected and what was seen, in words.
    pub(crate) explanation: Vec<String>,
    /// Whether several placements of unknown writes were possible before, so that another choice might have fitted.
    pub(crate) guessed: bool,
}

/// The kind of contradiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The claims contradict real time.
    RealTime,
    /// Two changes claim one Index.
    SharedIndex,
    /// The answer is not that of the state at the claimed Index.
    State,
    /// The answer's own indices (`xi`, modify index) are not those of the state at the claimed Index.
    Index,
    /// A command that touches several services is half visible.
    Half,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    content: Content,
    /// Index of the last known change; later ones may be hidden.
    modified: u64,
    /// Step of the last known change.
    by: u32,
}

struct Replay<'a> {
    history: &'a History,
    script: &'a Script,
    cells: Vec<Held>,
    /// Per service: index, number of instances.
    services: Vec<(u64, u32)>,
    optional: Optional,
    order: Vec<u32>,
    /// A bit for each Index that a call owns.
    owned: Vec<u64>,
    guessed: bool,
    claims: u64,
    wide: u64,
}

/// Replays `script` in the order of its claims.
///
/// # Errors
/// The first claim that no placement explains.
pub(crate) fn run(history: &History, script: &Script) -> Result<Witness, Failure> {
    let mut agenda = Agenda::new(history, script);
    let mut replay = Replay {
        history,
        script,
        cells: vec![Held { content: Content::ABSENT, modified: 0, by: u32::MAX }; script.cells.len()],
        services: vec![(1, 0); script.services.len()],
        optional: Optional::new(script, std::mem::take(&mut agenda.optional)),
        order: Vec::with_capacity(script.steps.len()),
        owned: Vec::new(),
        guessed: false,
        claims: 0,
        wide: 0,
    };
    replay.real_time(&agenda)?;
    replay.note_nonces(&agenda);
    replay.pass(&agenda)?;
    Ok(Witness { order: replay.order, claims: replay.claims, wide: replay.wide })
}

type Outcome<T> = Result<T, Failure>;

impl<'a> Replay<'a> {
    fn step(&self, step: u32) -> &'a Step {
        &self.script.steps[step as usize]
    }

    fn call(&self, step: u32) -> &'a Call {
        &self.history.calls[self.step(step).call as usize]
    }

    fn fail<T>(&self, step: u32, reason: Reason, against: Vec<u32>, explanation: Vec<String>) -> Outcome<T> {
        Err(Failure { step, against, reason, explanation, guessed: self.guessed })
    }

    /// No step may claim less than one that had returned before it was called.
    fn real_time(&self, agenda: &Agenda) -> Outcome<()> {
        let mut latest: Option<u32> = None;
        for claim in &agenda.claims {
            let step = self.step(claim.step);
            if let Some(before) = latest.filter(|&before| step.until < self.step(before).from) {
                let (early, late) = (self.call(claim.step), self.call(before));
                let explanation = vec![
                    format!("it returned with index {} (line {})", claim.at / 2, early.end_line),
                    format!(
                        "op {} was called after that (line {}) and claims index {}, which is {}",
                        late.number,
                        late.line,
                        late.claimed_index().unwrap_or(0),
                        if late.claimed_index() == Some(claim.at / 2) {
                            "the state before that change"
                        } else {
                            "lower"
                        },
                    ),
                ];
                return self.fail(claim.step, Reason::RealTime, vec![before], explanation);
            }
            if latest.is_none_or(|before| self.step(before).from < step.from) {
                latest = Some(claim.step);
            }
        }
        Ok(())
    }

    /// Where each nonce of an unknown registration is seen first: decides between candidates.
    fn note_nonces(&mut self, agenda: &Agenda) {
        if self.optional.is_empty() {
            return;
        }
        for (position, claim) in agenda.claims.iter().enumerate() {
            if let Some(view) = self.call(claim.step).view() {
                for row in self.history.rows(view.body) {
                    self.optional.note_seen(row.nonce, position as u32);
                }
            }
        }
    }

    fn pass(&mut self, agenda: &Agenda) -> Outcome<()> {
        let mut waiting: Vec<u32> = Vec::new();
        let mut rejections = agenda.rejections.iter().copied().peekable();
        let mut at = 0;
        while at < agenda.claims.len() {
            while let Some(&next) = rejections.peek() {
                if self.step(next).from >= agenda.answered_from[at] {
                    break;
                }
                waiting.extend(rejections.next());
            }
            let claim = agenda.claims[at];
            if !waiting.is_empty() {
                self.place_rejections(&mut waiting, self.step(claim.step).from)?;
            }
            at = if claim.at & 1 == 1 {
                self.read(claim)?;
                at + 1
            } else {
                self.writes(&agenda.claims, at)?
            };
        }
        waiting.extend(rejections);
        self.place_rejections(&mut waiting, u32::MAX)
    }

    /// Places the rejections that fit the state now. One that returned before line `next_from` cannot wait any longer.
    fn place_rejections(&mut self, waiting: &mut Vec<u32>, next_from: u32) -> Outcome<()> {
        let mut kept: Vec<u32> = Vec::new();
        for step in std::mem::take(waiting) {
            let from = self.step(step).from;
            let blocked = kept.iter().any(|&earlier| self.step(earlier).until < from);
            if !blocked && self.is_absent(step) {
                self.order.push(step);
            } else if self.step(step).until < next_from {
                self.force_absent(step)?;
                self.order.push(step);
            } else {
                kept.push(step);
            }
        }
        *waiting = kept;
        Ok(())
    }

    fn targets(&self, act: Act) -> Vec<u32> {
        match act {
            Act::Deregister(cell) => vec![cell],
            Act::DeregisterId(group) => self.script.groups[group as usize].clone(),
            Act::Report(check, _) => {
                let holds = |&&cell: &&u32| {
                    let content = &self.cells[cell as usize].content;
                    self.script.report(content, check, Status::Passing).is_some()
                };
                self.script.checks[check as usize].holders.iter().filter(holds).copied().collect()
            }
            _ => Vec::new(),
        }
    }

    fn is_absent(&self, step: u32) -> bool {
        self.targets(self.step(step).act).iter().all(|&cell| !self.cells[cell as usize].content.is_present())
    }

    fn force_absent(&mut self, step: u32) -> Outcome<()> {
        let entry = *self.step(step);
        for cell in self.targets(entry.act) {
            if !self.cells[cell as usize].content.is_present() {
                continue;
            }
            let by = self.cells[cell as usize].by;
            if !self.explain_absent(cell, entry.until) {
                let what = self.cell_name(cell);
                let text = vec![
                    "it was rejected: the server said that it does not exist".to_owned(),
                    format!("{what} existed all the time between its call and its answer"),
                ];
                return self.fail(step, Reason::State, vec![by], text);
            }
        }
        Ok(())
    }

    // ---- writes ----

    /// All writes that claim one Index: at most one changes something, and the others saw the state after it.
    fn writes(&mut self, claims: &[Claim], at: usize) -> Outcome<usize> {
        let group = claims[at..].iter().take_while(|claim| claim.at == claims[at].at).count();
        let index = claims[at].at / 2;
        let steps: Vec<u32> = claims[at..at + group].iter().map(|claim| claim.step).collect();
        let owner = steps.iter().position(|&step| self.would_change(step)).unwrap_or(0);
        let mut changed: Option<u32> = None;
        for position in std::iter::once(owner).chain((0..group).filter(|other| *other != owner)) {
            let step = steps[position];
            self.claims += 1;
            if !self.would_change(step) {
                self.check_accepted(step)?;
                if self.would_change(step) && changed.is_none() && !self.is_owned(index) {
                    self.apply(step, index);
                    changed = Some(step);
                }
                self.order.push(step);
                continue;
            }
            if changed.is_some() || self.is_owned(index) {
                let text = vec![format!(
                    "both changed the state and claim index {index}; every change has an index of its own"
                )];
                return self.fail(step, Reason::SharedIndex, changed.into_iter().collect(), text);
            }
            self.apply(step, index);
            self.order.push(step);
            changed = Some(step);
        }
        if changed.is_some() {
            self.own(index);
        }
        Ok(at + group)
    }

    fn is_owned(&self, index: u64) -> bool {
        self.owned.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn own(&mut self, index: u64) {
        let word = index as usize / 64;
        // An Index far beyond the number of calls belongs to no history that was really served; it is caught as a wrong claim.
        if word < self.history.calls.len() + (1 << 20) {
            if word >= self.owned.len() {
                self.owned.resize(word * 2 + 1, 0);
            }
            self.owned[word] |= 1 << (index % 64);
        }
    }

    fn would_change(&self, step: u32) -> bool {
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

    fn report_changes(&self, check: u32, status: Status) -> bool {
        self.script.checks[check as usize].holders.iter().any(|&cell| {
            let old = &self.cells[cell as usize].content;
            self.script.report(old, check, status).is_some_and(|new| new != *old)
        })
    }

    /// An accepted write that changes nothing must still have been acceptable; unknown registrations may make it so.
    fn check_accepted(&mut self, step: u32) -> Outcome<()> {
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

    fn need_present(&mut self, step: u32, cells: &'a [u32]) -> Outcome<()> {
        if cells.iter().any(|&cell| self.cells[cell as usize].content.is_present()) {
            return Ok(());
        }
        let until = self.step(step).until;
        for &cell in cells {
            if let Some((register, choice)) = self.optional.any_register(self.script, cell, until) {
                self.guessed |= choice || cells.len() > 1;
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

    fn need_check(&mut self, step: u32, check: u32) -> Outcome<()> {
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
            while let Some((register, choice)) = self.optional.any_register(self.script, cell, until) {
                self.guessed |= choice;
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

    fn check_unknown(&mut self, step: u32, renewal: u32) -> Outcome<()> {
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
    fn apply(&mut self, step: u32, index: u64) {
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

    fn report(&mut self, check: u32, status: Status, index: u64, step: u32) {
        for &cell in &self.script.checks[check as usize].holders {
            let old = self.cells[cell as usize].content;
            if let Some(new) = self.script.report(&old, check, status).filter(|new| *new != old) {
                self.set(cell, new, index, step);
            }
        }
    }

    /// `index` 0: not known; the answer that needed the change will say.
    fn set(&mut self, cell: u32, content: Content, index: u64, by: u32) {
        let held = &mut self.cells[cell as usize];
        let service = &mut self.services[self.script.cells[cell as usize].service as usize];
        service.1 += u32::from(content.is_present());
        service.1 -= u32::from(held.content.is_present());
        service.0 = service.0.max(index);
        held.content = content;
        held.by = by;
        held.modified = held.modified.max(index);
    }

    /// Lets an optional write happen now.
    fn place(&mut self, step: u32) {
        self.apply(step, 0);
        self.order.push(step);
    }

    fn explain_absent(&mut self, cell: u32, until: u32) -> bool {
        let Some((removal, choice)) = self.optional.removal(self.script, cell, until) else { return false };
        self.guessed |= choice;
        self.place(removal);
        !self.cells[cell as usize].content.is_present()
    }

    // ---- reads ----

    fn read(&mut self, claim: Claim) -> Outcome<()> {
        self.claims += 1;
        let call = self.call(claim.step);
        match (self.step(claim.step).act, call.answer()) {
            (Act::Read(service), Some(Answer::View(view))) => self.view(claim.step, service, call, view)?,
            (Act::List(ns), Some(Answer::Services { names, .. })) => {
                let names = self.history.symbols(*names);
                self.list(claim.step, ns, names)?;
            }
            _ => {}
        }
        self.order.push(claim.step);
        Ok(())
    }

    fn view(&mut self, step: u32, service: u32, call: &Call, view: &View) -> Outcome<()> {
        let filtered = Script::is_filtered(call);
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
        if filtered || shown != self.services[service as usize].1 {
            self.left_out(step, service, rows, filtered)?;
        }
        self.service_index(step, service, view)
    }

    fn row(&mut self, step: u32, cell: u32, row: &Row, view: &View) -> Outcome<()> {
        let shown = self.script.shown(row);
        let held = self.cells[cell as usize];
        if shown.explain(&held.content) == Some(held.content) && held.modified == row.modify_index {
            return Ok(());
        }
        let until = self.step(step).until;
        if shown.nonce != held.content.nonce || !held.content.is_present() {
            match self.optional.register(self.script, cell, row.nonce, until) {
                Some(register) => self.place(register),
                None => return self.wrong_row(step, cell, row),
            }
        }
        if shown.explain(&self.cells[cell as usize].content).is_none() {
            self.explain_reports(cell, row, until);
        }
        let Some(content) = shown.explain(&self.cells[cell as usize].content) else {
            return self.wrong_row(step, cell, row);
        };
        let expired = content != self.cells[cell as usize].content;
        self.cells[cell as usize].content = content;
        self.modified(step, cell, row, view, &held, expired)
    }

    /// Unknown reports for statuses that an expiry does not explain.
    fn explain_reports(&mut self, cell: u32, row: &Row, until: u32) {
        for check in self.history.row_checks(row.checks) {
            let number =
                self.script.checks.iter().position(|known| known.id == check.id && known.holders.contains(&cell));
            let Some(number) = number.map(|number| number as u32) else { continue };
            let content = self.cells[cell as usize].content;
            let Some(new) = self.script.report(&content, number, check.status) else { continue };
            let expiry = self.script.shown(row).explain(&content).is_some();
            if new == content || expiry {
                continue;
            }
            let ttl_expired = check.status == Status::Critical && {
                let position = self.script.shapes[content.shape as usize].binary_search(&check.id);
                position.is_ok_and(|position| content.ttl >> position & 1 == 1)
            };
            if ttl_expired {
                continue;
            }
            if let Some((report, choice)) = self.optional.report(self.script, number, check.status, until) {
                self.guessed |= choice;
                self.place(report);
            }
        }
    }

    /// The row's modify index has to be that of its last change, or of a later change that no call owns and that may have
    /// happened unseen.
    fn modified(&mut self, step: u32, cell: u32, row: &Row, view: &View, before: &Held, changed: bool) -> Outcome<()> {
        let known = self.cells[cell as usize].modified;
        let content_changed = changed || self.cells[cell as usize].content != before.content;
        if !content_changed && row.modify_index == known {
            return Ok(());
        }
        let until = self.step(step).until;
        let may_hide = content_changed
            || self.cells[cell as usize].content.ttl != 0
            || self.optional.may_touch(self.script, cell, until)
            || self.cells[cell as usize].by != u32::MAX
                && self.step(self.cells[cell as usize].by).need == Need::Optional;
        let hidden = row.modify_index > known
            && row.modify_index <= view.applied
            && !self.is_owned(row.modify_index)
            && may_hide;
        if !hidden {
            let text = vec![
                format!("it shows {} with modify index {}", self.cell_name(cell), row.modify_index),
                format!("the last change of that instance had index {known}"),
            ];
            let by = Some(self.cells[cell as usize].by).filter(|by| *by != u32::MAX);
            return self.fail(step, Reason::Index, by.into_iter().collect(), text);
        }
        self.cells[cell as usize].modified = row.modify_index;
        let service = &mut self.services[self.script.cells[cell as usize].service as usize];
        service.0 = service.0.max(row.modify_index);
        Ok(())
    }

    fn wrong_row(&self, step: u32, cell: u32, row: &Row) -> Outcome<()> {
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
    fn left_out(&mut self, step: u32, service: u32, rows: &[Row], filtered: bool) -> Outcome<()> {
        let until = self.step(step).until;
        for &cell in &self.script.services[service as usize].cells {
            let held = self.cells[cell as usize];
            let id = self.script.cells[cell as usize].id;
            if !held.content.is_present() || rows.iter().any(|row| row.id == id) {
                continue;
            }
            if filtered && let Some(hidden) = explain_hidden(&held.content) {
                self.guessed |= hidden != held.content && !self.optional.is_empty();
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

    fn service_index(&mut self, step: u32, service: u32, view: &View) -> Outcome<()> {
        let known = self.services[service as usize].0;
        if view.xi == known && view.xi <= view.applied.max(1) {
            return Ok(());
        }
        let until = self.step(step).until;
        let cells = &self.script.services[service as usize].cells;
        let may_hide = || {
            cells.iter().any(|&cell| {
                let held = &self.cells[cell as usize];
                let unknown = held.by != u32::MAX && self.step(held.by).need == Need::Optional;
                held.content.ttl != 0 || unknown || self.optional.may_touch(self.script, cell, until)
            })
        };
        if view.xi > known && view.xi <= view.applied && !self.is_owned(view.xi) && may_hide() {
            self.services[service as usize].0 = view.xi;
            return Ok(());
        }
        let name = self.history.name(self.script.services[service as usize].name);
        let text = vec![
            format!("it says that service {name} changed last at index {}, read from index {}", view.xi, view.applied),
            format!("the last change of that service up to there had index {known}"),
        ];
        self.fail(step, Reason::Index, Vec::new(), text)
    }

    fn list(&mut self, step: u32, ns: u32, names: &[crate::history::Symbol]) -> Outcome<()> {
        let until = self.step(step).until;
        let services = &self.script.namespaces[ns as usize];
        for &service in services {
            let entry = &self.script.services[service as usize];
            let listed = names.contains(&entry.name);
            if listed == (self.services[service as usize].1 > 0) {
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

    // ---- words ----

    fn cell_name(&self, cell: u32) -> String {
        let cell = &self.script.cells[cell as usize];
        let service = &self.script.services[cell.service as usize];
        format!("{}/{}", self.history.name(service.name), self.history.name(cell.id))
    }

    fn describe(&self, content: &Content) -> String {
        if !content.is_present() {
            return "absent".to_owned();
        }
        let words = ["passing", "warning", "unknown", "critical"];
        let shape = &self.script.shapes[content.shape as usize];
        let checks: Vec<String> = shape
            .iter()
            .enumerate()
            .map(|(position, id)| {
                format!("{} {}", self.history.name(*id), words[content.status(position as u32) as usize])
            })
            .collect();
        let nonce = self.history.token(content.nonce);
        if checks.is_empty() { nonce } else { format!("{nonce} ({})", checks.join(", ")) }
    }
}
