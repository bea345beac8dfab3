//! DUR-1 and DUR-2: acknowledged writes survive. DUR-3: an acknowledged deregistration never comes back.
//!
//! DUR-1, for a change c acknowledged before a crash, a power loss or a stop of any server, and a linearizable answer v
//! called after it. Breach, any of: v.xi < c's own index; c registered an instance, v (unfiltered) has no row of it, and
//! no deregistration can lie above c and at or below v.xi; v shows a row of the instance whose own index is below c's.
//! DUR-2: the same where one moment between c and v saw every server without power.
//! (Without a fault between them the same breach is one of LIN-1 alone.)
//!
//! DUR-3: g registered an instance at own index i, d deregistered it at own index j > i, and an answer whose state holds d
//! (applied >= j, or linearizable and called after d was acknowledged) shows g's row.

use std::collections::BTreeMap;

use crate::history::{Row, Symbol, Time, Token};
use crate::reads::{Change, Evidence, Notes, Seen, Service, may_be_undone};
use crate::verdict::Property;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let downs = Downs::read(evidence);
    for service in &evidence.services {
        if !downs.single.is_empty() {
            acknowledged_writes(evidence, service, &downs, notes);
        }
        stays_gone(evidence, service, notes);
    }
}

fn acknowledged_writes(evidence: &Evidence<'_>, service: &Service, downs: &Downs, notes: &mut Notes<'_>) {
    let mut changes: BTreeMap<Symbol, Vec<Change>> = BTreeMap::new();
    for change in &service.changes {
        changes.entry(change.id).or_default().push(*change);
    }
    for seen in service.seen.iter().filter(|seen| seen.mode.is_linearizable() && !seen.passing) {
        for (id, changes) in &changes {
            survives(evidence, service, (*id, changes), seen, downs, notes);
        }
    }
}

/// When servers went down.
struct Downs {
    /// Some server stopped or lost its power.
    single: Vec<Time>,
    /// From this moment all servers were without power.
    all: Vec<Time>,
}

impl Downs {
    fn read(evidence: &Evidence<'_>) -> Self {
        let downs = || {
            evidence
                .faults
                .active
                .iter()
                .filter(|fault| matches!(fault.name.as_str(), "crash" | "power-loss" | "kill" | "stop"))
        };
        let dark = |time: Time| {
            let mut dark = downs().filter(|fault| fault.name == "power-loss" && fault.from <= time && time <= fault.to);
            let hit: Vec<&str> = dark.clone().flat_map(|fault| fault.targets.iter().map(String::as_str)).collect();
            !evidence.servers.is_empty()
                && (dark.any(|fault| fault.targets.is_empty())
                    || evidence.servers.iter().all(|server| hit.contains(&server.as_str())))
        };
        Self {
            single: downs().map(|fault| fault.from).collect(),
            all: downs().map(|fault| fault.from).filter(|from| dark(*from)).collect(),
        }
    }

    /// The property that a loss between two moments breaks, if any server went down between them.
    fn property(&self, from: Time, to: Time) -> Option<Property> {
        let between = |times: &[Time]| times.iter().any(|time| from <= *time && *time <= to);
        match (between(&self.all), between(&self.single)) {
            (true, _) => Some(Property::Dur2),
            (false, true) => Some(Property::Dur1),
            (false, false) => None,
        }
    }
}

fn survives(
    evidence: &Evidence<'_>,
    service: &Service,
    (id, changes): (Symbol, &[Change]),
    seen: &Seen,
    downs: &Downs,
    notes: &mut Notes<'_>,
) {
    let Some(change) = changes.iter().rev().find(|change| change.returned < seen.invoked) else { return };
    let Some(property) = downs.property(change.returned, seen.invoked) else { return };
    notes.judged(property, 1);
    let row = evidence.history.rows(seen.body).iter().find(|row| row.id == id);
    let lost = match row {
        _ if seen.xi < change.index => Some("the answer's index is below the write's"),
        Some(row) if own_index(changes, row).is_some_and(|index| index < change.index) => {
            Some("the answer shows what the write had replaced")
        }
        None if change.nonce.is_some() && !may_be_undone(evidence, service, id, change, seen) => {
            Some("the instance is not there, and nobody can have deregistered it since")
        }
        _ => None,
    };
    if let Some(lost) = lost {
        notes.breach(property, &[change.call, seen.call], || {
            (
                format!("an acknowledged write to {} of {} was lost: {lost}", evidence.history.name(id), evidence.service_name(service)),
                vec![format!("It was acknowledged at {} with index {}; a server went down after that; the answer, called at {}, carries index {}.", change.returned, change.index, seen.invoked, seen.xi)],
            )
        });
    }
}

fn own_index(changes: &[Change], row: &Row) -> Option<u64> {
    changes.iter().find(|change| change.nonce == Some(row.nonce)).map(|change| change.index)
}

/// A deregistration of one instance.
#[derive(Clone, Copy)]
struct Gone {
    index: u64,
    call: u32,
    /// The earliest acknowledgement among this one and those with a higher index.
    returned: Time,
}

/// What DUR-3 looks up, each list sorted.
struct Lives {
    /// Instance, value, own index and call of each registration.
    registered: Vec<(Symbol, Token, u64, u32)>,
    gone: BTreeMap<Symbol, Vec<Gone>>,
}

impl Lives {
    fn of(evidence: &Evidence<'_>, service: &Service) -> Self {
        let mut registered = Vec::new();
        let mut gone: BTreeMap<Symbol, Vec<Gone>> = BTreeMap::new();
        for change in &service.changes {
            match change.nonce {
                Some(nonce) => registered.push((change.id, nonce, change.index, change.call)),
                None => {
                    let entry = Gone { index: change.index, call: change.call, returned: change.returned };
                    gone.entry(change.id).or_default().push(entry);
                }
            }
        }
        for id in service.touches.keys() {
            for at in service.ns.and_then(|ns| evidence.sweeps.get(&(ns, *id))).into_iter().flatten() {
                let call = &evidence.history.calls[*at as usize];
                if let Some(index) = call.claimed_index() {
                    gone.entry(*id).or_default().push(Gone { index, call: *at, returned: call.returned });
                }
            }
        }
        registered.sort_unstable();
        for gone in gone.values_mut() {
            gone.sort_unstable_by_key(|gone| gone.index);
            for at in (1..gone.len()).rev() {
                gone[at - 1].returned = gone[at - 1].returned.min(gone[at].returned);
            }
        }
        Self { registered, gone }
    }

    /// Own index and call of the registration that wrote `row`.
    fn registration(&self, row: &Row) -> Option<(u64, u32)> {
        let at = self.registered.partition_point(|(id, nonce, ..)| (*id, *nonce) < (row.id, row.nonce));
        self.registered
            .get(at)
            .filter(|(id, nonce, ..)| (*id, *nonce) == (row.id, row.nonce))
            .map(|(_, _, index, call)| (*index, *call))
    }
}

fn stays_gone(evidence: &Evidence<'_>, service: &Service, notes: &mut Notes<'_>) {
    let lives = Lives::of(evidence, service);
    if lives.gone.is_empty() {
        return;
    }
    let mut judged = 0;
    for seen in &service.seen {
        for row in evidence.history.rows(seen.body) {
            let Some(gone) = lives.gone.get(&row.id) else { continue };
            let Some((registered, registration)) = lives.registration(row) else { continue };
            judged += 1;
            let Some(next) = gone.get(gone.partition_point(|gone| gone.index <= registered)) else { continue };
            if seen.applied >= next.index || seen.mode.is_linearizable() && seen.invoked > next.returned {
                notes.breach(Property::Dur3, &[registration, next.call, seen.call], || {
                    let (id, service) = (evidence.history.name(row.id), evidence.service_name(service));
                    let came_back = format!(
                        "{id} of {service} came back: registered at {registered}, deregistered at {}",
                        next.index
                    );
                    (format!("{came_back}, seen again in the state at {}", seen.applied), Vec::new())
                });
            }
        }
    }
    notes.judged(Property::Dur3, judged);
}
