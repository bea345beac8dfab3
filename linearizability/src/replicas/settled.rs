//! LIVE-1 to LIVE-3: after the faults have stopped, the cluster lives. Judged at the phase `end` (or the end of the
//! history) if the cluster has been whole until then since the phase `settle`.
//!
//! LIVE-1: exactly one running server records the role `leader`, no running server records a higher term, and each has
//! applied the highest log position that any server had applied `catch_up` before. (That equal positions have equal
//! hashes is REP-1.) Needs the servers' records.
//! LIVE-2: of the writes called since `recheck`, and of the linearizable reads, at least one each was answered with ok.
//! LIVE-3: no client's last poll is still pending, with N below an own index of its service that was acknowledged
//! `catch_up` + 50 ms + slack before the end.

use std::collections::BTreeMap;

use crate::history::{Call, NodeRecord, Operation, Outcome, Role, Time};
use crate::reads::{Evidence, Notes, Poll};
use crate::verdict::{Evidence as Proof, Property};
use crate::watch::answer_due;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    let end = evidence.faults.phase("end").unwrap_or(evidence.history.end);
    let Some(settle) = evidence.faults.phase("settle") else { return };
    let Some(window) = evidence.health.at(end).filter(|window| window.to >= end) else { return };
    if window.from.max(settle).plus(evidence.bounds.catch_up) <= end {
        one_leader(evidence, end, notes);
        caught_up(evidence, end, notes);
    }
    calls_succeed(evidence, evidence.faults.phase("recheck").unwrap_or(window.from).max(window.from), end, notes);
    watchers_reach_the_end(evidence, notes);
}

/// The records of servers that ran at `end` and are members.
fn running<'e>(evidence: &'e Evidence<'_>, end: Time) -> Vec<(&'e NodeRecord, usize)> {
    let removed = |node: &str| {
        let names = |call: &Call| matches!(call.operation, Operation::Membership { id, .. } if evidence.history.name(id) == node);
        let last =
            evidence.history.calls.iter().rev().find(|call| names(call) && !matches!(call.outcome, Outcome::Failed(_)));
        last.is_some_and(|call| call.operation.word() == "remove")
    };
    let last_role = |record: &'e NodeRecord| {
        record.roles.partition_point(|change| change.time <= end.0).checked_sub(1).map(|at| (record, at))
    };
    let members = evidence.nodes.iter().filter(|record| !removed(&record.node));
    members.filter_map(last_role).filter(|(record, at)| record.roles[*at].role != Role::Stopped).collect()
}

fn role_proof((record, at): &(&NodeRecord, usize)) -> Proof {
    Proof::Record { file: format!("nodes/{}/roles.jsonl", record.node), line: *at as u32 + 1 }
}

fn one_leader(evidence: &Evidence<'_>, end: Time, notes: &mut Notes<'_>) {
    let running = running(evidence, end);
    let Some(term) = running.iter().map(|(record, at)| record.roles[*at].term).max() else { return };
    notes.judged(Property::Live1, 1);
    let leaders: Vec<_> = running.iter().filter(|(record, at)| record.roles[*at].role == Role::Leader).collect();
    if leaders.len() == 1 && leaders.iter().all(|(record, at)| record.roles[*at].term == term) {
        return;
    }
    let proof = || running.iter().map(role_proof).collect();
    notes.breach_with(Property::Live1, proof, || {
        let roles: Vec<String> = running
            .iter()
            .map(|(record, at)| {
                format!("{}: {:?} of term {}", record.node, record.roles[*at].role, record.roles[*at].term)
            })
            .collect();
        (
            format!("the faults had stopped, and {} servers lead at {end}", leaders.len()),
            vec![format!("{}.", roles.join(", "))],
        )
    });
}

fn caught_up(evidence: &Evidence<'_>, end: Time, notes: &mut Notes<'_>) {
    let running = running(evidence, end);
    let settled = Time(end.0.saturating_sub(evidence.bounds.catch_up));
    let by = |record: &NodeRecord, time: Time| {
        record.applied[..record.applied.partition_point(|line| line.time <= time.0)].last().map(|line| line.log)
    };
    let Some(highest) = evidence.nodes.iter().filter_map(|record| by(record, settled)).max() else { return };
    for (record, at) in running.iter().filter(|(record, _)| !record.applied.is_empty()) {
        notes.judged(Property::Live1, 1);
        let applied = by(record, end).unwrap_or(0);
        if applied < highest {
            notes.breach_with(
                Property::Live1,
                || vec![role_proof(&(*record, *at))],
                || {
                    (
                        format!(
                            "{} had applied log position {applied} at {end}, and the cluster {highest} at {settled}",
                            record.node
                        ),
                        vec!["It is a running member of a whole cluster.".to_owned()],
                    )
                },
            );
        }
    }
}

fn calls_succeed(evidence: &Evidence<'_>, from: Time, end: Time, notes: &mut Notes<'_>) {
    for (name, reads) in [("writes", false), ("reads", true)] {
        let all = evidence.history.calls.iter().enumerate().filter(|(_, call)| is_simple(call, reads));
        // A call that was begun shortly before the end may still be under way.
        let due: Vec<(u32, &Call)> = all
            .filter(|(_, call)| from <= call.invoked && call.invoked.plus(evidence.bounds.late_effect) <= end)
            .map(|(at, call)| (at as u32, call))
            .collect();
        let Some((first, _)) = due.first() else { continue };
        notes.judged(Property::Live2, 1);
        if !due.iter().any(|(_, call)| call.answer().is_some()) {
            notes.breach(Property::Live2, &[*first], || {
                (format!("the faults had stopped, and none of {} {name} succeeded after {from}", due.len()), Vec::new())
            });
        }
    }
}

/// Whether `call` is a write, or a linearizable read that does not wait.
fn is_simple(call: &Call, reads: bool) -> bool {
    match call.operation {
        Operation::Poll { .. } | Operation::Membership { .. } => false,
        _ if call.operation.is_read() => reads && call.operation.mode().is_some_and(|mode| mode.is_linearizable()),
        _ => !reads,
    }
}

fn watchers_reach_the_end(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for service in &evidence.services {
        let mut last: BTreeMap<u32, &Poll> = BTreeMap::new();
        for poll in &service.polls {
            last.insert(poll.process, poll);
        }
        for poll in last.values().filter(|poll| poll.view.is_none() && poll.pending_until == evidence.history.end) {
            let Some(change) = service.changes.last() else { continue };
            let Some(due) = answer_due(evidence, poll, change.returned.plus(evidence.bounds.catch_up)) else {
                continue;
            };
            notes.judged(Property::Live3, 1);
            if poll.li < change.index && poll.pending_until > due {
                notes.breach(Property::Live3, &[change.call, poll.call], || {
                    (
                        format!(
                            "a watcher of {} still waited with index {} when the run ended, below {}",
                            evidence.service_name(service),
                            poll.li,
                            change.index
                        ),
                        Vec::new(),
                    )
                });
            }
        }
    }
}
