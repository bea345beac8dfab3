//! `sds-check` as a user sees it: exit codes, text, JSON, help.

mod bend;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use bend::{body_mut, reads};
use linearizability::generate::{Plan, Recording, generate};

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sds-check-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn history(&self, recording: &Recording) -> PathBuf {
        let path = self.0.join("history.jsonl");
        std::fs::write(&path, recording.to_jsonl()).expect("a history file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn check(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_sds-check")).args(arguments).output().expect("sds-check runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

fn wrong() -> Recording {
    let mut recording = generate(&Plan::small(3));
    let call = reads(&recording, 1)[0];
    body_mut(&mut recording, call)[0][1] = "9-9999".into();
    recording
}

#[test]
fn a_right_history_exits_with_0_and_lists_every_property() {
    let scratch = Scratch::new("right");
    let path = scratch.history(&generate(&Plan::small(3)));
    for target in [path.to_str().expect("UTF-8"), scratch.0.to_str().expect("UTF-8")] {
        let (code, text, errors) = check(&[target]);
        assert_eq!((code, errors.as_str()), (0, ""), "{text}");
        assert!(text.starts_with("pass: "), "{text}");
        for id in ["LIN-1     held (", "LIN-2     held (", "RD-1 ", "W-14 ", "TTL-8 ", "DUR-5 ", "AG-1 "] {
            assert!(text.contains(id), "{id} is missing in\n{text}");
        }
    }
}

#[test]
fn a_wrong_history_exits_with_1_and_tells_the_story() {
    let scratch = Scratch::new("wrong");
    let path = scratch.history(&wrong());
    let (code, text, _) = check(&[path.to_str().expect("UTF-8"), "--only-linear"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("violated: ") && text.contains("LIN-1 violated: no order explains"), "{text}");
}

#[test]
fn json_is_one_object_with_verdict_properties_and_evidence() {
    let scratch = Scratch::new("json");
    let path = scratch.history(&wrong());
    let (code, text, _) = check(&[path.to_str().expect("UTF-8"), "--json", "--black-box"]);
    let value: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
    assert_eq!((code, &value["verdict"], &value["exit_code"]), (1, &"violated".into(), &1.into()));
    assert_eq!(value["properties"]["LIN-1"]["status"], "violated");
    assert!(value["violations"][0]["evidence"][0]["op"].is_u64(), "{text}");
}

#[test]
fn an_exhausted_budget_exits_with_2() {
    let scratch = Scratch::new("budget");
    let path = scratch.history(&generate(&Plan::small(3)));
    let (code, text, _) = check(&[path.to_str().expect("UTF-8"), "--black-box", "--budget-steps", "3"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("LIN-1 undecided: no order found within 3 steps"), "{text}");
}

#[test]
fn an_unreadable_history_exits_with_3_and_names_the_line() {
    let scratch = Scratch::new("cut");
    let text = generate(&Plan::small(3)).to_jsonl();
    let path = scratch.0.join("history.jsonl");
    std::fs::write(&path, &text[..text.len() - 9]).expect("a history file");
    let (code, _, errors) = check(&[path.to_str().expect("UTF-8")]);
    assert_eq!(code, 3);
    assert!(errors.contains("line ") && errors.contains("cut off"), "{errors}");
    assert_eq!(check(&["/nowhere"]).0, 3);
}

#[test]
fn records_that_cannot_be_read_are_an_error_and_not_left_out() {
    let scratch = Scratch::new("records");
    scratch.history(&generate(&Plan::small(3)));
    let (run, nodes) = (scratch.0.to_str().expect("UTF-8"), scratch.0.join("nodes"));
    std::fs::write(&nodes, "").expect("a file in the place of the records");
    let (code, _, errors) = check(&[run]);
    assert!(code == 3 && errors.contains("nodes: "), "{errors}");
    std::fs::remove_file(&nodes).expect("the file");
    std::fs::create_dir_all(nodes.join("n1")).expect("a directory");
    let role = r#"{"time":5,"term":2,"role":"leader","incarnation":1}"#;
    std::fs::write(nodes.join("n1/roles.jsonl"), format!("{role}\n{}", &role[..20])).expect("a record that is cut off");
    let (code, _, errors) = check(&[run]);
    assert!(code == 3 && errors.contains("roles.jsonl, line 2: "), "{errors}");
}

#[test]
fn an_error_tells_its_cause_once_and_is_an_object_where_json_is_asked_for() {
    let (code, text, errors) = check(&["/nowhere", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
    assert_eq!((code, &value["verdict"], &value["exit_code"]), (3, &"harness-failure".into(), &3.into()));
    assert_eq!(errors.matches("No such file").count(), 1, "{errors}");
    assert_eq!(value["error"], "cannot read /nowhere: No such file or directory (os error 2)");
}

#[test]
fn the_verdict_survives_a_reader_that_leaves_and_an_output_that_is_full() {
    let scratch = Scratch::new("full");
    let path = scratch.history(&wrong());
    let run = |stdout: Stdio, stderr: Stdio, path: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sds-check"));
        command.arg(path).arg("--only-linear").stdout(stdout).stderr(stderr).status().expect("sds-check runs").code()
    };
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").expect("a full device"));
    let closed = || Stdio::from(std::io::pipe().expect("a pipe").1);
    assert_eq!(run(closed(), Stdio::null(), &path), Some(1), "as in `sds-check run | head -1`");
    assert_eq!(run(full(), Stdio::null(), &path), Some(3));
    assert_eq!(run(full(), full(), &path), Some(3), "nobody listens, and nothing panics");
    assert_eq!(run(Stdio::null(), full(), "/nowhere".as_ref()), Some(3));
}

#[test]
fn a_page_that_cannot_be_written_does_not_hide_the_report() {
    let scratch = Scratch::new("unwritable");
    let path = scratch.history(&wrong());
    for flag in ["--html", "--export-knossos", "--export-porcupine"] {
        let (code, text, errors) = check(&[path.to_str().expect("UTF-8"), "--only-linear", flag, "/nowhere/out"]);
        assert!(code == 3 && errors.contains("cannot write /nowhere/out"), "{flag}: {code}, {errors}");
        assert!(text.starts_with("violated: "), "{flag}: {text}");
    }
}

#[test]
fn a_history_that_shows_nothing_exits_with_4() {
    let scratch = Scratch::new("vacuous");
    let path = scratch.0.join("history.jsonl");
    let phase = r#"{"index":0,"time":0,"process":"nemesis","type":"info","f":"phase","value":{"name":"run"},"x":{"outcome":"installed"}}"#;
    std::fs::write(&path, format!("{phase}\n")).expect("a history file");
    let (code, text, _) = check(&[path.to_str().expect("UTF-8")]);
    assert_eq!(code, 4, "{text}");
    let right = scratch.history(&generate(&Plan::small(3)));
    let (code, text, _) = check(&[right.to_str().expect("UTF-8"), "--require", "LIN-1,DUR-2"]);
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("required and not exercised: DUR-2"), "{text}");
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_64() {
    assert_eq!(check(&[]).0, 64);
    assert_eq!(check(&["x", "--no-such-flag"]).0, 64);
    let (code, _, errors) = check(&["x", "--require", "LIN-9"]);
    assert!(code == 64 && errors.contains("LIN-1"), "{errors}");
}

#[test]
fn help_teaches() {
    let (code, text, _) = check(&["--help"]);
    assert_eq!(code, 0);
    for part in ["What it does:", "Exit codes:", "Examples:", "--black-box", "--budget-steps", "--require"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_timeline_is_one_file() {
    let scratch = Scratch::new("html");
    let (path, page) = (scratch.history(&wrong()), scratch.0.join("run.html"));
    let (code, _, _) = check(&[path.to_str().expect("UTF-8"), "--html", page.to_str().expect("UTF-8")]);
    let text = std::fs::read_to_string(&page).expect("the page");
    assert!(code == 1 && text.contains("<html") && !text.contains("src=\"http"), "exit code {code}");

    // Over an old one, behind a link: nothing else is left beside it.
    let link = scratch.0.join("link.html");
    std::os::unix::fs::symlink(&page, &link).expect("a link");
    std::fs::write(&page, "old").expect("an old page");
    let (code, _, _) = check(&[path.to_str().expect("UTF-8"), "--html", link.to_str().expect("UTF-8")]);
    let again = std::fs::read_to_string(&page).expect("the page");
    assert!(code == 1 && again.contains("<html") && link.is_symlink(), "exit code {code}");
    let names = std::fs::read_dir(&scratch.0).expect("the directory").flatten().map(|entry| entry.file_name());
    let parts: Vec<_> = names.filter(|name| name.to_string_lossy().contains(".part")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}
