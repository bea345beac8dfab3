//! Corruptors of the servers' records, and of what only faults or records can show: each is rejected, for the property
//! that it breaks; the records before it are not.

mod reads_bend;
mod replicas_cluster;

use linearizability::generate::{Kind, Line, Random, Recording, generate};
use linearizability::history::{Applied, NodeRecord, Role, RoleChange, WatchSample};
use serde_json::json;

use reads_bend::{Bent, MS, Pair, plan, quiet, violated};
use replicas_cluster::records;

const HISTORIES: u64 = 1000;

fn pick<T: Copy>(places: &[T], random: &mut Random) -> Option<T> {
    (!places.is_empty()).then(|| places[random.below(places.len() as u64) as usize])
}

/// Corrupts records; the history beside them registers one ttl check and has no fault.
fn records_rejected(property: &str, corrupt: fn(&mut Vec<NodeRecord>, &mut Random) -> Option<()>) {
    let mut corrupted = 0;
    for seed in 0..HISTORIES {
        let mut random = Random::new(seed);
        let mut nodes = records(&mut random);
        if seed % 10 == 0 {
            assert_eq!(
                violated(&registration(), nodes.clone()),
                Vec::<&str>::new(),
                "seed {seed}: clean records were flagged"
            );
        }
        if corrupt(&mut nodes, &mut random).is_none() {
            continue;
        }
        corrupted += 1;
        let found = violated(&registration(), nodes);
        assert!(found.contains(&property), "seed {seed}: {property} was broken and not found; found: {found:?}");
    }
    assert!(corrupted >= HISTORIES / 2, "{property} was broken in {corrupted} of {HISTORIES} only");
}

fn registration() -> Recording {
    let line = |time, kind, value| Line {
        time,
        process: Some(1),
        kind,
        f: "register".to_owned(),
        value,
        op: 1,
        node: "n1".to_owned(),
        key: None,
    };
    let asked = json!({"ns": "default", "svc": "a", "id": "i", "nonce": "1-1", "checks": [{"id": "service:i", "ttl_ms": 1500}]});
    Recording {
        lines: vec![line(1, Kind::Invoke, asked), line(2, Kind::Ok, json!({"xi": 2, "checks": ["service:i"]}))],
    }
}

/// A line of a server that another server has applied too, neither of them an install.
fn shared_line<'n>(nodes: &'n mut [NodeRecord], random: &mut Random) -> &'n mut Applied {
    &mut nodes[1].applied[random.below(30) as usize]
}

#[test]
fn a_state_hash_that_differs_is_rejected() {
    records_rejected("REP-1", |nodes, random| {
        shared_line(nodes, random).hash = "f".repeat(32);
        Some(())
    });
}

#[test]
fn an_index_that_differs_at_one_position_is_rejected() {
    records_rejected("REP-1", |nodes, random| {
        shared_line(nodes, random).xi += 1;
        Some(())
    });
}

#[test]
fn a_skipped_entry_is_rejected() {
    records_rejected("REP-2", |nodes, random| {
        let at = 1 + random.below(28) as usize;
        nodes[1].applied.remove(at);
        Some(())
    });
}

#[test]
fn two_terms_of_one_position_are_rejected() {
    records_rejected("REP-2", |nodes, random| {
        shared_line(nodes, random).term += 1;
        Some(())
    });
}

#[test]
fn an_entry_for_nobody_that_takes_an_index_is_rejected() {
    records_rejected("REP-2", |nodes, random| {
        let places: Vec<usize> =
            (1..nodes[0].applied.len()).filter(|at| nodes[0].applied[*at].kind == "noop").collect();
        let at = pick(&places, random)?;
        for node in nodes {
            let log = at as u64 + 1;
            node.applied.iter_mut().filter(|line| line.log >= log).for_each(|line| line.xi += 1);
        }
        Some(())
    });
}

#[test]
fn a_snapshot_that_is_not_the_replay_is_rejected() {
    records_rejected("REP-3", |nodes, _| {
        nodes[2].applied.iter_mut().find(|line| line.kind == "install")?.hash = "0".repeat(32);
        Some(())
    });
}

#[test]
fn a_restart_that_replays_to_another_state_is_rejected() {
    records_rejected("REP-3", |nodes, random| {
        // n2 knew 26 to 30 before its restart; n1 did not record them here.
        nodes[0].applied.truncate(25);
        let at = 30 + random.below(5) as usize;
        nodes[1].applied[at].hash = "a".repeat(32);
        Some(())
    });
}

#[test]
fn two_leaders_of_one_term_are_rejected() {
    records_rejected("MEM-1", |nodes, random| {
        let change = nodes[0].roles[random.below(3) as usize].clone();
        let other = if change.role == Role::Leader { 1 } else { 0 };
        nodes[other].roles.push(RoleChange { role: Role::Leader, ..change });
        Some(())
    });
}

#[test]
fn an_expiry_that_a_follower_proposes_is_rejected() {
    records_rejected("TTL-4", |nodes, _| {
        nodes.iter_mut().flat_map(|node| &mut node.proposals).next()?.role = Role::Follower;
        Some(())
    });
}

#[test]
fn an_expiry_soon_after_an_election_is_rejected() {
    records_rejected("TTL-6", |nodes, random| {
        let expiry = nodes[0].applied.iter().find(|line| line.kind == "expire").map(|line| (line.term, line.time))?;
        let elected = nodes
            .iter_mut()
            .flat_map(|node| &mut node.roles)
            .find(|change| change.role == Role::Leader && change.term == expiry.0)?;
        elected.time = expiry.1 - random.below(900) * MS;
        Some(())
    });
}

#[test]
fn polls_that_outlive_their_clients_are_rejected() {
    records_rejected("W-13", |nodes, random| {
        nodes[0].watches.push(WatchSample { time: 2 + random.below(9_000) * MS, parked: 1 + random.below(5) });
        Some(())
    });
}

#[test]
fn a_leader_that_goes_on_without_a_disk_is_rejected() {
    for seed in 0..100 {
        let nodes = records(&mut Random::new(seed));
        let mut bent = Bent::of(registration());
        // n1 leads the first term for more than ten seconds' worth of entries only in some runs: stretch it.
        let mut nodes = nodes;
        nodes
            .iter_mut()
            .flat_map(|node| &mut node.applied)
            .filter(|line| line.log > 15)
            .for_each(|line| line.time += 20_000 * MS);
        nodes.iter_mut().flat_map(|node| node.roles.iter_mut().skip(1)).for_each(|change| change.time += 20_000 * MS);
        bent.fault(nodes[0].roles[0].time + MS, "disk-error", json!({"targets": ["n1"]}));
        let found = violated(&bent.recording, nodes);
        assert!(found.contains(&"DUR-5"), "seed {seed}: {found:?}");
    }
}

/// Corrupts a history, which may need faults or records to be wrong.
fn history_rejected(property: &str, corrupt: fn(&mut Bent, &mut Random) -> Option<Vec<NodeRecord>>) {
    let mut corrupted = 0;
    for seed in 0..HISTORIES {
        let plan = if property.starts_with("LIVE") { quiet(seed) } else { plan(seed) };
        let mut bent = Bent::of(generate(&plan));
        let Some(nodes) = corrupt(&mut bent, &mut Random::new(seed ^ 0xd0)) else { continue };
        corrupted += 1;
        let found = violated(&bent.recording, nodes);
        assert!(found.contains(&property), "seed {seed}: {property} was broken and not found; found: {found:?}");
    }
    assert!(corrupted >= HISTORIES / 10, "{property} was broken in {corrupted} of {HISTORIES} only");
}

/// Linearizable unfiltered answers that show the row of a registration that had been acknowledged before.
fn acknowledged_rows(bent: &Bent) -> Vec<(Pair, Pair)> {
    let mut found = Vec::new();
    for register in bent.answered(&["register"]) {
        for call in bent.views() {
            let shows = bent.body(call).iter().any(|row| row[1] == bent.asked(register).value["nonce"]);
            let room = bent.returned(register) + 4 < bent.invoked(call);
            if shows && room && bent.same_service(register, call) && !bent.is_stale(call) && !bent.is_filtered(call) {
                found.push((register, call));
            }
        }
    }
    found
}

fn lose_row(bent: &mut Bent, random: &mut Random, fault: &str, targets: &[&str]) -> Option<Vec<NodeRecord>> {
    let (register, call) = pick(&acknowledged_rows(bent), random)?;
    let nonce = bent.asked(register).value["nonce"].clone();
    let body: Vec<_> = bent.body(call).into_iter().filter(|row| row[1] != nonce).collect();
    bent.set(call, "body", body);
    let time = bent.returned(register);
    bent.fault(time + 1, fault, json!({"targets": targets}));
    bent.fault(time + 2, "restart", json!({"targets": targets}));
    Some(Vec::new())
}

#[test]
fn a_write_that_a_crash_lost_is_rejected() {
    history_rejected("DUR-1", |bent, random| lose_row(bent, random, "crash", &["n2"]));
}

#[test]
fn a_write_that_the_loss_of_all_power_lost_is_rejected() {
    history_rejected("DUR-2", |bent, random| lose_row(bent, random, "power-loss", &["n1", "n2"]));
}

#[test]
fn a_deregistration_that_comes_back_is_rejected() {
    history_rejected("DUR-3", |bent, random| {
        let mut places = Vec::new();
        for register in bent.answered(&["register"]) {
            for gone in bent.answered(&["deregister"]) {
                let undone = bent.same_service(register, gone)
                    && bent.arg(register, "id") == bent.arg(gone, "id")
                    && bent.number(register, "xi") < bent.number(gone, "xi");
                for call in bent.views().into_iter().filter(|_| undone) {
                    if bent.same_service(call, gone) && bent.number(call, "applied") >= bent.number(gone, "xi") {
                        places.push((register, call));
                    }
                }
            }
        }
        let (register, call) = pick(&places, random)?;
        let mut body = bent.body(call);
        let asked = bent.asked(register).value.clone();
        body.retain(|row| row[0] != asked["id"]);
        body.push(json!([asked["id"], asked["nonce"], bent.number(register, "xi"), []]));
        bent.set(call, "body", body);
        Some(Vec::new())
    });
}

#[test]
fn a_damaged_record_that_is_served_is_rejected() {
    history_rejected("DUR-4", |bent, random| {
        let views: Vec<Pair> = bent.views().into_iter().filter(|call| !bent.body(*call).is_empty()).collect();
        let call = pick(&views, random)?;
        let mut body = bent.body(call);
        body[0][1] = json!("7-7777");
        bent.set(call, "body", body);
        let (time, node) = (bent.invoked(call), bent.asked(call).node.clone());
        bent.fault(time, "flip-byte", json!({"targets": [node]}));
        Some(Vec::new())
    });
}

#[test]
fn a_consistent_answer_of_a_removed_server_is_rejected() {
    history_rejected("MEM-3", |bent, random| {
        let views: Vec<Pair> =
            bent.views().into_iter().filter(|call| !bent.is_stale(*call) && bent.invoked(*call) > 700 * MS).collect();
        let call = pick(&views, random)?;
        let (time, node) = (bent.invoked(call) - 600 * MS, bent.asked(call).node.clone());
        let line = |time, kind, value| Line {
            time,
            process: Some(9_999),
            kind,
            f: "remove".to_owned(),
            value,
            op: 9_999_999,
            node: "n9".to_owned(),
            key: None,
        };
        for line in [line(time, Kind::Invoke, json!({"id": node})), line(time, Kind::Ok, json!({}))] {
            let place = bent.recording.lines.iter().position(|other| other.time > time)?;
            bent.recording.lines.insert(place, line);
        }
        Some(Vec::new())
    });
}

/// A poll and a change of its service above the index that it asked with, with room to see that it sleeps.
fn asleep(bent: &mut Bent, random: &mut Random) -> Option<(String, u64, u64, u64)> {
    let mut places = Vec::new();
    for poll in bent.answered(&["poll"]).into_iter().filter(|poll| bent.li(*poll) > 0 && !bent.is_filtered(*poll)) {
        for change in bent.changes().into_iter().filter(|change| bent.same_service(poll, *change)) {
            let (index, known) = (bent.number(change, "xi")?, bent.returned(change).max(bent.invoked(poll)) + 1);
            if index > bent.li(poll) && known + 600 * MS < bent.end() {
                places.push((poll, index, known));
            }
        }
    }
    let (poll, index, known) = pick(&places, random)?;
    let found = (bent.asked(poll).node.clone(), bent.li(poll), index, known);
    bent.leave_open(poll);
    Some(found)
}

fn line(time: u64, log: u64, xi: u64, kind: &str) -> Applied {
    Applied { time, term: 2, log, xi, hash: "0".repeat(32), kind: kind.to_owned(), incarnation: 1 }
}

#[test]
fn a_poll_that_sleeps_through_a_snapshot_is_rejected() {
    history_rejected("W-12", |bent, random| {
        let (node, li, index, known) = asleep(bent, random)?;
        let applied = vec![line(1, 1, li.min(index - 1), "register"), line(known, 50, index, "install")];
        Some(vec![NodeRecord { node, applied, ..NodeRecord::default() }])
    });
}

#[test]
fn a_poll_that_sleeps_through_what_its_server_applied_is_rejected() {
    history_rejected("W-4", |bent, random| {
        let (node, _, index, known) = asleep(bent, random)?;
        let applied = vec![line(1, 1, index - 1, "register"), line(known, 2, index, "register")];
        Some(vec![NodeRecord { node, applied, ..NodeRecord::default() }])
    });
}

#[test]
fn a_cluster_without_a_leader_in_the_end_is_rejected() {
    history_rejected("LIVE-1", |bent, random| {
        let end = bent.end();
        bent.fault(end / 4, "phase", json!({"name": "settle"}));
        let roles = |role| vec![RoleChange { time: 1, term: 2, role, incarnation: 1 }];
        let record =
            |node: &str, role| NodeRecord { node: node.to_owned(), roles: roles(role), ..NodeRecord::default() };
        let (one, two) =
            if random.chance(500) { (Role::Follower, Role::Candidate) } else { (Role::Leader, Role::Leader) };
        Some(vec![record("n1", one), record("n2", two)])
    });
}

#[test]
fn a_cluster_that_answers_nothing_in_the_end_is_rejected() {
    history_rejected("LIVE-2", |bent, _| {
        let from = bent.end() / 4;
        bent.answered(&["read"]).iter().find(|call| {
            bent.invoked(**call) > from && bent.invoked(**call) + 10_100 * MS < bent.end() && !bent.is_stale(**call)
        })?;
        let reads = bent.answered(&["read", "list"]);
        let ends: Vec<usize> =
            reads.into_iter().filter(|call| bent.invoked(*call) >= from).filter_map(|call| call.end).collect();
        for end in ends {
            bent.recording.lines[end].kind = Kind::Fail;
            bent.recording.lines[end].value = json!({"error": "no leader"});
        }
        bent.fault(from, "phase", json!({"name": "settle"}));
        bent.fault(from, "phase", json!({"name": "recheck"}));
        Some(Vec::new())
    });
}

#[test]
fn a_watcher_that_is_left_behind_is_rejected() {
    history_rejected("LIVE-3", |bent, random| {
        let mut places = Vec::new();
        for poll in bent.answered(&["poll"]).into_iter().filter(|poll| bent.li(*poll) > 0) {
            let last = bent
                .changes()
                .into_iter()
                .filter(|change| bent.same_service(poll, *change))
                .max_by_key(|change| bent.number(*change, "xi"));
            let Some(last) = last else { continue };
            if bent.number(last, "xi")? > bent.li(poll)
                && bent.returned(last).max(bent.invoked(poll)) + 5_600 * MS < bent.end()
            {
                places.push(poll);
            }
        }
        let poll = pick(&places, random)?;
        bent.leave_open(poll);
        bent.fault(1, "phase", json!({"name": "settle"}));
        Some(Vec::new())
    });
}
