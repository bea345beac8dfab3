//! TTL-4: only the leader proposes an expiry. TTL-6: a new leader expires nothing before TTL after its election.
//! No client can see either, so both are judged from the servers' own records, and only where there are any.
//!
//! Breach of TTL-4: a proposed expiry whose line carries another role than `leader`. (That it is fenced shows in TTL-1
//! and TTL-3: an expiry that overtakes a renewal is an early one.)
//! Breach of TTL-6: an expiry of term k was applied anywhere before (the moment at which a server became leader of k) +
//! the shortest TTL of any check of the run (on the fastest clock) - slack. The slack is for the record of the role, which
//! may be written a little after the election.

use std::collections::BTreeMap;

use crate::history::{Role, Time};
use crate::reads::{Evidence, Notes};
use crate::verdict::{Evidence as Proof, Property};

use super::lives::Life;

pub(super) fn check(evidence: &Evidence<'_>, lives: &[Life], notes: &mut Notes<'_>) {
    only_leaders_propose(evidence, notes);
    if let Some(ttl) = lives.iter().map(Life::ttl_min).min() {
        whole_ttl_after_election(evidence, evidence.rates.shortest(ttl), notes);
    }
}

fn only_leaders_propose(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for record in evidence.nodes {
        for (line, proposal) in record.proposals.iter().enumerate().filter(|(_, proposal)| proposal.kind == "expire") {
            notes.judged(Property::Ttl4, 1);
            if proposal.role != Role::Leader {
                let proof = || {
                    vec![Proof::Record { file: format!("nodes/{}/propose.jsonl", record.node), line: line as u32 + 1 }]
                };
                notes.breach_with(Property::Ttl4, proof, || {
                    (
                        format!("{} proposed an expiry at {} as {:?}", record.node, Time(proposal.time), proposal.role),
                        vec!["Followers never expire anything.".to_owned()],
                    )
                });
            }
        }
    }
}

fn whole_ttl_after_election(evidence: &Evidence<'_>, ttl: u64, notes: &mut Notes<'_>) {
    let mut elected: BTreeMap<u64, (Time, String, u32)> = BTreeMap::new();
    for record in evidence.nodes {
        for (line, change) in record.roles.iter().enumerate().filter(|(_, change)| change.role == Role::Leader) {
            elected.entry(change.term).or_insert_with(|| (Time(change.time), record.node.clone(), line as u32 + 1));
        }
    }
    for record in evidence.nodes {
        for (line, applied) in record.applied.iter().enumerate().filter(|(_, applied)| applied.kind == "expire") {
            let Some((at, leader, elected_line)) = elected.get(&applied.term) else { continue };
            notes.judged(Property::Ttl6, 1);
            if Time(applied.time).plus(evidence.bounds.slack) < at.plus(ttl) {
                let proof = || {
                    vec![
                        Proof::Record { file: format!("nodes/{leader}/roles.jsonl"), line: *elected_line },
                        Proof::Record { file: format!("nodes/{}/applied.jsonl", record.node), line: line as u32 + 1 },
                    ]
                };
                notes.breach_with(Property::Ttl6, proof, || {
                    (
                        format!(
                            "an expiry of term {} was applied {} ms after {leader} had been elected",
                            applied.term,
                            applied.time.saturating_sub(at.0) / 1_000_000
                        ),
                        vec![format!(
                            "The shortest TTL of the run is {} ms, and a new leader gives every check its whole TTL.",
                            ttl / 1_000_000
                        )],
                    )
                });
            }
        }
    }
}
