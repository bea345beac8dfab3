//! Corruptors for linearizability: each bends a thousand generated histories at a place where that certainly makes them
//! wrong, and every one of them has to be rejected.

mod bend;

use bend::{
    Call, answer, answered, applied, arguments, body, body_mut, changes, is_rejected, judged, number, of, reads, xi,
};
use linearizability::generate::{Kind, Plan, Random, Recording, generate};
use serde_json::{Value, json};

const HISTORIES: u64 = 1_000;

/// Bends the recording; `None`: it has no place where that would be wrong for certain.
type Corruptor = fn(&mut Recording, &mut Random) -> Option<()>;

/// Every history that `corrupt` could bend is rejected, and it could bend at least `share` of 100.
fn always_rejected(name: &str, share: u64, corrupt: Corruptor) {
    let mut bent = 0;
    for seed in 0..HISTORIES {
        let mut recording = generate(&Plan::small(seed));
        let mut random = Random::new(seed.wrapping_mul(31) + 7);
        if corrupt(&mut recording, &mut random).is_none() {
            continue;
        }
        bent += 1;
        let (text, report) = judged(&recording, false);
        assert!(is_rejected(&report), "{name}, seed {seed}, was accepted:\n{text}");
    }
    assert!(bent * 100 >= share * HISTORIES, "{name} bent {bent} of {HISTORIES} histories only");
}

fn pick(random: &mut Random, calls: Vec<Call>) -> Option<Call> {
    random.pick(&calls).copied()
}

#[test]
fn swapped_nonces_are_rejected() {
    always_rejected("swapped nonces", 50, |recording, random| {
        let call = pick(random, reads(recording, 2))?;
        let body = body_mut(recording, call);
        let first = body[0][1].clone();
        body[0][1] = body[1][1].clone();
        body[1][1] = first;
        Some(())
    });
}

#[test]
fn a_row_that_was_never_registered_is_rejected() {
    always_rejected("phantom row", 90, |recording, random| {
        let call = pick(random, reads(recording, 0))?;
        body_mut(recording, call).push(json!(["i9", "9-9999", 1, []]));
        Some(())
    });
}

#[test]
fn a_nonce_that_was_never_registered_is_rejected() {
    always_rejected("phantom nonce", 90, |recording, random| {
        let call = pick(random, reads(recording, 1))?;
        body_mut(recording, call)[0][1] = json!("9-9999");
        Some(())
    });
}

#[test]
fn a_missing_row_is_rejected() {
    always_rejected("missing row", 90, |recording, random| {
        let call = pick(random, reads(recording, 1))?;
        body_mut(recording, call).remove(0);
        Some(())
    });
}

#[test]
fn a_row_shown_twice_is_rejected() {
    always_rejected("doubled row", 90, |recording, random| {
        let call = pick(random, reads(recording, 1))?;
        let body = body_mut(recording, call);
        body.push(body[0].clone());
        Some(())
    });
}

/// A read repeats the answer of an earlier one of the same service, although a change of that service was acknowledged in
/// between.
#[test]
fn a_read_from_the_past_is_rejected() {
    always_rejected("read from the past", 60, |recording, random| {
        let all = reads(recording, 0);
        let mut places = Vec::new();
        for late in &all {
            for early in &all {
                let same = arguments(recording, *late)["svc"] == arguments(recording, *early)["svc"];
                let between = changes(recording).into_iter().any(|write| {
                    let index = xi(recording, write);
                    write.ok < late.invoke && index > applied(recording, *early)
                });
                if same && between && early.ok < late.invoke && xi(recording, *early) != xi(recording, *late) {
                    places.push((*early, *late));
                }
            }
        }
        let (early, late) = *random.pick(&places)?;
        let value = answer(recording, early).clone();
        recording.lines[late.ok].value = value;
        Some(())
    });
}

/// An acknowledged register that no reader ever sees: its rows show what was there before, or nothing.
#[test]
fn a_lost_write_is_rejected() {
    always_rejected("lost write", 50, |recording, random| {
        let seen = |recording: &Recording, write: &Call| {
            let nonce = &arguments(recording, *write)["nonce"];
            reads(recording, 1).iter().any(|read| body(recording, *read).iter().any(|row| row[1] == *nonce))
        };
        let writes = of(recording, "register").into_iter().filter(|write| seen(recording, write)).collect();
        let write = pick(random, writes)?;
        let nonce = arguments(recording, write)["nonce"].clone();
        for line in &mut recording.lines {
            if let Some(body) = line.value.get_mut("body").and_then(Value::as_array_mut) {
                body.retain(|row| row[1] != nonce);
            }
        }
        Some(())
    });
}

#[test]
fn two_changes_with_one_index_are_rejected() {
    always_rejected("duplicated index", 90, |recording, random| {
        let writes = changes(recording);
        let (one, other) = (pick(random, writes.clone())?, pick(random, writes)?);
        let index = xi(recording, other);
        if index == xi(recording, one) {
            return None;
        }
        recording.lines[one.ok].value["xi"] = index.into();
        Some(())
    });
}

/// A change claims an index above that of a change that was called after it had returned.
#[test]
fn a_shifted_index_is_rejected() {
    always_rejected("shifted index", 80, |recording, random| {
        let all = changes(recording);
        let later = |write: &Call| all.iter().any(|other| other.invoke > write.ok);
        let write = pick(random, all.iter().copied().filter(later).collect())?;
        let index = all.iter().map(|write| xi(recording, *write)).max()? + 1 + random.below(50);
        recording.lines[write.ok].value["xi"] = index.into();
        Some(())
    });
}

/// A read claims a state from before a change that was acknowledged before it was called.
#[test]
fn an_applied_index_from_the_past_is_rejected() {
    always_rejected("applied index from the past", 80, |recording, random| {
        let latest = |recording: &Recording, read: &Call| {
            let before = changes(recording).into_iter().filter(|write| write.ok < read.invoke);
            before.map(|write| xi(recording, write)).max()
        };
        let places = reads(recording, 0).into_iter().filter(|read| latest(recording, read).is_some()).collect();
        let read = pick(random, places)?;
        let index = latest(recording, &read)?;
        recording.lines[read.ok].value["applied"] = (index - 1).into();
        Some(())
    });
}

#[test]
fn a_modify_index_from_the_future_is_rejected() {
    always_rejected("modify index from the future", 90, |recording, random| {
        let call = pick(random, reads(recording, 1))?;
        let index = applied(recording, call) + 1 + random.below(5);
        body_mut(recording, call)[0][2] = index.into();
        Some(())
    });
}

#[test]
fn a_modify_index_of_another_change_is_rejected() {
    always_rejected("modify index of another change", 80, |recording, random| {
        let call = pick(random, reads(recording, 1))?;
        let nonce = body(recording, call)[0][1].clone();
        let own = number(&body(recording, call)[0][2]);
        let others = changes(recording)
            .into_iter()
            .filter(|write| arguments(recording, *write)["nonce"] != nonce && xi(recording, *write) != own);
        let other = pick(random, others.collect())?;
        let index = xi(recording, other);
        body_mut(recording, call)[0][2] = index.into();
        Some(())
    });
}

#[test]
fn a_service_index_above_its_state_is_rejected() {
    always_rejected("service index above its state", 90, |recording, random| {
        let call = pick(random, reads(recording, 0))?;
        let index = applied(recording, call) + 1 + random.below(3);
        recording.lines[call.ok].value["xi"] = index.into();
        Some(())
    });
}

/// A write's answer is moved to right behind its call, although a read that was called later shows the state before it.
#[test]
fn a_return_that_moves_before_a_read_of_the_old_state_is_rejected() {
    always_rejected("moved return", 60, |recording, random| {
        let places = changes(recording).into_iter().filter(|write| {
            let index = xi(recording, *write);
            let blind =
                |read: &Call| read.invoke > write.invoke && read.invoke < write.ok && applied(recording, *read) < index;
            reads(recording, 0).iter().any(blind)
        });
        let write = pick(random, places.collect())?;
        let mut line = recording.lines.remove(write.ok);
        line.time = recording.lines[write.invoke].time;
        recording.lines.insert(write.invoke + 1, line);
        Some(())
    });
}

/// A deregistration that removed something is answered as if nothing had been there.
#[test]
fn an_acknowledgement_turned_into_a_rejection_is_rejected() {
    always_rejected("acknowledgement turned into a rejection", 40, |recording, random| {
        let writes = of(recording, "deregister").into_iter().filter(|write| {
            // Its effect is seen: a later read of the service at exactly this change.
            let index = xi(recording, *write);
            reads(recording, 0).iter().any(|read| {
                arguments(recording, *read)["svc"] == arguments(recording, *write)["svc"]
                    && xi(recording, *read) == index
            })
        });
        let write = pick(random, writes.collect())?;
        recording.lines[write.ok].kind = Kind::Fail;
        recording.lines[write.ok].value = json!({ "error": "unknown" });
        Some(())
    });
}

/// A rejected deregistration is answered as if it had been the change of an index that another write made.
#[test]
fn a_rejection_turned_into_an_acknowledgement_is_rejected() {
    always_rejected("rejection turned into an acknowledgement", 80, |recording, random| {
        let fails: Vec<usize> = (0..recording.lines.len())
            .filter(|&at| recording.lines[at].kind == Kind::Fail && recording.lines[at].f == "deregister")
            .collect();
        let at = *random.pick(&fails)?;
        let write = pick(random, changes(recording))?;
        let index = xi(recording, write);
        recording.lines[at].kind = Kind::Ok;
        recording.lines[at].value = json!({ "xi": index });
        Some(())
    });
}

/// An instance comes back after an acknowledged deregistration.
#[test]
fn a_resurrected_instance_is_rejected() {
    always_rejected("resurrection", 40, |recording, random| {
        let mut places = Vec::new();
        for gone in of(recording, "deregister") {
            let (place, index) = (arguments(recording, gone), xi(recording, gone));
            let before = reads(recording, 1).into_iter().find_map(|read| {
                let same = arguments(recording, read)["svc"] == place["svc"] && applied(recording, read) < index;
                let row = body(recording, read).iter().find(|row| row[0] == place["id"])?;
                same.then(|| row.clone())
            });
            let after = reads(recording, 0).into_iter().find(|read| {
                let same = arguments(recording, *read)["svc"] == place["svc"] && applied(recording, *read) >= index;
                same && body(recording, *read).iter().all(|row| row[0] != place["id"])
            });
            places.extend(before.zip(after));
        }
        let (row, read) = random.pick(&places)?.clone();
        body_mut(recording, read).push(row);
        Some(())
    });
}

#[test]
fn a_check_that_passes_without_a_report_is_rejected() {
    always_rejected("status without a report", 70, |recording, random| {
        let bad =
            |row: &Value| row[3].as_array().is_some_and(|checks| checks.iter().any(|check| check[1] != "passing"));
        let places = reads(recording, 1).into_iter().filter(|read| body(recording, *read).iter().any(bad));
        let read = pick(random, places.collect())?;
        let row = body_mut(recording, read).iter_mut().find(|row| bad(row))?;
        let check = row[3].as_array_mut()?.iter_mut().find(|check| check[1] != "passing")?;
        check[1] = json!("passing");
        Some(())
    });
}

#[test]
fn a_check_of_no_ttl_that_expires_is_rejected() {
    always_rejected("expiry without a ttl", 30, |recording, random| {
        // Checks with odd numbers are not of type ttl.
        let alive = |check: &Value| check[0].as_str().is_some_and(|id| id.ends_with(":1")) && check[1] != "critical";
        let has = |row: &Value| row[3].as_array().is_some_and(|checks| checks.iter().any(alive));
        let places = reads(recording, 1).into_iter().filter(|read| body(recording, *read).iter().any(has));
        let read = pick(random, places.collect())?;
        let row = body_mut(recording, read).iter_mut().find(|row| has(row))?;
        let check = row[3].as_array_mut()?.iter_mut().find(|check| alive(check))?;
        check[1] = json!("critical");
        Some(())
    });
}

#[test]
fn a_check_that_disappears_is_rejected() {
    always_rejected("missing check", 70, |recording, random| {
        let has = |row: &Value| row[3].as_array().is_some_and(|checks| !checks.is_empty());
        let places = reads(recording, 1).into_iter().filter(|read| body(recording, *read).iter().any(has));
        let read = pick(random, places.collect())?;
        let row = body_mut(recording, read).iter_mut().find(|row| has(row))?;
        row[3].as_array_mut()?.remove(0);
        Some(())
    });
}

/// A deregistration by id removes an instance from one service and leaves it in another.
#[test]
fn a_half_visible_deregistration_is_rejected() {
    always_rejected("half visible command", 15, |recording, random| {
        let mut places = Vec::new();
        for gone in of(recording, "deregister_id") {
            let (id, index) = (&arguments(recording, gone)["id"], xi(recording, gone));
            for late in reads(recording, 0) {
                let service = &arguments(recording, late)["svc"];
                let row = reads(recording, 1).into_iter().filter(|early| applied(recording, *early) < index);
                let row = row.filter(|early| arguments(recording, *early)["svc"] == *service);
                let row =
                    row.filter_map(|early| body(recording, early).iter().find(|row| row[0] == *id).cloned()).next();
                let absent = body(recording, late).iter().all(|row| row[0] != *id);
                if let (Some(row), true) = (row, absent && applied(recording, late) >= index) {
                    places.push((row, late));
                }
            }
        }
        let (row, read) = random.pick(&places)?.clone();
        body_mut(recording, read).push(row);
        Some(())
    });
}

#[test]
fn a_list_with_a_wrong_service_is_rejected() {
    always_rejected("wrong list", 90, |recording, random| {
        let list = pick(random, of(recording, "list"))?;
        let services = recording.lines[list.ok].value["services"].as_object_mut()?;
        let name = format!("s{}", random.below(3));
        if services.remove(&name).is_none() {
            services.insert(name, json!([]));
        }
        Some(())
    });
}

#[test]
fn bodies_of_two_services_that_are_swapped_are_rejected() {
    always_rejected("swapped bodies", 60, |recording, random| {
        let all = reads(recording, 1);
        let one = pick(random, all.clone())?;
        let service = arguments(recording, one)["svc"].clone();
        let other =
            pick(random, all.into_iter().filter(|read| arguments(recording, *read)["svc"] != service).collect())?;
        let body = answer(recording, one)["body"].clone();
        let swapped = std::mem::replace(&mut recording.lines[other.ok].value["body"], body);
        recording.lines[one.ok].value["body"] = swapped;
        Some(())
    });
}

/// A report on a check that never existed is acknowledged.
#[test]
fn an_acknowledged_report_on_an_unknown_check_is_rejected() {
    always_rejected("report on nothing", 50, |recording, random| {
        let report = pick(random, of(recording, "report"))?;
        recording.lines[report.invoke].value["check"] = json!("c:nowhere");
        Some(())
    });
}

/// A retry under the same idempotency key gets another answer than the first attempt.
#[test]
fn a_retry_with_another_answer_is_rejected() {
    always_rejected("retry with another answer", 70, |recording, random| {
        let write = pick(random, of(recording, "register"))?;
        let process = 900 + random.below(50) as u32;
        let op = recording.lines.iter().map(|line| line.op).max()? + 1;
        let time = recording.lines.last()?.time;
        let mut invoke = recording.lines[write.invoke].clone();
        let mut ok = recording.lines[write.ok].clone();
        for line in [&mut invoke, &mut ok] {
            (line.process, line.op, line.time) = (Some(process), op, time);
        }
        (ok.node, ok.value["xi"]) = (invoke.node.clone(), (xi(recording, write) + 1).into());
        recording.lines.extend([invoke, ok]);
        Some(())
    });
}

/// The last two checks of the judge itself: what is bent above is right before it is bent, and without any index the same
/// lies are found by the search.
#[test]
fn the_same_lies_are_found_without_any_index() {
    let mut bent = 0;
    for seed in 0..300 {
        let mut recording = generate(&Plan::small(seed));
        let (text, before) = judged(&recording, true);
        assert!(!is_rejected(&before), "seed {seed} is right:\n{text}");
        let mut random = Random::new(seed);
        let Some(call) = pick(&mut random, reads(&recording, 1)) else { continue };
        let nonce = json!("9-9999");
        body_mut(&mut recording, call)[0][1] = nonce;
        bent += 1;
        let (text, report) = judged(&recording, true);
        assert!(is_rejected(&report), "seed {seed} shows a nonce from nowhere:\n{text}");
    }
    assert!(bent >= 250, "{bent}");
    assert!(answered(&generate(&Plan::small(0))).len() > 20);
}
