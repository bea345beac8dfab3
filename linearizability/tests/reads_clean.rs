//! Clean histories raise no alarm in any property that is judged from answers, and exercise those that clients can see.

mod reads_bend;

use std::collections::BTreeMap;

use linearizability::generate::{Plan, generate};
use linearizability::verdict::Status;

use reads_bend::{plan, report};

/// Properties that histories without faults and without the servers' records can exercise.
const EXERCISED: [&str; 20] = [
    "RD-1", "RD-2", "RD-3", "W-1", "W-2", "W-3", "W-4", "W-5", "W-6", "W-7", "W-8", "W-9", "W-10", "W-11", "W-14",
    "TTL-1", "TTL-2", "TTL-3", "TTL-5", "DUR-3",
];

#[test]
fn clean_histories_are_never_flagged() {
    let mut observed: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..3_400 {
        for plan in [
            Plan::small(seed),
            Plan::small_with_unknown(seed),
            Plan { unknown_per_mille: (seed % 3 * 50) as u32, ..plan(seed) },
        ] {
            let report = report(&generate(&plan), Vec::new());
            assert!(report.violations.is_empty(), "seed {seed}: {:#?}", report.violations.first());
            for (property, status) in &report.statuses {
                if let Status::Held { observations } = status {
                    *observed.entry(property.id()).or_default() += observations;
                }
            }
        }
    }
    for property in EXERCISED {
        assert!(
            observed.get(property).is_some_and(|count| *count >= 1000),
            "{property} was exercised too little: {observed:?}"
        );
    }
}
