//! What came out of a sweep: verdicts by scenario, failures by signature, and the worst of all.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table, presets};
use linearizability::verdict::Verdict;
use serde_json::{Value, json};

use super::super::CommandError;
use super::super::args::Args;
use super::super::report::reproduce;
use super::super::say::say;
use crate::scenario::Found;

/// Seeds shown of each failure.
const SEEDS_SHOWN: usize = 5;

/// See the module.
pub(super) struct Tally {
    each: Vec<OfOne>,
    /// None: nothing has been run.
    worst: Option<Verdict>,
}

/// Results of one scenario.
#[derive(Debug, Clone, Default)]
struct OfOne {
    verdicts: BTreeMap<String, u64>,
    /// By signature: how many, and the first seeds.
    failures: BTreeMap<String, (u64, Vec<u64>)>,
}

impl Tally {
    pub(super) fn new(scenarios: &[Found]) -> Self {
        Self { each: vec![OfOne::default(); scenarios.len()], worst: None }
    }

    /// Counts the run of scenario `number` with `seed`.
    pub(super) fn take(&mut self, number: usize, seed: u64, summary: &Value) {
        let verdict = verdict(summary);
        self.worst = Some(self.worst.map_or(verdict, |worst| worse(worst, verdict)));
        self.each[number].take(seed, verdict, summary);
    }

    /// The worst so far. Where nothing was run nothing has passed.
    pub(super) fn worst(&self) -> Verdict {
        self.worst.unwrap_or(Verdict::Vacuous)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.worst.is_some_and(|worst| worst != Verdict::Pass)
    }

    pub(super) fn show(&self, args: &Args, scenarios: &[Found]) -> Result<(), CommandError> {
        if args.json { say(&format!("{}\n", self.as_json(scenarios))) } else { say(&self.as_text(args, scenarios)) }
    }

    fn as_json(&self, scenarios: &[Found]) -> Value {
        let each = scenarios.iter().zip(&self.each).map(|(found, tally)| {
            let failures: BTreeMap<&String, Value> = tally
                .failures
                .iter()
                .map(|(signature, (count, seeds))| (signature, json!({"count": count, "seeds": seeds})))
                .collect();
            json!({"scenario": found.id, "verdicts": tally.verdicts, "failures": failures})
        });
        json!({"verdict": self.worst().word(), "scenarios": each.collect::<Vec<_>>()})
    }

    fn as_text(&self, args: &Args, scenarios: &[Found]) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["scenario", "runs", "pass", "violated", "vacuous", "unknown", "failed"]);
        for (found, tally) in scenarios.iter().zip(&self.each) {
            let count = |word: &str| tally.verdicts.get(word).copied().unwrap_or(0);
            let runs: u64 = tally.verdicts.values().sum();
            let words = ["pass", "violated", "vacuous", "unknown", "harness-failure"];
            let counts = words.map(|word| count(word).to_string());
            table.add_row([found.id.clone(), runs.to_string()].into_iter().chain(counts));
        }
        let mut lines = vec![table.to_string()];
        for (found, tally) in scenarios.iter().zip(&self.each) {
            for (signature, (count, seeds)) in &tally.failures {
                lines.push(format!("{} x{count} {signature}", found.id));
                let (all, first) = (seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "), seeds[0]);
                lines.push(format!("    seeds {all}; reproduce: {}", reproduce(args, &found.id, first)));
            }
        }
        lines.extend(self.end(scenarios));
        lines.into_iter().map(|line| format!("{line}\n")).collect()
    }

    /// The last lines.
    fn end(&self, scenarios: &[Found]) -> Vec<String> {
        let Some(worst) = self.worst else { return vec!["nothing was run, so nothing has passed".into()] };
        let without = scenarios.iter().zip(&self.each).filter(|(_, tally)| tally.verdicts.is_empty());
        let not_run: Vec<&str> = without.map(|(found, _)| found.id.as_str()).collect();
        let end = match worst {
            Verdict::Pass if not_run.is_empty() => "all passed".into(),
            Verdict::Pass => "all others passed".into(),
            worst => format!("worst: {worst}"),
        };
        let not_run = (!not_run.is_empty()).then(|| format!("not run at all: {}", not_run.join(", ")));
        not_run.into_iter().chain([end]).collect()
    }
}

impl OfOne {
    fn take(&mut self, seed: u64, verdict: Verdict, summary: &Value) {
        if verdict != Verdict::Pass {
            let signature = summary["signature"].as_str().unwrap_or_default();
            let entry = self.failures.entry(format!("{}: {signature}", verdict.word())).or_default();
            entry.0 += 1;
            if entry.1.len() < SEEDS_SHOWN {
                entry.1.push(seed);
            }
        }
        *self.verdicts.entry(verdict.word().to_owned()).or_default() += 1;
    }
}

/// From the best to the worst.
const ORDER: [Verdict; 6] = [
    Verdict::Pass,
    Verdict::Vacuous,
    Verdict::Unknown,
    Verdict::HarnessFailure,
    Verdict::NonDeterministic,
    Verdict::Violated,
];

/// What `summary` says; what says nothing has failed.
fn verdict(summary: &Value) -> Verdict {
    let said = ORDER.into_iter().find(|verdict| summary["verdict"] == verdict.word());
    said.unwrap_or(Verdict::HarnessFailure)
}

fn worse(one: Verdict, other: Verdict) -> Verdict {
    let place = |of: Verdict| ORDER.iter().position(|verdict| *verdict == of);
    if place(other) > place(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_was_run_nothing_has_passed() {
        assert_eq!(Tally::new(&[]).worst(), Verdict::Vacuous);
    }

    #[test]
    fn the_worst_stays_and_what_says_nothing_has_failed() {
        let mut tally = Tally { each: vec![OfOne::default()], worst: None };
        let mut worst_after = |summary| {
            tally.take(0, 1, &summary);
            tally.worst()
        };
        assert_eq!(worst_after(json!({"verdict": "pass"})), Verdict::Pass);
        assert_eq!(worst_after(json!({})), Verdict::HarnessFailure);
        assert_eq!(worst_after(json!({"verdict": "violated"})), Verdict::Violated);
        assert_eq!(worst_after(json!({"verdict": "pass"})), Verdict::Violated);
    }
}
