//! The obvious way to place unknown writes: Index by Index, every one that is left, and back again. For small histories
//! without expiries, polls and retries. Shares no code with the judge.

use std::collections::BTreeMap;

use linearizability::history::{Answer, Call, History, Operation, Outcome, Status, Symbol, Token, View};

type Checks = BTreeMap<Symbol, Status>;

#[derive(Clone, PartialEq)]
struct Instance {
    nonce: Token,
    modified: u64,
    checks: Checks,
}

/// Service and id to instance; service to Index.
#[derive(Clone, Default)]
struct State {
    instances: BTreeMap<(Symbol, Symbol), Instance>,
    services: BTreeMap<Symbol, u64>,
}

impl State {
    fn put(&mut self, key: (Symbol, Symbol), instance: Option<Instance>, index: u64) {
        self.services.insert(key.0, index);
        match instance {
            Some(instance) => drop(self.instances.insert(key, Instance { modified: index, ..instance })),
            None => drop(self.instances.remove(&key)),
        }
    }

    fn holders(&self, check: Symbol) -> Vec<(Symbol, Symbol)> {
        let holds = |(_, instance): &(&(Symbol, Symbol), &Instance)| instance.checks.contains_key(&check);
        self.instances.iter().filter(holds).map(|(key, _)| *key).collect()
    }

    fn report(&mut self, check: Symbol, status: Status, index: u64) {
        for key in self.holders(check) {
            let mut instance = self.instances[&key].clone();
            if instance.checks.insert(check, status) != Some(status) {
                self.put(key, Some(instance), index);
            }
        }
    }

    fn remove(&mut self, keep: impl Fn(&(Symbol, Symbol)) -> bool, index: u64) {
        let gone: Vec<_> = self.instances.keys().filter(|key| !keep(key)).copied().collect();
        gone.into_iter().for_each(|key| self.put(key, None, index));
    }

    /// The state after a write, and whether the registry accepts it.
    fn after(&self, history: &History, call: &Call, index: u64) -> (Self, bool) {
        let mut new = self.clone();
        let mut accepted = true;
        match call.operation {
            Operation::Register { service, id, nonce, checks, .. } => {
                let old = self.instances.get(&(service, id)).map(|old| old.checks.clone()).unwrap_or_default();
                let status = |spec: &linearizability::history::CheckSpec| {
                    old.get(&spec.id).copied().or(spec.status).unwrap_or(Status::Critical)
                };
                let checks = history.specs(checks).iter().map(|spec| (spec.id, status(spec))).collect();
                new.put((service, id), Some(Instance { nonce, modified: index, checks }), index);
            }
            Operation::Deregister { service, id, .. } => new.remove(|key| *key != (service, id), index),
            Operation::DeregisterId { id, .. } => new.remove(|key| key.1 != id, index),
            Operation::Report { check, status, .. } => {
                accepted = !self.holders(check).is_empty();
                new.report(check, status, index);
            }
            Operation::RenewMany { checks, .. } => {
                let unknown: &[_] = match call.answer() {
                    Some(Answer::Written { checks, .. }) => history.symbols(*checks),
                    _ => &[],
                };
                for &check in history.symbols(checks) {
                    accepted &= self.holders(check).is_empty() == unknown.contains(&check);
                    new.report(check, Status::Passing, index);
                }
            }
            _ => unreachable!("a read is no write"),
        }
        if matches!(call.operation, Operation::Deregister { .. } | Operation::DeregisterId { .. }) {
            accepted = new.instances.len() < self.instances.len();
        }
        (new, accepted)
    }

    fn changed(&self, old: &Self) -> bool {
        self.instances != old.instances
    }

    fn shows(&self, history: &History, service: Symbol, view: &View) -> bool {
        let rows = history.rows(view.body).iter().map(|row| {
            let checks = history.row_checks(row.checks).iter().map(|check| (check.id, check.status)).collect();
            ((service, row.id), Instance { nonce: row.nonce, modified: row.modify_index, checks })
        });
        let rows: Vec<_> = rows.collect();
        let seen: BTreeMap<_, _> = rows.iter().cloned().collect();
        let own = self.instances.iter().filter(|((of, _), _)| *of == service);
        let held: BTreeMap<_, _> = own.map(|(key, instance)| (*key, instance.clone())).collect();
        rows.len() == seen.len() && seen == held && view.xi == *self.services.get(&service).unwrap_or(&1)
    }

    fn lists(&self, history: &History, names: &[Symbol]) -> bool {
        let mut held: Vec<_> = self.instances.keys().map(|(service, _)| history.name(*service)).collect();
        let mut seen: Vec<_> = names.iter().map(|name| history.name(*name)).collect();
        held.dedup();
        held.sort();
        held.dedup();
        seen.sort();
        held == seen
    }
}

/// A call at an Index: the change of it, or one that saw the state behind it.
#[derive(Clone, Copy)]
struct Placed {
    from: u32,
    until: u32,
    index: u64,
    is_change: bool,
}

pub struct Reference<'h> {
    history: &'h History,
    highest: u64,
    /// Unknown writes may have happened behind all that was claimed.
    last: u64,
    steps_left: u32,
}

/// Steps after which a history is too hard for this way.
const STEPS_MAX: u32 = 400_000;

/// Whether the unknown writes of `history` have a placement that agrees with every claim; `None`: too many to try.
pub fn has_placement(history: &History) -> Option<bool> {
    let highest = history.calls.iter().filter_map(Call::claimed_index).max().unwrap_or(1);
    let last = highest + history.calls.iter().filter(|call| call.is_unknown()).count() as u64;
    let mut reference = Reference { history, highest, last, steps_left: STEPS_MAX };
    let used = vec![false; history.calls.len()];
    let found = reference.go(0, vec![State::default()], used, Vec::new());
    (found || reference.steps_left > 0).then_some(found)
}

impl Reference<'_> {
    /// Goes on behind Index `at`; the last of `states` is that behind `at`, whose own change was placed already.
    fn go(&mut self, at: u64, states: Vec<State>, used: Vec<bool>, mut placed: Vec<Placed>) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        if self.steps_left == 0 || !self.observers_fit(at, states.last().expect("one state"), &mut placed) {
            return false;
        }
        if at >= self.highest && self.rejections_fit(&states, placed.clone()) {
            return true;
        }
        if at == self.last {
            return false;
        }
        let next = at + 1;
        let old = states.last().expect("one state").clone();
        let with = |state: State| {
            let mut states = states.clone();
            states.push(state);
            states
        };
        let calls = &self.history.calls;
        for (number, call) in calls.iter().enumerate().filter(|(number, _)| !used[*number]) {
            let claims = call.claimed_index() == Some(next) || call.is_unknown();
            if call.operation.is_read() || !claims {
                continue;
            }
            let (new, accepted) = old.after(self.history, call, next);
            if !new.changed(&old) || !accepted && !call.is_unknown() {
                continue;
            }
            let mut placed = placed.clone();
            let mut used = used.clone();
            used[number] = true;
            if !add(&mut placed, call, next, true) {
                continue;
            }
            if self.go(next, with(new), used, placed) {
                return true;
            }
        }
        self.go(next, with(old.clone()), used, placed)
    }

    /// Whether all that claim Index `at` and did not change it may have seen the state behind it.
    fn observers_fit(&self, at: u64, state: &State, placed: &mut Vec<Placed>) -> bool {
        let owner = placed.last().filter(|placed| placed.index == at && placed.is_change).map(|placed| placed.from);
        let claims = self.history.calls.iter().filter(|call| call.claimed_index() == Some(at));
        claims.filter(|call| Some(call.line) != owner).all(|call| {
            let fits = match (call.operation, call.answer()) {
                (Operation::Read { service, .. }, Some(Answer::View(view))) => state.shows(self.history, service, view),
                (Operation::List { .. }, Some(Answer::Services { names, .. })) => {
                    state.lists(self.history, self.history.symbols(*names))
                }
                _ => {
                    let (new, accepted) = state.after(self.history, call, at);
                    accepted && !new.changed(state)
                }
            };
            fits && add(placed, call, at, false)
        })
    }

    /// Each rejection in the first state that explains it.
    fn rejections_fit(&self, states: &[State], mut placed: Vec<Placed>) -> bool {
        let unknown = self.history.names.find("unknown");
        let rejected = self.history.calls.iter().filter(|call| {
            let is_observation = matches!(call.outcome, Outcome::Failed(error) if Some(error) == unknown);
            is_observation && !matches!(call.operation, Operation::Register { .. } | Operation::RenewMany { .. })
        });
        rejected.into_iter().all(|call| {
            (0..states.len() as u64).any(|index| {
                let (_, accepted) = states[index as usize].after(self.history, call, index);
                !accepted && add(&mut placed, call, index, false)
            })
        })
    }
}

/// Places a call, if real time permits it beside those that are placed already.
fn add(placed: &mut Vec<Placed>, call: &Call, index: u64, is_change: bool) -> bool {
    let until = if call.is_unknown() { u32::MAX } else { call.end_line };
    let new = Placed { from: call.line, until, index, is_change };
    let may_precede = |a: &Placed, b: &Placed| a.index < b.index || a.index == b.index && !b.is_change;
    let fits = |old: &Placed| {
        (old.until >= new.from || may_precede(old, &new)) && (new.until >= old.from || may_precede(&new, old))
    };
    let all = placed.iter().all(fits);
    if all {
        placed.push(new);
    }
    all
}
