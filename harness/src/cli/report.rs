//! What a person reads after a run.

use std::fmt::Write as _;
use std::path::Path;

use linearizability::verdict::Verdict;

use crate::run::Outcome;

/// Log lines shown of each server.
const LINES_SHOWN: usize = 8;
/// Violations shown.
const VIOLATIONS_SHOWN: usize = 8;

/// The report of `outcome`; the scenario is called `id`, the artefacts are in `dir`.
pub(super) fn text(outcome: &Outcome, id: &str, dir: &Path) -> String {
    let mut text = String::new();
    let seconds = outcome.virtual_time.as_secs_f64();
    let calls = outcome.report.as_ref().map_or(0, |report| report.calls);
    let head = format!(
        "{} {id} seed {}: {seconds:.1} virtual s, {calls} calls",
        outcome.verdict.word().to_uppercase(),
        outcome.seed
    );
    line(&mut text, &head);
    if !outcome.reason.is_empty() {
        line(&mut text, &format!("  {}", outcome.reason));
    }
    let covered = outcome.coverage.0.iter().filter(|(_, count)| **count > 0);
    let covered: Vec<String> = covered.map(|(name, count)| format!("{name} {count}")).collect();
    line(&mut text, &format!("  covered: {}", covered.join(", ")));
    line(&mut text, &format!("  trace {} ({} lines)", outcome.hash, outcome.trace_lines));
    if outcome.verdict != Verdict::Pass {
        failure(&mut text, outcome, id, dir);
    }
    text
}

fn failure(text: &mut String, outcome: &Outcome, id: &str, dir: &Path) {
    let violations = outcome.violations();
    for (property, summary) in violations.iter().take(VIOLATIONS_SHOWN) {
        line(text, &format!("  violated {property}: {summary}"));
    }
    if violations.len() > VIOLATIONS_SHOWN {
        line(text, &format!("  and {} more", violations.len() - VIOLATIONS_SHOWN));
    }
    if let Some(first) = outcome.report.as_ref().and_then(|report| report.violations.first()) {
        first.explanation.iter().for_each(|why| line(text, &format!("    {why}")));
    }
    for (node, lines) in &outcome.last_lines {
        line(text, &format!("  last of {node}:"));
        let skipped = lines.len().saturating_sub(LINES_SHOWN);
        lines.iter().skip(skipped).for_each(|last| line(text, &format!("    {last}")));
    }
    line(text, &format!("  reproduce: cargo harness run {id} --seed {}", outcome.seed));
    line(text, &format!("  replay:    cargo harness replay {}", dir.display()));
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string");
}
