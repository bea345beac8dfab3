use std::io::{Read as _, Write as _};
use std::time::Duration;

use sider_registry::limits;

use crate::support::server::{leader, three};
use crate::support::{self, Clock, Server, eventually};

#[test]
fn sigterm_answers_who_waits_hands_leadership_over_and_ends_well() {
    let home = tempfile::tempdir().expect("a directory");
    let mut servers = three(&home, &[]);
    let at = leader(&servers);
    let index = servers[at].register("web", "web-1");
    let mut poll = support::connect(servers[at].http).expect("a connection");
    write!(poll, "GET /v1/health/service/web?index={index}&wait=300s HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is open");
    eventually("the poll is parked", Duration::from_secs(10), || {
        (servers[at].metric("sider_watchers_parked") == 1).then_some(())
    });
    let mut stopping = servers.remove(at);
    let clock = Clock::start();
    stopping.terminate();
    let reply = support::read(&mut poll).expect("an answer, not a broken connection");
    assert_eq!((reply.status, reply.header("x-sider-error")), (503, "not-ready"), "{reply:?}");
    assert!(stopping.wait_end().success(), "{}", stopping.log());
    println!("SIGTERM of a leader to its end: {:?}", clock.elapsed());
    assert!(support::ask(stopping.http, "GET", "/livez", "").is_err(), "it accepts no more");
    assert!(stopping.log().contains("handing leadership over"), "{}", stopping.log());
    let clock = Clock::start();
    servers[0].register_in_time("web", "after", Duration::from_secs(3));
    println!("the next write after it: {:?}", clock.elapsed());
    leader(&servers);
}

#[test]
fn clients_that_never_finish_do_not_hold_up_the_end() {
    let home = tempfile::tempdir().expect("a directory");
    let mut server = Server::alone(&home);
    server.wait_ready();
    let mut idle = support::connect(server.http).expect("a connection");
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is open");
    assert_eq!(support::read(&mut idle).expect("an answer").status, 200);
    let mut in_head = support::connect(server.http).expect("a connection");
    in_head.write_all(b"GET /livez HTTP/1.1\r\nhos").expect("it is open");
    let mut in_body = support::connect(server.http).expect("a connection");
    in_body.write_all(b"PUT /v1/agent/service/register HTTP/1.1\r\ncontent-length: 9\r\n\r\n{").expect("it is open");
    eventually("the server holds them all", Duration::from_secs(5), || {
        // And the one that asks.
        (server.metric("sider_http_connections") == 4).then_some(())
    });
    let clock = Clock::start();
    server.terminate();
    assert!(server.wait_end().success(), "{}", server.log());
    let took = clock.elapsed();
    assert!(took < limits::SHUTDOWN_TIMEOUT + Duration::from_secs(2), "it ended after {took:?}");
    println!("SIGTERM to the end with clients that never finish: {took:?}");
    assert_eq!(idle.read(&mut [0_u8; 8]).expect("an orderly end"), 0, "the idle connection was closed");
}

/// The log's disk is full, and whoever read the banner is gone: what it says is lost, and nothing else.
#[test]
fn a_server_that_cannot_say_anything_serves_and_stops_as_ever() {
    let home = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink("/dev/full", home.path().join("node1.log")).expect("a link");
    let mut server = Server::alone(&home);
    server.wait_ready();
    server.register("web", "web-1");
    server.terminate();
    assert_eq!(server.wait_end().code(), Some(0));
}
