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

use crate::history::{Row, Symbol, Time};
use crate::reads::{Change, Evidence, Notes, Seen, Service, may_be_undone};
use crate::verdict::Property;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let downs = Downs::read(evidence);
    for service in &evidence.services {
        let mut changes: BTreeMap<Symbol, Vec<Change>> = BTreeMap::new();
        for change in &service.changes {
            changes.entry(change.id).or_default().push(*change);
        }
        for seen in &service.seen {
            for (id, changes) in &changes {
                if seen.mode.is_linearizable() && !seen.passing && !downs.single.is_empty() {
                    survives(evidence, service, (*id, changes), seen, &downs, notes);
                }
            }
        }
        stays_gone(evidence, service, &changes, notes);
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

fn stays_gone(
    evidence: &Evidence<'_>,
    service: &Service,
    changes: &BTreeMap<Symbol, Vec<Change>>,
    notes: &mut Notes<'_>,
) {
    // By instance: index, acknowledgement and call of each deregistration, by path or by name.
    let mut gone: BTreeMap<Symbol, Vec<(u64, Time, u32)>> = BTreeMap::new();
    for (id, changes) in changes {
        let sweeps = service.ns.and_then(|ns| evidence.sweeps.get(&(ns, *id))).into_iter().flatten();
        let swept = sweeps
            .map(|at| (*at, &evidence.history.calls[*at as usize]))
            .filter_map(|(at, call)| Some((call.claimed_index()?, call.returned, at)));
        let named = changes
            .iter()
            .filter(|change| change.nonce.is_none())
            .map(|change| (change.index, change.returned, change.call));
        let all: Vec<_> = named.chain(swept).collect();
        if !all.is_empty() {
            gone.insert(*id, all);
        }
    }
    if gone.is_empty() {
        return;
    }
    for seen in &service.seen {
        for row in evidence.history.rows(seen.body) {
            let (Some(gone), Some(changes)) = (gone.get(&row.id), changes.get(&row.id)) else { continue };
            let Some(registration) = changes.iter().find(|change| change.nonce == Some(row.nonce)) else { continue };
            notes.judged(Property::Dur3, 1);
            let holds = |index: u64, returned: Time| {
                seen.applied >= index || seen.mode.is_linearizable() && seen.invoked > returned
            };
            if let Some((index, _, call)) =
                gone.iter().find(|(index, returned, _)| *index > registration.index && holds(*index, *returned))
            {
                notes.breach(Property::Dur3, &[registration.call, *call, seen.call], || {
                    (
                        format!("{} of {} came back: registered at {}, deregistered at {index}, seen again in the state at {}", evidence.history.name(row.id), evidence.service_name(service), registration.index, seen.applied),
                        Vec::new(),
                    )
                });
            }
        }
    }
}
