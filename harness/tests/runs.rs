//! Whole runs of the program: verdicts, exit codes, artefacts, determinism. Each run is a process of its own, as in a sweep.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn harness(out: &Path, arguments: &[&str]) -> Output {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.arg("--scenarios").arg(scenarios).arg("--out").arg(out).args(arguments);
    command.output().expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the program ends by itself")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A scenario of three seconds with `expect`, in a directory of its own.
fn small(dir: &Path, fault: &str, expect: &str) -> PathBuf {
    let path = dir.join("small.toml");
    let text = format!(
        "name = \"small\"\nabout = \"A test.\"\n[[workload]]\nkind = \"registry\"\nclients = 4\n{fault}\n\
         [phases]\nrun = \"4s\"\n[expect]\n{expect}\n"
    );
    std::fs::write(&path, text).expect("a temporary file");
    path
}

#[test]
fn a_scenario_of_the_suite_passes_and_leaves_its_summary() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = harness(out.path(), &["run", "leader-kill", "--seed", "3"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(out.path().join("leader-kill-3/summary.json").is_file());
    assert!(!out.path().join("leader-kill-3/history.jsonl").exists(), "a passing run keeps its summary only");
}

#[test]
fn a_lying_disk_is_reported() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = harness(out.path(), &["run", "lying-disk", "--seed", "1"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains("found, as it must be"), "{}", text(&output));
}

#[test]
fn a_run_that_covers_too_little_is_vacuous_keeps_everything_and_is_replayed_byte_for_byte() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let fault = "[[fault]]\nat = \"1s\"\ndo = \"crash\"\ntarget = \"leader\"\nfor = \"1s\"";
    let scenario = small(out.path(), fault, "min = { acked_writes = 100000 }");
    let output = harness(out.path(), &["run", &scenario.display().to_string(), "--seed", "5"]);
    assert_eq!(code(&output), 4, "{}", text(&output));
    let dir = out.path().join("small-5");
    for file in [
        "scenario.toml",
        "seed",
        "history.jsonl",
        "nemesis.jsonl",
        "trace.hash",
        "summary.json",
        "build.json",
        "nodes/n1/applied.jsonl",
    ] {
        assert!(dir.join(file).is_file(), "{file}");
    }
    let output = harness(out.path(), &["replay", &dir.display().to_string()]);
    assert_eq!(code(&output), 4, "{}", text(&output));
    assert!(text(&output).contains("is, byte for byte, the recorded run"), "{}", text(&output));
}

#[test]
fn two_processes_of_one_seed_have_one_trace() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let fault = "[[fault]]\nat = \"1s\"\ndo = \"power-loss\"\ntarget = \"all\"\nfor = \"500ms\"";
    let scenario = small(out.path(), fault, "min = { acked_writes = 1 }");
    let output = harness(out.path(), &["run", &scenario.display().to_string(), "--seed", "9", "--twice"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains("IDENTICAL"), "{}", text(&output));
}

#[test]
fn a_sweep_counts_by_verdict_and_goes_on_where_it_stopped() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let scenario = small(out.path(), "", "min = { acked_writes = 1 }").display().to_string();
    let sweep = ["--json", "sweep", &scenario, "--seeds", "1..3", "--resume"];
    let output = harness(out.path(), &sweep);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains(r#""pass":2"#), "{}", text(&output));
    let output = harness(out.path(), &sweep);
    assert!(text(&output).contains(r#""verdicts":{}"#), "nothing is left to run: {}", text(&output));
}

#[test]
fn a_wrong_command_line_is_64_and_names_the_nearest_scenario() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = harness(out.path(), &["run", "leader-kil"]);
    assert_eq!(code(&output), 64);
    assert!(text(&output).contains("did you mean \"leader-kill\"?"), "{}", text(&output));
    assert_eq!(code(&harness(out.path(), &["run"])), 64);
}
