//! DUR-4: a damaged record is never served. DUR-5: a full or failing disk acknowledges nothing.
//!
//! DUR-4, after `flip-byte`, `torn-write` or `lying-disk` hit server x. Breach, either of: an answer of x shows a row
//! whose value no registration of that instance had been called with; x applied a position with another state hash than
//! another server.
//!
//! DUR-5, while `disk-error` or `disk-full` was in force on x. Breach: x was leader of term k from the fault on, without
//! an end, and an entry of term k that changed something was first applied anywhere later than `late_effect` after the
//! fault: such an entry was proposed by x after its disk had failed (nothing stays in a leader's pipeline for so long),
//! and x stayed leader. Needs the servers' records.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{NodeRecord, Operation, Role, Symbol, Time, Token};
use crate::reads::{Evidence, Notes};
use crate::verdict::{Evidence as Proof, Property};

use super::faults::ActiveFault;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let hit = |names: &[&str]| {
        evidence.faults.active.iter().filter(|fault| names.contains(&fault.name.as_str())).collect::<Vec<_>>()
    };
    let damaged = hit(&["flip-byte", "torn-write", "lying-disk"]);
    if !damaged.is_empty() {
        phantom_rows(evidence, &damaged, notes);
        divergence(evidence, &damaged, notes);
    }
    for fault in hit(&["disk-error", "disk-full"]) {
        for record in evidence.nodes.iter().filter(|record| fault.targets.contains(&record.node)) {
            leads_without_a_disk(evidence, fault, record, notes);
        }
    }
}

/// Since when `node` may have held damaged records.
fn damaged_since(damaged: &[&ActiveFault], node: &str) -> Option<Time> {
    damaged.iter().filter(|fault| fault.targets.iter().any(|target| target == node)).map(|fault| fault.from).min()
}

fn phantom_rows(evidence: &Evidence<'_>, damaged: &[&ActiveFault], notes: &mut Notes<'_>) {
    let mut written: BTreeSet<(Symbol, Symbol, Token)> = BTreeSet::new();
    for call in &evidence.history.calls {
        if let Operation::Register { service, id, nonce, .. } = call.operation {
            written.insert((service, id, nonce));
        }
    }
    for service in &evidence.services {
        let Some(name) = service.name else { continue };
        for seen in &service.seen {
            let node = evidence.history.name(seen.node);
            if damaged_since(damaged, &node).is_none_or(|since| seen.returned < since) {
                continue;
            }
            notes.judged(Property::Dur4, 1);
            let rows = evidence.history.rows(seen.body).iter().filter(|row| !row.nonce.is_none());
            if let Some(row) = rows.into_iter().find(|row| !written.contains(&(name, row.id, row.nonce))) {
                notes.breach(Property::Dur4, &[seen.call], || {
                    (
                        format!(
                            "{node} served a value of {} that nobody wrote: {}",
                            evidence.history.name(row.id),
                            evidence.history.token(row.nonce)
                        ),
                        vec![
                            "Its disk had been damaged before; a damaged record has to be an error, or to be repaired."
                                .to_owned(),
                        ],
                    )
                });
            }
        }
    }
}

fn divergence(evidence: &Evidence<'_>, damaged: &[&ActiveFault], notes: &mut Notes<'_>) {
    let mut sound: BTreeMap<u64, (&str, &str, u32)> = BTreeMap::new();
    for record in evidence.nodes {
        let since = damaged_since(damaged, &record.node);
        for (line, applied) in
            record.applied.iter().enumerate().filter(|(_, applied)| since.is_none_or(|since| applied.time < since.0))
        {
            sound.entry(applied.log).or_insert((&applied.hash, &record.node, line as u32 + 1));
        }
    }
    for record in evidence.nodes {
        let Some(since) = damaged_since(damaged, &record.node) else { continue };
        for (line, applied) in record.applied.iter().enumerate().filter(|(_, applied)| applied.time >= since.0) {
            let Some((hash, other, other_line)) = sound.get(&applied.log) else { continue };
            notes.judged(Property::Dur4, 1);
            if *hash != applied.hash {
                let proof = || {
                    vec![
                        Proof::Record { file: format!("nodes/{other}/applied.jsonl"), line: *other_line },
                        Proof::Record { file: format!("nodes/{}/applied.jsonl", record.node), line: line as u32 + 1 },
                    ]
                };
                notes.breach_with(Property::Dur4, proof, || {
                    (
                        format!(
                            "{} applied log position {} to another state than {other}, after its disk had been damaged",
                            record.node, applied.log
                        ),
                        Vec::new(),
                    )
                });
            }
        }
    }
}

fn leads_without_a_disk(evidence: &Evidence<'_>, fault: &ActiveFault, record: &NodeRecord, notes: &mut Notes<'_>) {
    notes.judged(Property::Dur5, 1);
    let before = record.roles.partition_point(|change| change.time <= fault.from.0);
    let Some(role) = before.checked_sub(1).map(|at| &record.roles[at]).filter(|change| change.role == Role::Leader)
    else {
        return;
    };
    let led_until = record.roles.get(before).map_or(fault.to, |next| Time(next.time).min(fault.to));
    let mut first: BTreeMap<u64, (u64, &str, u32)> = BTreeMap::new();
    for other in evidence.nodes {
        for (line, applied) in other.applied.iter().enumerate().filter(|(_, applied)| {
            applied.term == role.term && !matches!(applied.kind.as_str(), "noop" | "membership" | "install")
        }) {
            let known = first.entry(applied.log).or_insert((applied.time, &other.node, line as u32 + 1));
            if applied.time < known.0 {
                *known = (applied.time, &other.node, line as u32 + 1);
            }
        }
    }
    let too_late = fault.from.plus(evidence.bounds.late_effect);
    if let Some((time, node, line)) =
        first.values().find(|(time, ..)| Time(*time) > too_late && Time(*time) < led_until)
    {
        let proof = || {
            vec![
                Proof::Record { file: format!("nodes/{}/roles.jsonl", record.node), line: before as u32 },
                Proof::Record { file: format!("nodes/{node}/applied.jsonl"), line: *line },
            ]
        };
        notes.breach_with(Property::Dur5, proof, || {
            (
                format!("{} went on to lead term {} with a failing disk", record.node, role.term),
                vec![format!(
                    "The fault `{}` began at {}; an entry of its term was first applied at {}.",
                    fault.name,
                    fault.from,
                    Time(*time)
                )],
            )
        });
    }
}
