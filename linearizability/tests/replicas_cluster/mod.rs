//! Made-up records of a cluster that did everything right: three servers, elections, a restart, a snapshot, expiries.
#![allow(dead_code)]

use linearizability::generate::Random;
use linearizability::history::{Applied, NodeRecord, Proposal, Role, RoleChange, WatchSample};

const MS: u64 = 1_000_000;

/// Entries of the log.
pub const ENTRIES: u64 = 60;

/// One entry of the common log.
struct Entry {
    term: u64,
    xi: u64,
    kind: &'static str,
    time: u64,
}

fn log(random: &mut Random) -> Vec<Entry> {
    let (mut term, mut xi, mut time) = (1, 1, 10 * MS);
    let mut entries = Vec::new();
    for at in 0..ENTRIES {
        let elected = at % 20 == 0;
        term += u64::from(elected);
        time += if elected { 400 * MS } else { (20 + random.below(180)) * MS };
        // Expiries come late in a term only: the leader waited a whole TTL.
        let kind = match random.below(10) {
            _ if elected => "noop",
            0 => "membership",
            1 | 2 if at % 20 >= 15 => "expire",
            3..=5 => "deregister",
            _ => "register",
        };
        time += if kind == "expire" { 2_000 * MS } else { 0 };
        xi += u64::from(!matches!(kind, "noop" | "membership"));
        entries.push(Entry { term, xi, kind, time });
    }
    entries
}

fn applied(entries: &[Entry], log: u64, lag: u64, incarnation: u64, kind: Option<&str>) -> Applied {
    let entry = &entries[log as usize - 1];
    let kind = kind.unwrap_or(entry.kind).to_owned();
    Applied {
        time: entry.time + lag,
        term: entry.term,
        log,
        xi: entry.xi,
        hash: format!("{:032x}", log * 0x9e37_79b9),
        kind,
        incarnation,
    }
}

/// The records of n1, n2 and n3. n2 restarts from the snapshot at 25 and replays; n3 lags at 12 and gets one at 40.
pub fn records(random: &mut Random) -> Vec<NodeRecord> {
    let entries = log(random);
    let mut nodes: Vec<NodeRecord> = ["n1", "n2", "n3"]
        .iter()
        .map(|node| NodeRecord { node: (*node).to_owned(), ..NodeRecord::default() })
        .collect();
    for at in 1..=ENTRIES {
        nodes[0].applied.push(applied(&entries, at, MS, 1, None));
        if at <= 30 {
            nodes[1].applied.push(applied(&entries, at, 3 * MS, 1, None));
        }
        if at <= 12 || at > 40 {
            nodes[2].applied.push(applied(&entries, at, 5 * MS, 1, None));
        } else if at == 40 {
            nodes[2].applied.push(applied(&entries, at, 5 * MS, 1, Some("install")));
        }
    }
    let restarted = entries[30].time;
    for at in 26..=ENTRIES {
        let lag = 3 * MS + restarted.saturating_sub(entries[at as usize - 1].time);
        nodes[1].applied.push(applied(&entries, at, lag, 2, None));
    }
    for (number, first) in [(0, 0_usize), (2, 20), (0, 40)] {
        let (time, term) = (entries[first].time - 5 * MS, entries[first].term);
        for (at, node) in nodes.iter_mut().enumerate() {
            let role = if at == number { Role::Leader } else { Role::Follower };
            node.roles.push(RoleChange { time, term, role, incarnation: 1 });
        }
    }
    for entry in entries.iter().filter(|entry| entry.kind == "expire") {
        let leader = if (3..4).contains(&entry.term) { 2 } else { 0 };
        nodes[leader].proposals.push(Proposal { time: entry.time - MS, kind: "expire".to_owned(), role: Role::Leader });
    }
    nodes[0].watches.push(WatchSample { time: 1, parked: 0 });
    nodes
}
