use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use sider_registry::limits;

use crate::support::{self, Clock, Server, eventually};

#[test]
fn a_client_that_sends_a_byte_a_second_is_cut_off() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::alone(&home);
    let clock = Clock::start();
    let mut slow = support::connect(server.http).expect("a connection");
    slow.set_read_timeout(Some(Duration::from_secs(1))).expect("a time-out");
    let mut request = b"GET /livez HTTP/1.1\r\nx-very-slow: yes\r\n".iter();
    let closed_after = loop {
        let sent = request.next().map_or(Ok(()), |byte| slow.write_all(&[*byte]));
        match (sent, slow.read(&mut [0_u8; 64])) {
            (Ok(()), Err(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            (Ok(()), Ok(n)) if n > 0 => panic!("a head that never ended was answered"),
            _ => break clock.elapsed(),
        }
        assert!(clock.elapsed() < limits::HTTP_HEAD_TIMEOUT * 2, "it was never cut off");
    };
    assert!(closed_after >= limits::HTTP_HEAD_TIMEOUT - Duration::from_secs(1), "cut off after {closed_after:?}");
}

#[test]
fn a_body_that_does_not_arrive_is_answered_with_408_and_changes_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::alone(&home);
    let mut slow = support::connect(server.http).expect("a connection");
    slow.set_read_timeout(Some(limits::HTTP_BODY_TIMEOUT * 2)).expect("a time-out");
    slow.write_all(b"PUT /v1/agent/service/register HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"name\":")
        .expect("it is open");
    let reply = support::read(&mut slow).expect("an answer");
    assert_eq!((reply.status, reply.header("x-sider-error")), (408, "request-timeout"), "{reply:?}");
    assert_eq!(server.get("/v1/catalog/services").body, "{}");
}

#[test]
fn an_idle_connection_outlives_the_bound_on_a_head() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::alone(&home);
    let mut kept = support::connect(server.http).expect("a connection");
    let ask = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    kept.write_all(ask).expect("it is open");
    assert_eq!(support::read(&mut kept).expect("an answer").status, 200);
    kept.set_read_timeout(Some(limits::HTTP_HEAD_TIMEOUT + Duration::from_secs(1))).expect("a time-out");
    let silent = kept.read(&mut [0_u8; 1]);
    assert!(silent.is_err(), "the connection was closed while it was idle: {silent:?}");
    kept.write_all(ask).expect("it is still open");
    assert_eq!(support::read(&mut kept).expect("an answer").status, 200);
}

#[test]
fn connections_beyond_the_bound_are_told_so() {
    let home = tempfile::tempdir().expect("a directory");
    let flags = ["-raft-bootstrap", "true", "-http-connections-per-address", "3"];
    let server = Server::start(&home, "node1", "127.0.0.1:0", &flags);
    let mut held: Vec<_> = (0..3).map(|_| support::connect(server.http).expect("a connection")).collect();
    let refused = eventually("the places are taken", Duration::from_secs(5), || {
        let reply = support::ask(server.http, "GET", "/livez", "").ok()?;
        (reply.status == 429).then_some(reply)
    });
    assert_eq!(refused.header("x-sider-error"), "overloaded");
    assert!(refused.body.contains("3 connections"), "{refused:?}");
    held.pop();
    eventually("a place came free", Duration::from_secs(5), || {
        support::ask(server.http, "GET", "/livez", "").ok().filter(|reply| reply.status == 200)
    });
    drop(held);
    let page = eventually("the page can be asked for", Duration::from_secs(5), || {
        support::ask(server.http, "GET", "/metrics", "").ok().filter(|reply| reply.status == 200)
    });
    assert!(!page.body.contains("sider_http_connections_refused_total{reason=\"address\"} 0\n"), "they are counted");
}

#[test]
fn bodies_beyond_the_bound_on_all_together_are_refused_and_told_so() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::alone(&home);
    server.wait_ready();
    let room = limits::HTTP_BODIES_HELD_BYTES_MAX - limits::HTTP_BODIES_KEPT_FOR_SMALL;
    let count = room / limits::HTTP_BODY_LEN_MAX;
    let head = format!(
        "PUT /v1/agent/service/register HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        limits::HTTP_BODY_LEN_MAX
    );
    // All but the last byte: each is held until that arrives.
    let almost = [head.as_bytes(), &vec![b' '; limits::HTTP_BODY_LEN_MAX - 1]].concat();
    let send = |_| {
        let mut stream = support::connect(server.http).expect("a connection");
        stream.write_all(&almost).expect("it is read");
        stream
    };
    let held: Vec<_> = (0..count).map(send).collect();
    eventually("all are held", Duration::from_secs(10), || {
        let rest = room as u64 - server.metric("sider_http_bodies_held_bytes");
        (rest == count as u64).then_some(())
    });
    let small = support::instance("web", "web-1");
    let body = format!("{small}{}", " ".repeat(limits::HTTP_BODY_SMALL_LEN));
    let refused = server.put("/v1/agent/service/register", &body);
    assert_eq!((refused.status, refused.header("x-sider-error")), (429, "overloaded"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), "1");
    assert!(refused.body.contains("bytes for all bodies"), "{refused:?}");
    assert_eq!(server.metric("sider_http_bodies_refused_total"), 1);
    assert_eq!(server.put("/v1/agent/service/register", &small).status, 200, "there is room for a small one");
    drop(held);
    eventually("there is room again", Duration::from_secs(10), || {
        (server.put("/v1/agent/service/register", &body).status == 200).then_some(())
    });
    eventually("nothing is held", Duration::from_secs(10), || {
        (server.metric("sider_http_bodies_held_bytes") == 0).then_some(())
    });
}
