//! The history arranged for the passes over reads, polls and TTLs: by service what was answered, what was polled and
//! which changes own which index. Built once; judges nothing.

use std::collections::BTreeMap;

use crate::history::{
    Answer, Call, History, Mode, NodeRecord, Operation, Outcome, Role, Run, Span, Symbol, Time, Token, View,
};
use crate::replicas::{Faults, Health};

use super::bounds::{Bounds, Rates};
use super::line_clock::LineClock;

/// An answer to a read or a poll of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub call: u32,
    pub node: Symbol,
    pub invoked: Time,
    pub returned: Time,
    pub mode: Mode,
    /// The body holds passing instances only.
    pub passing: bool,
    pub xi: u64,
    pub applied: u64,
    pub body: Span,
}

/// An acknowledged write that certainly changed its service, and so owns the Index that its answer carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub call: u32,
    pub index: u64,
    /// The earliest call of the logical write: before it, nothing can have happened.
    pub since: Time,
    /// The answer: after it, it had happened.
    pub returned: Time,
    pub id: Symbol,
    /// The value that a registration wrote; `None`: a deregistration.
    pub nonce: Option<Token>,
}

/// A poll, answered or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poll {
    pub call: u32,
    pub process: u32,
    pub node: Symbol,
    pub invoked: Time,
    /// The latest time at which it was certainly still waiting.
    pub pending_until: Time,
    /// The index asked with; 0: none.
    pub li: u64,
    pub wait_ms: u32,
    pub mode: Mode,
    pub passing: bool,
    pub view: Option<View>,
}

/// One service of one namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    pub ns: Symbol0,
    pub name: Symbol0,
    /// In the order of their calls.
    pub seen: Vec<Seen>,
    /// Positions in `seen`, in the order of the returns.
    pub by_return: Vec<u32>,
    /// In the order of their calls.
    pub polls: Vec<Poll>,
    /// In the order of their indices.
    pub changes: Vec<Change>,
    /// Calls that may have changed an instance of the service, acknowledged or not (not those that certainly failed), by instance.
    pub touches: BTreeMap<Symbol, Vec<u32>>,
}

/// A symbol that can be left out: services are made before they are named.
pub(crate) type Symbol0 = Option<Symbol>;

/// A change, without what only its service needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned {
    pub index: u64,
    pub since: Time,
    pub returned: Time,
    pub call: u32,
    /// The only service that it touched; `None`: it may have touched several.
    pub service: Option<u32>,
}

/// The arranged history.
pub(crate) struct Evidence<'r> {
    pub history: &'r History,
    pub nodes: &'r [NodeRecord],
    pub services: Vec<Service>,
    /// All changes of all services, by index.
    pub owned: Vec<Owned>,
    /// Service positions by namespace and name.
    pub places: BTreeMap<(Symbol, Symbol), u32>,
    /// Calls that may have taken out an instance in every service of a namespace, by namespace and id.
    pub sweeps: BTreeMap<(Symbol, Symbol), Vec<u32>>,
    pub faults: Faults,
    pub health: Health,
    pub bounds: Bounds,
    pub rates: Rates,
    /// Names of all servers that were asked or recorded something.
    pub servers: Vec<String>,
    clock: LineClock,
    first_calls: BTreeMap<Token, u32>,
    issued: Vec<(Time, u64)>,
}

impl<'r> Evidence<'r> {
    /// Arranges `run`. O(n log n).
    pub(crate) fn arrange(run: &'r Run, bounds: Bounds) -> Self {
        let history = &run.history;
        let faults = Faults::read(&history.faults);
        let mut elections: Vec<Time> = run
            .nodes
            .iter()
            .flat_map(|node| &node.roles)
            .filter(|change| change.role == Role::Leader)
            .map(|change| Time(change.time))
            .collect();
        elections.sort_unstable();
        let health = Health::read(history, &faults, &elections, bounds.recovery, bounds.late_effect);
        let rates = Rates { min: faults.rate_min, max: faults.rate_max };
        let mut evidence = Self {
            history,
            nodes: &run.nodes,
            services: Vec::new(),
            owned: Vec::new(),
            places: BTreeMap::new(),
            sweeps: BTreeMap::new(),
            faults,
            health,
            bounds,
            rates,
            servers: servers(run),
            clock: LineClock::read(history),
            issued: Vec::new(),
            first_calls: first_calls(&history.calls),
        };
        for (at, call) in history.calls.iter().enumerate() {
            evidence.take(at as u32, call);
        }
        evidence.owned.sort_unstable_by_key(|owned| owned.index);
        for service in &mut evidence.services {
            service.changes.sort_unstable_by_key(|change| change.index);
            service.by_return = (0..service.seen.len() as u32).collect();
            service.by_return.sort_unstable_by_key(|at| service.seen[*at as usize].returned);
        }
        evidence.issued = issued(&history.calls);
        evidence
    }

    fn place(&mut self, ns: Symbol, name: Symbol) -> usize {
        let next = self.services.len() as u32;
        let place = *self.places.entry((ns, name)).or_insert(next);
        if place == next {
            self.services.push(Service { ns: Some(ns), name: Some(name), ..Service::default() });
        }
        place as usize
    }

    fn take(&mut self, at: u32, call: &Call) {
        match call.operation {
            Operation::Read { ns, service, mode, .. } => self.take_view(at, call, (ns, service), mode, false),
            Operation::Poll { ns, service, mode, passing, wait_ms, li } => {
                self.take_view(at, call, (ns, service), mode, passing);
                let pending_until = self.certainly_pending_until(call);
                let poll = Poll {
                    call: at,
                    process: call.process,
                    node: call.node,
                    invoked: call.invoked,
                    pending_until,
                    li,
                    wait_ms,
                    mode,
                    passing,
                    view: call.view().copied(),
                };
                let place = self.place(ns, service);
                self.services[place].polls.push(poll);
            }
            Operation::Register { ns, service, id, nonce, .. } => {
                self.take_change(at, call, (ns, service, id), Some(nonce))
            }
            Operation::Deregister { ns, service, id } => self.take_change(at, call, (ns, service, id), None),
            Operation::DeregisterId { ns, id } => {
                if !matches!(call.outcome, Outcome::Failed(_)) {
                    self.sweeps.entry((ns, id)).or_default().push(at);
                }
                if let Some((index, since)) = self.own_index(call) {
                    self.owned.push(Owned { index, since, returned: call.returned, call: at, service: None });
                }
            }
            Operation::Report { .. }
            | Operation::RenewMany { .. }
            | Operation::List { .. }
            | Operation::Membership { .. } => {}
        }
    }

    /// The Index that a write's answer owns, and since when it can have happened. `None`: it was not acknowledged.
    fn own_index(&self, call: &Call) -> Option<(u64, Time)> {
        let Outcome::Ok(Answer::Written { xi, .. }) = call.outcome else { return None };
        Some((xi, self.since(call)))
    }

    /// Since when the logical write of `call` can have happened: the first call with its idempotency key, if it has one,
    /// as the answer of a retry is that of the try that took effect.
    pub(crate) fn since(&self, call: &Call) -> Time {
        let first = self.first_calls.get(&call.key).filter(|_| !call.key.is_none());
        first.map_or(call.invoked, |first| self.history.calls[*first as usize].invoked.min(call.invoked))
    }

    fn take_view(&mut self, at: u32, call: &Call, (ns, service): (Symbol, Symbol), mode: Mode, passing: bool) {
        let place = self.place(ns, service);
        if let Some(view) = call.view() {
            self.services[place].seen.push(Seen {
                call: at,
                node: call.node,
                invoked: call.invoked,
                returned: call.returned,
                mode,
                passing,
                xi: view.xi,
                applied: view.applied,
                body: view.body,
            });
        }
    }

    fn take_change(&mut self, at: u32, call: &Call, (ns, service, id): (Symbol, Symbol, Symbol), nonce: Option<Token>) {
        let place = self.place(ns, service);
        if !matches!(call.outcome, Outcome::Failed(_)) {
            self.services[place].touches.entry(id).or_default().push(at);
        }
        if let Some((index, since)) = self.own_index(call) {
            self.services[place].changes.push(Change { call: at, index, since, returned: call.returned, id, nonce });
            self.owned.push(Owned { index, since, returned: call.returned, call: at, service: Some(place as u32) });
        }
    }

    /// The latest time at which `call` had certainly not ended: its return, or for an unknown outcome the last line before the one that says so.
    pub(crate) fn certainly_pending_until(&self, call: &Call) -> Time {
        if call.returned != Time::NEVER {
            call.returned
        } else if call.end_line == 0 {
            self.history.end
        } else {
            self.clock.before(call.end_line).max(call.invoked)
        }
    }

    /// By when the client of an unknown `call` had given up; the end of the history if it never did.
    pub(crate) fn given_up_by(&self, call: &Call) -> Time {
        if call.returned != Time::NEVER {
            call.returned
        } else if call.end_line == 0 {
            self.history.end
        } else {
            self.clock.after(call.end_line, self.history.end)
        }
    }

    /// The highest Index that some answer had shown before `time`: every index up to it had been given out.
    pub(crate) fn issued_before(&self, time: Time) -> u64 {
        let next = self.issued.partition_point(|(returned, _)| *returned < time);
        next.checked_sub(1).map_or(0, |at| self.issued[at].1)
    }

    /// Whether an answer from `node` may have been lost on its way between two moments.
    pub(crate) fn may_be_cut_off(&self, node: Symbol, from: Time, to: Time) -> bool {
        self.faults.may_cut_off(&self.history.name(node), &self.servers, from, to)
    }

    /// Whether `node` was stopped or started at any time up to `by`.
    pub(crate) fn was_stopped(&self, node: Symbol, by: Time) -> bool {
        self.faults.stopped(&self.history.name(node), Time(0), by)
    }

    /// `ns/name` of a service.
    pub(crate) fn service_name(&self, service: &Service) -> String {
        let name = |symbol: Symbol0| symbol.map_or_else(String::new, |symbol| self.history.name(symbol).into_owned());
        format!("{}/{}", name(service.ns), name(service.name))
    }
}

/// The first call of each idempotency key.
fn first_calls(calls: &[Call]) -> BTreeMap<Token, u32> {
    let mut first = BTreeMap::new();
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| !call.key.is_none()) {
        first.entry(call.key).or_insert(at as u32);
    }
    first
}

fn servers(run: &Run) -> Vec<String> {
    let mut symbols: Vec<Symbol> = run.history.calls.iter().map(|call| call.node).collect();
    symbols.sort_unstable();
    symbols.dedup();
    let mut servers: Vec<String> = symbols.into_iter().map(|symbol| run.history.name(symbol).into_owned()).collect();
    servers.extend(run.nodes.iter().map(|node| node.node.clone()));
    servers.sort_unstable();
    servers.dedup();
    servers.retain(|name| !name.is_empty());
    servers
}

/// The highest Index shown by any answer, over the time of the answers; only where it rises.
fn issued(calls: &[Call]) -> Vec<(Time, u64)> {
    let mut shown: Vec<(Time, u64)> =
        calls.iter().filter_map(|call| Some((call.returned, call.claimed_index()?))).collect();
    shown.sort_unstable();
    let mut highest = 0;
    shown.retain(|(_, index)| {
        let rises = *index > highest;
        highest = highest.max(*index);
        rises
    });
    shown
}
