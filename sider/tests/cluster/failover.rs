use std::time::Duration;

use crate::support::server::{leader, three};
use crate::support::{Clock, Server, eventually};

/// How often the leader is killed. Set `SIDER_TEST_KILLS` for a longer run.
fn kills() -> usize {
    std::env::var("SIDER_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(3)
}

#[test]
fn killing_the_leader_loses_nothing_and_writes_go_on_within_three_seconds() {
    let home = tempfile::tempdir().expect("a directory");
    let mut servers = three(&home, &[]);
    let mut acknowledged = Vec::new();
    let mut times = Vec::new();
    for round in 0..kills() {
        let at = leader(&servers);
        acknowledged.extend((0..20).map(|n| {
            let id = format!("before-{round}-{n}");
            servers[at].register("web", &id);
            id
        }));
        let victim = servers.remove(at);
        let (name, raft) = (victim.name.clone(), victim.raft.clone());
        victim.kill();
        let clock = Clock::start();
        acknowledged.push(servers[0].register_in_time("web", &format!("after-{round}"), Duration::from_secs(3)));
        times.push(clock.elapsed());
        let body = servers[1].get("/v1/health/service/web").body;
        let missing: Vec<_> = acknowledged.iter().filter(|id| !body.contains(&format!("\"{id}\""))).collect();
        assert!(missing.is_empty(), "acknowledged and gone after kill {round}: {missing:?}");
        let back = Server::start(&home, &name, &raft, &[]);
        back.wait_ready();
        servers.push(back);
    }
    times.sort_unstable();
    println!("kill -9 of the leader to the next acknowledged write, {} kills: {times:?}", times.len());
}

#[test]
fn killing_all_servers_loses_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let servers = three(&home, &[]);
    for n in 0..30 {
        servers[n % 3].register("web", &format!("web-{n}"));
    }
    let addresses: Vec<(String, String)> =
        servers.iter().map(|server| (server.name.clone(), server.raft.clone())).collect();
    servers.into_iter().for_each(Server::kill);
    let servers: Vec<Server> = addresses.iter().map(|(name, raft)| Server::start(&home, name, raft, &[])).collect();
    servers.iter().for_each(Server::wait_ready);
    for server in &servers {
        let body = server.get("/v1/health/service/web").body;
        assert_eq!(body.matches("\"Service\":{").count(), 30, "{}", server.name);
    }
    servers[0].register("web", "after");
}

#[test]
fn a_follower_that_was_away_beyond_the_logs_tail_comes_back_by_snapshot() {
    let home = tempfile::tempdir().expect("a directory");
    let flags = ["-raft-snapshot-entries", "50", "-raft-log-keep", "10"];
    let mut servers = three(&home, &flags);
    let at = leader(&servers);
    let away = servers.remove((at + 1) % 3);
    let (name, raft) = (away.name.clone(), away.raft.clone());
    let had = away.metric("sider_raft_last_log_index");
    away.kill();
    let at = leader(&servers);
    for n in 0..300 {
        servers[at].register("web", &format!("web-{n}"));
    }
    eventually("the log's begin is purged beyond what the follower has", Duration::from_secs(20), || {
        (servers[at].metric("sider_raft_purged_index") > had).then_some(())
    });
    let back = Server::start(&home, &name, &raft, &flags);
    back.wait_ready();
    let body = back.get("/v1/health/service/web").body;
    assert_eq!(body.matches("\"Service\":{").count(), 300);
    assert!(back.metric("sider_raft_snapshot_index") > had, "it came back by the log alone");
    servers[at].register("web", "after");
    assert!(back.get("/v1/health/service/web").body.contains("\"after\""), "it follows the log again");
}
