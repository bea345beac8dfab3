//! The specification: what a correct registry answers, as small and as plain as it can be written. A second
//! implementation on purpose: it shares no code with the server, so that a wrong rule does not pass twice.
//!
//! Knows nothing of indices, time, clients or files. A ttl check may turn critical at any moment without a call; that is
//! modelled at the first observer that shows it, which loses nothing: an expiry overwrites one status, and until somebody
//! looks it makes no difference when it happened.
//!
//! Not judged: whether a check id was free to take, tags, addresses, outputs.

mod repeats;
mod replay;
mod sequential;

pub(crate) use repeats::Repeats;
pub use sequential::{Op, Ret, SeenCheck, SeenRow, Spec};

use std::collections::BTreeMap;

use crate::history::{CheckSpec, CheckState, Status, Symbol, Token};

/// Namespace and service.
type ServiceKey = (Symbol, Symbol);

/// The registry's state, as far as a reader can see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registry {
    services: BTreeMap<ServiceKey, BTreeMap<Symbol, Instance>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Instance {
    nonce: Token,
    checks: Vec<Check>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Check {
    id: Symbol,
    is_ttl: bool,
    status: Status,
}

impl Instance {
    fn is_passing(&self) -> bool {
        self.checks.iter().all(|check| check.status == Status::Passing)
    }
}

impl Registry {
    /// Replaces the instance's fields. A check that stays (same id, same type) keeps its status; a new one is critical
    /// unless the registration says otherwise.
    fn register(&mut self, service: ServiceKey, id: Symbol, nonce: Token, specs: &[CheckSpec]) {
        let instances = self.services.entry(service).or_default();
        let instance = instances.entry(id).or_insert_with(|| Instance { nonce, checks: Vec::new() });
        let old = std::mem::take(&mut instance.checks);
        let checks = specs.iter().map(|spec| {
            let is_ttl = spec.ttl_ms.is_some();
            let kept = old.iter().find(|check| check.id == spec.id && check.is_ttl == is_ttl);
            let status = kept.map_or(spec.status.unwrap_or(Status::Critical), |check| check.status);
            Check { id: spec.id, is_ttl, status }
        });
        *instance = Instance { nonce, checks: checks.collect() };
    }

    /// False: there is no such instance, and nothing changed.
    fn deregister(&mut self, service: ServiceKey, id: Symbol) -> bool {
        self.services.get_mut(&service).is_some_and(|instances| instances.remove(&id).is_some())
    }

    /// False: no service of the namespace has such an instance, and nothing changed.
    fn deregister_id(&mut self, ns: Symbol, id: Symbol) -> bool {
        let mut removed = false;
        for (_, instances) in self.services.range_mut(namespace(ns)) {
            removed |= instances.remove(&id).is_some();
        }
        removed
    }

    /// False: no instance of the namespace has such a check, and nothing changed.
    fn report(&mut self, ns: Symbol, check: Symbol, status: Status) -> bool {
        let mut found = false;
        for (_, instances) in self.services.range_mut(namespace(ns)) {
            for held in instances.values_mut().flat_map(|instance| &mut instance.checks) {
                if held.id == check {
                    held.status = status;
                    found = true;
                }
            }
        }
        found
    }

    /// Whether a reader of `service` may see exactly `rows` (in any order; with `passing`, only instances whose checks all
    /// pass are shown). Ttl checks that are seen critical turn critical. `checks` gives those of a row.
    fn shows<'r, C>(
        &mut self,
        service: ServiceKey,
        passing: bool,
        rows: impl Iterator<Item = (Symbol, Token, C)> + Clone,
        checks: impl Fn(C) -> &'r [CheckState],
    ) -> bool {
        let mut none = BTreeMap::new();
        let instances = self.services.get_mut(&service).unwrap_or(&mut none);
        let is_among = |count: usize, id: Symbol| rows.clone().take(count).any(|(other, ..)| other == id);
        let mut shown = 0;
        for (id, nonce, list) in rows.clone() {
            let Some(instance) = instances.get_mut(&id) else { return false };
            let fits = instance.nonce == nonce && instance.show(checks(list)) && (!passing || instance.is_passing());
            if !fits || is_among(shown, id) {
                return false;
            }
            shown += 1;
        }
        if shown == instances.len() {
            return true;
        }
        passing && instances.iter_mut().filter(|(id, _)| !is_among(shown, **id)).all(|(_, instance)| instance.hide())
    }

    /// The names of the services of `ns` that have an instance, in order.
    fn names(&self, ns: Symbol) -> impl Iterator<Item = Symbol> {
        self.services.range(namespace(ns)).filter(|(_, instances)| !instances.is_empty()).map(|((_, name), _)| *name)
    }
}

impl Instance {
    /// Whether a reader may see these checks; expires the ttl checks that are seen critical.
    fn show(&mut self, seen: &[CheckState]) -> bool {
        if seen.len() != self.checks.len() {
            return false;
        }
        self.checks.iter_mut().all(|check| {
            let Some(shown) = seen.iter().find(|shown| shown.id == check.id) else { return false };
            if check.is_ttl && shown.status == Status::Critical {
                check.status = Status::Critical;
            }
            check.status == shown.status
        })
    }

    /// Whether a filter for passing instances may leave this one out. With one ttl check it is that one which expired;
    /// with several nobody can tell which, and none is chosen.
    fn hide(&mut self) -> bool {
        if !self.is_passing() {
            return true;
        }
        let mut ttl = self.checks.iter_mut().filter(|check| check.is_ttl);
        match (ttl.next(), ttl.next()) {
            (None, _) => false,
            (Some(only), None) => {
                only.status = Status::Critical;
                true
            }
            (Some(_), Some(_)) => true,
        }
    }
}

fn namespace(ns: Symbol) -> std::ops::RangeInclusive<ServiceKey> {
    (ns, Symbol(0))..=(ns, Symbol(u32::MAX))
}
