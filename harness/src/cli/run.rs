//! `harness run`: one run, its report and artefacts.

use std::path::{Path, PathBuf};

use linearizability::verdict::Verdict;

use super::args::{Args, RunArgs};
use super::say::{complain, say};
use super::{CommandError, progress, report, twice};
use crate::record::artefacts;
use crate::run::{Options, Outcome, run};
use crate::scenario::{Found, find};

pub(super) fn command(args: &Args, command: &RunArgs) -> Result<Verdict, CommandError> {
    let found = find(&args.scenarios, &command.scenario)?;
    if command.twice {
        return twice::command(args, &found, command.seed);
    }
    if command.trace {
        let trace = Some(Box::new(std::io::BufWriter::new(std::io::stdout())) as Box<dyn std::io::Write + Send>);
        let outcome =
            run(&found.scenario, Options { seed: command.seed, trace, idle_too: args.idle_too, ..Options::default() });
        if outcome.verdict == Verdict::HarnessFailure {
            complain(&format!("harness: {}", outcome.reason));
        }
        return Ok(outcome.verdict);
    }
    let dir = directory(&args.out, &found, command.seed);
    // Before the run: what cannot be kept is known now.
    std::fs::create_dir_all(&dir).map_err(CommandError::io(dir.display().to_string()))?;
    let options = Options { seed: command.seed, idle_too: args.idle_too, ..Options::default() };
    let bar = progress::of_run(args, &found, command.seed, &options.clock);
    let outcome = run(&found.scenario, options);
    bar.finish_and_clear();
    // What came out is said even if it cannot be kept.
    let said = show(args, &outcome, &found, &dir);
    keep(&outcome, &found, &dir, command.keep)?;
    said.map(|()| outcome.verdict)
}

/// Where the artefacts of a run stand.
pub(super) fn directory(out: &Path, found: &Found, seed: u64) -> PathBuf {
    out.join(format!("{}-{seed}", found.scenario.name))
}

/// A failing run keeps everything, a passing one its summary.
fn keep(outcome: &Outcome, found: &Found, dir: &Path, everything: bool) -> Result<(), CommandError> {
    let summary = outcome.to_json();
    let cleared = artefacts::clear(dir);
    let written = cleared.and_then(|()| match &outcome.record {
        Some(record) if everything || outcome.verdict != Verdict::Pass => {
            artefacts::write(dir, record, &found.scenario.text, outcome.seed, &summary)
        }
        _ => artefacts::write_summary(dir, &summary),
    });
    written.map_err(CommandError::io(dir.display().to_string()))
}

fn show(args: &Args, outcome: &Outcome, found: &Found, dir: &Path) -> Result<(), CommandError> {
    if args.json { say(&format!("{}\n", outcome.to_json())) } else { say(&report::text(args, outcome, &found.id, dir)) }
}
