//! Corruptors of TTL timing, each over many generated histories: a history that they make wrong is always rejected, for
//! the property that they break.

mod reads_bend;

use linearizability::generate::{Plan, Random, generate};
use serde_json::{Value, json};

use reads_bend::{Bent, MS, Pair, plan, quiet, violated};

const HISTORIES: u64 = 1000;

/// How often a corruptor has to find a place: in one history of so many.
const RARE: u64 = 10;

fn always_rejected(property: &str, plan: fn(u64) -> Plan, corrupt: fn(&mut Bent, &mut Random) -> Option<()>) {
    let mut corrupted = 0;
    for seed in 0..HISTORIES {
        let mut bent = Bent::of(generate(&plan(seed)));
        if corrupt(&mut bent, &mut Random::new(seed ^ 0x771)).is_none() {
            continue;
        }
        corrupted += 1;
        let found = violated(&bent.recording, Vec::new());
        assert!(found.contains(&property), "seed {seed}: {property} was broken and not found; found: {found:?}");
    }
    assert!(corrupted >= HISTORIES / RARE, "{property} was broken in {corrupted} of {HISTORIES} histories only");
}

fn pick<T: Clone>(places: &[T], random: &mut Random) -> Option<T> {
    (!places.is_empty()).then(|| places[random.below(places.len() as u64) as usize].clone())
}

/// One row's check of an answer: where it stands, and what it says.
#[derive(Clone, Debug)]
struct Shown {
    call: Pair,
    row: usize,
    check: String,
    status: String,
}

/// Every sighting of a ttl check (those with an even number) that is its row's first one.
fn sightings(bent: &Bent) -> Vec<Shown> {
    let rows = |call: Pair| bent.body(call).into_iter().enumerate().map(move |(row, value)| (call, row, value));
    let all = bent.views().into_iter().filter(|call| !bent.is_filtered(*call)).flat_map(rows);
    let first = all.filter_map(|(call, row, value)| {
        let (check, status) = (value[3][0][0].as_str()?.to_owned(), value[3][0][1].as_str()?.to_owned());
        check.ends_with(":0").then_some(Shown { call, row, check, status })
    });
    first.collect()
}

fn set_status(bent: &mut Bent, shown: &Shown, status: &str) {
    let mut body = bent.body(shown.call);
    body[shown.row][3][0][1] = json!(status);
    bent.set(shown.call, "body", body);
}

/// Calls that can touch a check, other than the passing reports of it; with an unknown outcome they touch it for ever.
fn touches(bent: &Bent, check: &str) -> Vec<Pair> {
    let slot = check.rsplit(':').nth(1).unwrap_or_default();
    let concerns = |call: &Pair| {
        let line = bent.asked(*call);
        match line.f.as_str() {
            "report" => line.value["check"] == check,
            "renew_many" => line.value["checks"].as_array().is_some_and(|checks| checks.iter().any(|id| id == check)),
            "register" | "deregister" | "deregister_id" => line.value["id"] == slot,
            _ => false,
        }
    };
    let failed = |call: &Pair| call.end.is_some() && bent.answer(*call).is_none();
    bent.calls.iter().copied().filter(|call| concerns(call) && !failed(call)).collect()
}

/// Acknowledged passing reports of a check.
fn renewals(bent: &Bent, check: &str) -> Vec<Pair> {
    bent.answered(&["report"])
        .into_iter()
        .filter(|call| bent.asked(*call).value["check"] == check && bent.asked(*call).value["status"] == "passing")
        .collect()
}

/// Whether only renewals touch the check between two moments.
fn only_renewed(bent: &Bent, check: &str, from: u64, to: u64) -> bool {
    let renewals = renewals(bent, check);
    let others =
        touches(bent, check).into_iter().filter(|call| !renewals.iter().any(|renewal| renewal.invoke == call.invoke));
    !others.into_iter().any(|call| bent.invoked(call) <= to && bent.returned(call) >= from)
}

const TTL_NS: u64 = 1_500 * MS;

/// Sightings within the lease of a renewal that their state holds.
fn leased(bent: &Bent) -> Vec<(Pair, Shown)> {
    let mut found = Vec::new();
    for shown in sightings(bent).into_iter().filter(|shown| shown.status == "passing") {
        for renewal in renewals(bent, &shown.check) {
            let (from, to) = (bent.invoked(renewal), bent.returned(shown.call));
            let holds = bent.number(shown.call, "applied") >= bent.number(renewal, "xi");
            if holds && from <= to && to < from + TTL_NS && only_renewed(bent, &shown.check, from, to) {
                found.push((renewal, shown.clone()));
            }
        }
    }
    found
}

#[test]
fn an_early_expiry_is_rejected() {
    always_rejected("TTL-1", plan, |bent, random| {
        let (_, shown) = pick(&leased(bent), random)?;
        set_status(bent, &shown, "critical");
        Some(())
    });
}

#[test]
fn an_expiry_by_a_step_of_the_clock_is_rejected() {
    always_rejected("TTL-8", plan, |bent, random| {
        let (renewal, shown) = pick(&leased(bent), random)?;
        set_status(bent, &shown, "critical");
        let time = bent.invoked(renewal) + 1;
        bent.fault(time, "clock", json!({"targets": ["n1"], "offset_ms": 3_600_000}));
        Some(())
    });
}

#[test]
fn an_erased_expiry_is_rejected() {
    always_rejected("TTL-2", quiet, |bent, random| {
        let silent = |shown: &Shown| {
            let invoked = bent.invoked(shown.call);
            let touches = touches(bent, &shown.check);
            let last = touches
                .iter()
                .filter(|call| bent.invoked(**call) <= bent.returned(shown.call))
                .map(|call| bent.returned(*call))
                .max();
            shown.status == "critical"
                && !bent.is_stale(shown.call)
                && last.is_some_and(|last| last.saturating_add(TTL_NS + 2_500 * MS) < invoked)
        };
        let all: Vec<Shown> = sightings(bent).into_iter().filter(silent).collect();
        let shown = pick(&all, random)?;
        set_status(bent, &shown, "passing");
        Some(())
    });
}

#[test]
fn a_watcher_that_is_not_told_of_an_expiry_is_rejected() {
    always_rejected("TTL-2", quiet, |bent, random| {
        let alive: Vec<Shown> = sightings(bent).into_iter().filter(|shown| shown.status != "critical").collect();
        let polls: Vec<Pair> = bent.answered(&["poll"]).into_iter().filter(|call| bent.li(*call) > 1).collect();
        let mut places = Vec::new();
        for shown in &alive {
            for poll in polls.iter().filter(|poll| {
                bent.same_service(**poll, shown.call) && Some(bent.li(**poll)) == bent.number(shown.call, "xi")
            }) {
                // Left open, the poll is pending until the end: nobody may touch the check any more long before that.
                let last = touches(bent, &shown.check).into_iter().map(|call| bent.returned(call)).max().unwrap_or(0);
                if last.saturating_add(TTL_NS + 2_700 * MS).max(bent.invoked(*poll)) + 600 * MS < bent.end() {
                    places.push(*poll);
                }
            }
        }
        let poll = pick(&places, random)?;
        bent.leave_open(poll);
        Some(())
    });
}

#[test]
fn a_flap_between_renewals_is_rejected() {
    always_rejected("TTL-3", plan, |bent, random| {
        let mut places = Vec::new();
        for shown in sightings(bent).into_iter().filter(|shown| shown.status == "passing") {
            let renewals = renewals(bent, &shown.check);
            let applied = bent.number(shown.call, "applied");
            for first in &renewals {
                for second in renewals.iter().filter(|second| bent.invoked(**second) > bent.invoked(*first)) {
                    let in_time = bent.returned(*second) <= bent.invoked(*first) + TTL_NS;
                    let between = bent.number(*first, "xi") <= applied && applied <= bent.number(*second, "xi");
                    if in_time
                        && between
                        && only_renewed(bent, &shown.check, bent.invoked(*first), bent.returned(*second))
                    {
                        places.push(shown.clone());
                    }
                }
            }
        }
        let shown = pick(&places, random)?;
        set_status(bent, &shown, "critical");
        Some(())
    });
}

#[test]
fn a_check_that_passes_by_itself_is_rejected() {
    always_rejected("TTL-3", plan, |bent, random| {
        let all = sightings(bent);
        let index = |shown: &Shown, key: &str| bent.number(shown.call, key).unwrap_or(0);
        let mut places = Vec::new();
        for dead in all.iter().filter(|shown| shown.status == "critical") {
            let from = index(dead, "applied");
            for later in all.iter().filter(|later| {
                later.check == dead.check && index(later, "applied") > from && later.status == "critical"
            }) {
                let touched = touches(bent, &dead.check).into_iter().any(|call| {
                    bent.invoked(call) <= bent.returned(later.call)
                        && bent.number(call, "xi").is_none_or(|xi| xi > from)
                });
                // No other sighting in between or at the same state, so that the judge compares these two.
                let alone = !all.iter().any(|other| {
                    other.check == dead.check
                        && other.call.invoke != later.call.invoke
                        && index(other, "applied") > from
                        && index(other, "applied") <= index(later, "applied")
                });
                if !touched && alone {
                    places.push(later.clone());
                }
            }
        }
        let shown = pick(&places, random)?;
        set_status(bent, &shown, "passing");
        Some(())
    });
}

#[test]
fn a_check_that_passes_before_its_first_pass_is_rejected() {
    always_rejected("TTL-5", plan, |bent, random| {
        let bare = |shown: &Shown| {
            let nonce = bent.body(shown.call)[shown.row][1].clone();
            let touches = touches(bent, &shown.check);
            let wrote = touches
                .iter()
                .find(|call| bent.asked(**call).f == "register" && bent.asked(**call).value["nonce"] == nonce)?;
            let gives_none = bent.asked(*wrote).value["checks"]
                .as_array()
                .is_some_and(|checks| checks.iter().all(|check| check["status"] == Value::Null));
            let alone = !touches
                .iter()
                .any(|call| call.invoke != wrote.invoke && bent.invoked(*call) <= bent.returned(shown.call));
            (gives_none && alone && bent.same_service(*wrote, shown.call)).then_some(())
        };
        let all: Vec<Shown> = sightings(bent).into_iter().filter(|shown| bare(shown).is_some()).collect();
        let shown = pick(&all, random)?;
        set_status(bent, &shown, "passing");
        Some(())
    });
}
