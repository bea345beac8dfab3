use super::*;

fn start(words: &str) -> Start {
    let words = ["sds-server"].into_iter().chain(words.split_whitespace()).map(OsString::from);
    parse(words).unwrap_or_else(|instead| panic!("{instead:?}"))
}

fn refusal(words: &str) -> String {
    let words = ["sds-server"].into_iter().chain(words.split_whitespace()).map(OsString::from);
    match parse(words) {
        Err(Instead::Refuse(line)) => line,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn no_flags_is_a_single_server_on_loopback_that_bootstraps_itself() {
    let start = start("");
    assert_eq!(start.http.to_string(), "127.0.0.1:8500");
    assert_eq!(start.raft.to_string(), "127.0.0.1:8501");
    assert_eq!(start.config.name.as_str(), "node1");
    assert_eq!(start.config.dir, PathBuf::from("data/node1"));
    assert!(start.config.bootstrap);
}

#[test]
fn the_founding_documents_flags_are_read_as_it_writes_them() {
    let founding = "-http :8500 -raft-id node7 -raft-bind :8501 -raft-dir data/seven -raft-bootstrap true";
    for words in [founding.to_owned(), founding.replace(" -", " --").replacen("-http", "--http", 1)] {
        let start = start(&words);
        assert_eq!(start.http.host_and_port(), ("0.0.0.0", 8500), "all interfaces, as Go reads it");
        assert_eq!(start.raft.host_and_port(), ("0.0.0.0", 8501));
        assert_eq!(start.config.name.as_str(), "node7");
        assert_eq!(start.config.dir, PathBuf::from("data/seven"));
        assert!(start.config.bootstrap);
    }
    assert!(start("-raft-id n2 -raft-bootstrap").config.bootstrap);
    assert!(!start("-raft-id n2 -raft-bootstrap=false").config.bootstrap);
}

#[test]
fn a_server_with_raft_flags_waits_to_be_joined_unless_told_otherwise() {
    let start = start("-raft-id node2 -raft-bind :9501");
    assert!(!start.config.bootstrap);
    assert_eq!(start.config.dir, PathBuf::from("data/node2"));
    assert!(super::tests::start("-http :9000").config.bootstrap, "the http port alone says nothing about a cluster");
}

#[test]
fn bad_flags_are_refused_in_one_line_that_names_the_flag_and_the_right_form() {
    for (words, parts) in [
        ("-htp :8500", ["--htp", "--http"]),
        ("-http 8500", ["--http", "host:port or :port"]),
        ("-http :99999", ["99999", "0 to 65535"]),
        ("-http ::1:8500", ["--http", "brackets"]),
        ("-raft-id a/b", ["--raft-id", "A-Z a-z 0-9 . _ -"]),
        ("-raft-bootstrap maybe", ["--raft-bootstrap", "true, false"]),
        ("-raft-heartbeat 100", ["--raft-heartbeat", "like 15s"]),
        ("-raft-heartbeat 1s", ["-raft-heartbeat", "100ms, 500ms, 1s"]),
        ("-raft-advertise :8501", ["--raft-advertise", "a host and a port"]),
        ("-raft-snapshot-entries 0", ["--raft-snapshot-entries", "0 is not in 1.."]),
        ("-log-level loud", ["--log-level", "error, warn, info, debug, trace"]),
        ("-log-format xml", ["--log-format", "text, json"]),
        ("extra", ["extra", "--help"]),
        ("-http", ["--http", "value is required"]),
    ] {
        let line = refusal(words);
        assert_eq!(line.lines().count(), 1, "{words}: {line}");
        for part in parts {
            assert!(line.contains(part), "{words}: {part:?} is missing in: {line}");
        }
    }
}

#[test]
fn help_is_printed_and_teaches_by_example() {
    let words = ["sds-server", "-help"].map(OsString::from);
    let Err(Instead::Print(help)) = parse(words) else { panic!("help is no refusal") };
    for part in ["Examples:", "/v1/raft/join", "Exit codes:", "--raft-bootstrap"] {
        assert!(help.contains(part), "{part:?} is missing in:\n{help}");
    }
}
