use crate::support::server::{leader, three};
use crate::support::{Reply, Server, eventually, raw};

const TTL: &str = r#"{"name":"web","id":"ID","checks":[{"type":"ttl","ttl":"1h"}]}"#;

/// A write with an idempotency key.
fn keyed(server: &Server, target: &str, key: &str, body: &str) -> Reply {
    let head = format!("PUT {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-idempotency-key: {key}\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    raw(server.http, request.as_bytes()).expect("an answer")
}

fn renew(server: &Server, key: &str) -> Reply {
    keyed(server, "/v1/agent/check/renew", key, r#"{"checks":[{"id":"service:a"},{"id":"service:b"}]}"#)
}

#[test]
fn a_retried_report_gets_the_first_answer_whatever_happened_in_between() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::alone(&home);
    server.wait_ready();
    for id in ["a", "b"] {
        assert_eq!(server.put("/v1/agent/service/register", &TTL.replace("ID", id)).status, 200);
    }
    let first = keyed(&server, "/v1/agent/check/pass/service:a", "one", "");
    server.register("other", "o-1");
    let again = keyed(&server, "/v1/agent/check/pass/service:a", "one", "");
    assert_eq!((first.status, again.status, again.index()), (200, 200, first.index()), "{again:?}");

    // One of the batch changes the first time, another would the second: it is one write all the same.
    let first = renew(&server, "two");
    assert_eq!(server.put("/v1/agent/check/fail/service:b", "").status, 200);
    let again = renew(&server, "two");
    assert_eq!((first.status, again.status), (200, 200), "{again:?}");
    assert_eq!(again.body, first.body);
    let body = server.get("/v1/health/service/web").body;
    assert!(body.contains(r#""Status":"critical""#), "the retry did not take effect a second time: {body}");
}

#[test]
fn a_server_that_cannot_write_is_not_made_a_voter_and_takes_no_quorum_along() {
    let home = tempfile::tempdir().expect("a directory");
    let founder = Server::start(&home, "node1", "127.0.0.1:0", &["-raft-bootstrap", "true"]);
    founder.wait_ready();
    founder.register("web", "before");
    // It answers who it is, and then hears no more: stopped as by a machine that hangs.
    let silent = Server::start(&home, "node2", "127.0.0.1:0", &[]);
    let join = format!(r#"{{"ID":"node2","Addr":"{}"}}"#, silent.raft);
    let signal = |name: &str| {
        let sent = std::process::Command::new("kill").args([name, &silent.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    };
    signal("-STOP");
    let refused = founder.post("/v1/raft/join", &join);
    assert_ne!(refused.status, 200, "{refused:?}");
    founder.register("web", "still");
    signal("-CONT");
    eventually("the join succeeds when it answers again", std::time::Duration::from_secs(30), || {
        (founder.post("/v1/raft/join", &join).status == 200).then_some(())
    });
    silent.wait_ready();
}

#[test]
fn a_member_that_moved_to_another_address_is_reached_there() {
    let home = tempfile::tempdir().expect("a directory");
    let mut servers = three(&home, &[]);
    let moved = servers.remove((leader(&servers) + 1) % 3);
    let name = moved.name.clone();
    moved.kill();
    let moved = Server::start(&home, &name, "127.0.0.1:0", &[]);
    let at = leader(&servers);
    let join = servers[at].post("/v1/raft/join", &format!(r#"{{"ID":"{name}","Addr":"{}"}}"#, moved.raft));
    assert_eq!(join.status, 200, "{join:?}");
    moved.wait_ready();
    // With the other follower gone, the quorum needs the one that moved.
    servers.remove(1 - at).kill();
    servers[0].register_in_time("web", "after", std::time::Duration::from_secs(10));
    assert!(moved.get("/v1/health/service/web").body.contains("after"));
}
