//! One thread or two: the same witness, or the same failure.

use serde_json::Value;

use super::{Failure, Reason, Witness, run_on};
use crate::certificate;
use crate::generate::{Kind, Plan, Random, Recording, generate};
use crate::history::History;
use crate::script::Script;

fn judged(history: &History, is_parallel: bool, refuse_all: bool) -> Result<Witness, Failure> {
    let script = Script::build(history).expect("few checks");
    let members: Vec<u32> = (0..script.steps.len() as u32).collect();
    let refusal = |step: u32| Failure {
        step,
        against: Vec::new(),
        reason: Reason::State,
        explanation: vec!["refused".to_owned()],
        guessed: true,
    };
    let accept = |order: &mut dyn Iterator<Item = u32>| {
        if refuse_all {
            // Refuses before it has seen anything: the replay must not wait for a reader.
            return Err(refusal(0));
        }
        certificate::verify(history, &script, &members, order).map_err(|refused| refusal(refused.step()))
    };
    run_on(history, &script, accept, is_parallel)
}

/// Shifts the index that a random answer claims.
fn bend(recording: &mut Recording, random: &mut Random) {
    let is_claim = |line: &&mut crate::generate::Line| line.kind == Kind::Ok && line.value.get("xi").is_some();
    let mut claims: Vec<_> = recording.lines.iter_mut().filter(is_claim).collect();
    let at = random.below(claims.len() as u64) as usize;
    let value = &mut claims[at].value;
    let key = if value.get("applied").is_some() { "applied" } else { "xi" };
    let index = value[key].as_u64().expect("an index is a number");
    value[key] = Value::from(index + 1 + random.below(3));
}

#[test]
fn two_threads_say_what_one_says() {
    let mut random = Random::new(17);
    let (mut accepted, mut failed) = (0, 0);
    for seed in 0..400 {
        let mut recording = generate(&Plan::small_with_unknown(seed));
        if seed % 2 == 0 {
            bend(&mut recording, &mut random);
        }
        let history = recording.to_history().expect("a well-formed history");
        let (one, two) = (judged(&history, false, false), judged(&history, true, false));
        assert_eq!(one, two, "seed {seed}");
        *if one.is_ok() { &mut accepted } else { &mut failed } += 1;
    }
    assert!(accepted > 150 && failed > 100, "{accepted} accepted, {failed} failed");
}

#[test]
fn a_long_order_that_is_refused_at_once_is_refused_on_two_threads_too() {
    let plan = Plan::bench(1, 100_000, 8, 10, 0);
    let history = generate(&plan).to_history().expect("a well-formed history");
    let (one, two) = (judged(&history, false, true), judged(&history, true, true));
    assert!(one.is_err());
    assert_eq!(one, two);
    assert_eq!(judged(&history, false, false), judged(&history, true, false));
}
