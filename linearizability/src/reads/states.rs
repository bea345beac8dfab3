//! RD-1 and W-1: the body of an answer and its index are one state, and the state at that index.
//! Breaches of a pair of linearizable answers are W-1, those with a stale one RD-1.
//!
//! No replay of the server's commands is needed; each rule is a proof by itself. For answers a, b of one service:
//! 1. a.xi = b.xi => a.body = b.body (a filtered body is the filter of the full one).
//! 2. a.xi < b.xi => a.applied < b.xi: at b.xi the service changed, so a state at or above b.xi has at least that index.
//! 3. a.xi <= a.applied, and no row's modify index is above a.xi.
//! 4. Each row was written by a `register` that was called before the answer came (stale reads and polls; for other reads LIN-1 says so).
//! 5. Per instance: the row is the one that the last acknowledged change at or below a.xi left there. A later own index
//!    at or below a.xi, or a write's own index above a.xi, refutes a row; a registration that no deregistration can have
//!    undone refutes a missing one (stale reads and polls).
//!
//! Index 1 with an empty body is the answer of a service that nobody has touched: it is no state of that index.

use std::collections::BTreeMap;

use crate::history::{Operation, Outcome, Row, Status, Symbol, Time, Token};
use crate::verdict::Property;

use super::evidence::{Change, Evidence, Seen, Service};
use super::notes::Notes;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in &evidence.services {
        let order = by_index(service);
        let stale = order.iter().filter(|seen| !seen.mode.is_linearizable()).count();
        notes.judged(Property::Rd1, stale);
        notes.judged(Property::W1, order.len() - stale);
        same_index_same_body(evidence, service, &order, notes);
        no_change_is_skipped(evidence, service, &order, notes);
        within_own_index(evidence, service, &order, notes);
        rows_are_explained(evidence, service, &order, notes);
    }
}

/// Whose promise a pair of answers breaks.
fn property(a: &Seen, b: &Seen) -> Property {
    if a.mode.is_linearizable() && b.mode.is_linearizable() { Property::W1 } else { Property::Rd1 }
}

fn by_index(service: &Service) -> Vec<Seen> {
    let mut order: Vec<Seen> =
        service.seen.iter().filter(|seen| !(seen.xi <= 1 && seen.body.len == 0)).copied().collect();
    order.sort_unstable_by_key(|seen| (seen.xi, seen.applied, seen.call));
    order
}

fn same_index_same_body(evidence: &Evidence<'_>, service: &Service, order: &[Seen], notes: &mut Notes<'_>) {
    for group in order.chunk_by(|a, b| a.xi == b.xi) {
        // The reference is a linearizable answer where there is one: then a breach says whose promise it is.
        let reference = |passing: bool| {
            let mut alike = group.iter().filter(|seen| seen.passing == passing);
            alike.clone().find(|seen| seen.mode.is_linearizable()).or_else(|| alike.next())
        };
        let (full, filtered) = (reference(false), reference(true));
        for seen in group {
            let reference = if seen.passing { filtered } else { full };
            let Some(reference) = reference.filter(|reference| reference.call != seen.call) else { continue };
            if evidence.history.rows(reference.body) != evidence.history.rows(seen.body) {
                two_bodies(evidence, service, reference, seen, notes);
            }
        }
        if let (Some(full), Some(filtered)) = (full, filtered) {
            let kept = evidence.history.rows(full.body).iter().filter(|row| is_passing(evidence, row));
            if !kept.eq(evidence.history.rows(filtered.body)) {
                two_bodies(evidence, service, full, filtered, notes);
            }
        }
    }
}

/// Whether an instance belongs into a body filtered by `passing=1`.
pub(crate) fn is_passing(evidence: &Evidence<'_>, row: &Row) -> bool {
    evidence.history.row_checks(row.checks).iter().all(|check| check.status == Status::Passing)
}

fn two_bodies(evidence: &Evidence<'_>, service: &Service, a: &Seen, b: &Seen, notes: &mut Notes<'_>) {
    notes.breach(property(a, b), &[a.call, b.call], || {
        let difference = difference(evidence, evidence.history.rows(a.body), evidence.history.rows(b.body));
        (
            format!("two answers about {} carry index {} and different bodies", evidence.service_name(service), a.xi),
            vec![
                difference,
                "The index of a service grows with each change of it, so one index is one state.".to_owned(),
            ],
        )
    });
}

fn difference(evidence: &Evidence<'_>, a: &[Row], b: &[Row]) -> String {
    let only = |from: &[Row], other: &[Row]| {
        from.iter().filter(|row| !other.contains(row)).map(|row| row_text(evidence, row)).collect::<Vec<_>>().join(", ")
    };
    let (first, second) = (only(a, b), only(b, a));
    if first.is_empty() && second.is_empty() {
        return "The rows are equal, their order is not.".to_owned();
    }
    format!("Only in the first: {}. Only in the second: {}.", or_nothing(&first), or_nothing(&second))
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn row_text(evidence: &Evidence<'_>, row: &Row) -> String {
    let checks: Vec<String> = evidence
        .history
        .row_checks(row.checks)
        .iter()
        .map(|check| format!("{}={}", evidence.history.name(check.id), check.status.word()))
        .collect();
    format!(
        "{} (nonce {}, modified at {}) [{}]",
        evidence.history.name(row.id),
        evidence.history.token(row.nonce),
        row.modify_index,
        checks.join(" ")
    )
}

fn no_change_is_skipped(evidence: &Evidence<'_>, service: &Service, order: &[Seen], notes: &mut Notes<'_>) {
    for pair in order.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        if a.xi < b.xi && a.applied >= b.xi {
            notes.breach(property(a, b), &[a.call, b.call], || {
                (
                    format!("an answer about {} from the state at {} carries index {}, though the service changed at {}", evidence.service_name(service), a.applied, a.xi, b.xi),
                    vec![format!("The second answer carries {}, so the service changed there; a state at {} includes that change.", b.xi, a.applied)],
                )
            });
        }
    }
}

fn within_own_index(evidence: &Evidence<'_>, service: &Service, order: &[Seen], notes: &mut Notes<'_>) {
    for seen in order {
        if seen.xi > seen.applied && seen.xi > 1 {
            notes.breach(property(seen, seen), &[seen.call], || {
                (
                    format!(
                        "an answer about {} carries index {} and comes from the state at {}",
                        evidence.service_name(service),
                        seen.xi,
                        seen.applied
                    ),
                    vec!["A state holds no change above its own index.".to_owned()],
                )
            });
        }
        if let Some(row) = evidence.history.rows(seen.body).iter().find(|row| row.modify_index > seen.xi) {
            notes.breach(property(seen, seen), &[seen.call], || {
                (
                    format!(
                        "an answer about {} carries index {} and a row that was modified at {}",
                        evidence.service_name(service),
                        seen.xi,
                        row.modify_index
                    ),
                    vec![format!("The row: {}.", row_text(evidence, row))],
                )
            });
        }
    }
}

/// What is known about the writes to one service, for rules 4 and 5.
struct Writes<'s> {
    /// By instance and value: the first call that carried it.
    written: BTreeMap<(Symbol, Token), Time>,
    /// Changes by instance, in the order of their indices.
    changes: BTreeMap<Symbol, Vec<&'s Change>>,
    /// By instance and value: its first acknowledged registration.
    registered: BTreeMap<(Symbol, Token), &'s Change>,
}

impl<'s> Writes<'s> {
    fn of(evidence: &Evidence<'_>, service: &'s Service) -> Self {
        let mut written = BTreeMap::new();
        for (id, calls) in &service.touches {
            for call in calls.iter().map(|at| &evidence.history.calls[*at as usize]) {
                if let Operation::Register { nonce, .. } = call.operation {
                    written.entry((*id, nonce)).or_insert(call.invoked);
                }
            }
        }
        let mut changes: BTreeMap<Symbol, Vec<&Change>> = BTreeMap::new();
        let mut registered = BTreeMap::new();
        for change in &service.changes {
            changes.entry(change.id).or_default().push(change);
            if let Some(nonce) = change.nonce {
                registered.entry((change.id, nonce)).or_insert(change);
            }
        }
        Self { written, changes, registered }
    }

    /// The last change of `id` at or below `index`.
    fn last(&self, id: Symbol, index: u64) -> Option<&Change> {
        self.up_to(id, index).last().copied()
    }

    /// The changes of `id` at or below `index`.
    fn up_to(&self, id: Symbol, index: u64) -> &[&'s Change] {
        let changes = self.changes.get(&id).map_or(&[][..], Vec::as_slice);
        &changes[..changes.partition_point(|change| change.index <= index)]
    }
}

fn rows_are_explained(evidence: &Evidence<'_>, service: &Service, order: &[Seen], notes: &mut Notes<'_>) {
    let is_poll = |seen: &Seen| matches!(evidence.history.calls[seen.call as usize].operation, Operation::Poll { .. });
    let judged: Vec<&Seen> = order.iter().filter(|seen| !seen.mode.is_linearizable() || is_poll(seen)).collect();
    if judged.is_empty() {
        return;
    }
    let writes = Writes::of(evidence, service);
    for seen in judged {
        for row in evidence.history.rows(seen.body).iter().filter(|row| !row.nonce.is_none()) {
            row_was_written(evidence, &writes, seen, row, notes);
        }
        if !seen.passing {
            missing_rows(evidence, service, &writes, seen, notes);
        }
    }
}

fn row_was_written(evidence: &Evidence<'_>, writes: &Writes<'_>, seen: &Seen, row: &Row, notes: &mut Notes<'_>) {
    let call_by_then = writes.written.get(&(row.id, row.nonce)).is_some_and(|invoked| *invoked <= seen.returned);
    if !call_by_then {
        notes.breach(property(seen, seen), &[seen.call], || {
            (
                format!("a row shows a registration that nobody had called: {}", row_text(evidence, row)),
                vec![
                    "Each registration carries its own value, and no call with this one began before the answer came."
                        .to_owned(),
                ],
            )
        });
        return;
    }
    let Some(own) = writes.registered.get(&(row.id, row.nonce)) else { return };
    let later = writes
        .up_to(row.id, seen.xi)
        .iter()
        .rev()
        .take_while(|change| change.index > own.index)
        .find(|change| change.nonce != Some(row.nonce));
    if own.index > seen.xi {
        notes.breach(property(seen, seen), &[own.call, seen.call], || {
            (
                format!(
                    "an answer with index {} shows {}, which was registered at {}",
                    seen.xi,
                    row_text(evidence, row),
                    own.index
                ),
                Vec::new(),
            )
        });
    } else if let Some(later) = later {
        notes.breach(property(seen, seen), &[own.call, later.call, seen.call], || {
            (
                format!(
                    "an answer with index {} still shows {}, registered at {}",
                    seen.xi,
                    row_text(evidence, row),
                    own.index
                ),
                vec![format!(
                    "It was {} at {}, which is not above the answer's index.",
                    if later.nonce.is_some() { "replaced" } else { "deregistered" },
                    later.index
                )],
            )
        });
    }
}

fn missing_rows(evidence: &Evidence<'_>, service: &Service, writes: &Writes<'_>, seen: &Seen, notes: &mut Notes<'_>) {
    let rows = evidence.history.rows(seen.body);
    for id in writes.changes.keys().filter(|id| !rows.iter().any(|row| row.id == **id)) {
        let Some(last) = writes.last(*id, seen.xi).filter(|change| change.nonce.is_some()) else { continue };
        if !may_be_undone(evidence, service, *id, last, seen) {
            notes.breach(property(seen, seen), &[last.call, seen.call], || {
                (
                    format!(
                        "an answer with index {} has no row of {}, which was registered at {}",
                        seen.xi,
                        evidence.history.name(*id),
                        last.index
                    ),
                    vec!["No deregistration that can have taken effect between the two was called.".to_owned()],
                )
            });
        }
    }
}

/// Whether some deregistration of `id` can lie above `last.index` and at or below the answer's index.
pub(crate) fn may_be_undone(
    evidence: &Evidence<'_>,
    service: &Service,
    id: Symbol,
    last: &Change,
    seen: &Seen,
) -> bool {
    let sweeps = service.ns.and_then(|ns| evidence.sweeps.get(&(ns, id)));
    let calls =
        service.touches.get(&id).into_iter().chain(sweeps).flatten().map(|at| &evidence.history.calls[*at as usize]);
    calls.filter(|call| matches!(call.operation, Operation::Deregister { .. } | Operation::DeregisterId { .. })).any(
        |call| match call.outcome {
            Outcome::Ok(_) => call.claimed_index().is_some_and(|index| last.index < index && index <= seen.xi),
            Outcome::Unknown(_) => call.invoked <= seen.returned,
            Outcome::Failed(_) => false,
        },
    )
}
