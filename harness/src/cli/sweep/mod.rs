//! `harness sweep`: many seeds, a process each; what failed, by signature.
//!
//! | room | what |
//! |---|---|
//! | `child` | the process of one run |
//! | `log` | `sweep.jsonl`: every run that ended, and what an earlier sweep finished |
//! | `tally` | verdicts by scenario, and the worst of all |

mod child;
mod log;
mod tally;

use std::collections::BTreeSet;
use std::time::Duration;

use linearizability::verdict::Verdict;

use super::args::{Args, SweepArgs};
use super::{CommandError, progress};
use crate::scenario::{Found, find, list};
use child::{Clock, Running};
use log::Log;
use tally::Tally;

/// How often running processes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) fn command(args: &Args, command: &SweepArgs) -> Result<Verdict, CommandError> {
    let scenarios = chosen(args, command)?;
    std::fs::create_dir_all(&args.out).map_err(CommandError::io(args.out.display().to_string()))?;
    let mut log = Log::open(args, command.resume)?;
    let mut tally = Tally::new(&scenarios);
    let mut done = BTreeSet::new();
    for (number, found) in scenarios.iter().enumerate() {
        for (seed, summary) in log.finished(found) {
            if command.seeds.contains(&seed) && done.insert((number, seed)) {
                tally.take(number, seed, &summary);
            }
        }
    }
    let pairs = command.seeds.clone().flat_map(|seed| (0..scenarios.len()).map(move |number| (number, seed)));
    let mut queue = pairs.filter(|pair| !done.contains(pair));
    let all = (command.seeds.end - command.seeds.start).saturating_mul(scenarios.len() as u64);
    let bar = progress::line(all.saturating_sub(done.len() as u64), args.json);
    let until = command.budget.and_then(|seconds| Clock::now().checked_add(Duration::from_secs(seconds)));
    let mut running: Vec<Running> = Vec::new();
    loop {
        let over = until.is_some_and(|until| Clock::now() >= until) || (command.fail_fast && tally.has_failed());
        while !over
            && running.len() < jobs(command.jobs)
            && let Some((number, seed)) = queue.next()
        {
            running.push(Running::start(args, &scenarios[number], number, seed)?);
        }
        if running.is_empty() {
            break;
        }
        for run in Running::take_ended(&mut running) {
            let (number, seed) = (run.number, run.seed);
            let summary = run.collect(&scenarios[number])?;
            tally.take(number, seed, &summary);
            log.add(&scenarios[number], &summary)?;
            bar.inc(1);
            bar.set_message(format!("worst: {}", tally.worst()));
        }
        pause();
    }
    bar.finish_and_clear();
    tally.show(args, &scenarios)?;
    Ok(tally.worst())
}

/// The scenarios that are asked for, each once.
fn chosen(args: &Args, command: &SweepArgs) -> Result<Vec<Found>, CommandError> {
    let mut scenarios: Vec<Found> = if command.scenario.is_empty() {
        list(&args.scenarios)?
    } else {
        command.scenario.iter().map(|name| find(&args.scenarios, name)).collect::<Result<_, _>>()?
    };
    let mut paths = BTreeSet::new();
    scenarios.retain(|found| paths.insert(found.path.canonicalize().unwrap_or_else(|_| found.path.clone())));
    if scenarios.is_empty() {
        return Err(CommandError::Usage(format!("{} holds no scenario", args.scenarios.display())));
    }
    let mut names = BTreeSet::new();
    match scenarios.iter().find(|found| !names.insert(&found.scenario.name)) {
        None => Ok(scenarios),
        Some(twin) => Err(CommandError::Usage(format!(
            "{}: another of these scenarios is called {:?} too: their runs would leave their artefacts in the same place",
            twin.path.display(),
            twin.scenario.name
        ))),
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for processes, between two looks at them")]
fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

fn jobs(asked: u16) -> usize {
    if asked > 0 { usize::from(asked) } else { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
}
