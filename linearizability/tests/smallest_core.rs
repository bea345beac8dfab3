//! The counter-example of a wrong read is small, is found quickly, and is really a contradiction.

mod bend;

use bend::{Call, answer, applied, arguments, body, judged, reads};
use linearizability::generate::{Plan, Recording, generate};
use linearizability::verdict::{Evidence, Property, Status};
use linearizability::{Options, judge, report};

#[expect(clippy::disallowed_types, reason = "the bound of the core is in real time")]
type Clock = std::time::Instant;

/// A read in the middle repeats the answer of one about fifty calls earlier.
fn stale(plan: &Plan) -> Recording {
    let mut recording = generate(plan);
    let all = reads(&recording, 0);
    let service = |call: &Call| arguments(&recording, *call)["svc"].clone();
    let late = all[all.len() / 2];
    let early = all[..all.len() / 2 - 20].iter().rev().find(|early| {
        service(early) == service(&late)
            && body(&recording, **early) != body(&recording, late)
            && early.ok + 60 < late.invoke
    });
    let early = *early.expect("an earlier read of another state");
    assert!(applied(&recording, early) < applied(&recording, late));
    let value = answer(&recording, early).clone();
    recording.lines[late.ok].value = value;
    recording
}

#[test]
fn a_stale_read_among_ten_thousand_has_a_core_of_at_most_ten_within_a_second() {
    for seed in 0..5 {
        let recording = stale(&Plan::bench(seed, 10_000, 8, 1, 0));
        let history = recording.to_history().expect("a well-formed history");
        let run = linearizability::history::Run { history, nodes: Vec::new() };
        for black_box in [true, false] {
            let start = Clock::now();
            let options = Options { black_box, only_linear: true, ..Options::default() };
            let report = judge(&run, &options);
            let seconds = start.elapsed().as_secs_f64();
            let text = report::to_text(&run.history, &report);
            assert!(
                matches!(report.status(Property::Lin1), Status::Violated { violations: 1, .. }),
                "seed {seed}:\n{text}"
            );
            let core = report.violations[0].evidence.len();
            assert!((2..=10).contains(&core), "seed {seed}: {core} operations\n{text}");
            assert!(text.contains("contradict each other"), "{text}");
            // One second in an optimised build; this one is not, and shares its machine.
            assert!(seconds < 5.0, "seed {seed}: {seconds} s");
        }
    }
}

/// What the core leaves out is made right again: the same core is found when the rest of the history is gone, as long as the
/// writes that it leaves out stay possible. Deleting a deregistration would invent a violation; the core never does.
#[test]
fn a_right_history_never_has_a_core() {
    for seed in 0..200 {
        let recording = generate(&Plan::small(seed));
        let (text, report) = judged(&recording, true);
        assert!(report.violations.is_empty(), "seed {seed}:\n{text}");
    }
}

#[test]
fn the_report_names_the_operations_and_why() {
    let recording = stale(&Plan::bench(7, 2_000, 8, 1, 0));
    let (text, report) = judged(&recording, true);
    let violation = &report.violations[0];
    assert_eq!(violation.property, Property::Lin1);
    assert!(violation.evidence.iter().all(|evidence| matches!(evidence, Evidence::Call(_))));
    for part in
        ["no order explains the answer of op", "<- cannot be explained", "had returned before op", "evidence: op"]
    {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}
