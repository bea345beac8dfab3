//! Writes with unknown outcome do not make the judge give up: what can be decided is decided.

mod bend;

use bend::{answered, applied, body, body_mut, judged, reads};
use linearizability::generate::{Plan, generate};
use linearizability::verdict::{Property, Status};

#[test]
fn a_shifted_claim_among_unknown_writes_is_decided() {
    let (mut violated, mut undecided) = (0, Vec::new());
    for seed in 0..400 {
        let mut recording = generate(&Plan::small_with_unknown(seed));
        let Some(read) = reads(&recording, 1).into_iter().find(|read| applied(&recording, *read) > 4) else { continue };
        let claim = applied(&recording, read);
        recording.lines[read.ok].value["applied"] = (claim - 3).into();
        let (text, report) = judged(&recording, false);
        match report.status(Property::Lin2) {
            Status::Violated { .. } => violated += 1,
            Status::Undecided { .. } => undecided.push((seed, text)),
            Status::Held { .. } | Status::NotExercised => {}
        }
    }
    assert!(violated >= 100, "a claim that is three too low was found in {violated} of 400 histories only");
    assert!(undecided.is_empty(), "{} undecided, seed {}:\n{}", undecided.len(), undecided[0].0, undecided[0].1);
}

#[test]
fn a_row_that_vanishes_for_one_read_is_found_among_unknown_writes() {
    let (mut violated, mut held) = (0, 0);
    for seed in 0..20 {
        let mut recording = generate(&Plan::bench(seed, 2_000, 8, 1, 20));
        let all = reads(&recording, 3);
        let read = all[all.len() / 2];
        let row = body(&recording, read)[1].clone();
        // Others see the same row before and after.
        let sees = |call: &bend::Call| body(&recording, *call).contains(&row);
        let seen = answered(&recording).into_iter().filter(sees);
        let (mut before, mut after) = (false, false);
        for call in seen {
            before |= call.ok < read.invoke;
            after |= call.invoke > read.ok;
        }
        if !before || !after {
            continue;
        }
        body_mut(&mut recording, read).remove(1);
        let (text, report) = judged(&recording, true);
        match report.status(Property::Lin1) {
            Status::Violated { .. } => violated += 1,
            Status::Held { .. } => held += 1,
            other => panic!("seed {seed}: {other:?}\n{text}"),
        }
    }
    assert!(violated >= 5 && held == 0, "{violated} found, {held} taken for right");
}
