//! W-13: a poll whose client left is gone within 1 s.
//!
//! Needs the server's samples of its gauge of parked polls. At a sample at time t, at most the recorded polls on that
//! server may be parked that were called by t and have not ended, or ended (answered, or given up by the client) at most
//! 1 s + slack before t. A poll that a fault may have cut off from its server counts until its longest wait is over, as
//! the server cannot know. Breach: more are parked. (All clients that poll are recorded.) A stale read with a floor is parked too
//! while its server is behind.

use crate::history::{Call, Operation, Time};
use crate::reads::{Evidence, Notes};
use crate::verdict::{Evidence as Proof, Property};

use super::pending::longest_wait;

const GONE_WITHIN_NS: u64 = 1_000_000_000;
/// The longest that a read with a floor waits (HISTORY.md).
const FLOOR_WAIT_NS: u64 = 1_000_000_000;

pub(super) fn check(evidence: &Evidence<'_>, notes: &mut Notes<'_>) {
    for record in evidence.nodes.iter().filter(|record| !record.watches.is_empty()) {
        let (begins, ends) = parked(evidence, &record.node);
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

/// When the calls that `node` may park were called, and the times after which each is certainly gone; both in order.
fn parked(evidence: &Evidence<'_>, node: &str) -> (Vec<Time>, Vec<Time>) {
    let calls = &evidence.history.calls;
    let polls = evidence.services.iter().flat_map(|service| &service.polls);
    let polls = polls.map(|poll| (&calls[poll.call as usize], longest_wait(evidence, poll)));
    let floors = calls.iter().filter(|call| matches!(call.operation, Operation::Read { floor: Some(_), .. }));
    let (mut begins, mut ends): (Vec<Time>, Vec<Time>) = polls
        .chain(floors.map(|call| (call, FLOOR_WAIT_NS)))
        .filter(|(call, _)| evidence.history.name(call.node) == node)
        .map(|(call, longest)| (call.invoked, gone_by(evidence, call, longest)))
        .unzip();
    begins.sort_unstable();
    ends.sort_unstable();
    (begins, ends)
}

/// The time after which the server cannot hold a call any more that waits at most `longest`, in ns.
fn gone_by(evidence: &Evidence<'_>, call: &Call, longest: u64) -> Time {
    let ended = evidence.given_up_by(call);
    if ended >= evidence.history.end && call.returned == Time::NEVER {
        return Time::NEVER;
    }
    let gone = ended.plus(GONE_WITHIN_NS + evidence.bounds.slack);
    if evidence.may_be_cut_off(call.node, call.invoked, gone) {
        gone.max(call.invoked.plus(longest + evidence.bounds.slack + evidence.bounds.recovery))
    } else {
        gone
    }
}
