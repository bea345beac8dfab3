//! One host with 200 services and 600 checks, three servers, all real processes: what an operator sees on a bad day.
//! Prints what it measured.

mod host;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use host::{Cluster, PATIENCE, Process, service_count, start_agent, until, web};
use rustix::process::Signal;
use serde_json::{Value, json};
use sider_client::Client;
use sider_client::client::Query;
use sider_registry::model::{Index, Status};
use tokio::time::Instant;

const SERVICES: usize = 200;
const TTL: Duration = Duration::from_secs(6);

fn config(cluster: &Cluster, dir: &Path, port: u16) -> Value {
    let service = |n: usize| {
        json!({"name": format!("service-{n}"), "address": "127.0.0.1", "port": port, "checks": [
            {"type": "ttl", "ttl": "6s"},
            {"type": "http", "path": "/health", "interval": "10s", "timeout": "5s"},
            {"type": "tcp", "interval": "10s", "timeout": "5s"}]})
    };
    let services: Vec<Value> = (0..SERVICES).map(service).collect();
    json!({"servers": cluster.urls(), "node_name": "host-a", "data_dir": dir.join("data"), "services": services})
}

/// Every service's index, or none while one is not there or not passing. An index that is as before says that nobody
/// could have seen a change.
async fn passing_indices(client: &Client) -> Option<BTreeMap<String, Index>> {
    let mut indices = BTreeMap::new();
    for n in 0..SERVICES {
        let name = format!("service-{n}");
        let read = client.read(&name, &Query::default()).await.ok()?;
        let [entry] = &read.body[..] else { return None };
        if entry.checks.len() != 3 || entry.health() != Status::Passing {
            return None;
        }
        indices.insert(name, read.index);
    }
    Some(indices)
}

/// Waits until every check of every service passes.
async fn all_pass(client: &Client) -> BTreeMap<String, Index> {
    let begun = Instant::now();
    loop {
        if let Some(indices) = passing_indices(client).await {
            return indices;
        }
        assert!(begun.elapsed() < PATIENCE, "not all pass");
    }
}

#[tokio::test]
async fn a_host_of_200_services_lives_through_a_bad_day() {
    let mut cluster = Cluster::start(3).await;
    let dir = tempfile::tempdir().expect("a directory");
    let config = config(&cluster, dir.path(), web().await);
    let leader = cluster.leader().await;
    let client = cluster.client((leader + 1) % 3);

    let begun = Instant::now();
    let mut agent = start_agent(dir.path(), &config);
    until("all are registered", async || service_count(&client).await == SERVICES).await;
    println!("start to all registered: {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(2), "registered after {:?}", begun.elapsed());
    let before = all_pass(&client).await;
    println!("start to all passing: {:?}", begun.elapsed());

    cluster.kill_server(leader);
    let begun = Instant::now();
    // Two renewals of every check later, whatever was to be lost is lost.
    tokio::time::sleep_until(begun + 2 * TTL).await;
    assert_eq!(passing_indices(&client).await, Some(before.clone()), "no watcher saw the leader die");

    agent = restart_within_ttl(agent, &client, dir.path(), &config, &before).await;
    dies_of_its_ttl(&mut agent, &client, &before).await;

    let mut agent = start_agent(dir.path(), &config);
    all_pass(&client).await;
    let begun = Instant::now();
    agent.signal(Signal::TERM);
    until("all are deregistered", async || service_count(&client).await == 0).await;
    println!("SIGTERM to all gone: {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(1), "gone after {:?}", begun.elapsed());
    assert!(agent.ended().await.success());
}

/// kill -9 and a new start change nothing that a watcher could see.
async fn restart_within_ttl(
    mut agent: Process,
    client: &Client,
    dir: &Path,
    config: &Value,
    before: &BTreeMap<String, Index>,
) -> Process {
    agent.kill();
    let logged = agent.logged().len();
    let agent = start_agent(dir, config);
    until("it has registered", async || agent.logged()[logged..].matches(" INFO registered ").count() == SERVICES)
        .await;
    tokio::time::sleep(2 * TTL).await;
    assert_eq!(passing_indices(client).await.as_ref(), Some(before), "no watcher saw the restart");
    agent
}

/// kill -9 for good: the TTL checks turn critical within TTL + 2 s, and whoever watches is woken.
async fn dies_of_its_ttl(agent: &mut Process, client: &Client, before: &BTreeMap<String, Index>) {
    let query = Query::default();
    let index = before["service-7"];
    let poll = client.poll("service-7", index, Duration::from_secs(60), &query);
    agent.kill();
    let begun = Instant::now();
    let woken = poll.await.expect("an answer");
    println!("kill -9 of the agent to a woken watcher: {:?} (ttl {TTL:?})", begun.elapsed());
    assert!(begun.elapsed() < TTL + Duration::from_secs(2), "woken after {:?}", begun.elapsed());
    assert_eq!(woken.body[0].health(), Status::Critical);
    for name in before.keys() {
        let left = (TTL + Duration::from_secs(2)).saturating_sub(begun.elapsed());
        let woken = client.poll(name, before[name], left, &query).await.expect("an answer");
        assert_eq!(woken.body[0].health(), Status::Critical, "{name}");
    }
    println!("kill -9 of the agent to all critical: {:?}", begun.elapsed());
}

/// What it costs to do nothing: 200 services with 10 s checks.
#[tokio::test]
async fn an_idle_agent_costs_little() {
    const WINDOW: Duration = Duration::from_secs(20);
    // The bound is for the shipped build; an unoptimised one may take this many times as much.
    const UNOPTIMISED: f64 = if cfg!(debug_assertions) { 3.0 } else { 1.0 };
    let cluster = Cluster::start(1).await;
    let dir = tempfile::tempdir().expect("a directory");
    let port = web().await;
    let service = |n: usize| {
        json!({"name": format!("service-{n}"), "address": "127.0.0.1", "port": port, "checks": [
            {"type": "ttl", "ttl": "15s"}, {"type": "http", "path": "/health", "interval": "10s"}]})
    };
    let services: Vec<Value> = (0..SERVICES).map(service).collect();
    let config = json!({"servers": cluster.urls(), "data_dir": dir.path().join("data"), "services": services});
    let agent = start_agent(dir.path(), &config);
    let client = cluster.client(0);
    until("all are registered", async || service_count(&client).await == SERVICES).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (cpu_before, _) = agent.usage();
    tokio::time::sleep(WINDOW).await;
    let (cpu, resident_kib) = agent.usage();
    let share = (cpu - cpu_before).as_secs_f64() / WINDOW.as_secs_f64();
    println!("idle: {:.2} % of a core, {:.1} MiB resident", share * 100.0, resident_kib as f64 / 1024.0);
    assert!(share < 0.01 * UNOPTIMISED, "{share}");
    assert!(resident_kib < 30 * 1024, "{resident_kib} KiB");
}
