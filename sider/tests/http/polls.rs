use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{self, Clock, Server, eventually};

fn poll(server: &Server, target: &str) -> TcpStream {
    let mut stream = support::connect(server.http).expect("a connection");
    write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is open");
    stream
}

fn parked(server: &Server, count: u64) {
    eventually(&format!("{count} polls are parked"), Duration::from_secs(60), || {
        (server.metric("sider_watchers_parked") == count).then_some(())
    });
}

fn server(home: &tempfile::TempDir) -> Server {
    let server = Server::alone(home);
    server.wait_ready();
    server
}

#[test]
fn a_poll_waits_its_time_and_answers_the_whole_state() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    let index = server.register("web", "web-1");
    let clock = Clock::start();
    let reply = server.get(&format!("/v1/health/service/web?index={index}&wait=1s"));
    let waited = clock.elapsed();
    assert_eq!((reply.status, reply.index()), (200, index));
    assert!(reply.body.contains("web-1"));
    // At most a sixteenth longer, and what a busy machine adds.
    assert!((Duration::from_secs(1)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
    let never_given_out = server.get("/v1/health/service/web?index=1000000&wait=60s");
    assert_eq!(never_given_out.index(), index, "the client must start over");
}

#[test]
fn a_stale_poll_above_what_this_server_has_waits_and_then_says_that_it_is_behind() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    server.register("web", "web-1");
    let reply = server.get("/v1/health/service/web?stale&index=1000000&wait=60s");
    assert_eq!((reply.status, reply.header("x-sider-error")), (503, "behind"), "{reply:?}");
}

#[test]
fn a_poll_that_began_before_the_first_registration_sees_it() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    let empty = server.get("/v1/health/service/web");
    assert_eq!(empty.body, "[]");
    server.register("web", "web-1");
    let next = server.get(&format!("/v1/health/service/web?index={}&wait=10s", empty.index()));
    assert!(
        next.body.contains("web-1"),
        "the first change of a cluster's life is above what was read before it: {next:?}"
    );
    assert!(next.index() > empty.index());
}

#[test]
fn the_list_of_services_is_watched_by_names_and_tags_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    server.put("/v1/agent/service/register", r#"{"name":"web","checks":[{"ttl":"1h"}]}"#);
    let index = server.get("/v1/catalog/services").index();
    let mut waiting = poll(&server, &format!("/v1/catalog/services?index={index}&wait=60s"));
    parked(&server, 1);
    server.put("/v1/agent/check/pass/service:web", "");
    server.register("web", "web-2");
    assert_eq!(server.metric("sider_watchers_parked"), 1, "health and instances are not in the list");
    server.register("db", "db-1");
    let reply = support::read(&mut waiting).expect("an answer");
    assert_eq!(reply.body, r#"{"db":[],"web":[]}"#);
}

#[test]
fn a_client_that_goes_away_frees_its_place_within_a_second() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    let index = server.register("web", "web-1");
    let clients: Vec<_> =
        (0..20).map(|_| poll(&server, &format!("/v1/health/service/web?index={index}&wait=300s"))).collect();
    parked(&server, 20);
    let clock = Clock::start();
    drop(clients);
    parked(&server, 0);
    assert!(clock.elapsed() < Duration::from_secs(1), "freed after {:?}", clock.elapsed());
}

#[test]
fn a_passing_poll_wakes_when_an_instance_leaves_the_passing_set() {
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    server.put("/v1/agent/service/register", r#"{"name":"web","checks":[{"ttl":"1h","status":"passing"}]}"#);
    let before = server.get("/v1/health/service/web?passing");
    assert!(before.body.contains("service:web"));
    let mut waiting = poll(&server, &format!("/v1/health/service/web?passing&index={}&wait=60s", before.index()));
    parked(&server, 1);
    server.put("/v1/agent/check/fail/service:web", "");
    assert_eq!(support::read(&mut waiting).expect("an answer").body, "[]");
}

#[test]
fn ten_thousand_parked_polls_are_all_answered_by_one_change() {
    const POLLS: usize = 10_000;
    let home = tempfile::tempdir().expect("a directory");
    let server = server(&home);
    raise_open_files();
    let index = server.register("web", "web-1");
    let before_kib = resident_kib(server.pid());
    let target = format!("/v1/health/service/web?index={index}&wait=600s");
    let mut clients = Vec::with_capacity(POLLS);
    while clients.len() < POLLS {
        // In parts: a client that outruns the accept loop waits for TCP's retransmission, a second each time.
        clients.extend((0..500).map(|_| poll(&server, &target)));
        parked(&server, clients.len() as u64);
    }
    let parked_kib = resident_kib(server.pid());
    let clock = Clock::start();
    server.register("web", "web-2");
    for client in &mut clients {
        let reply = support::read(client).expect("an answer");
        assert_eq!(reply.status, 200);
        assert!(reply.index() > index && reply.body.contains("web-2"), "{reply:?}");
    }
    let each = (parked_kib - before_kib) as f64 / POLLS as f64;
    println!("{POLLS} parked polls: {each:.1} KiB each; all answered after {:?}", clock.elapsed());
    assert!(each < 64.0, "{each:.1} KiB for one parked poll");
    assert_eq!(server.metric("sider_polls_ended_total{how=\"changed\"}"), POLLS as u64);
}

fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .expect("the soft bound may be raised to the hard one");
}

/// Resident memory of a process.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
