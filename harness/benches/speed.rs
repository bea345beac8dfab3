//! How much virtual time a CPU second buys: `cargo bench -p harness`.
//!
//! The yardstick: three servers, 30 virtual seconds, about 100 operations a second, partitions and leader kills, no trace,
//! the judge included, one process a seed. At most 0.6 CPU seconds a run are asked for; the fixed cost of a process and of
//! the setup phase (joins, elections) is inside.

use std::path::Path;
use std::process::Command;

const SCENARIO: &str = r#"
name = "speed"
about = "Three servers, 30 s, about 100 operations a second, partitions and leader kills."

[[workload]]
kind = "registry"
clients = 10
think = "80ms"

[[workload]]
kind = "watchers"
clients = 4

[[fault]]
at = "4s"
every = "10s"
do = "partition"
shape = "leader-minority"
for = "3s"

[[fault]]
at = "9s"
every = "10s"
do = "crash"
target = "leader"
for = "1500ms"

[phases]
run = "30s"

[expect]
min = { acked_writes = 300, leader_changes = 2 }
"#;

/// Runs that are measured.
const SEEDS: u64 = 10;
/// Times that each is run; the least counts, for what other programs, and other machines on the same processor, do only adds.
const REPEATS: u32 = 8;
/// Linux counts CPU time of a process in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of all children that have ended: user and system (proc(5), fields 16 and 17).
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(13) + ticks(14)) / TICKS_PER_SECOND
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("speed.toml");
    std::fs::write(&path, SCENARIO).expect("a temporary file");
    let (mut virtual_seconds, mut calls, mut least, mut all) = (0.0, 0, 0.0, 0.0);
    for seed in 1..=SEEDS {
        let mut best = f64::MAX;
        for repeat in 0..REPEATS {
            let (summary, cpu) = run(dir.path(), &path, seed);
            best = best.min(cpu);
            all += cpu;
            if repeat == 0 {
                virtual_seconds += summary["virtual_ms"].as_f64().unwrap_or_default() / 1000.0;
                calls += summary["calls"].as_u64().unwrap_or_default();
            }
        }
        least += best;
    }
    let runs = SEEDS as f64;
    println!(
        "{SEEDS} seeds, the least of {REPEATS} runs each: {:.2} CPU s a run; {:.0} virtual s a CPU s (all runs: {:.2} CPU s)",
        least / runs,
        virtual_seconds / least,
        all / runs / f64::from(REPEATS),
    );
    println!("a run: {:.1} virtual s, {:.0} calls", virtual_seconds / runs, calls as f64 / runs);
}

/// The summary of one run, and the CPU seconds that it took.
fn run(out: &Path, scenario: &Path, seed: u64) -> (serde_json::Value, f64) {
    let mut run = Command::new(env!("CARGO_BIN_EXE_harness"));
    run.arg("--json").arg("--out").arg(out).arg("run").arg(scenario).args(["--seed", &seed.to_string()]);
    let before = children_cpu();
    let output = run.output().expect("the program starts");
    let cpu = children_cpu() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let summary: serde_json::Value = serde_json::from_str(text.trim()).expect("a summary");
    assert_eq!(summary["verdict"], "pass", "seed {seed}: {summary}");
    (summary, cpu)
}
