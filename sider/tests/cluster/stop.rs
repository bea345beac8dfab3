use std::io::Write as _;
use std::time::Duration;

use crate::support::server::{leader, three};
use crate::support::{self, Clock, eventually};

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
    assert_eq!((reply.status, reply.index()), (200, index), "the state as it is");
    assert!(stopping.wait_end().success(), "{}", stopping.log());
    println!("SIGTERM of a leader to its end: {:?}", clock.elapsed());
    assert!(support::ask(stopping.http, "GET", "/livez", "").is_err(), "it accepts no more");
    assert!(stopping.log().contains("handing leadership over"), "{}", stopping.log());
    let clock = Clock::start();
    servers[0].register_in_time("web", "after", Duration::from_secs(3));
    println!("the next write after it: {:?}", clock.elapsed());
    leader(&servers);
}
