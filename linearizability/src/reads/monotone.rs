//! RD-2 and W-3: what a server has shown once it never takes back.
//!
//! RD-2, for stale answers of one client (`process`): a before b, same server => b.applied >= a.applied; and an answer
//! to a floor N has applied >= N, whichever server gave it.
//! W-3, for all answers about one service from one server, of any client: a.returned < b.invoked => b.xi >= a.xi.
//! Restarts, elections and installed snapshots in between are no excuse.

use std::collections::BTreeMap;

use crate::history::{Mode, Operation, Symbol, Time};
use crate::verdict::Property;

use super::evidence::{Evidence, Service};
use super::notes::Notes;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    stale_reads(evidence, notes);
    for service in &evidence.services {
        service_index(evidence, service, notes);
    }
}

fn stale_reads(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    // By client and server: the newest state seen, and the call that showed it.
    let mut newest: BTreeMap<(u32, Symbol), (u64, u32)> = BTreeMap::new();
    let any_stale = evidence.history.calls.iter().any(|call| call.operation.mode() == Some(Mode::Stale));
    for (at, call) in evidence.history.calls.iter().enumerate().filter(|_| any_stale) {
        let (Some(mode), Some(applied)) = (call.operation.mode(), call.claimed_index()) else { continue };
        let at = at as u32;
        let seen = newest.get(&(call.process, call.node)).copied();
        if mode == Mode::Stale {
            notes.judged(Property::Rd2, usize::from(seen.is_some()));
            if let Some((before, witness)) = seen.filter(|(before, _)| applied < *before) {
                notes.breach(Property::Rd2, &[witness, at], || {
                    (
                        format!(
                            "client {} read the state at {applied} from {}, which had shown it the state at {before}",
                            call.process,
                            evidence.history.name(call.node)
                        ),
                        vec!["A server's state only moves forward.".to_owned()],
                    )
                });
            }
        }
        if let Operation::Read { floor: Some(floor), .. } = call.operation {
            notes.judged(Property::Rd2, 1);
            if applied < floor {
                notes.breach(Property::Rd2, &[at], || {
                    (
                        format!("a stale read that carried index {floor} was answered from the state at {applied}"),
                        vec!["It has to wait for that state, or to say 503.".to_owned()],
                    )
                });
            }
        }
        if seen.is_none_or(|(before, _)| applied > before) {
            newest.insert((call.process, call.node), (applied, at));
        }
    }
}

fn service_index(evidence: &Evidence<'_>, service: &Service, notes: &mut Notes<'_>) {
    let mut highest: Vec<(Symbol, u64, u32)> = Vec::new();
    let mut returns = service.by_return.iter().map(|at| &service.seen[*at as usize]).peekable();
    let mut judged = 0;
    for seen in &service.seen {
        while let Some(before) = returns.next_if(|before| before.returned < seen.invoked) {
            match highest.iter_mut().find(|(node, ..)| *node == before.node) {
                Some(known) if known.1 < before.xi => (known.1, known.2) = (before.xi, before.call),
                Some(_) => {}
                None => highest.push((before.node, before.xi, before.call)),
            }
        }
        let Some((_, xi, witness)) = highest.iter().find(|(node, ..)| *node == seen.node) else { continue };
        judged += 1;
        if seen.xi < *xi {
            notes.breach(Property::W3, &[*witness, seen.call], || {
                (
                    format!(
                        "{} answered index {} for {} after it had answered {xi}",
                        evidence.history.name(seen.node),
                        seen.xi,
                        evidence.service_name(service)
                    ),
                    vec![format!(
                        "The first answer had come {} before the second call.",
                        ms(seen.invoked, evidence.history.calls[*witness as usize].returned)
                    )],
                )
            });
        }
    }
    notes.judged(Property::W3, judged);
}

/// The time between two moments, for people.
fn ms(later: Time, earlier: Time) -> String {
    format!("{:.3} ms", later.since(earlier) as f64 / 1e6)
}
