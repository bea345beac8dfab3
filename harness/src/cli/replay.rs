//! `harness replay`: a recorded run again, with its faults as they struck. The timeline can be edited: that is how a
//! failure is cut down by hand.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use linearizability::verdict::Verdict;
use serde::Deserialize;
use serde_json::Value;

use super::args::{Args, ReplayArgs};
use super::recorded::{Recorded, read};
use super::say::say;
use super::{CommandError, progress, report};
use crate::nemesis::action::Action;
use crate::nemesis::replay::{self, Timeline};
use crate::record::artefacts::binary_hash;
use crate::run::{Options, Outcome, run};
use crate::scenario::model::{Workload, agent_name};
use crate::scenario::{Found, Scenario, find};

/// What replay needs of a line of `nemesis.jsonl`.
#[derive(Deserialize)]
struct Line {
    step: u64,
    f: String,
    value: Value,
    action: Option<Action>,
    x: Extra,
}

#[derive(Deserialize)]
struct Extra {
    outcome: String,
}

pub(super) fn command(args: &Args, command: &ReplayArgs) -> Result<Verdict, CommandError> {
    let dir = &command.dir;
    let file = dir.join("scenario.toml");
    if !file.is_file() {
        let problem =
            "holds no run that can be replayed: a passing run keeps its summary only, unless it is made with --keep";
        return Err(CommandError::Usage(format!("{} {problem}", dir.display())));
    }
    let found = find(&args.scenarios, &file.display().to_string())?;
    let seed = read(&dir.join("seed"))?
        .trim()
        .parse()
        .map_err(|_| CommandError::Usage(format!("{}/seed holds no number", dir.display())))?;
    let build: Value = serde_json::from_str(&read(&dir.join("build.json"))?).unwrap_or_default();
    if build["binary"] != binary_hash().as_str() && !command.force {
        let problem = "was recorded by another binary: its trace belongs to that one. Build the same commit, or replay with --force";
        return Err(CommandError::Usage(format!("{} {problem}", dir.display())));
    }
    let recorded = Recorded::read(dir)?;
    let replay = Some(timeline(&dir.join("nemesis.jsonl"), &found.scenario)?);
    let trace =
        command.trace.then(|| Box::new(std::io::BufWriter::new(std::io::stdout())) as Box<dyn std::io::Write + Send>);
    let traced = trace.is_some();
    let options = Options { seed, trace, replay, idle_too: args.idle_too, ..Options::default() };
    let bar = (!traced).then(|| progress::of_run(args, &found, seed, &options.clock));
    let outcome = run(&found.scenario, options);
    if let Some(bar) = bar {
        bar.finish_and_clear();
        show(args, &outcome, &found, &recorded, dir)?;
    }
    Ok(outcome.verdict)
}

fn show(args: &Args, outcome: &Outcome, found: &Found, recorded: &Recorded, dir: &Path) -> Result<(), CommandError> {
    // There is none only where nothing was run.
    let likeness = outcome.record.as_ref().map(|record| recorded.likeness(record));
    if args.json {
        let mut summary = outcome.to_json();
        summary["replay"] = likeness.map_or(Value::Null, |likeness| likeness.to_json());
        return say(&format!("{summary}\n"));
    }
    let likeness = likeness.map_or_else(String::new, |likeness| likeness.as_text());
    say(&format!("{}{likeness}", report::text(args, outcome, &found.id, dir)))
}

/// What was done and what was skipped, with its step, in order. Lines of which neither is true are written again by
/// themselves: clocks, servers that end, what went wrong.
fn timeline(path: &Path, scenario: &Scenario) -> Result<Timeline, CommandError> {
    let known = Known::of(scenario);
    let mut timeline = VecDeque::new();
    let mut before = 0;
    for (number, text) in read(path)?.lines().enumerate() {
        let wrong = |problem: String| CommandError::Usage(format!("{}:{}: {problem}", path.display(), number + 1));
        let line: Line = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if line.step < before {
            return Err(wrong(format!("step {} stands behind step {before}: lines are in order of time", line.step)));
        }
        before = line.step;
        if line.x.outcome == "skipped" {
            timeline.push_back((
                line.step,
                replay::Recorded::Skipped { f: line.f, value: line.value, action: line.action },
            ));
        } else if let Some(action) = line.action {
            known.check(&action).map_err(wrong)?;
            timeline.push_back((line.step, replay::Recorded::Done(action)));
        }
    }
    Ok(timeline)
}

/// What an edited action may name.
struct Known {
    servers: BTreeSet<String>,
    agents: BTreeSet<String>,
}

impl Known {
    fn of(scenario: &Scenario) -> Self {
        let agents =
            scenario.workloads.iter().map(|load| if let Workload::Agents(load) = load { load.agents } else { 0 });
        Self {
            servers: scenario.cluster.names().into_iter().collect(),
            agents: (0..agents.sum()).map(agent_name).collect(),
        }
    }

    fn check(&self, action: &Action) -> Result<(), String> {
        let (targets, links) = (action.targets(), action.links());
        let ends = links.iter().flat_map(|(from, to)| [from, to]).filter(|end| !self.agents.contains(*end));
        if let Some(name) = targets.iter().chain(ends).find(|name| !self.servers.contains(*name)) {
            let known: Vec<&str> = self.servers.iter().map(String::as_str).collect();
            return Err(format!("unknown server {name:?}: this cluster has {}", known.join(", ")));
        }
        match action {
            Action::Lose { share, .. } | Action::Duplicate { share } if !(0.0..=1.0).contains(share) => {
                Err(format!("share {share} is not a number from 0 to 1"))
            }
            Action::Delay { by_ms, .. } | Action::SlowDisk { by_ms, .. } if *by_ms > DAY_MS => {
                Err(format!("by_ms {by_ms} is more than a day"))
            }
            Action::StepClock { by_ms, .. } if by_ms.unsigned_abs() > DAY_MS => {
                Err(format!("by_ms {by_ms} is more than a day"))
            }
            _ => Ok(()),
        }
    }
}

/// A day in ms: no fault of a scenario is larger.
const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    fn read_timeline(lines: &str) -> Result<usize, String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("nemesis.jsonl");
        std::fs::write(&path, lines).expect("a temporary file");
        let text = "name = \"x\"\nabout = \"y\"\n[[workload]]\nkind = \"registry\"\n[phases]\nrun = \"5s\"\n[expect]\nmin = { reads = 1 }\n";
        let scenario = parse("x.toml", text).expect("a scenario");
        timeline(&path, &scenario).map(|timeline| timeline.len()).map_err(|error| error.to_string())
    }

    fn line(step: u64, action: &str, outcome: &str) -> String {
        format!(
            r#"{{"action":{action},"f":"x","step":{step},"time":{step},"value":{{}},"x":{{"outcome":"{outcome}"}}}}"#
        )
    }

    #[test]
    fn what_was_done_and_what_was_skipped_is_read() {
        let kill = r#"{"do":"kill","targets":["n1"]}"#;
        let lines = [line(1, "null", "installed"), line(2, kill, "installed"), line(2, "null", "skipped")].join("\n");
        assert_eq!(read_timeline(&lines), Ok(2));
    }

    #[test]
    fn an_edited_line_that_cannot_be_done_is_an_error_with_its_line() {
        let wrong = [
            (r#"{"do":"kill","targets":["n9"]}"#, "unknown server \"n9\": this cluster has n1, n2, n3"),
            (r#"{"do":"cut","links":[["n1","agent-0"]]}"#, "unknown server \"agent-0\""),
            (r#"{"do":"lose","links":[],"share":1.5}"#, "share 1.5 is not a number from 0 to 1"),
            (r#"{"do":"slow-disk","targets":[],"by_ms":18446744073709551615}"#, "is more than a day"),
            (r#"{"do":"step-clock","targets":[],"by_ms":-9223372036854775808}"#, "is more than a day"),
            (r#"{"do":"crush","targets":[]}"#, "unknown variant `crush`"),
        ];
        for (action, problem) in wrong {
            let error = read_timeline(&line(1, action, "installed")).expect_err(action);
            assert!(error.contains("nemesis.jsonl:1: ") && error.contains(problem), "{error}");
        }
        let order = [line(2, "null", "installed"), line(1, "null", "installed")].join("\n");
        assert!(read_timeline(&order).expect_err("time goes back").contains("nemesis.jsonl:2: step 1 stands behind"));
        let half = line(1, "null", "installed");
        assert!(read_timeline(&half[..half.len() / 2]).is_err());
    }
}
