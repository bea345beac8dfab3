//! MEM-1: at most one leader a term: no two servers record the role `leader` for one term.
//!
//! MEM-3: a removed server serves nothing consistent. Breach: a linearizable answer of server x was called after a
//! `remove` of x had been acknowledged (+ slack, in which x may have confirmed its leadership before), and no `join` of
//! x can lie between. Judged where the membership calls name servers as the other calls do.

use std::collections::BTreeMap;

use crate::history::{Call, Membership, Operation, Outcome, Role, Time};
use crate::reads::{Evidence, Notes};
use crate::verdict::{Evidence as Proof, Property};

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    one_leader_a_term(evidence, notes);
    removed_servers(evidence, notes);
}

fn one_leader_a_term(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let mut leaders: BTreeMap<u64, (&str, u32)> = BTreeMap::new();
    for record in evidence.nodes {
        for (line, change) in record.roles.iter().enumerate().filter(|(_, change)| change.role == Role::Leader) {
            let line = line as u32 + 1;
            notes.judged(Property::Mem1, 1);
            let (other, other_line) = *leaders.entry(change.term).or_insert((&record.node, line));
            if other != record.node {
                let proof = || {
                    vec![
                        Proof::Record { file: format!("nodes/{other}/roles.jsonl"), line: other_line },
                        Proof::Record { file: format!("nodes/{}/roles.jsonl", record.node), line },
                    ]
                };
                notes.breach_with(Property::Mem1, proof, || {
                    (
                        format!("{other} and {} both led term {}", record.node, change.term),
                        vec!["A quorum votes once a term, and two quorums share a server.".to_owned()],
                    )
                });
            }
        }
    }
}

fn removed_servers(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let changes: Vec<(u32, &Call)> = evidence
        .history
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| matches!(call.operation, Operation::Membership { .. }))
        .map(|(at, call)| (at as u32, call))
        .collect();
    for (removal, removed) in &changes {
        let Operation::Membership { change: Membership::Remove, id } = removed.operation else { continue };
        if !matches!(removed.outcome, Outcome::Ok(_)) {
            continue;
        }
        let over = removed.returned.plus(evidence.bounds.slack);
        let joins: Vec<&Call> = changes.iter().map(|(_, call)| *call).filter(|call| matches!(call.operation, Operation::Membership { change: Membership::Join, id: joined } if joined == id)).collect();
        let may_be_back = |by: Time| {
            joins.iter().any(|join| {
                join.invoked <= by && join.returned >= removed.invoked && !matches!(join.outcome, Outcome::Failed(_))
            })
        };
        for seen in evidence.services.iter().flat_map(|service| &service.seen) {
            if seen.node != id || !seen.mode.is_linearizable() || seen.invoked <= over || may_be_back(seen.returned) {
                continue;
            }
            let name = evidence.history.name(id);
            notes.breach(Property::Mem3, &[*removal, seen.call], || {
                (
                    format!("{name} answered a consistent read after it had been removed"),
                    vec![format!(
                        "Its removal was acknowledged at {}, the read was called at {}.",
                        removed.returned, seen.invoked
                    )],
                )
            });
        }
        let asked = evidence.history.calls.iter().filter(|call| {
            call.node == id && call.invoked > over && call.operation.mode().is_some_and(|mode| mode.is_linearizable())
        });
        notes.judged(Property::Mem3, asked.count());
    }
}
