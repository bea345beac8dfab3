//! The command line: help that teaches, errors in one line, exit code 64.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

fn sds_agent(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sds-agent")).args(args).output().expect("the agent runs")
}

/// Exit code and the one line that it says.
fn refusal(args: &[&str]) -> (i32, String) {
    let output = sds_agent(args);
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    (output.status.code().expect("exits"), text.trim_end().to_owned())
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

#[test]
fn bad_flags_are_named_with_the_right_form() {
    for (args, line) in [
        (
            &[][..],
            "sds-agent: -config <FILE> is missing: say which file, like -config agent.json; sds-agent -help shows all flags",
        ),
        (&["-confg", "x"][..], "sds-agent: unknown flag -confg; did you mean -config; sds-agent -help shows all flags"),
        (&["--frob"][..], "sds-agent: unknown flag -frob; sds-agent -help shows all flags"),
        (&["-config"][..], "sds-agent: -config <FILE>: the value is missing; sds-agent -help shows all flags"),
        (
            &["-config", "x", "-log-level", "loud"][..],
            "sds-agent: -log-level \"loud\" is no level; write error, warn, info, debug or trace; sds-agent -help shows all flags",
        ),
        (&["-config", "/no/such"][..], "sds-agent: -config /no/such: No such file or directory (os error 2)"),
    ] {
        assert_eq!(refusal(args), (64, line.to_owned()));
    }
}

#[test]
fn a_bad_file_is_named_with_line_and_key() {
    let bad = file("{\"services\": [{\"name\": \"web\",\n\"port\": 70000}]}");
    let path = bad.path().to_str().expect("text");
    let expected = format!("sds-agent: {path}: line 2: services[0].port: 70000 is no port; one is 0 to 65535");
    for flags in [&["-config", path, "-check"][..], &["--config", path, "--check"], &["-config", path]] {
        assert_eq!(refusal(flags), (64, expected.clone()));
    }
    let good = file("{\"node_name\": \"a\", \"services\": []}");
    let path = good.path().to_str().expect("text");
    let (code, line) = refusal(&["-config", path, "-http", "0.0.0.0:8600"]);
    assert!(code == 64 && line.starts_with("sds-agent: -http: 0.0.0.0:8600 can be reached"), "{line}");
}

#[test]
fn check_says_what_is_in_a_good_file_and_does_nothing_else() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/agent.demo.json");
    let output = sds_agent(&[&format!("-config={example}"), "-check"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0));
    assert!(text.starts_with(&format!("{example}: right: node ")), "{text}");
    assert!(text.ends_with("services 1, checks 2, servers http://127.0.0.1:8500\n"), "{text}");
}

#[test]
fn help_teaches() {
    let output = sds_agent(&["-help"]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0));
    for taught in ["--config <FILE>", "--check", "--http <ADDRESS>", "\"type\": \"ttl\"", "enable_cmd_checks", "SIGHUP"]
    {
        assert!(text.contains(taught), "{taught} is missing in {text}");
    }
    assert_eq!(sds_agent(&["--version"]).status.code(), Some(0));
}

/// The disk of the log is full, or whoever read the output is gone: the services stay registered all the same.
#[tokio::test]
async fn output_that_nobody_takes_does_not_end_the_agent() {
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("Linux");
    let bad = Command::new(env!("CARGO_BIN_EXE_sds-agent")).arg("-frob").stderr(full()).status().expect("it runs");
    assert_eq!(bad.code(), Some(64));
    // Nothing to register: it is complete at once, and nothing to take out: it ends as soon as it is told.
    let empty = file("{\"node_name\": \"a\", \"services\": []}");
    let mut agent = Command::new(env!("CARGO_BIN_EXE_sds-agent"));
    agent.args(["-config", empty.path().to_str().expect("text"), "-log-level", "trace"]);
    let mut agent = agent.stdout(full()).stderr(full()).spawn().expect("it runs");
    let pid = Pid::from_raw(i32::try_from(agent.id()).expect("a pid")).expect("a pid");
    // Before its signal handlers are there a SIGTERM would end it without any exit code.
    while !catches_terminate(agent.id()) {
        assert!(agent.try_wait().expect("a child").is_none(), "it ended by itself");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    kill_process(pid, Signal::TERM).expect("it lives");
    assert_eq!(agent.wait().expect("a child").code(), Some(0));
}

/// What the agent raises for itself, its checks do not get.
#[tokio::test]
async fn checks_have_the_limit_of_open_files_that_the_agent_was_started_with() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let seen = dir.path().join("seen");
    // Ends by itself: who kills the agent does not kill its check.
    let script = format!(
        "n=0; until [ \"$(ulimit -Sn)\" = 200 ]; do n=$((n + 1)); [ $n -lt 5000 ] || exit 1; done; touch {}",
        seen.display()
    );
    let check =
        format!(r#"{{"type": "cmd", "cmd": ["/bin/sh", "-c", {script:?}], "interval": "10s", "timeout": "10s"}}"#);
    // Nobody serves there: checks run all the same.
    let config = file(&format!(
        r#"{{"node_name": "a", "servers": ["127.0.0.1:1"], "enable_cmd_checks": true,
            "services": [{{"name": "web", "checks": [{check}]}}]}}"#
    ));
    let start = format!("ulimit -Sn 200; exec {} -config {}", env!("CARGO_BIN_EXE_sds-agent"), config.path().display());
    let mut agent = Command::new("/bin/sh");
    let mut agent = agent.args(["-c", &start]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let looked = tokio::time::timeout(Duration::from_secs(10), async {
        while !seen.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let looked = looked.await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", agent.id())).expect("Linux");
    agent.kill().expect("it lives");
    agent.wait().expect("a child");
    looked.expect("a check that has the limit of before");
    let own = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
    assert!(!own.trim().starts_with("200 "), "the agent has raised its own: {own}");
}

fn catches_terminate(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim).unwrap_or_default();
    u64::from_str_radix(caught, 16).is_ok_and(|set| set & (1 << (Signal::TERM.as_raw() - 1)) != 0)
}
