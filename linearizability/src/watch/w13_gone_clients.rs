//! W-13: a poll whose client left is gone within 1 s.
//!
//! Needs the server's samples of its gauge of parked polls. At a sample at time t, at most the recorded polls on that
//! server may be parked that were called by t and have not ended, or ended (answered, or given up by the client) at most
//! 1 s + slack before t. A poll that a fault may have cut off from its server counts until its longest wait is over, as
//! the server cannot know. Breach: more are parked. (All clients that poll are recorded.)

use crate::history::Time;
use crate::reads::{Evidence, Notes, Poll};
use crate::verdict::{Evidence as Proof, Property};

use super::pending::longest_wait;

const GONE_WITHIN_NS: u64 = 1_000_000_000;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for record in evidence.nodes.iter().filter(|record| !record.watches.is_empty()) {
        let polls: Vec<&Poll> = evidence
            .services
            .iter()
            .flat_map(|service| &service.polls)
            .filter(|poll| evidence.history.name(poll.node) == record.node)
            .collect();
        let mut begins: Vec<Time> = polls.iter().map(|poll| poll.invoked).collect();
        let mut ends: Vec<Time> = polls.iter().map(|poll| gone_by(evidence, poll)).collect();
        begins.sort_unstable();
        ends.sort_unstable();
        for (line, sample) in record.watches.iter().enumerate() {
            let time = Time(sample.time);
            let possible = begins.partition_point(|begin| *begin <= time) - ends.partition_point(|end| *end < time);
            notes.judged(Property::W13, 1);
            if sample.parked > possible as u64 {
                let proof = || {
                    vec![Proof::Record { file: format!("nodes/{}/watches.jsonl", record.node), line: line as u32 + 1 }]
                };
                notes.breach_with(Property::W13, proof, || {
                    (
                        format!("{} had {} polls parked at {time}, and at most {possible} of its clients can still have been waiting", record.node, sample.parked),
                        vec!["A poll goes with its client: within 1 s.".to_owned()],
                    )
                });
            }
        }
    }
}

/// The time after which the server cannot hold the poll any more.
fn gone_by(evidence: &Evidence<'_>, poll: &Poll) -> Time {
    let call = &evidence.history.calls[poll.call as usize];
    let ended = evidence.given_up_by(call);
    if ended >= evidence.history.end && call.returned == Time::NEVER {
        return Time::NEVER;
    }
    let gone = ended.plus(GONE_WITHIN_NS + evidence.bounds.slack);
    if evidence.may_be_cut_off(poll.node, poll.invoked, gone) {
        gone.max(poll.invoked.plus(longest_wait(evidence, poll) + evidence.bounds.slack + evidence.bounds.recovery))
    } else {
        gone
    }
}
