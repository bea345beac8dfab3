//! What the program says to whoever starts it.

use std::process::Command;

#[test]
fn help_teaches_every_flag_by_example() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sds-server"));
    // The width of whoever runs the tests must not show.
    let output = program.arg("-help").env_remove("COLUMNS").output().expect("the program starts");
    assert!(output.status.success());
    crate::pin("help", &String::from_utf8(output.stdout).expect("text"));
}

#[test]
fn each_wrong_flag_is_one_line_and_exit_code_64() {
    let lines = [
        &["-htp", ":8500"][..],
        &["-http", "8500"],
        &["-http", ":99999"],
        &["-raft-id", "a/b"],
        &["-raft-bootstrap", "maybe"],
        &["-raft-heartbeat", "soon"],
        &["-raft-heartbeat", "2s"],
        &["-raft-map-mib", "1"],
        &["-log-level", "loud"],
        &["-http"],
    ];
    let said = lines.map(|flags| {
        let output = Command::new(env!("CARGO_BIN_EXE_sds-server")).args(flags).output().expect("the program starts");
        let line = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(64), "{flags:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{flags:?}: {line}");
        format!("$ sds-server {}\n{line}", flags.join(" "))
    });
    crate::pin("wrong_flags", &said.join("\n"));
}
