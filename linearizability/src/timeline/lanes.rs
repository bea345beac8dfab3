//! Lanes of the picture: a client that gave up is followed by a new one, so clients that never overlapped share a lane.

use std::collections::BTreeMap;

use crate::history::{Call, Time};

/// Names shown for one lane; further ones are counted.
const NAMES_SHOWN: usize = 3;

/// Which client is drawn where.
pub(super) struct Lanes {
    lane_of: BTreeMap<u32, usize>,
    /// When the client behind an unknown call had given up, as far as later calls in its lane tell.
    ended: BTreeMap<u32, u64>,
    pub(super) names: Vec<String>,
}

impl Lanes {
    pub(super) fn of(&self, process: u32) -> usize {
        self.lane_of[&process]
    }

    /// Where the bar of a call without an answer ends; `None`: at the end of the run.
    pub(super) fn given_up(&self, call: &Call) -> Option<u64> {
        self.ended.get(&call.number).copied()
    }
}

/// Packs the clients of `calls` (in the order of their invocations) into lanes, first come first served.
pub(super) fn assign(calls: &[Call], end: Time) -> Lanes {
    let mut lives: BTreeMap<u32, (Time, Time)> = BTreeMap::new();
    for call in calls {
        let over = if call.returned == Time::NEVER { given_up(calls, call, end) } else { call.returned };
        let life = lives.entry(call.process).or_insert((call.invoked, over));
        life.1 = life.1.max(over);
    }
    let mut order: Vec<(Time, Time, u32)> =
        lives.into_iter().map(|(process, (from, to))| (from, to, process)).collect();
    order.sort_unstable();
    let mut lane_ends: Vec<Time> = Vec::new();
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut lane_of = BTreeMap::new();
    for (from, to, process) in order {
        let lane = lane_ends.iter().position(|over| *over <= from).unwrap_or(lane_ends.len());
        if lane == lane_ends.len() {
            lane_ends.push(to);
            members.push(Vec::new());
        }
        lane_ends[lane] = to;
        members[lane].push(process);
        lane_of.insert(process, lane);
    }
    let unanswered = calls.iter().filter(|call| call.returned == Time::NEVER && call.end_line != 0);
    let ended = unanswered.map(|call| (call.number, given_up(calls, call, end).0)).collect();
    Lanes { lane_of, ended, names: members.iter().map(|members| name(members)).collect() }
}

/// The line that says so has no time of its own in the model: the next call that begins after that line bounds it.
fn given_up(calls: &[Call], call: &Call, end: Time) -> Time {
    if call.end_line == 0 {
        return end;
    }
    let next = calls.partition_point(|other| other.line < call.end_line);
    calls.get(next).map_or(end, |next| next.invoked)
}

fn name(processes: &[u32]) -> String {
    let shown: Vec<String> = processes.iter().take(NAMES_SHOWN).map(u32::to_string).collect();
    let more = processes.len().saturating_sub(NAMES_SHOWN);
    let rest = if more > 0 { format!(" +{more}") } else { String::new() };
    format!("client {}{rest}", shown.join(", "))
}
