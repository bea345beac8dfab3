//! From calls to steps.

use super::content::{CHECKS_MAX, Content, code};
use super::keys::Keys;
use super::{Act, Cell, Check, NO_CLAIM, Need, Packed, Registration, Renewal, Script, Service, Step, TooWide};
use crate::history::{Answer, Call, CheckSpec, History, Operation, Outcome, Status, Symbol, Token};
use crate::lookup::Lookup;

/// In histories with fewer calls the caller looks for repeated keys and for claims itself.
const PARALLEL_MIN: usize = 20_000;

struct Builder<'h> {
    history: &'h History,
    script: Script,
    namespaces: Lookup<u32, u32>,
    /// The one that was asked for last: most histories have few.
    last_namespace: Option<(Symbol, u32)>,
    services: Lookup<u64, u32>,
    groups: Lookup<u64, u32>,
    checks: Lookup<u64, u32>,
    shapes: Lookup<Vec<Symbol>, u32>,
    unknown: Option<Symbol>,
}

impl Script {
    /// The steps of `history`.
    ///
    /// # Errors
    /// An instance with more checks than [`Content`] can hold.
    pub(crate) fn build(history: &History) -> Result<Self, TooWide> {
        let mut builder = Builder {
            history,
            script: Self::default(),
            namespaces: Lookup::default(),
            last_namespace: None,
            services: Lookup::default(),
            groups: Lookup::default(),
            checks: Lookup::default(),
            shapes: Lookup::default(),
            unknown: history.names.find("unknown"),
        };
        builder.pack_lists()?;
        let calls = &history.calls;
        builder.script.steps.reserve_exact(calls.len());
        let unknown = builder.unknown;
        let keys_and_claims = || keys_and_claims(calls, unknown);
        let (keyed, claims) = std::thread::scope(|scope| {
            let other = (calls.len() >= PARALLEL_MIN).then(|| scope.spawn(keys_and_claims));
            for (position, call) in (0..).zip(calls) {
                builder.add(position, call)?;
            }
            Ok(match other {
                Some(other) => other.join().expect("neither panics"),
                None => keys_and_claims(),
            })
        })?;
        assert_eq!(claims.len(), builder.script.steps.len(), "a claim for each step");
        builder.script.claims = claims;
        if !keyed.retries.is_empty() {
            builder.script.join(calls, &keyed);
        }
        builder.script.retries = keyed.retries;
        Ok(builder.script)
    }
}

fn pair(high: u32, low: Symbol) -> u64 {
    u64::from(high) << 32 | u64::from(low.0)
}

impl Builder<'_> {
    fn pack_lists(&mut self) -> Result<(), TooWide> {
        for number in 0..self.history.check_lists.len() as u32 {
            let mut list = self.history.row_checks(crate::history::ChecksId(number)).to_vec();
            list.sort_unstable_by_key(|check| check.id);
            if list.len() > CHECKS_MAX {
                return Err(TooWide::Checks);
            }
            let statuses = list
                .iter()
                .enumerate()
                .fold(0, |packed, (position, check)| packed | code(check.status) << (2 * position));
            let shape = self.shape(list.iter().map(|check| check.id).collect());
            self.script.packed.push(Packed { shape, statuses });
        }
        Ok(())
    }

    fn shape(&mut self, ids: Vec<Symbol>) -> u32 {
        let shapes = &mut self.script.shapes;
        *self.shapes.entry(ids).or_insert_with_key(|ids| {
            shapes.push(ids.clone());
            shapes.len() as u32 - 1
        })
    }

    fn namespace(&mut self, ns: Symbol) -> u32 {
        if let Some((last, number)) = self.last_namespace
            && last == ns
        {
            return number;
        }
        let namespaces = &mut self.script.namespaces;
        let number = *self.namespaces.entry(ns.0).or_insert_with(|| {
            namespaces.push(Vec::new());
            namespaces.len() as u32 - 1
        });
        self.last_namespace = Some((ns, number));
        number
    }

    fn service(&mut self, ns: Symbol, name: Symbol) -> u32 {
        let ns = self.namespace(ns);
        let script = &mut self.script;
        *self.services.entry(pair(ns, name)).or_insert_with(|| {
            script.services.push(Service { ns, name, cells: Vec::new() });
            let service = script.services.len() as u32 - 1;
            script.namespaces[ns as usize].push(service);
            service
        })
    }

    fn cell(&mut self, ns: Symbol, service: Symbol, id: Symbol) -> u32 {
        let service = self.service(ns, service);
        if let Some(cell) = self.script.cell(service, id) {
            return cell;
        }
        let cell = self.script.cells.len() as u32;
        self.script.cells.push(Cell { service, id });
        self.script.cell_numbers.insert(pair(service, id), cell);
        self.script.services[service as usize].cells.push(cell);
        let group = self.group(ns, id);
        self.script.groups[group as usize].push(cell);
        cell
    }

    fn group(&mut self, ns: Symbol, id: Symbol) -> u32 {
        let ns = self.namespace(ns);
        let groups = &mut self.script.groups;
        *self.groups.entry(pair(ns, id)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() as u32 - 1
        })
    }

    fn check(&mut self, ns: Symbol, id: Symbol) -> u32 {
        let ns = self.namespace(ns);
        let checks = &mut self.script.checks;
        *self.checks.entry(pair(ns, id)).or_insert_with(|| {
            checks.push(Check { id, holders: Vec::new() });
            checks.len() as u32 - 1
        })
    }

    fn registration(&mut self, ns: Symbol, cell: u32, nonce: Token, specs: &[CheckSpec]) -> Result<u32, TooWide> {
        let mut specs = specs.to_vec();
        specs.sort_unstable_by_key(|spec| spec.id);
        if specs.len() > CHECKS_MAX {
            return Err(TooWide::Checks);
        }
        self.script.has_checks |= !specs.is_empty();
        let (mut statuses, mut ttl) = (0, 0);
        for (position, spec) in specs.iter().enumerate() {
            statuses |= code(spec.status.unwrap_or(Status::Critical)) << (2 * position);
            ttl |= u32::from(spec.ttl_ms.is_some()) << position;
            let check = self.check(ns, spec.id);
            let holders = &mut self.script.checks[check as usize].holders;
            if !holders.contains(&cell) {
                holders.push(cell);
            }
        }
        let shape = self.shape(specs.iter().map(|spec| spec.id).collect());
        let fresh = Content { nonce, statuses, shape, ttl };
        self.script.registrations.push(Registration { cell, fresh });
        Ok(self.script.registrations.len() as u32 - 1)
    }

    fn add(&mut self, position: u32, call: &Call) -> Result<(), TooWide> {
        let history = self.history;
        let Some((need, until)) = interval(call, self.unknown) else { return Ok(()) };
        let act = match call.operation {
            Operation::Register { ns, service, id, nonce, checks } => {
                let cell = self.cell(ns, service, id);
                Act::Register(self.registration(ns, cell, nonce, history.specs(checks))?)
            }
            Operation::Deregister { ns, service, id } => Act::Deregister(self.cell(ns, service, id)),
            Operation::DeregisterId { ns, id } => Act::DeregisterId(self.group(ns, id)),
            Operation::Report { ns, check, status } => Act::Report(self.check(ns, check), status),
            Operation::RenewMany { ns, checks } => Act::RenewMany(self.renewal(ns, call, history.symbols(checks))),
            Operation::Read { ns, service, .. } | Operation::Poll { ns, service, .. } => {
                Act::Read(self.service(ns, service))
            }
            Operation::List { ns, .. } => Act::List(self.namespace(ns)),
            Operation::Membership { .. } => return Ok(()),
        };
        self.script.steps.push(Step { call: position, from: call.line, until, need, act });
        Ok(())
    }

    fn renewal(&mut self, ns: Symbol, call: &Call, checks: &[Symbol]) -> u32 {
        let unknown: &[_] = match call.outcome {
            Outcome::Ok(Answer::Written { checks, .. }) => self.history.symbols(checks),
            _ => &[],
        };
        let checks = checks.iter().map(|check| (self.check(ns, *check), !unknown.contains(check))).collect();
        self.script.renewals.push(Renewal { checks });
        self.script.renewals.len() as u32 - 1
    }
}

/// Whether the call is a step, and to which line it may happen.
fn interval(call: &Call, unknown: Option<Symbol>) -> Option<(Need, u32)> {
    let until = if call.is_unknown() { u32::MAX } else { call.end_line };
    let need = match call.outcome {
        Outcome::Ok(_) => Need::Accepted,
        Outcome::Unknown(_) => Need::Optional,
        // Any other rejection says nothing about the state.
        Outcome::Failed(error) if Some(error) == unknown => Need::Rejected,
        Outcome::Failed(_) => return None,
    };
    if let Operation::Membership { .. } = call.operation {
        return None;
    }
    if call.operation.is_read() {
        let counts = need == Need::Accepted && call.operation.mode().is_some_and(|mode| mode.is_linearizable());
        return counts.then_some((need, until));
    }
    let can_be_rejected = !matches!(call.operation, Operation::Register { .. } | Operation::RenewMany { .. });
    (need != Need::Rejected || can_be_rejected).then_some((need, until))
}

/// The calls that share a key, and the claim of each step, in their order.
fn keys_and_claims(calls: &[Call], unknown: Option<Symbol>) -> (Keys, Vec<u64>) {
    let mut claims = Vec::with_capacity(calls.len());
    let keys = Keys::group(calls, |call| claims.extend(interval(call, unknown).map(|_| claim(call))));
    (keys, claims)
}

fn claim(call: &Call) -> u64 {
    call.claimed_index().map_or(NO_CLAIM, |index| index.min(NO_CLAIM - 1))
}

impl Script {
    /// Makes one step of the calls that share a key. Few do, so the steps are right for all others already.
    fn join(&mut self, calls: &[Call], keyed: &Keys) {
        let mut dropped = Vec::new();
        for &position in &keyed.positions {
            let Ok(at) = self.steps.binary_search_by_key(&position, |step| step.call) else { continue };
            match keyed.role(position).and_then(|group| group.from(position, self.steps[at].need, calls)) {
                Some(from) => self.steps[at].from = from,
                None => dropped.push(position),
            }
        }
        dropped.sort_unstable();
        self.steps.retain(|step| dropped.binary_search(&step.call).is_err());
        self.steps.sort_by_key(|step| step.from);
        self.claims.clear();
        self.claims.extend(self.steps.iter().map(|step| claim(&calls[step.call as usize])));
    }
}
