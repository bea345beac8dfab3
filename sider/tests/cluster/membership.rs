use std::fs;
use std::time::Duration;

use crate::support::server::{leader, three};
use crate::support::{Server, ask, eventually};

#[test]
fn a_wiped_server_is_refused_under_its_old_identity_and_told_what_to_do() {
    let home = tempfile::tempdir().expect("a directory");
    let mut servers = three(&home, &[]);
    let at = leader(&servers);
    servers[at].register("web", "web-1");
    let wiped = servers.remove((at + 1) % 3);
    let (name, raft, dir) = (wiped.name.clone(), wiped.raft.clone(), wiped.dir.clone());
    wiped.kill();
    fs::remove_dir_all(dir).expect("its directory");
    let wiped = Server::start(&home, &name, &raft, &[]);
    let at = leader(&servers);
    let read = ask(wiped.http, "GET", "/v1/health/service/web", "").expect("an answer");
    assert_eq!(read.status, 503, "it has no data and serves none: {read:?}");
    let stale = ask(wiped.http, "GET", "/v1/health/service/web?stale", "").expect("an answer");
    assert_eq!(stale.status, 503, "{stale:?}");
    let join = format!(r#"{{"ID":"{name}","Addr":"{raft}"}}"#);
    let refused = servers[at].post("/v1/raft/join", &join);
    assert_eq!((refused.status, refused.header("x-sider-error")), (409, "refused"), "{refused:?}");
    assert!(refused.body.contains("/v1/raft/remove"), "it says what to do: {refused:?}");
    let removed = servers[at].post("/v1/raft/remove", &format!(r#"{{"ID":"{name}"}}"#));
    assert_eq!(removed.status, 200, "{removed:?}");
    let joined = servers[at].post("/v1/raft/join", &join);
    assert_eq!(joined.status, 200, "{joined:?}");
    wiped.wait_ready();
    assert!(wiped.get("/v1/health/service/web").body.contains("web-1"));
}

#[test]
fn a_removed_server_serves_no_more_and_stays_out() {
    let home = tempfile::tempdir().expect("a directory");
    let mut servers = three(&home, &[]);
    let at = leader(&servers);
    let mut removed = servers.remove((at + 1) % 3);
    let at = leader(&servers);
    let reply = servers[at].post("/v1/raft/remove", &format!(r#"{{"ID":"{}"}}"#, removed.name));
    assert_eq!(reply.status, 200, "{reply:?}");
    let status = removed.wait_end();
    assert!(!status.success(), "being removed is no ordinary end");
    assert!(removed.log().contains("was removed from"), "{}", removed.log());
    let Err((_, log)) = Server::try_start(&home, &removed.name, &removed.raft, &[]) else {
        panic!("a removed server started again")
    };
    assert!(log.contains("empty"), "it says what to do: {log}");
    servers[at].register("web", "web-1");
    assert!(reply.body.matches("\"ID\":").count() == 2, "{reply:?}");
}

#[test]
fn leadership_moves_to_whom_it_is_given() {
    let home = tempfile::tempdir().expect("a directory");
    let servers = three(&home, &[]);
    let at = leader(&servers);
    let heir = &servers[(at + 2) % 3];
    let reply = servers[(at + 1) % 3].post("/v1/raft/transfer", &format!(r#"{{"ID":"{}"}}"#, heir.name));
    assert_eq!(reply.status, 200, "{reply:?}");
    eventually("the heir leads", Duration::from_secs(5), || heir.leads().then_some(()));
    heir.register("web", "web-1");
    let again = heir.post("/v1/raft/join", &format!(r#"{{"ID":"{}","Addr":"{}"}}"#, heir.name, heir.raft));
    assert_eq!(again.status, 200, "joining twice is joining once: {again:?}");
}

#[test]
fn leadership_is_not_given_to_who_does_not_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let mut servers = three(&home, &[]);
    let dead = servers.remove((leader(&servers) + 1) % 3);
    let transfer = format!(r#"{{"ID":"{}"}}"#, dead.name);
    dead.kill();
    // Who answered a moment ago counts as there.
    let refused = eventually("it is known to be gone", Duration::from_secs(20), || {
        let reply = servers[0].post("/v1/raft/transfer", &transfer);
        (reply.status == 409).then_some(reply)
    });
    assert!(refused.body.contains("does not answer its leader"), "{refused:?}");
    servers[0].register("web", "web-1");
}
