//! One component as a search sees it: its steps over its own cells, with everything looked up in advance.

use crate::history::{Answer, History, Status, Token};
use crate::lookup::Lookup;
use crate::script::{Act, Content, Need, Registration, Script, Shown};

/// What a step does, over the cells of the problem.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Register(Registration),
    Deregister(u32),
    DeregisterAny(Vec<u32>),
    /// The cells that may hold the check.
    Report {
        check: u32,
        status: Status,
        holders: Vec<u32>,
    },
    /// As `Report` with passing, for each check; and whether the server knew it.
    Renew(Vec<(u32, bool, Vec<u32>)>),
    View {
        service: u32,
        rows: std::ops::Range<u32>,
        filtered: bool,
        impossible: bool,
    },
    /// A cell alone, as a projected view shows it; `None`: absent.
    Cell(u32, Option<Shown>),
    /// Services, and whether they were listed.
    List(Vec<(u32, bool)>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) step: u32,
    pub(super) from: u32,
    pub(super) until: u32,
    pub(super) rejected: bool,
    /// Accepted even where nothing of this problem's cells was there to act on: it acted on others.
    pub(super) lenient: bool,
    pub(super) effect: Effect,
}

impl Entry {
    /// Whether it only looks: then it may be placed as soon as its answer is right.
    pub(super) fn is_pure(&self) -> bool {
        self.rejected || matches!(self.effect, Effect::View { .. } | Effect::Cell(..) | Effect::List(_))
    }
}

/// Optional steps with equal effect; the earliest call is used first.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) effect: Effect,
    /// Step and line of the call, in that order.
    pub(super) steps: Vec<(u32, u32)>,
    /// May happen any number of times: a relaxation for counter-examples.
    pub(super) unlimited: bool,
}

/// The steps of one component.
#[derive(Debug)]
pub(crate) struct Problem<'s> {
    pub(super) script: &'s Script,
    pub(super) entries: Vec<Entry>,
    pub(super) classes: Vec<Class>,
    pub(super) rows: Vec<(u32, Shown)>,
    pub(super) service_of: Vec<u32>,
    pub(super) cells_of: Vec<Vec<u32>>,
    pub(super) by_nonce: Lookup<(u32, Token), Vec<u32>>,
    pub(super) removals: Lookup<u32, Vec<u32>>,
    pub(super) registers: Lookup<u32, Vec<u32>>,
    pub(super) reports: Vec<u32>,
    cells: Lookup<u32, u32>,
    services: Lookup<u32, u32>,
    /// Whether an optional step can be worth placing elsewhere than just before the answer that needs it.
    pub(super) needs_full: bool,
    /// Whether the tables by nonce and cell are not to be used.
    pub(super) is_relaxed: bool,
}

/// How a problem is weakened for a counter-example: what is not kept is deleted (answers) or may happen any number of times
/// from its call on, or never (writes). If the weakened problem has no order, the kept steps alone are the contradiction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relax<'a> {
    /// Sorted.
    pub(crate) kept: &'a [u32],
    /// Look at this cell alone.
    pub(crate) cell: Option<u32>,
    /// Forget everything behind this line.
    pub(crate) cut: u32,
}

impl<'s> Problem<'s> {
    /// The problem of `members`, whole.
    pub(crate) fn new(history: &History, script: &'s Script, members: &[u32]) -> Self {
        let mut problem = Self::empty(script);
        members.iter().for_each(|&step| problem.add(history, step));
        problem
    }

    /// Adds a step, whole.
    pub(crate) fn add(&mut self, history: &History, step: u32) {
        let entry = &self.script.steps[step as usize];
        let effect = self.effect(history, step);
        if entry.need == Need::Optional {
            self.needs_full |= self.is_entangled(&effect);
            self.optional(step, effect, false);
        } else {
            debug_assert!(entry.until < u32::MAX, "a step that must happen was answered");
            let rejected = entry.need == Need::Rejected;
            let (from, until) = (entry.from, entry.until);
            self.entries.push(Entry { step, from, until, rejected, lenient: false, effect });
        }
    }

    /// The problem of `members`, weakened.
    pub(crate) fn relaxed(history: &History, script: &'s Script, members: &[u32], relax: Relax<'_>) -> Self {
        let mut problem = Self::empty(script);
        problem.needs_full = true;
        problem.is_relaxed = true;
        for &step in members.iter().filter(|&&step| script.steps[step as usize].from <= relax.cut) {
            let entry = script.steps[step as usize];
            let kept = relax.kept.binary_search(&step).is_ok();
            let must = entry.need != Need::Optional && entry.until <= relax.cut;
            if entry.act.is_read() || entry.need == Need::Rejected {
                if !kept || !must {
                    continue;
                }
            } else if let Some(cell) = relax.cell
                && !problem.touches(entry.act, cell)
            {
                continue;
            }
            let Some(effect) = problem.projected(history, step, relax.cell) else { continue };
            if must && kept {
                let rejected = entry.need == Need::Rejected;
                let lenient = relax.cell.is_some() && problem.acts_elsewhere(entry.act);
                problem.entries.push(Entry { step, from: entry.from, until: entry.until, rejected, lenient, effect });
            } else {
                problem.optional(step, effect, !kept);
            }
        }
        problem.merge_unseen();
        problem
    }

    /// The problem of `members`, seen from one cell: whole otherwise.
    pub(crate) fn of_cell(history: &History, script: &'s Script, members: &[u32], cell: u32) -> Self {
        let mut problem =
            Self::relaxed(history, script, members, Relax { kept: members, cell: Some(cell), cut: u32::MAX });
        problem.is_relaxed = false;
        problem.needs_full = script.has_checks;
        problem
    }

    /// The problem of no step.
    pub(crate) fn empty(script: &'s Script) -> Self {
        Self {
            script,
            entries: Vec::new(),
            classes: Vec::new(),
            rows: Vec::new(),
            service_of: Vec::new(),
            cells_of: Vec::new(),
            by_nonce: Lookup::default(),
            removals: Lookup::default(),
            registers: Lookup::default(),
            reports: Vec::new(),
            cells: Lookup::default(),
            services: Lookup::default(),
            needs_full: false,
            is_relaxed: false,
        }
    }

    /// With checks, a registration keeps statuses of what it replaces; a removal of several instances cannot pass a write to
    /// one of them. Everything else can be moved right to its first observer.
    fn is_entangled(&self, effect: &Effect) -> bool {
        self.script.has_checks || matches!(effect, Effect::DeregisterAny(cells) if cells.len() > 1)
    }

    fn touches(&self, act: Act, cell: u32) -> bool {
        Self::is_about(self.script, act, cell)
    }

    /// Whether a step can read or write `cell`.
    pub(crate) fn is_about(script: &Script, act: Act, cell: u32) -> bool {
        match act {
            Act::Register(registration) => script.registrations[registration as usize].cell == cell,
            Act::Deregister(at) => at == cell,
            Act::DeregisterId(group) => script.groups[group as usize].contains(&cell),
            Act::Report(check, _) => script.checks[check as usize].holders.contains(&cell),
            Act::RenewMany(renewal) => {
                let checks = &script.renewals[renewal as usize].checks;
                checks.iter().any(|(check, _)| script.checks[*check as usize].holders.contains(&cell))
            }
            Act::Read(service) => script.cells[cell as usize].service == service,
            Act::List(ns) => script.services[script.cells[cell as usize].service as usize].ns == ns,
        }
    }

    /// Whether the step may have acted on other cells than the one looked at.
    fn acts_elsewhere(&self, act: Act) -> bool {
        let script = self.script;
        let shared = |check: &u32| script.checks[*check as usize].holders.len() > 1;
        match act {
            Act::DeregisterId(group) => script.groups[group as usize].len() > 1,
            Act::Report(check, _) => shared(&check),
            Act::RenewMany(renewal) => script.renewals[renewal as usize].checks.iter().any(|(check, _)| shared(check)),
            _ => false,
        }
    }

    fn service(&mut self, service: u32) -> u32 {
        if let Some(&known) = self.services.get(&service) {
            return known;
        }
        let number = self.cells_of.len() as u32;
        self.services.insert(service, number);
        self.cells_of.push(Vec::new());
        number
    }

    fn cell(&mut self, cell: u32) -> u32 {
        if let Some(&known) = self.cells.get(&cell) {
            return known;
        }
        let service = self.service(self.script.cells[cell as usize].service);
        let number = self.service_of.len() as u32;
        self.cells.insert(cell, number);
        self.service_of.push(service);
        self.cells_of[service as usize].push(number);
        number
    }

    fn local(&mut self, cells: &[u32]) -> Vec<u32> {
        cells.iter().map(|&cell| self.cell(cell)).collect()
    }

    fn effect(&mut self, history: &History, step: u32) -> Effect {
        let script = self.script;
        let entry = script.steps[step as usize];
        let call = &history.calls[entry.call as usize];
        match entry.act {
            Act::Register(registration) => {
                let registration = script.registrations[registration as usize];
                Effect::Register(Registration { cell: self.cell(registration.cell), fresh: registration.fresh })
            }
            Act::Deregister(cell) => Effect::Deregister(self.cell(cell)),
            Act::DeregisterId(group) => Effect::DeregisterAny(self.local(&script.groups[group as usize])),
            Act::Report(check, status) => {
                Effect::Report { check, status, holders: self.local(&script.checks[check as usize].holders) }
            }
            Act::RenewMany(renewal) => {
                let checks = &script.renewals[renewal as usize].checks;
                let local =
                    |&(check, known): &(u32, bool)| (check, known, self.local(&script.checks[check as usize].holders));
                Effect::Renew(checks.iter().map(local).collect())
            }
            Act::Read(service) => {
                let start = self.rows.len() as u32;
                let body = call.view().map_or(&[][..], |view| history.rows(view.body));
                let mut impossible = false;
                for (at, row) in body.iter().enumerate() {
                    impossible |= body[..at].iter().any(|before| before.id == row.id);
                    match script.cell(service, row.id) {
                        Some(cell) => {
                            let cell = self.cell(cell);
                            self.rows.push((cell, script.shown(row)));
                        }
                        None => impossible = true,
                    }
                }
                let rows = start..self.rows.len() as u32;
                Effect::View { service: self.service(service), rows, filtered: Script::is_filtered(call), impossible }
            }
            Act::List(ns) => {
                let Some(Answer::Services { names, .. }) = call.answer() else { return Effect::List(Vec::new()) };
                let names = history.symbols(*names);
                let listed = |&service: &u32| {
                    let listed = names.contains(&script.services[service as usize].name);
                    (self.service(service), listed)
                };
                Effect::List(script.namespaces[ns as usize].iter().map(listed).collect())
            }
        }
    }

    /// The effect on one cell alone; `None` if the step says nothing about it.
    fn projected(&mut self, history: &History, step: u32, cell: Option<u32>) -> Option<Effect> {
        let script = self.script;
        let Some(cell) = cell else { return Some(self.effect(history, step)) };
        let entry = script.steps[step as usize];
        if !self.touches(entry.act, cell) {
            return None;
        }
        let call = &history.calls[entry.call as usize];
        let local = self.cell(cell);
        match entry.act {
            Act::DeregisterId(_) => Some(Effect::Deregister(local)),
            Act::Report(check, status) => Some(Effect::Report { check, status, holders: vec![local] }),
            Act::RenewMany(renewal) => {
                let checks = script.renewals[renewal as usize].checks.iter();
                let of_cell = checks.filter(|(check, _)| script.checks[*check as usize].holders.contains(&cell));
                Some(Effect::Renew(of_cell.map(|(check, known)| (*check, *known, vec![local])).collect()))
            }
            Act::Read(_) => {
                let rows = history.rows(call.view()?.body);
                let shown =
                    rows.iter().find(|row| row.id == script.cells[cell as usize].id).map(|row| script.shown(row));
                let filtered = Script::is_filtered(call);
                (shown.is_some() || !filtered).then_some(Effect::Cell(local, shown))
            }
            Act::List(_) => {
                let Some(Answer::Services { names, .. }) = call.answer() else { return None };
                let service = &script.services[script.cells[cell as usize].service as usize];
                let listed = history.symbols(*names).contains(&service.name);
                (!listed).then_some(Effect::Cell(local, None))
            }
            Act::Register(_) | Act::Deregister(_) => Some(self.effect(history, step)),
        }
    }

    fn optional(&mut self, step: u32, effect: Effect, unlimited: bool) {
        let from = self.script.steps[step as usize].from;
        let same = |problem: &Self, class: &u32| {
            let class = &problem.classes[*class as usize];
            class.unlimited == unlimited && same_effect(&class.effect, &effect)
        };
        let candidates = match &effect {
            Effect::Register(registration) => self.by_nonce.get(&(registration.cell, registration.fresh.nonce)),
            Effect::Deregister(cell) => self.removals.get(cell),
            Effect::DeregisterAny(cells) => cells.first().and_then(|cell| self.removals.get(cell)),
            _ => Some(&self.reports),
        };
        let known = candidates.into_iter().flatten().copied().find(|class| same(self, class));
        if let Some(class) = known {
            self.classes[class as usize].steps.push((step, from));
            return;
        }
        let class = self.classes.len() as u32;
        match &effect {
            Effect::Register(registration) => {
                self.by_nonce.entry((registration.cell, registration.fresh.nonce)).or_default().push(class);
                self.registers.entry(registration.cell).or_default().push(class);
            }
            Effect::Deregister(cell) => self.removals.entry(*cell).or_default().push(class),
            Effect::DeregisterAny(cells) => {
                cells.iter().for_each(|cell| self.removals.entry(*cell).or_default().push(class));
            }
            _ => self.reports.push(class),
        }
        self.classes.push(Class { effect, steps: vec![(step, from)], unlimited });
    }

    /// Joins the unlimited registrations whose nonce no kept answer shows: nobody can tell them apart.
    fn merge_unseen(&mut self) {
        let mut seen: Vec<(u32, Token)> = Vec::new();
        for entry in &self.entries {
            match &entry.effect {
                Effect::Cell(cell, Some(shown)) => seen.push((*cell, shown.nonce)),
                Effect::View { rows, .. } => {
                    seen.extend(
                        self.rows[rows.start as usize..rows.end as usize]
                            .iter()
                            .map(|(cell, shown)| (*cell, shown.nonce)),
                    );
                }
                _ => {}
            }
        }
        seen.sort_unstable();
        let mut kept: Vec<(u32, Content)> = Vec::new();
        self.classes.retain(|class| {
            let Effect::Register(registration) = &class.effect else { return true };
            let (cell, fresh) = (registration.cell, registration.fresh);
            if !class.unlimited || seen.binary_search(&(cell, fresh.nonce)).is_ok() {
                return true;
            }
            let anonymous = (cell, Content { nonce: Token::NONE, ..fresh });
            let new = !kept.contains(&anonymous);
            kept.push(anonymous);
            new
        });
    }
}

fn same_effect(a: &Effect, b: &Effect) -> bool {
    match (a, b) {
        (Effect::Register(a), Effect::Register(b)) => a.cell == b.cell && a.fresh == b.fresh,
        (Effect::Deregister(a), Effect::Deregister(b)) => a == b,
        (Effect::DeregisterAny(a), Effect::DeregisterAny(b)) => a == b,
        (Effect::Report { check: a, status: x, .. }, Effect::Report { check: b, status: y, .. }) => a == b && x == y,
        (Effect::Renew(a), Effect::Renew(b)) => a.iter().map(|part| part.0).eq(b.iter().map(|part| part.0)),
        _ => false,
    }
}
