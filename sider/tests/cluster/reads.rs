use std::io::Write as _;
use std::time::Duration;

use crate::support::server::{leader, three};
use crate::support::{self, eventually};

#[test]
fn a_write_acknowledged_by_one_server_is_read_on_every_other_at_once() {
    let home = tempfile::tempdir().expect("a directory");
    let servers = three(&home, &[]);
    for round in 0..10 {
        for writer in &servers {
            let id = format!("{}-{round}", writer.name);
            let index = writer.register("web", &id);
            for reader in &servers {
                let seen = reader.get("/v1/health/service/web");
                assert!(
                    seen.body.contains(&id),
                    "{} wrote {id}, {} does not see it: {seen:?}",
                    writer.name,
                    reader.name
                );
                assert_eq!(seen.index(), index);
            }
        }
    }
}

#[test]
fn a_poll_on_a_follower_wakes_for_its_service_and_for_no_other() {
    let home = tempfile::tempdir().expect("a directory");
    let servers = three(&home, &[]);
    let at = leader(&servers);
    let (leader, follower) = (&servers[at], &servers[(at + 1) % 3]);
    let index = leader.register("web", "web-1");
    let mut poll = support::connect(follower.http).expect("a connection");
    write!(poll, "GET /v1/health/service/web?index={index}&wait=300s HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is open");
    eventually("the poll is parked", Duration::from_secs(10), || {
        (follower.metric("sider_watchers_parked") == 1).then_some(())
    });
    std::thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                for n in 0..125 {
                    leader.register("other", &format!("other-{writer}-{n}"));
                }
            });
        }
    });
    let others = follower.get("/v1/health/service/other");
    assert_eq!(others.body.matches("\"Service\":{").count(), 1000, "the follower has applied all of them");
    assert_eq!(follower.metric("sider_polls_ended_total{how=\"changed\"}"), 0, "woken by another service");
    assert_eq!(follower.metric("sider_watchers_parked"), 1);
    let changed = leader.register("web", "web-2");
    let reply = support::read(&mut poll).expect("an answer");
    assert_eq!((reply.status, reply.index()), (200, changed));
    assert!(reply.body.contains("web-2"));
}
