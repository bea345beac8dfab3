use std::fs;
use std::path::Path;

use crate::support::{Server, ask};

const FLAGS: [&str; 2] = ["-raft-bootstrap", "true"];

#[test]
fn a_damaged_record_stops_the_server_with_an_error_that_names_it() {
    let home = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(&home, "node1", "127.0.0.1:0", &FLAGS);
    server.wait_ready();
    server.register("web", "the-instance-whose-record-is-damaged");
    server.terminate();
    assert!(server.wait_end().success());
    let flipped = flip(&server.dir.join("log").join("data.mdb"), b"the-instance-whose-record-is-damaged");
    assert!(flipped > 0, "the record is in the log");
    let Err((status, log)) = Server::try_start(&home, "node1", "127.0.0.1:0", &FLAGS) else {
        panic!("a server with a damaged log started")
    };
    assert_eq!(status.code(), Some(65), "{log}");
    assert!(log.contains("checksum") && log.contains("log entry"), "the record is named: {log}");
}

#[test]
fn a_data_directory_has_one_server() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(&home, "node1", "127.0.0.1:0", &FLAGS);
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_sds-server"))
        .args(["-http", "127.0.0.1:0", "-raft-bind", "127.0.0.1:0", "-raft-id", "node1", "-raft-dir"])
        .arg(&server.dir)
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(73), "{text}");
    assert!(text.contains("held by another process"), "{text}");
    server.wait_ready();
    server.register("web", "web-1");
}

#[test]
fn an_address_in_use_is_exit_code_69() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(&home, "node1", "127.0.0.1:0", &FLAGS);
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_sds-server"))
        .args(["-http", &server.http.to_string(), "-raft-bind", "127.0.0.1:0", "-raft-dir"])
        .arg(home.path().join("other"))
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(69), "{text}");
    assert!(text.contains("-http"), "the flag is named: {text}");
}

#[test]
fn a_log_that_fills_its_file_refuses_writes_and_serves_on_and_has_lost_nothing_with_a_larger_file() {
    let home = tempfile::tempdir().expect("a directory");
    // Its data files may not grow beyond 16 MiB and nothing is compacted: full after some hundreds of large entries.
    let small = ["-raft-map-mib", "16", "-raft-snapshot-entries", "1000000", "-raft-log-keep", "1000000"];
    let server = Server::start(&home, "node1", "127.0.0.1:0", &[&FLAGS[..], &small].concat());
    server.wait_ready();
    let meta: Vec<String> = (0..60).map(|n| format!(r#""key-{n}":"{}""#, "v".repeat(500))).collect();
    // The same few instances again and again: the log fills, the registry does not.
    let (mut acknowledged, mut refused) = (0, None);
    for n in 0..2000 {
        let body =
            format!(r#"{{"name":"web","id":"web-{}","meta":{{"round":"{n}",{}}}}}"#, n % 10, meta[1..].join(","));
        let reply = ask(server.http, "PUT", "/v1/agent/service/register", &body).expect("an answer");
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
        acknowledged += 1;
    }
    let refused = refused.expect("the file is full at some time");
    assert_eq!((refused.status, refused.header("x-sider-error")), (503, "not-ready"), "{refused:?}");
    assert!(refused.body.contains("-raft-map-mib"), "it says what to do: {refused:?}");
    let last = format!(r#""round":"{}""#, acknowledged - 1);
    assert!(server.get("/v1/health/service/web").body.contains(&last), "it reads on");
    server.kill();
    let back = Server::start(&home, "node1", "127.0.0.1:0", &[&FLAGS[..], &["-raft-map-mib", "64"]].concat());
    back.wait_ready();
    assert!(back.get("/v1/health/service/web").body.contains(&last), "the last acknowledged write is there");
    back.register("web", "after");
}

/// Flips a bit in the middle of every copy of `needle`; answers how many there were.
fn flip(path: &Path, needle: &[u8]) -> usize {
    let mut bytes = fs::read(path).expect("a data file");
    let found: Vec<usize> = (0..bytes.len() - needle.len()).filter(|at| bytes[*at..].starts_with(needle)).collect();
    for at in &found {
        bytes[at + needle.len() / 2] ^= 1;
    }
    fs::write(path, &bytes).expect("a data file");
    found.len()
}
