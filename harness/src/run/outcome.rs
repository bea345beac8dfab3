//! The verdict of a run, and everything a person needs to understand it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use linearizability::verdict::{Property, Report, Status, Verdict};
use serde_json::{Value, json};

use super::clusters;
use super::coverage::Coverage;
use crate::invariants::Finding;
use crate::record::Record;
use crate::scenario::Scenario;

/// What came out of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Name of the scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The verdict against what the scenario expects.
    pub verdict: Verdict,
    /// Why, in one line.
    pub reason: String,
    /// What invariants and liveness checks found.
    pub findings: Vec<Finding>,
    /// How much the harness looked at itself, of the properties that it checks.
    pub checked: BTreeMap<Property, u64>,
    /// What the judge said, if it was asked.
    pub report: Option<Report>,
    /// What was covered.
    pub coverage: Coverage,
    /// Virtual time.
    pub virtual_time: Duration,
    /// Hash of the trace.
    pub hash: String,
    /// Lines of the trace.
    pub trace_lines: u64,
    /// Last log lines of each server.
    pub last_lines: BTreeMap<String, VecDeque<String>>,
    /// The record, for the artefacts.
    pub record: Option<Record>,
}

impl Outcome {
    pub(super) fn new(scenario: &str, seed: u64) -> Self {
        Self {
            scenario: scenario.to_owned(),
            seed,
            verdict: Verdict::HarnessFailure,
            reason: String::new(),
            findings: Vec::new(),
            checked: BTreeMap::new(),
            report: None,
            coverage: Coverage::default(),
            virtual_time: Duration::ZERO,
            hash: String::new(),
            trace_lines: 0,
            last_lines: BTreeMap::new(),
            record: None,
        }
    }

    /// The harness failed.
    pub(super) fn failed(mut self, record: &Record, reason: String) -> Self {
        self.keep(record);
        self.verdict = Verdict::HarnessFailure;
        self.reason = reason;
        self
    }

    /// Asks the judge, and compares with what `scenario` expects. `private` is the directory that must not show.
    pub(super) fn judged(mut self, scenario: &Scenario, record: &Record, private: &str) -> Self {
        self.keep(record);
        match clusters::judged(record, &scenario.expect.exercised) {
            Ok(report) => self.report = Some(report),
            Err(reason) => return self.failed(record, reason),
        }
        for finding in &mut self.findings {
            finding.summary = finding.summary.replace(private, "");
        }
        (self.verdict, self.reason) = self.decide(scenario);
        self
    }

    fn keep(&mut self, record: &Record) {
        let inner = record.lock();
        self.hash = inner.trace.hash();
        self.trace_lines = inner.trace.lines();
        self.last_lines = inner.facts.last_lines().clone();
        drop(inner);
        self.record = Some(record.clone());
    }

    fn decide(&self, scenario: &Scenario) -> (Verdict, String) {
        let violations = self.violations();
        let expected = &scenario.expect.violated;
        // What a scenario breaks on purpose covers no crash of the code beside it.
        let panicked = self.findings.iter().any(Finding::is_panic);
        if !expected.is_empty() && !panicked {
            let ids: Vec<&str> = expected.iter().map(|property| property.id()).collect();
            return match violations.iter().find(|(id, _)| ids.contains(id)) {
                Some((id, summary)) => (Verdict::Pass, format!("found, as it must be: {id} {summary}")),
                None if violations.is_empty() => (
                    Verdict::Vacuous,
                    format!(
                        "this scenario breaks the rules on purpose, and none of {} was found broken",
                        ids.join(", ")
                    ),
                ),
                None => (Verdict::Violated, first(&violations)),
            };
        }
        if !violations.is_empty() {
            return (Verdict::Violated, first(&violations));
        }
        if let Some((property, reason)) = self.undecided() {
            return (Verdict::Unknown, format!("{property}: {reason}"));
        }
        let missing = self.coverage.missing(&scenario.expect);
        let of_judge = self.report.as_ref().map_or(&[][..], |report| &report.missing);
        let is_checked = |property: &&Property| self.checked.get(property).is_some_and(|count| *count > 0);
        let unseen: Vec<&Property> = of_judge.iter().filter(|property| !is_checked(property)).collect();
        if missing.is_empty() && unseen.is_empty() {
            return (Verdict::Pass, String::new());
        }
        let short = missing.iter().map(|(name, reached, wanted)| format!("{name} {reached} of {wanted}"));
        let all: Vec<String> = short.chain(unseen.iter().map(|property| format!("{property} not exercised"))).collect();
        (Verdict::Vacuous, all.join(", "))
    }

    /// Everything that was found broken: id and one sentence. What explains comes before what follows from it.
    #[must_use]
    pub fn violations(&self) -> Vec<(&'static str, String)> {
        let mut all: Vec<(u8, &'static str, String)> = Vec::new();
        for finding in &self.findings {
            let text = format!(
                "at {}.{:03} s: {}",
                finding.time / 1_000_000_000,
                finding.time / 1_000_000 % 1000,
                finding.summary
            );
            all.push((rank(finding.id()), finding.id(), text));
        }
        if let Some(report) = &self.report {
            let of_judge = report.violations.iter();
            all.extend(of_judge.map(|found| (rank(found.property.id()), found.property.id(), found.summary.clone())));
        }
        all.sort_by_key(|(rank, _, _)| *rank);
        all.into_iter().map(|(_, id, text)| (id, text)).collect()
    }

    /// The properties that were seen to be tested, and how often: by the judge and by the harness.
    #[must_use]
    pub fn exercised(&self) -> BTreeMap<Property, u64> {
        let mut all = self.checked.clone();
        for (property, status) in self.report.iter().flat_map(|report| &report.statuses) {
            if let Status::Held { observations } | Status::Violated { observations, .. } = status {
                *all.entry(*property).or_default() += observations;
            }
        }
        all.retain(|_, count| *count > 0);
        all
    }

    fn undecided(&self) -> Option<(Property, String)> {
        let statuses = self.report.as_ref()?.statuses.iter();
        statuses
            .filter_map(|(property, status)| match status {
                Status::Undecided { reason } => Some((*property, reason.clone())),
                _ => None,
            })
            .next()
    }

    /// What tells failures of one cause from those of another: the property and the words of the reason, without numbers
    /// and names.
    #[must_use]
    pub fn signature(&self) -> String {
        match self.verdict {
            Verdict::Violated => {
                self.violations().first().map_or_else(String::new, |(id, text)| format!("{id} {}", words(text)))
            }
            Verdict::Pass => "pass".into(),
            other => format!("{other} {}", words(&self.reason)),
        }
    }

    /// For machines.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let violations: Vec<Value> =
            self.violations().iter().map(|(id, text)| json!({"property": id, "summary": text})).collect();
        json!({
            "scenario": self.scenario,
            "seed": self.seed,
            "verdict": self.verdict.word(),
            "exit_code": self.verdict.exit_code(),
            "reason": self.reason,
            "signature": self.signature(),
            "violations": violations,
            "coverage": self.coverage.0,
            "exercised": self.exercised().iter().map(|(property, count)| (property.id(), *count)).collect::<BTreeMap<_, _>>(),
            "virtual_ms": u64::try_from(self.virtual_time.as_millis()).unwrap_or(u64::MAX),
            "trace_hash": self.hash,
            "trace_lines": self.trace_lines,
            "calls": self.report.as_ref().map_or(0, |report| report.calls),
        })
    }
}

fn first(violations: &[(&'static str, String)]) -> String {
    violations.first().map_or_else(String::new, |(id, text)| format!("{id} {text}"))
}

/// Causes before consequences: replicas, then order, then what rests on it.
fn rank(id: &str) -> u8 {
    match id.split('-').next().unwrap_or_default() {
        "NO" => 0,
        "MEM" => 1,
        "REP" => 2,
        "DUR" => 3,
        "LIN" => 4,
        "RD" => 5,
        "TTL" => 6,
        "W" => 7,
        "AG" => 8,
        _ => 9,
    }
}

/// The words of `text` that no run chose: letters only, at most ten.
fn words(text: &str) -> String {
    let plain = |word: &&str| word.len() > 1 && word.chars().all(char::is_alphabetic);
    text.split_whitespace().filter(plain).take(10).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    fn decided(expect: &str, findings: &[Finding]) -> (Verdict, String) {
        let text = "name = \"x\"\nabout = \"y\"\n[[workload]]\nkind = \"registry\"\n[phases]\nrun = \"5s\"\n[expect]\n";
        let scenario = parse("x.toml", &format!("{text}{expect}\nmin = {{ reads = 1 }}\n")).expect("a scenario");
        let outcome = Outcome { findings: findings.to_vec(), ..Outcome::new("x", 1) };
        outcome.decide(&scenario)
    }

    #[test]
    fn what_is_expected_covers_neither_a_panic_beside_it_nor_something_else() {
        let expect = "violated = [\"LIVE-1\"]";
        let expected = Finding::new(Property::Live1, 1, "no leader".into());
        let panic = Finding::panic(2, "index out of bounds (sider/src/x.rs:1)");
        let other = Finding::new(Property::Mem1, 3, "two leaders".into());
        assert_eq!(decided(expect, std::slice::from_ref(&expected)).0, Verdict::Pass);
        assert_eq!(decided(expect, &[]).0, Verdict::Vacuous);
        assert_eq!(decided(expect, std::slice::from_ref(&other)).0, Verdict::Violated);
        let (verdict, reason) = decided(expect, &[expected, panic]);
        assert_eq!(verdict, Verdict::Violated);
        assert!(reason.starts_with("NO-PANIC at 0.000 s: a server panicked: index out of bounds"), "{reason}");
    }
}
