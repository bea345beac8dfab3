//! Small histories full of unknown writes, some with a shifted index: the judge and the obvious search over all placements
//! say the same.

mod bend;
mod placements;

use bend::{answered, judged};
use linearizability::generate::{Kind, Mix, Plan, Random, Recording, generate};
use linearizability::verdict::{Property, Report, Status};
use placements::has_placement;

/// Unknown writes that the obvious search can try.
const UNKNOWN_MAX: usize = 6;

/// No expiries, polls or retries: those are for the judge alone.
fn plan(seed: u64) -> Plan {
    let mix = Mix {
        register: 28,
        deregister: 14,
        deregister_id: 4,
        report: 16,
        renew_many: 6,
        read: 28,
        list: 4,
        ..Mix::default()
    };
    Plan {
        operations: 16 + seed % 12,
        clients: 3,
        services: 1 + (seed % 3) as u32,
        slots: 2,
        checks: 2,
        mix,
        unknown_per_mille: 350,
        retry_per_mille: 0,
        ttl_ms: 1_000_000,
        final_reads: false,
        ..Plan::small(seed)
    }
}

/// Its checks are not of type ttl, so that nothing can expire.
fn recording(seed: u64) -> Recording {
    let mut recording = generate(&plan(seed));
    for line in recording.lines.iter_mut().filter(|line| line.f == "register") {
        for check in line.value.get_mut("checks").and_then(|checks| checks.as_array_mut()).into_iter().flatten() {
            if let Some(check) = check.as_object_mut() {
                check.remove("ttl_ms");
            }
        }
    }
    recording
}

/// Shifts one index of one answer: a claim, a service index or a modify index.
fn shift(recording: &mut Recording, random: &mut Random) -> Option<()> {
    let call = *random.pick(&answered(recording))?;
    let answer = &mut recording.lines[call.ok].value;
    let rows = answer.get("body").and_then(|body| body.as_array()).map_or(0, Vec::len);
    let index = match random.below(3) {
        0 if rows > 0 => &mut answer["body"][random.below(rows as u64) as usize][2],
        1 if answer.get("body").is_some() => &mut answer["xi"],
        _ if answer.get("applied").is_some() => &mut answer["applied"],
        _ => &mut answer["xi"],
    };
    let old = index.as_u64()?;
    let by = 1 + random.below(2);
    let new = if random.chance(500) { old + by } else { old.saturating_sub(by).max(1) };
    *index = new.into();
    (new != old).then_some(())
}

fn unknown_writes(recording: &Recording) -> usize {
    recording.lines.iter().filter(|line| line.kind == Kind::Info).count()
}

fn held(report: &Report) -> bool {
    [Property::Lin1, Property::Lin2]
        .iter()
        .all(|of| matches!(report.status(*of), Status::Held { .. } | Status::NotExercised))
        && report.violations.is_empty()
}

#[test]
fn no_right_history_is_refused_and_none_is_left_undecided() {
    let mut unknown = 0;
    for seed in 0..5_000 {
        let recording = recording(seed);
        unknown += unknown_writes(&recording);
        let (text, report) = judged(&recording, false);
        assert!(held(&report), "seed {seed}:\n{text}\n{}", String::from_utf8_lossy(&recording.to_jsonl()));
    }
    assert!(unknown > 10_000, "{unknown} unknown writes");
}

/// What the judge said of shifted histories.
#[derive(Default, Debug)]
struct Count {
    explained: u32,
    wrong: u32,
    /// Too many placements for the obvious search.
    open: u32,
}

fn compare(seed: u64, shifted: u64, count: &mut Count) {
    let mut recording = recording(seed);
    let mut random = Random::new(seed * 31 + shifted);
    if unknown_writes(&recording) > UNKNOWN_MAX || shift(&mut recording, &mut random).is_none() {
        return;
    }
    let history = recording.to_history().expect("a shifted index breaks no rule of the format");
    let Some(expected) = has_placement(&history) else {
        count.open += 1;
        return;
    };
    let (text, report) = judged(&recording, false);
    let about = || format!("seed {seed}, {shifted}:\n{text}\n{}", String::from_utf8_lossy(&recording.to_jsonl()));
    if expected {
        count.explained += 1;
        assert!(held(&report), "refused or undecided, but a placement fits; {}", about());
    } else {
        count.wrong += 1;
        assert!(!held(&report), "accepted, but no placement fits; {}", about());
    }
}

#[test]
fn a_shifted_index_is_accepted_where_another_placement_explains_it_and_only_there() {
    let mut count = Count::default();
    for seed in 0..5_000 {
        (0..3).for_each(|shifted| compare(seed, shifted, &mut count));
    }
    assert!(count.explained > 300 && count.wrong > 5_000 && count.open < 500, "{count:?}");
}

/// With expiries, retries, polls and filters.
#[test]
fn longer_right_histories_raise_no_alarm() {
    for seed in 0..300 {
        let operations = 100 + seed % 5 * 100;
        let plan = Plan { operations, clients: 5, namespaces: 1 + (seed % 2) as u32, ..Plan::small_with_unknown(seed) };
        let (text, report) = judged(&generate(&plan), false);
        assert!(report.violations.is_empty(), "seed {seed}:\n{text}");
    }
}

#[test]
fn the_obvious_search_finds_what_the_generator_did() {
    for seed in 0..500 {
        let recording = recording(seed);
        if unknown_writes(&recording) > UNKNOWN_MAX {
            continue;
        }
        let history = recording.to_history().expect("a right history");
        assert_ne!(has_placement(&history), Some(false), "seed {seed}");
    }
}
