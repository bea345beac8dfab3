//! From calls to steps.

use super::content::{CHECKS_MAX, Content, code};
use super::{Act, Cell, Check, Need, Packed, Registration, Renewal, Script, Service, Step, TooWide};
use crate::history::{Answer, Call, CheckSpec, History, Operation, Outcome, Status, Symbol, Token};
use crate::lookup::Lookup;

/// Bits of the filter that finds keys which occur twice.
const FILTER_BITS: u32 = 23;

struct Builder<'h> {
    history: &'h History,
    script: Script,
    namespaces: Lookup<u32, u32>,
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
            services: Lookup::default(),
            groups: Lookup::default(),
            checks: Lookup::default(),
            shapes: Lookup::default(),
            unknown: history.names.find("unknown"),
        };
        builder.pack_lists()?;
        let keyed = Keys::group(&history.calls);
        builder.script.steps.reserve_exact(history.calls.len());
        for position in 0..history.calls.len() as u32 {
            builder.add(position, &keyed)?;
        }
        if !keyed.retries.is_empty() {
            builder.script.steps.sort_by_key(|step| step.from);
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
        let namespaces = &mut self.script.namespaces;
        *self.namespaces.entry(ns.0).or_insert_with(|| {
            namespaces.push(Vec::new());
            namespaces.len() as u32 - 1
        })
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

    fn add(&mut self, position: u32, keyed: &Keys) -> Result<(), TooWide> {
        let history = self.history;
        let call = &history.calls[position as usize];
        let Some((need, from, until)) = self.interval(position, call, keyed) else { return Ok(()) };
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
        self.script.steps.push(Step { call: position, from, until, need, act });
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

    /// Whether the call is a step, and from which line to which it may happen.
    fn interval(&self, position: u32, call: &Call, keyed: &Keys) -> Option<(Need, u32, u32)> {
        let until = if call.is_unknown() { u32::MAX } else { call.end_line };
        let need = match call.outcome {
            Outcome::Ok(_) => Need::Accepted,
            Outcome::Unknown(_) => Need::Optional,
            // Any other rejection says nothing about the state.
            Outcome::Failed(error) if Some(error) == self.unknown => Need::Rejected,
            Outcome::Failed(_) => return None,
        };
        if call.operation.is_read() {
            let counts = need == Need::Accepted && call.operation.mode().is_some_and(|mode| mode.is_linearizable());
            return counts.then_some((need, call.line, until));
        }
        let can_be_rejected = !matches!(call.operation, Operation::Register { .. } | Operation::RenewMany { .. });
        if need == Need::Rejected && !can_be_rejected {
            return None;
        }
        match keyed.role(position) {
            None => Some((need, call.line, until)),
            // A stored first answer may be older than the retry that it answers.
            Some(group) if need == Need::Rejected => Some((need, group.from, until)),
            // A renewal that changes nothing is not logged, so its key is not stored: each attempt counts for itself.
            Some(group) if matches!(call.operation, Operation::Report { .. } | Operation::RenewMany { .. }) => {
                Some((need, group.from, until))
            }
            Some(group) if group.first_ok.map_or(position == group.first_unknown, |ok| ok == position) => {
                Some((need, group.from, until))
            }
            Some(_) => None,
        }
    }
}

/// Calls that share an idempotency key.
#[derive(Default)]
struct Keys {
    groups: Vec<KeyGroup>,
    of: Lookup<u32, u32>,
    retries: Vec<(u32, u32)>,
}

struct KeyGroup {
    first: u32,
    /// Line of the first attempt.
    from: u32,
    /// The attempt whose ok came first: the effect is not later than it.
    first_ok: Option<u32>,
    first_unknown: u32,
}

impl Keys {
    fn role(&self, position: u32) -> Option<&KeyGroup> {
        if self.groups.is_empty() {
            return None;
        }
        self.of.get(&position).map(|&group| &self.groups[group as usize])
    }

    /// Nearly every key occurs once. A filter of bits finds the few that may not, so that no table of all keys is needed.
    fn group(calls: &[Call]) -> Self {
        let bit = |key: Token| crate::lookup::fold(key.bits(), 0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
        let mut once = vec![0_u64; 1 << (FILTER_BITS - 6)];
        let mut twice = Vec::new();
        let mut keyed = Vec::new();
        for (position, call) in calls.iter().enumerate().filter(|(_, call)| !call.key.is_none()) {
            let at = bit(call.key);
            let (word, mask) = (at as usize >> 6, 1 << (at & 63));
            if once[word] & mask != 0 {
                twice.push(at);
            }
            once[word] |= mask;
            keyed.push((call.key, position as u32));
        }
        let mut keys = Self::default();
        if twice.is_empty() {
            return keys;
        }
        once.fill(0);
        twice.iter().for_each(|at| once[*at as usize >> 6] |= 1 << (at & 63));
        let mut first: Lookup<Token, u32> = Lookup::default();
        let mut numbers: Lookup<Token, u32> = Lookup::default();
        for (key, position) in keyed {
            let at = bit(key);
            if once[at as usize >> 6] & 1 << (at & 63) == 0 {
                continue;
            }
            match first.get(&key) {
                None => drop(first.insert(key, position)),
                Some(&earlier) => keys.join(calls, earlier, position, &mut numbers),
            }
        }
        keys
    }

    fn join(&mut self, calls: &[Call], first: u32, position: u32, numbers: &mut Lookup<Token, u32>) {
        let number = *numbers.entry(calls[position as usize].key).or_insert_with(|| {
            self.groups.push(KeyGroup {
                first,
                from: calls[first as usize].line,
                first_ok: None,
                first_unknown: u32::MAX,
            });
            self.groups.len() as u32 - 1
        });
        if self.of.insert(first, number).is_none() {
            self.groups[number as usize].add(calls, first);
        }
        self.of.insert(position, number);
        self.groups[number as usize].add(calls, position);
        self.retries.push((position, first));
    }
}

impl KeyGroup {
    fn add(&mut self, calls: &[Call], position: u32) {
        let call = &calls[position as usize];
        match call.outcome {
            Outcome::Ok(_) => {
                let earlier = self.first_ok.is_some_and(|ok| calls[ok as usize].end_line < call.end_line);
                if !earlier {
                    self.first_ok = Some(position);
                }
            }
            Outcome::Unknown(_) => self.first_unknown = self.first_unknown.min(position),
            Outcome::Failed(_) => {}
        }
        debug_assert!(self.first <= position, "calls are grouped in their order");
    }
}
