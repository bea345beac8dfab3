//! What a person reads after a run.

use std::fmt::Write as _;
use std::path::Path;

use linearizability::verdict::Verdict;

use super::args::Args;
use crate::run::Outcome;

/// Log lines shown of each server.
const LINES_SHOWN: usize = 8;
/// Violations shown.
const VIOLATIONS_SHOWN: usize = 8;

/// The report of `outcome`; the scenario is called `id`, the artefacts are in `dir`.
pub(super) fn text(args: &Args, outcome: &Outcome, id: &str, dir: &Path) -> String {
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
        failure(&mut text, args, outcome, id, dir);
    }
    text
}

fn failure(text: &mut String, args: &Args, outcome: &Outcome, id: &str, dir: &Path) {
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
    line(text, &format!("  reproduce: {}", reproduce(args, id, outcome.seed)));
    line(text, &format!("  replay:    {} replay {}", program(args), word(&dir.display().to_string())));
}

/// The command that makes the run of `seed` again, from where this one was given.
pub(super) fn reproduce(args: &Args, id: &str, seed: u64) -> String {
    let mut command = program(args);
    for (flag, dir, default) in [("--scenarios", &args.scenarios, "scenarios"), ("--out", &args.out, "out")] {
        if dir != Path::new(default) {
            write!(command, " {flag} {}", word(&dir.display().to_string())).expect("writing to a string");
        }
    }
    format!("{command} run {} --seed {seed}", word(id))
}

/// This program, with what makes a seed another run.
fn program(args: &Args) -> String {
    ["cargo harness"].into_iter().chain(args.idle_too_flag()).collect::<Vec<_>>().join(" ")
}

/// `text` as one word of a shell's command line.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string");
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn the_command_that_reproduces_names_what_is_not_as_usual() {
        let command = |arguments: &[&str]| {
            let args = Args::parse_from(["harness"].iter().chain(arguments).chain(&["list"]));
            reproduce(&args, "a/b", 7)
        };
        assert_eq!(command(&[]), "cargo harness run a/b --seed 7");
        assert_eq!(command(&["--idle-too"]), "cargo harness --idle-too run a/b --seed 7");
        let elsewhere = command(&["--scenarios", "my dir", "--out", "/tmp/it's"]);
        assert_eq!(elsewhere, r"cargo harness --scenarios 'my dir' --out '/tmp/it'\''s' run a/b --seed 7");
    }
}
