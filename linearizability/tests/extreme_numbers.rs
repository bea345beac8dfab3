//! Numbers at the ends of their ranges, in histories and records that are right or wrong: never a panic, and no verdict that
//! comes from a sum that ran over.

mod reads_bend;

use linearizability::generate::{Plan, Random, generate};
use linearizability::history::{Applied, NodeRecord, Role, RoleChange, Run, WatchSample};
use linearizability::report::to_text;
use linearizability::{Options, explained_prefix, judge};
use serde_json::{Value, json};

use reads_bend::{Bent, plan, violated};

const EXTREMES: [u64; 9] = [0, 1, 2, u32::MAX as u64, 1 << 40, i64::MAX as u64, u64::MAX - 2, u64::MAX - 1, u64::MAX];
/// These are 32 bits wide.
const NARROW: [&str; 3] = ["wait_ms", "ttl_ms", "last_contact_ms"];

/// Every number in `value`, but for those that stand under a narrow key unless they fit.
fn numbers<'v>(value: &'v mut Value, is_narrow: bool, found: &mut Vec<(&'v mut Value, bool)>) {
    match value {
        Value::Number(_) => found.push((value, is_narrow)),
        Value::Array(values) => values.iter_mut().for_each(|value| numbers(value, is_narrow, found)),
        Value::Object(values) => {
            values.iter_mut().for_each(|(key, value)| numbers(value, NARROW.contains(&key.as_str()), found));
        }
        _ => {}
    }
}

/// Whatever the servers claim, the judge says something about it.
#[test]
fn no_number_makes_the_judge_panic() {
    let mut rejected = 0;
    for seed in 0..300 {
        let plan = if seed % 2 == 0 { Plan { operations: 40, ..Plan::small_with_unknown(seed) } } else { plan(seed) };
        let mut recording = generate(&plan);
        let mut random = Random::new(seed ^ 0xe4d);
        let mut found = Vec::new();
        recording.lines.iter_mut().for_each(|line| numbers(&mut line.value, false, &mut found));
        for _ in 0..=random.below(3) {
            let place = random.below(found.len() as u64) as usize;
            let (number, is_narrow) = &mut found[place];
            let extreme = EXTREMES[random.below(EXTREMES.len() as u64) as usize];
            **number = json!(if *is_narrow { extreme.min(u32::MAX.into()) } else { extreme });
        }
        let run = Run { history: recording.to_history().expect("still well formed"), nodes: Vec::new() };
        for black_box in [false, true] {
            let options = Options { black_box, budget_steps: 20_000, ..Options::default() };
            let report = judge(&run, &options);
            rejected += u32::from(!report.violations.is_empty());
            assert!(!to_text(&run.history, &report).is_empty());
            let _ = explained_prefix(&run, &options);
        }
    }
    assert!(rejected > 100, "{rejected} of 600 were rejected");
}

#[test]
fn a_clock_that_all_but_stands_still_makes_nothing_late() {
    for rate in [1e-300, f64::MIN_POSITIVE, 1e300] {
        let mut bent = Bent::of(generate(&plan(1)));
        bent.fault(1, "clock", json!({"targets": ["n1"], "rate": rate}));
        assert_eq!(violated(&bent.recording, Vec::new()), Vec::<&str>::new(), "rate {rate}");
    }
}

#[test]
fn records_at_the_end_of_their_ranges_are_judged() {
    let line = |log, xi, kind: &str| Applied {
        time: u64::MAX,
        term: u64::MAX,
        log,
        xi,
        hash: "0".repeat(32),
        kind: kind.to_owned(),
        incarnation: u64::MAX,
    };
    let record = NodeRecord {
        node: "n1".to_owned(),
        applied: vec![
            line(u64::MAX - 1, u64::MAX - 1, "register"),
            line(u64::MAX, u64::MAX, "expire"),
            line(u64::MAX, u64::MAX, "noop"),
        ],
        roles: vec![RoleChange { time: u64::MAX, term: u64::MAX, role: Role::Leader, incarnation: u64::MAX }],
        watches: vec![WatchSample { time: u64::MAX, parked: u64::MAX }],
        proposals: Vec::new(),
    };
    let found = violated(&generate(&plan(2)), vec![record]);
    assert!(found.contains(&"REP-2"), "the last position was applied twice: {found:?}");
    assert!(found.contains(&"W-13"), "nobody has so many clients: {found:?}");
}
