//! `harness sweep`: many seeds, a process each; what failed, by signature.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use linearizability::verdict::Verdict;
use serde_json::{Value, json};

use super::args::{Args, SweepArgs};
use super::{CommandError, progress};
use crate::record::artefacts::binary_hash;
use crate::scenario::{Found, find, list};

/// A run that takes longer hangs: its scenario has a virtual end that a sound run reaches in seconds.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);
/// How often running processes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Results of one scenario.
#[derive(Debug, Default)]
struct Tally {
    verdicts: BTreeMap<String, u64>,
    /// By signature: how many, and the first seeds.
    failures: BTreeMap<String, (u64, Vec<u64>)>,
}

struct Running {
    found: usize,
    seed: u64,
    child: Child,
    deadline: Clock,
    /// What it says: files, since a pipe that nobody reads stops a process that says much.
    said: [PathBuf; 2],
}

#[expect(clippy::disallowed_types, reason = "real processes, real time: nothing here is simulated")]
type Clock = std::time::Instant;

pub(super) fn command(args: &Args, command: &SweepArgs) -> Result<Verdict, CommandError> {
    let scenarios = if command.scenario.is_empty() {
        list(&args.scenarios)?
    } else {
        command.scenario.iter().map(|name| find(&args.scenarios, name)).collect::<Result<_, _>>()?
    };
    std::fs::create_dir_all(&args.out).map_err(CommandError::io(args.out.display().to_string()))?;
    let log = args.out.join("sweep.jsonl");
    let binary = binary_hash();
    let done = if command.resume { finished(&log, &binary)? } else { BTreeSet::new() };
    let mut file = File::options()
        .create(true)
        .append(command.resume)
        .write(true)
        .truncate(!command.resume)
        .open(&log)
        .map_err(CommandError::io(log.display().to_string()))?;
    let mut queue: VecDeque<(usize, u64)> = command
        .seeds
        .clone()
        .flat_map(|seed| (0..scenarios.len()).map(move |found| (found, seed)))
        .filter(|(found, seed)| !done.contains(&(scenarios[*found].id.clone(), *seed)))
        .collect();
    let bar = progress::line(queue.len() as u64, args.json);
    let mut tallies: Vec<Tally> = scenarios.iter().map(|_| Tally::default()).collect();
    let mut worst = Verdict::Pass;
    let until = command.budget.map(|seconds| Clock::now() + Duration::from_secs(seconds));
    let jobs = jobs(command.jobs);
    let mut running: Vec<Running> = Vec::new();
    while !(queue.is_empty() && running.is_empty()) {
        let stopped = until.is_some_and(|until| Clock::now() >= until) || (command.fail_fast && worst != Verdict::Pass);
        if stopped {
            queue.clear();
        }
        while running.len() < jobs
            && let Some((found, seed)) = queue.pop_front()
        {
            running.push(start(args, &scenarios[found], found, seed)?);
        }
        let (ended, still) = split(running);
        running = still;
        for run in ended {
            let (number, seed) = (run.found, run.seed);
            let summary = collect(run, &scenarios[number])?;
            worst = worse(worst, &summary);
            tallies[number].take(seed, &summary);
            writeln!(file, "{}", json!({"binary": binary, "id": scenarios[number].id, "run": summary}))
                .map_err(CommandError::io(log.display().to_string()))?;
            bar.inc(1);
            bar.set_message(format!("worst: {worst}"));
        }
        pause();
    }
    bar.finish_and_clear();
    show(args, &scenarios, &tallies, worst);
    Ok(worst)
}

#[expect(clippy::disallowed_methods, reason = "waits for processes, between two looks at them")]
fn pause() {
    std::thread::sleep(LOOK_EVERY);
}

fn jobs(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
}

fn start(args: &Args, found: &Found, number: usize, seed: u64) -> Result<Running, CommandError> {
    let program = std::env::current_exe().map_err(CommandError::io("finding this program"))?;
    let mut command = Command::new(program);
    command.arg("--scenarios").arg(&args.scenarios).arg("--out").arg(&args.out).arg("--json");
    command.arg("run").arg(&found.path).arg("--seed").arg(seed.to_string());
    let said = ["stdout", "stderr"].map(|stream| args.out.join(format!("{}-{seed}.{stream}", found.scenario.name)));
    let file = |path: &PathBuf| File::create(path).map_err(CommandError::io(path.display().to_string()));
    command.stdin(Stdio::null()).stdout(file(&said[0])?).stderr(file(&said[1])?);
    let child = command.spawn().map_err(CommandError::io("starting a run"))?;
    Ok(Running { found: number, seed, child, deadline: Clock::now() + RUN_TIMEOUT, said })
}

/// Those that have ended, and those that run. What hangs is ended here.
fn split(running: Vec<Running>) -> (Vec<Running>, Vec<Running>) {
    running.into_iter().partition(|run| {
        // Looking needs no ownership of the child; its output is small enough for a pipe.
        let ended = matches!(status(run), Some(true));
        ended || Clock::now() >= run.deadline
    })
}

/// Whether the process has ended, asked without waiting.
fn status(run: &Running) -> Option<bool> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", run.child.id())).ok()?;
    let state = stat.rsplit(')').next()?.trim_start().chars().next()?;
    Some(matches!(state, 'Z' | 'X'))
}

fn collect(mut run: Running, found: &Found) -> Result<Value, CommandError> {
    // Ended, or over its time.
    let _ended = run.child.kill();
    let status = run.child.wait().map_err(CommandError::io("waiting for a run"))?;
    let said = run.said.each_ref().map(|path| std::fs::read(path).unwrap_or_default());
    for path in &run.said {
        std::fs::remove_file(path).map_err(CommandError::io(path.display().to_string()))?;
    }
    let [text, errors] = said.each_ref().map(|bytes| String::from_utf8_lossy(bytes));
    if let Some(summary) = text.lines().last().and_then(|line| serde_json::from_str(line).ok()) {
        return Ok(summary);
    }
    let last = errors.lines().last().unwrap_or_default();
    let reason = format!("the run ended with {status} and no summary: {last}");
    Ok(json!({"scenario": found.scenario.name, "seed": run.seed, "verdict": "harness-failure", "reason": reason,
        "signature": format!("harness-failure {last}")}))
}

/// What an earlier sweep finished with the same binary.
fn finished(log: &Path, binary: &str) -> Result<BTreeSet<(String, u64)>, CommandError> {
    let text = match std::fs::read_to_string(log) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(CommandError::io(log.display().to_string())(error)),
    };
    let of_line = |line: &str| {
        let entry: Value = serde_json::from_str(line).ok()?;
        let same = entry["binary"] == binary;
        same.then(|| Some((entry["id"].as_str()?.to_owned(), entry["run"]["seed"].as_u64()?)))?
    };
    Ok(text.lines().filter_map(of_line).collect())
}

fn worse(worst: Verdict, summary: &Value) -> Verdict {
    let order = [
        Verdict::Pass,
        Verdict::Vacuous,
        Verdict::Unknown,
        Verdict::HarnessFailure,
        Verdict::NonDeterministic,
        Verdict::Violated,
    ];
    let verdict =
        order.into_iter().find(|verdict| summary["verdict"] == verdict.word()).unwrap_or(Verdict::HarnessFailure);
    let place = |of: Verdict| order.iter().position(|verdict| *verdict == of);
    if place(verdict) > place(worst) { verdict } else { worst }
}

impl Tally {
    fn take(&mut self, seed: u64, summary: &Value) {
        let verdict = summary["verdict"].as_str().unwrap_or("harness-failure").to_owned();
        if verdict != "pass" {
            let signature = summary["signature"].as_str().unwrap_or_default();
            let entry = self.failures.entry(format!("{verdict}: {signature}")).or_default();
            entry.0 += 1;
            if entry.1.len() < 5 {
                entry.1.push(seed);
            }
        }
        *self.verdicts.entry(verdict).or_default() += 1;
    }
}

fn show(args: &Args, scenarios: &[Found], tallies: &[Tally], worst: Verdict) {
    if args.json {
        let each = scenarios.iter().zip(tallies).map(|(found, tally)| {
            let failures: BTreeMap<&String, Value> = tally
                .failures
                .iter()
                .map(|(signature, (count, seeds))| (signature, json!({"count": count, "seeds": seeds})))
                .collect();
            json!({"scenario": found.id, "verdicts": tally.verdicts, "failures": failures})
        });
        println!("{}", json!({"verdict": worst.word(), "scenarios": each.collect::<Vec<_>>()}));
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["scenario", "runs", "pass", "violated", "vacuous", "unknown", "failed"]);
    for (found, tally) in scenarios.iter().zip(tallies) {
        let count = |word: &str| tally.verdicts.get(word).copied().unwrap_or(0);
        let runs: u64 = tally.verdicts.values().sum();
        let words = ["pass", "violated", "vacuous", "unknown", "harness-failure"];
        let counts = words.map(|word| count(word).to_string());
        table.add_row([found.id.clone(), runs.to_string()].into_iter().chain(counts));
    }
    println!("{table}");
    for (found, tally) in scenarios.iter().zip(tallies) {
        for (signature, (count, seeds)) in &tally.failures {
            let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
            println!("{} x{count} {signature}", found.id);
            println!("    seeds {}; reproduce: cargo harness run {} --seed {}", seeds.join(", "), found.id, seeds[0]);
        }
    }
    println!("{}", if worst == Verdict::Pass { "all passed".to_owned() } else { format!("worst: {worst}") });
}
