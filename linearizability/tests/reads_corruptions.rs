//! Corruptors of reads and polls, each over many generated histories: a history that they make wrong is always rejected,
//! for the property that they break.

mod reads_bend;

use linearizability::generate::{Random, generate};
use serde_json::{Value, json};

use reads_bend::{Bent, MS, Pair, plan, violated};

const HISTORIES: u64 = 1000;

/// Breaks one promise at one of the places where that certainly makes the history wrong; `None`: there is no such place.
type Corruptor = fn(&mut Bent, &mut Random) -> Option<()>;

fn always_rejected(property: &str, corrupt: Corruptor) {
    let mut corrupted = 0;
    for seed in 0..HISTORIES {
        let mut bent = Bent::of(generate(&plan(seed)));
        let mut random = Random::new(seed ^ 0x5eed);
        if corrupt(&mut bent, &mut random).is_none() {
            continue;
        }
        corrupted += 1;
        let found = violated(&bent.recording, Vec::new());
        assert!(found.contains(&property), "seed {seed}: {property} was broken and not found; found: {found:?}");
    }
    assert!(corrupted >= HISTORIES / 5, "{property} was broken in {corrupted} of {HISTORIES} histories only");
}

fn pick<T: Copy>(places: &[T], random: &mut Random) -> Option<T> {
    (!places.is_empty()).then(|| places[random.below(places.len() as u64) as usize])
}

fn pairs(bent: &Bent, from: &[Pair], to: &[Pair], fits: impl Fn(&Bent, Pair, Pair) -> bool) -> Vec<(Pair, Pair)> {
    let all = from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b)));
    all.filter(|(a, b)| a.invoke != b.invoke && fits(bent, *a, *b)).collect()
}

fn xi(bent: &Bent, call: Pair) -> u64 {
    bent.number(call, "xi").unwrap_or(0)
}

fn applied(bent: &Bent, call: Pair) -> u64 {
    bent.number(call, "applied").unwrap_or(0)
}

#[test]
fn an_index_above_its_state_is_rejected() {
    always_rejected("W-1", |bent, random| {
        let fresh: Vec<Pair> = bent.views().into_iter().filter(|call| !bent.is_stale(*call)).collect();
        let call = pick(&fresh, random)?;
        bent.set(call, "xi", applied(bent, call) + 1);
        Some(())
    });
}

#[test]
fn two_bodies_of_one_index_are_rejected() {
    always_rejected("W-1", |bent, random| {
        let full: Vec<Pair> = bent
            .views()
            .into_iter()
            .filter(|call| !bent.is_stale(*call) && !bent.is_filtered(*call) && xi(bent, *call) > 1)
            .collect();
        let (_, call) = pick(
            &pairs(bent, &full, &full, |bent, a, b| {
                bent.same_service(a, b) && xi(bent, a) == xi(bent, b) && !bent.body(b).is_empty()
            }),
            random,
        )?;
        let mut body = bent.body(call);
        body.remove(random.below(body.len() as u64) as usize);
        bent.set(call, "body", body);
        Some(())
    });
}

#[test]
fn a_stale_body_that_is_not_the_state_at_its_applied_index_is_rejected() {
    always_rejected("RD-1", |bent, random| {
        let views = bent.views();
        let stale: Vec<Pair> = views
            .iter()
            .copied()
            .filter(|call| bent.is_stale(*call) && !(xi(bent, *call) <= 1 && bent.body(*call).is_empty()))
            .collect();
        let (call, newer) = pick(
            &pairs(bent, &stale, &views, |bent, a, b| {
                bent.same_service(a, b) && xi(bent, a) < xi(bent, b) && xi(bent, b) > 1
            }),
            random,
        )?;
        bent.set(call, "applied", xi(bent, newer));
        Some(())
    });
}

#[test]
fn a_row_that_nobody_wrote_is_rejected() {
    always_rejected("RD-1", |bent, random| {
        let stale: Vec<Pair> =
            bent.views().into_iter().filter(|call| bent.is_stale(*call) && !bent.body(*call).is_empty()).collect();
        let call = pick(&stale, random)?;
        let mut body = bent.body(call);
        body[0][1] = json!("99-99");
        bent.set(call, "body", body);
        Some(())
    });
}

#[test]
fn a_stale_read_that_goes_back_is_rejected() {
    always_rejected("RD-2", |bent, random| {
        let views = bent.views();
        let stale: Vec<Pair> = views.iter().copied().filter(|call| bent.is_stale(*call)).collect();
        let fits = |bent: &Bent, a: Pair, b: Pair| {
            bent.same_node(a, b)
                && bent.asked(a).process == bent.asked(b).process
                && a.invoke < b.invoke
                && applied(bent, a) > 1
        };
        let (before, call) = pick(&pairs(bent, &views, &stale, fits), random)?;
        bent.set(call, "applied", applied(bent, before) - 1);
        Some(())
    });
}

#[test]
fn a_floor_that_is_not_kept_is_rejected() {
    always_rejected("RD-2", |bent, random| {
        let floored: Vec<Pair> = bent
            .views()
            .into_iter()
            .filter(|call| bent.asked(*call).value["index"].as_u64().is_some_and(|floor| floor > 1))
            .collect();
        let call = pick(&floored, random)?;
        let floor = bent.asked(call).value["index"].as_u64()?;
        bent.set(call, "applied", floor - 1);
        Some(())
    });
}

#[test]
fn a_last_contact_below_the_true_lag_is_rejected() {
    always_rejected("RD-3", |bent, random| {
        let stale: Vec<Pair> = bent.views().into_iter().filter(|call| bent.is_stale(*call)).collect();
        let changes = bent.changes();
        let fits = |bent: &Bent, change: Pair, call: Pair| {
            xi(bent, change) > applied(bent, call) && bent.returned(change) + 3 * MS < bent.invoked(call)
        };
        let mut found = pairs(bent, &changes, &stale, fits);
        if found.is_empty() {
            // Make one: the state from before some change, read after it had been acknowledged.
            let late = pairs(bent, &changes, &stale, |bent, change, call| {
                bent.returned(change) + 3 * MS < bent.invoked(call) && xi(bent, change) > 1
            });
            let (change, call) = pick(&late, random)?;
            bent.set(call, "applied", xi(bent, change) - 1);
            found.push((change, call));
        }
        let (change, call) = pick(&found, random)?;
        let lag_ms = (bent.invoked(call) - bent.returned(change)) / MS;
        bent.set(call, "last_contact_ms", lag_ms - 2);
        Some(())
    });
}

#[test]
fn an_answer_below_the_asked_index_is_rejected() {
    always_rejected("W-2", |bent, random| {
        let polls: Vec<Pair> = bent.answered(&["poll"]).into_iter().filter(|call| bent.li(*call) > 1).collect();
        let call = pick(&polls, random)?;
        bent.set(call, "xi", bent.li(call) - 1);
        Some(())
    });
}

#[test]
fn an_index_that_goes_back_on_one_server_is_rejected() {
    always_rejected("W-3", |bent, random| {
        let views = bent.views();
        let fits = |bent: &Bent, a: Pair, b: Pair| {
            bent.same_service(a, b) && bent.same_node(a, b) && bent.returned(a) < bent.invoked(b) && xi(bent, a) > 1
        };
        let (before, call) = pick(&pairs(bent, &views, &views, fits), random)?;
        bent.set(call, "xi", xi(bent, before) - 1);
        Some(())
    });
}

/// A poll that waits although its server showed a newer index, with room to see that it does.
fn pending_poll(bent: &Bent, random: &mut Random, filtered: bool) -> Option<Pair> {
    let views = bent.views();
    let polls: Vec<Pair> = views
        .iter()
        .copied()
        .filter(|call| bent.asked(*call).f == "poll" && bent.is_filtered(*call) == filtered && bent.li(*call) > 0)
        .collect();
    let fits = |bent: &Bent, poll: Pair, seen: Pair| {
        let known = bent.returned(seen).max(bent.invoked(poll));
        bent.same_service(poll, seen)
            && bent.same_node(poll, seen)
            && xi(bent, seen) > bent.li(poll)
            && known + 600 * MS < bent.end()
    };
    pick(&pairs(bent, &polls, &views, fits), random).map(|(poll, _)| poll)
}

#[test]
fn a_dropped_wake_up_is_rejected() {
    always_rejected("W-4", |bent, random| {
        let poll = pending_poll(bent, random, false)?;
        bent.leave_open(poll);
        Some(())
    });
}

#[test]
fn a_dropped_wake_up_of_a_filtered_poll_is_rejected() {
    always_rejected("W-14", |bent, random| {
        let poll = pending_poll(bent, random, true)?;
        bent.leave_open(poll);
        Some(())
    });
}

#[test]
fn a_failing_instance_in_a_filtered_body_is_rejected() {
    always_rejected("W-14", |bent, random| {
        let polls: Vec<Pair> = bent
            .answered(&["poll"])
            .into_iter()
            .filter(|call| bent.is_filtered(*call) && bent.body(*call).iter().any(|row| row[3] != json!([])))
            .collect();
        let call = pick(&polls, random)?;
        let mut body = bent.body(call);
        let row = body.iter_mut().find(|row| row[3] != json!([]))?;
        row[3][0][1] = json!("critical");
        bent.set(call, "body", body);
        Some(())
    });
}

/// A poll that ran into its time-out with an index that its client had seen before.
fn time_out(bent: &Bent, random: &mut Random) -> Option<Pair> {
    let polls: Vec<Pair> = bent.answered(&["poll"]).into_iter().filter(|call| bent.timed_out(*call)).collect();
    pick(&polls, random)
}

#[test]
fn a_spurious_wake_up_is_rejected() {
    always_rejected("W-5", |bent, random| {
        let poll = time_out(bent, random)?;
        bent.answer_at(poll, bent.invoked(poll) + MS);
        Some(())
    });
}

#[test]
fn an_early_time_out_is_rejected() {
    always_rejected("W-7", |bent, random| {
        let poll = time_out(bent, random)?;
        bent.answer_at(poll, bent.invoked(poll) + bent.wait_ns(poll) * (30 + random.below(69)) / 100);
        Some(())
    });
}

#[test]
fn a_late_time_out_is_rejected() {
    always_rejected("W-7", |bent, random| {
        let poll = time_out(bent, random)?;
        let wait = bent.wait_ns(poll);
        bent.answer_at(poll, bent.invoked(poll) + wait + wait / 16 + (501 + random.below(5_000)) * MS);
        Some(())
    });
}

#[test]
fn a_time_out_with_an_old_body_is_rejected() {
    always_rejected("W-7", |bent, random| {
        let polls: Vec<Pair> = bent.answered(&["poll"]).into_iter().filter(|call| bent.timed_out(*call)).collect();
        let fits = |bent: &Bent, seen: Pair, poll: Pair| {
            bent.same_service(poll, seen)
                && bent.same_node(poll, seen)
                && xi(bent, seen) > 1
                && xi(bent, seen) <= bent.li(poll)
                && bent.returned(seen) < bent.invoked(poll) + bent.wait_ns(poll)
        };
        let (seen, poll) = pick(&pairs(bent, &bent.views(), &polls, fits), random)?;
        bent.set(poll, "xi", xi(bent, seen) - 1);
        Some(())
    });
}

#[test]
fn a_poll_woken_with_the_index_of_another_service_is_rejected() {
    always_rejected("W-6", |bent, random| {
        let polls = bent.answered(&["poll"]);
        let (change, poll) = pick(
            &pairs(bent, &bent.changes(), &polls, |bent, change, poll| {
                !bent.same_service(change, poll) && xi(bent, change) > 1
            }),
            random,
        )?;
        bent.set(poll, "xi", xi(bent, change));
        Some(())
    });
}

#[test]
fn an_answer_from_the_future_is_rejected() {
    always_rejected("W-8", |bent, random| {
        let (call, change) = pick(
            &pairs(bent, &bent.views(), &bent.changes(), |bent, call, change| {
                bent.returned(call) < bent.invoked(change)
            }),
            random,
        )?;
        bent.set(call, "applied", xi(bent, change));
        Some(())
    });
}

#[test]
fn index_zero_is_rejected() {
    always_rejected("W-9", |bent, random| {
        let call = pick(&bent.views(), random)?;
        bent.set(call, "xi", 0);
        Some(())
    });
}

#[test]
fn an_index_never_issued_that_waits_is_rejected() {
    always_rejected("W-9", |bent, random| {
        let polls: Vec<Pair> = bent.answered(&["poll"]).into_iter().filter(|call| bent.timed_out(*call)).collect();
        let (poll, _) = pick(
            &pairs(bent, &polls, &bent.changes(), |bent, poll, change| {
                bent.invoked(change) > bent.invoked(poll) + 551 * MS
            }),
            random,
        )?;
        bent.recording.lines[poll.invoke].value["li"] = Value::from(1_000_000);
        Some(())
    });
}

#[test]
fn a_chain_that_loses_the_last_state_is_rejected() {
    always_rejected("W-10", |bent, random| {
        let polls: Vec<Pair> = bent.answered(&["poll"]);
        let fits = |bent: &Bent, change: Pair, poll: Pair| {
            bent.same_service(change, poll) && bent.returned(change) < bent.invoked(poll) && xi(bent, change) > 1
        };
        let (change, poll) = pick(&pairs(bent, &bent.changes(), &polls, fits), random)?;
        bent.set(poll, "xi", xi(bent, change) - 1);
        Some(())
    });
}

#[test]
fn a_chain_that_stands_still_is_rejected() {
    always_rejected("W-10", |bent, random| {
        let polls: Vec<Pair> = bent.answered(&["poll"]).into_iter().filter(|call| bent.li(*call) > 0).collect();
        let fits = |bent: &Bent, change: Pair, poll: Pair| {
            bent.same_service(change, poll)
                && xi(bent, change) > bent.li(poll)
                && bent.returned(change).max(bent.invoked(poll)) + 5_600 * MS < bent.end()
        };
        let (_, poll) = pick(&pairs(bent, &bent.changes(), &polls, fits), random)?;
        bent.leave_open(poll);
        Some(())
    });
}

#[test]
fn an_index_that_starts_again_after_the_last_instance_is_rejected() {
    always_rejected("W-11", |bent, random| {
        let gone = bent.answered(&["deregister"]);
        let fits = |bent: &Bent, gone: Pair, register: Pair| {
            bent.same_service(gone, register) && bent.returned(gone) < bent.invoked(register)
        };
        let (gone, register) = pick(&pairs(bent, &gone, &bent.answered(&["register"]), fits), random)?;
        bent.set(register, "xi", 1 + random.below(xi(bent, gone)));
        Some(())
    });
}
