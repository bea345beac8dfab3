//! The suite as files: all of it parses, and together it reaches every fault and says what it expects.

use std::collections::BTreeSet;
use std::path::Path;

use harness::scenario::{COVERAGE, Found, list};

fn suite() -> Vec<Found> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    list(&dir).expect("every scenario file is right")
}

#[test]
fn there_are_at_least_twenty_scenarios_and_some_that_must_fail() {
    let suite = suite();
    assert!(suite.len() >= 20, "{}", suite.len());
    assert!(suite.iter().filter(|found| found.id.starts_with("negative/")).count() >= 2);
    for found in &suite {
        let negative = found.id.starts_with("negative/");
        assert_eq!(
            negative,
            !found.scenario.expect.violated.is_empty(),
            "{}: only negative/ expects a violation",
            found.id
        );
    }
}

#[test]
fn together_they_use_every_fault_and_ask_for_every_kind_of_coverage() {
    let suite = suite();
    let texts: Vec<&str> = suite.iter().map(|found| found.scenario.text.as_str()).collect();
    let faults = [
        "partition",
        "delay",
        "loss",
        "duplicate",
        "crash",
        "power-loss",
        "stop",
        "pause",
        "clock-step",
        "disk-error",
        "slow-disk",
        "lying-disk",
        "flip-byte",
        "wipe",
        "lose-everything",
        "transfer",
        "elect",
        "join",
        "remove",
    ];
    for fault in faults {
        assert!(texts.iter().any(|text| text.contains(&format!("do = \"{fault}\""))), "no scenario has {fault}");
    }
    let shapes =
        ["halves", "one", "random", "leader-minority", "one-way-out", "one-way-in", "bridge", "ring", "agents"];
    for shape in shapes {
        assert!(texts.iter().any(|text| text.contains(&format!("shape = \"{shape}\""))), "no scenario has {shape}");
    }
    let asked: BTreeSet<&String> = suite.iter().flat_map(|found| found.scenario.expect.min.keys()).collect();
    for (name, _) in COVERAGE {
        assert!(asked.contains(&(*name).to_owned()), "no scenario asks for {name}");
    }
}
