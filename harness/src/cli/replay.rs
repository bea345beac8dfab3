//! `harness replay`: a recorded run again, with its faults as they struck. The timeline can be edited: that is how a
//! failure is cut down by hand.

use std::collections::VecDeque;
use std::path::Path;

use linearizability::verdict::Verdict;
use serde::Deserialize;

use super::args::{Args, ReplayArgs};
use super::{CommandError, run as run_command};
use crate::nemesis::action::Action;
use crate::record::artefacts::binary_hash;
use crate::run::{Options, run};
use crate::scenario::find;

/// What replay needs of a line of `nemesis.jsonl`.
#[derive(Deserialize)]
struct Line {
    step: u64,
    action: Option<Action>,
    x: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    outcome: String,
}

pub(super) fn command(args: &Args, command: &ReplayArgs) -> Result<Verdict, CommandError> {
    let dir = &command.dir;
    let found = find(&args.scenarios, &dir.join("scenario.toml").display().to_string())?;
    let seed = read(&dir.join("seed"))?
        .trim()
        .parse()
        .map_err(|_| CommandError::Usage(format!("{}/seed holds no number", dir.display())))?;
    let build: serde_json::Value = serde_json::from_str(&read(&dir.join("build.json"))?).unwrap_or_default();
    if build["binary"] != binary_hash().as_str() && !command.force {
        let problem = "was recorded by another binary: its trace belongs to that one. Build the same commit, or replay with --force";
        return Err(CommandError::Usage(format!("{} {problem}", dir.display())));
    }
    let replay = Some(timeline(&dir.join("nemesis.jsonl"))?);
    let trace =
        command.trace.then(|| Box::new(std::io::BufWriter::new(std::io::stdout())) as Box<dyn std::io::Write + Send>);
    let traced = trace.is_some();
    let outcome = run(&found.scenario, Options { seed, trace, replay });
    if !traced {
        run_command::show(args, &outcome, &found, dir);
        compare(args, dir, &outcome.hash)?;
    }
    Ok(outcome.verdict)
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(CommandError::io(path.display().to_string()))
}

/// The actions and their steps, in order. What was skipped is left out: it did nothing.
fn timeline(path: &Path) -> Result<VecDeque<(u64, Action)>, CommandError> {
    let mut actions = VecDeque::new();
    for (number, text) in read(path)?.lines().enumerate() {
        let wrong = |error| CommandError::Usage(format!("{}:{}: {error}", path.display(), number + 1));
        let line: Line = serde_json::from_str(text).map_err(wrong)?;
        if let Some(action) = line.action.filter(|_| line.x.outcome != "skipped") {
            actions.push_back((line.step, action));
        }
    }
    Ok(actions)
}

/// Says whether the replay was the recorded run.
fn compare(args: &Args, dir: &Path, hash: &str) -> Result<(), CommandError> {
    let summary: serde_json::Value = serde_json::from_str(&read(&dir.join("summary.json"))?).unwrap_or_default();
    let same = summary["trace_hash"] == hash;
    if !args.json {
        println!("  the replay {} the recorded run", if same { "is, byte for byte," } else { "differs from" });
    }
    Ok(())
}
