//! Whole runs of the program: verdicts, exit codes, artefacts, determinism. Each run is a process of its own, as in a sweep.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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
    let replay = ["--json", "replay", &dir.display().to_string()];
    let same = harness(out.path(), &replay);
    assert!(text(&same).contains(r#""replay":{"same":true}"#), "{}", text(&same));
    // Without its faults it is another run, and says from where on.
    std::fs::write(dir.join("nemesis.jsonl"), "").expect("the timeline");
    let output = harness(out.path(), &replay[1..]);
    assert!(text(&output).contains("what clients saw parts at history.jsonl:"), "{}", text(&output));
    let other = harness(out.path(), &replay);
    assert!(text(&other).contains(r#""same":false"#) && text(&other).contains(r#""recorded":"#), "{}", text(&other));
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
    // What is left to run is nothing; half a line is what a sweep leaves that is killed.
    let log = out.path().join("sweep.jsonl");
    let before = std::fs::read_to_string(&log).expect("a log");
    std::fs::write(&log, format!("{before}{{\"bin")).expect("the same log");
    let output = harness(out.path(), &sweep);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(text(&output).contains(r#""pass":2"#), "{}", text(&output));
    assert_eq!(std::fs::read_to_string(&log).expect("a log"), format!("{before}{{\"bin\n"), "nothing was run again");
    let files = std::fs::read_dir(out.path()).expect("a directory").map(|entry| entry.expect("a file").file_name());
    let files: BTreeSet<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(files, ["small-1", "small-2", "small.toml", "sweep.jsonl"].map(str::to_owned).into());
}

#[test]
fn a_resumed_sweep_forgets_no_failure_and_runs_an_edited_scenario_again() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let scenario = small(out.path(), "", "min = { acked_writes = 100000 }").display().to_string();
    let sweep = ["--json", "sweep", &scenario, "--seeds", "1..2", "--resume"];
    assert_eq!(code(&harness(out.path(), &sweep)), 4);
    let again = harness(out.path(), &sweep);
    assert_eq!(code(&again), 4, "{}", text(&again));
    small(out.path(), "", "min = { acked_writes = 1 }");
    let edited = harness(out.path(), &sweep);
    assert_eq!(code(&edited), 0, "{}", text(&edited));
    let left = out.path().join("small-1");
    assert!(left.join("summary.json").is_file() && !left.join("history.jsonl").exists(), "what failed is not there");
}

#[test]
fn a_sweep_that_runs_nothing_does_not_pass() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let scenario = small(out.path(), "", "min = { acked_writes = 1 }").display().to_string();
    // As many seeds as there are: none of them is held in memory before its turn.
    let sweep = ["sweep", &scenario, "--seeds", "0..18446744073709551615", "--budget", "0"];
    let output = harness(out.path(), &sweep);
    assert_eq!(code(&output), 4, "{}", text(&output));
    assert!(text(&output).contains("nothing was run"), "{}", text(&output));
    let empty = tempfile::tempdir().expect("a temporary directory");
    let output = harness(out.path(), &["--scenarios", &empty.path().display().to_string(), "sweep"]);
    assert_eq!(code(&output), 64, "{}", text(&output));
}

#[test]
fn two_sweeps_do_not_share_a_directory_nor_two_scenarios_a_name() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let scenario = small(out.path(), "", "min = { acked_writes = 1 }").display().to_string();
    let log = std::fs::File::create(out.path().join("sweep.jsonl")).expect("a log");
    log.lock().expect("nobody else has it");
    let output = harness(out.path(), &["sweep", &scenario]);
    assert_eq!(code(&output), 64, "{}", text(&output));
    assert!(text(&output).contains("another sweep writes there now"), "{}", text(&output));
    drop(log);
    std::fs::create_dir(out.path().join("twin")).expect("a directory");
    let twin = small(&out.path().join("twin"), "", "min = { acked_writes = 1 }").display().to_string();
    let output = harness(out.path(), &["sweep", &scenario, &twin]);
    assert_eq!(code(&output), 64, "{}", text(&output));
}

#[test]
fn what_did_not_strike_is_in_a_replay_too() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let fault = "[[fault]]\nat = \"500ms\"\ndo = \"crash\"\ntarget = \"n1\"\n\
                 [[fault]]\nat = \"600ms\"\ndo = \"pause\"\ntarget = \"n1\"\n\
                 [[fault]]\nat = \"700ms\"\ndo = \"join\"\ntarget = \"spare\"";
    let scenario = small(out.path(), fault, "min = { acked_writes = 100000 }");
    assert_eq!(code(&harness(out.path(), &["run", &scenario.display().to_string()])), 4);
    let dir = out.path().join("small-1");
    let skipped = std::fs::read_to_string(dir.join("nemesis.jsonl")).expect("a timeline");
    assert_eq!(skipped.matches("\"skipped\"").count(), 2, "{skipped}");
    let output = harness(out.path(), &["replay", &dir.display().to_string()]);
    assert!(text(&output).contains("is, byte for byte, the recorded run"), "{}", text(&output));
}

#[test]
fn a_damaged_server_has_one_trace_too() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = harness(out.path(), &["run", "flipped-byte", "--seed", "2", "--twice"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
}

#[test]
fn a_run_that_passed_cannot_be_replayed_and_says_why() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = harness(out.path(), &["replay", &out.path().display().to_string()]);
    assert_eq!(code(&output), 64);
    assert!(text(&output).contains("a passing run keeps its summary only"), "{}", text(&output));
}

#[test]
fn a_closed_or_full_standard_output_is_no_panic() {
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("Linux");
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let run = |arguments: &[&str], out: Stdio, err: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.arg("--scenarios").arg(&scenarios).args(arguments).stdout(out).stderr(err);
        command.status().expect("the program starts").code()
    };
    assert_eq!(run(&["list"], full().into(), Stdio::null()), Some(3));
    assert_eq!(run(&["run", "none"], Stdio::null(), full().into()), Some(64));
    assert_eq!(run(&["run", "disk-errors", "--trace"], full().into(), Stdio::null()), Some(3));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(run(&["list"], writer.into(), Stdio::null()), Some(0));
}

#[test]
fn a_wrong_command_line_is_64_and_names_the_nearest_scenario() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = harness(out.path(), &["run", "leader-kil"]);
    assert_eq!(code(&output), 64);
    assert!(text(&output).contains("did you mean \"leader-kill\"?"), "{}", text(&output));
    assert_eq!(code(&harness(out.path(), &["run"])), 64);
}
