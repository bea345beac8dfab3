//! One pass over the agenda: the state of all cells with the Index of each one's last change, and the order that results.

use super::explain::{Choices, Optional};
use super::{Agenda, Claim};
use crate::history::{Answer, Call, History, Row, Status, Token, View};
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
    /// The statuses (two bits a check) that the last known change decided; others may have changed unseen before it.
    decided: u64,
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
    /// Rejections that may be placed here, and how many of the agenda's were admitted so far.
    waiting: Vec<u32>,
    admitted: usize,
    /// The step of the order that was called last.
    latest: Option<u32>,
    claims: u64,
    wide: u64,
}

/// Steps that all replays of one history may take together; one replay is always granted.
const WORK_MAX: usize = 20_000_000;
/// Replays of one history.
const REPLAYS_MAX: usize = 2_000;

/// Replays `script` in the order of its claims, with one placement of the unknown writes after the other until `accept`
/// takes the order.
///
/// # Errors
/// What went wrong with the first placement.
pub(crate) fn run(
    history: &History,
    script: &Script,
    accept: impl Fn(&Witness) -> Result<(), Failure>,
) -> Result<Witness, Failure> {
    let mut agenda = Agenda::new(history, script);
    let optional = std::mem::take(&mut agenda.optional);
    let mut choices = Choices::default();
    let mut first_failure = None;
    let replays = REPLAYS_MAX.min(WORK_MAX / script.steps.len().max(1)).max(1);
    for _ in 0..replays {
        let mut replay = Replay::new(history, script, Optional::new(script, optional.clone(), choices));
        replay.note_nonces(&agenda);
        let failure = match replay.pass(&agenda) {
            Ok(()) => {
                let witness = Witness { order: replay.order, claims: replay.claims, wide: replay.wide };
                match accept(&witness) {
                    Ok(()) => return Ok(witness),
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        let next = replay.optional.choices().next();
        let is_final = !failure.guessed;
        let failure = first_failure.get_or_insert(failure);
        match next {
            Some(next) if !is_final => choices = next,
            _ => return Err(failure.clone()),
        }
    }
    Err(first_failure.expect("there was at least one replay"))
}

/// Unknown writes that one answer may need together.
const CHAIN_MAX: usize = 3;

type Outcome<T> = Result<T, Failure>;

impl<'a> Replay<'a> {
    fn new(history: &'a History, script: &'a Script, optional: Optional) -> Self {
        Self {
            history,
            script,
            cells: vec![Held { content: Content::ABSENT, modified: 0, by: u32::MAX, decided: 0 }; script.cells.len()],
            services: vec![(1, 0); script.services.len()],
            optional,
            order: Vec::with_capacity(script.steps.len()),
            owned: Vec::new(),
            waiting: Vec::new(),
            admitted: 0,
            latest: None,
            claims: 0,
            wide: 0,
        }
    }

    fn step(&self, step: u32) -> &'a Step {
        &self.script.steps[step as usize]
    }

    fn call(&self, step: u32) -> &'a Call {
        &self.history.calls[self.step(step).call as usize]
    }

    fn fail<T>(&self, step: u32, reason: Reason, against: Vec<u32>, explanation: Vec<String>) -> Outcome<T> {
        // The claims alone contradict the clock, whatever the unknown writes did.
        let guessed =
            reason != Reason::RealTime && self.seen_cells(step).any(|cell| self.optional.concerns(self.script, cell));
        Err(Failure { step, against, reason, explanation, guessed })
    }

    /// The cells that a step's answer depends on.
    fn seen_cells(&self, step: u32) -> Box<dyn Iterator<Item = u32> + '_> {
        let script = self.script;
        match self.step(step).act {
            Act::Register(registration) => Box::new(std::iter::once(script.registrations[registration as usize].cell)),
            Act::Deregister(cell) => Box::new(std::iter::once(cell)),
            Act::DeregisterId(group) => Box::new(script.groups[group as usize].iter().copied()),
            Act::Report(check, _) => Box::new(script.checks[check as usize].holders.iter().copied()),
            Act::RenewMany(renewal) => {
                let checks = script.renewals[renewal as usize].checks.iter();
                Box::new(checks.flat_map(|(check, _)| script.checks[*check as usize].holders.iter().copied()))
            }
            Act::Read(service) => Box::new(script.services[service as usize].cells.iter().copied()),
            Act::List(ns) => {
                let services = script.namespaces[ns as usize].iter();
                Box::new(services.flat_map(|service| script.services[*service as usize].cells.iter().copied()))
            }
        }
    }

    /// Puts a step with a claim into the order: none that was called after it had returned may stand before it.
    fn emit(&mut self, step: u32) -> Outcome<()> {
        let entry = self.step(step);
        if let Some(before) = self.latest
            && entry.until < self.step(before).from
        {
            let (early, late) = (self.call(step), self.call(before));
            let (own, other) = (early.claimed_index().unwrap_or(0), late.claimed_index().unwrap_or(0));
            let relation = if own == other { "but it is the change of that index itself" } else { "which is below it" };
            let explanation = vec![
                format!(
                    "it was called (line {}) after op {} had returned (line {})",
                    late.line, early.number, early.end_line
                ),
                format!(
                    "op {} claims index {own}, op {} claims index {other}, {}",
                    early.number,
                    late.number,
                    if own == other {
                        "and the state before that change was never the last one again"
                    } else {
                        relation
                    }
                ),
            ];
            return self.fail(before, Reason::RealTime, vec![step], explanation);
        }
        if self.latest.is_none_or(|before| self.step(before).from < entry.from) {
            self.latest = Some(step);
        }
        self.order.push(step);
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
                    self.optional.note_seen(row, position as u32);
                }
            }
        }
    }

    fn pass(&mut self, agenda: &Agenda) -> Outcome<()> {
        let mut at = 0;
        while at < agenda.claims.len() {
            at = self.group(agenda, at)?;
        }
        self.waiting.extend(agenda.rejections.iter().skip(self.admitted));
        self.place_rejections(u32::MAX)
    }

    /// Before `step`, with everything from `position` of the agenda on to come: admits the rejections that may stand here, and
    /// places what fits.
    fn make_way(&mut self, agenda: &Agenda, position: usize, step: u32) -> Outcome<()> {
        while let Some(&next) = agenda.rejections.get(self.admitted) {
            if self.step(next).from >= agenda.answered_from[position] {
                break;
            }
            self.waiting.push(next);
            self.admitted += 1;
        }
        if self.waiting.is_empty() { Ok(()) } else { self.place_rejections(self.step(step).from) }
    }

    /// Places the rejections that fit the state now. One that returned before line `next_from` cannot wait any longer.
    fn place_rejections(&mut self, next_from: u32) -> Outcome<()> {
        let mut kept: Vec<u32> = Vec::new();
        for step in std::mem::take(&mut self.waiting) {
            let from = self.step(step).from;
            let blocked = kept.iter().any(|&earlier| self.step(earlier).until < from);
            if !blocked && self.is_absent(step) {
                self.order.push(step);
            } else if self.step(step).until < next_from || !blocked && self.removes_now(step) {
                self.force_absent(step)?;
                self.order.push(step);
            } else {
                kept.push(step);
            }
        }
        self.waiting = kept;
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

    /// Everything that claims one Index: at most one write changes something and stands first; all others saw the state
    /// after it.
    fn group(&mut self, agenda: &Agenda, start: usize) -> Outcome<usize> {
        let claims = &agenda.claims;
        let index = claims[start].at;
        let end = start + claims[start..].iter().take_while(|claim| claim.at == index).count();
        let owner = self.owner(claims, start, end);
        let mut changed: Option<u32> = None;
        for at in owner.into_iter().chain((start..end).filter(|at| Some(*at) != owner)) {
            let step = claims[at].step;
            // The owner stands before the whole group, wherever its call was.
            self.make_way(agenda, if Some(at) == owner { start } else { at }, step)?;
            if self.step(step).act.is_read() {
                self.read(step)?;
            } else {
                self.write(step, index, &mut changed)?;
            }
        }
        if changed.is_some() {
            self.own(index);
        }
        Ok(end)
    }

    /// Which of the writes that claim one Index made the change: the one after which the others change nothing.
    fn owner(&mut self, claims: &[Claim], start: usize, end: usize) -> Option<usize> {
        let mut candidates: Vec<usize> = (start..end).filter(|&at| self.would_change(claims[at].step)).collect();
        candidates.sort_by_key(|&at| self.may_have_expired(claims[at].step));
        if candidates.len() < 2 {
            return candidates.first().copied();
        }
        let (cells, services, wide) = (self.cells.clone(), self.services.clone(), self.wide);
        let mut settles = |at: &usize| {
            self.apply(claims[*at].step, 0);
            let mut others = (start..end).map(|other| claims[other].step);
            let settled = others.all(|other| !self.would_change(other) || self.may_have_expired(other));
            self.cells.clone_from(&cells);
            self.services.clone_from(&services);
            self.wide = wide;
            settled
        };
        candidates.iter().copied().find(|at| settles(at)).or(candidates.first().copied())
    }

    /// Whether the write reports a ttl check critical: an expiry that nobody saw may have made that no change.
    fn may_have_expired(&self, step: u32) -> bool {
        let Act::Report(check, Status::Critical) = self.step(step).act else { return false };
        let id = &self.script.checks[check as usize].id;
        self.script.checks[check as usize].holders.iter().all(|&cell| {
            let content = &self.cells[cell as usize].content;
            let position =
                content.is_present().then(|| self.script.shapes[content.shape as usize].binary_search(id).ok());
            position.flatten().is_none_or(|position| content.ttl >> position & 1 == 1)
        })
    }

    fn write(&mut self, step: u32, index: u64, changed: &mut Option<u32>) -> Outcome<()> {
        self.claims += 1;
        if let Act::Register(registration) = self.step(step).act {
            self.explain_kept(step, registration, index);
        }
        if !self.would_change(step) || matches!(self.step(step).act, Act::RenewMany(_)) {
            self.check_accepted(step)?;
        }
        if self.would_change(step) {
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
            *changed = Some(step);
        }
        self.emit(step)
    }

    /// A registration keeps statuses, so it can be the first to show an unknown write: if a reader sees it with other
    /// statuses than it would leave now, an unknown write may have come before.
    fn explain_kept(&mut self, step: u32, registration: u32, index: u64) {
        let registration = &self.script.registrations[registration as usize];
        let Some(row) = self.optional.seen_row(registration.fresh.nonce).filter(|row| row.modify_index == index) else {
            return;
        };
        let shown = self.script.shown(&row);
        let fits = |old: &Content| shown.explain(&self.script.register(old, registration)).is_some();
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
    fn chain(&mut self, cell: u32, nonce: Token, until: u32, fits: impl Fn(&Content) -> bool) -> Option<Vec<u32>> {
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

    fn place_chain(&mut self, chain: &[u32]) {
        for &number in chain {
            let step = self.optional.spend(number);
            self.place(step);
        }
    }

    /// One cell after a write.
    fn after(&self, old: &Content, act: Act) -> Content {
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
        held.decided = decided(&held.content, &content);
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
        let Some(removal) = self.optional.removal(self.script, cell, until) else { return false };
        self.place(removal);
        !self.cells[cell as usize].content.is_present()
    }

    /// An unknown deregistration may come earlier than a rejection needs it: before a write that it must not undo.
    fn removes_now(&mut self, step: u32) -> bool {
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
    fn removes_instead(&mut self, cell: u32, until: u32) -> bool {
        self.optional.may_remove(self.script, cell, until) && self.optional.choose_way(2) == 1
    }

    // ---- reads ----

    fn read(&mut self, step: u32) -> Outcome<()> {
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
        self.modified(step, cell, row, view, &held, expired)
    }

    /// The row's modify index has to be that of its last change, or of a later change that no call owns and that may have
    /// happened unseen.
    fn modified(&mut self, step: u32, cell: u32, row: &Row, view: &View, before: &Held, changed: bool) -> Outcome<()> {
        let held = &self.cells[cell as usize];
        let known = held.modified;
        let content_changed = changed || held.content != before.content;
        let same_change = held.by == before.by && (held.content.statuses ^ before.content.statuses) & held.decided == 0;
        // An expiry that nobody saw may have come before the last change: then it left no trace in the modify index.
        if row.modify_index == known && (!content_changed || same_change) {
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

/// The statuses that a change from `old` to `new` decides: all of them, unless it kept some.
fn decided(old: &Content, new: &Content) -> u64 {
    if !old.is_present() || !new.is_present() || old.shape != new.shape || old.ttl != new.ttl {
        // A new shape may keep statuses too; which ones is not worth knowing.
        return if old.is_present() && new.is_present() { 0 } else { u64::MAX };
    }
    let differing = old.statuses ^ new.statuses;
    let changed = (differing | differing >> 1) & 0x5555_5555_5555_5555;
    changed | changed << 1
}
