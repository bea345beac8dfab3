//! An agent's life with one real server: reload, stop, a lost cluster, the local view.

mod host;

use std::time::Duration;

use host::{Cluster, service_count, start_agent, until, web, write_config};
use rustix::process::Signal;
use serde_json::{Value, json};
use sider_client::Client;
use sider_client::client::{Query, Read, ServerAddress};
use sider_client::seam::TcpDial;
use sider_client::wire::ServiceEntry;
use sider_registry::model::Status;

async fn read(client: &Client, service: &str) -> Read<Vec<ServiceEntry>> {
    client.read(service, &Query::default()).await.expect("an answer")
}

async fn is_passing(client: &Client, service: &str) -> bool {
    let entries = client.read(service, &Query::default()).await.map(|read| read.body).unwrap_or_default();
    entries.first().is_some_and(|entry| entry.health() == Status::Passing)
}

fn ttl_service(name: &str, port: u16) -> Value {
    json!({"name": name, "port": port, "checks": [{"type": "ttl", "ttl": "10s"}]})
}

#[tokio::test]
async fn hangup_reloads_and_a_bad_file_is_refused() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client(0);
    let dir = tempfile::tempdir().expect("a directory");
    let config = |services: Value| json!({"servers": cluster.urls(), "services": services});
    let first = config(json!([ttl_service("same", 1), ttl_service("changed", 2), ttl_service("gone", 3)]));
    let agent = start_agent(dir.path(), &first);
    for name in ["same", "changed", "gone"] {
        until("it passes", async || is_passing(&client, name).await).await;
    }
    let same_before = read(&client, "same").await.index;

    std::fs::write(dir.path().join("agent.json"), "{\"services\": [{\"name\": \"a b\"}]}").expect("written");
    agent.signal(Signal::HUP);
    until("the bad file is refused", async || agent.logged().contains("the new configuration is refused")).await;
    assert!(agent.logged().contains("line 1: services[0].name: holds ' '"), "{}", agent.logged());
    assert_eq!(service_count(&client).await, 3);

    write_config(
        dir.path(),
        &config(json!([ttl_service("same", 1), ttl_service("changed", 4), ttl_service("new", 5)])),
    );
    agent.signal(Signal::HUP);
    until("the new one passes", async || is_passing(&client, "new").await).await;
    until("the old one is gone", async || read(&client, "gone").await.body.is_empty()).await;
    until("the changed one changes", async || read(&client, "changed").await.body[0].service.port == 4).await;
    assert!(is_passing(&client, "changed").await, "a check that stays keeps its status");
    assert_eq!(read(&client, "same").await.index, same_before, "what is equal is not touched");
}

#[tokio::test]
async fn leave_on_stop_false_leaves_everything_to_the_ttl() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client(0);
    let dir = tempfile::tempdir().expect("a directory");
    let config = json!({"servers": cluster.urls(), "leave_on_stop": false, "services": [ttl_service("web", 1)]});
    let mut agent = start_agent(dir.path(), &config);
    until("it passes", async || is_passing(&client, "web").await).await;
    let before = read(&client, "web").await.index;
    agent.signal(Signal::TERM);
    assert!(agent.ended().await.success());
    assert_eq!(read(&client, "web").await.index, before);
}

#[tokio::test]
async fn a_cluster_that_lost_everything_gets_it_back() {
    let mut cluster = Cluster::start(1).await;
    let dir = tempfile::tempdir().expect("a directory");
    let services = json!([ttl_service("web", 1), {"name": "db", "port": 5432}]);
    let config = json!({"servers": cluster.urls(), "services": services});
    let _agent = start_agent(dir.path(), &config);
    let client = cluster.client(0);
    until("it passes", async || is_passing(&client, "web").await && service_count(&client).await == 2).await;
    cluster.kill_server(0);
    std::fs::remove_dir_all(cluster.server_dir(0)).expect("wiped");
    cluster.start_server(0);
    until("all is back", async || is_passing(&client, "web").await && service_count(&client).await == 2).await;
}

#[tokio::test]
async fn what_somebody_else_takes_out_comes_back_and_what_left_the_file_meanwhile_goes() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client(0);
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let config = |services: Value| json!({"servers": cluster.urls(), "data_dir": data, "services": services});
    let mut agent = start_agent(
        dir.path(),
        &config(json!([
        {"name": "web", "port": 1, "checks": [{"type": "ttl", "ttl": "1s"}]},
        {"name": "old", "port": 2}])),
    );
    until("all are there", async || is_passing(&client, "web").await && service_count(&client).await == 2).await;
    let taken_out = client.deregister("default", "web", "web", None).await;
    assert!(matches!(taken_out, sider_client::Outcome::Ok(_)), "{taken_out:?}");
    until("it comes back", async || is_passing(&client, "web").await).await;
    until("the memory is saved", async || {
        std::fs::read_to_string(data.join("memory.json")).is_ok_and(|text| text.contains("\"old\""))
    })
    .await;
    agent.kill();
    let _agent = start_agent(dir.path(), &config(json!([ttl_service("web", 1)])));
    until("the old one is gone", async || read(&client, "old").await.body.is_empty()).await;
    assert!(is_passing(&client, "web").await);
}

#[tokio::test]
async fn the_local_view_answers_when_no_server_does() {
    let mut cluster = Cluster::start(1).await;
    let client = cluster.client(0);
    let dir = tempfile::tempdir().expect("a directory");
    let port = web().await;
    let view_port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("bound").port()
    };
    let config = json!({"servers": cluster.urls(), "http": format!("127.0.0.1:{view_port}"), "services": [
        {"name": "web", "address": "127.0.0.1", "port": port, "checks": [{"type": "http", "path": "/", "interval": "1s"}]}]});
    let agent = start_agent(dir.path(), &config);
    until("it passes", async || is_passing(&client, "web").await).await;
    let address = ServerAddress::parse(&format!("127.0.0.1:{view_port}")).expect("an address");
    let view = Client::to(address, std::sync::Arc::new(TcpDial), sider_client::Settings::default());
    let get = async |path: &str| view.pass_through(path, Duration::ZERO).await.expect("an answer");

    let fresh = get("/v1/health/service/web?passing=1").await;
    assert_eq!(
        (fresh.status.as_u16(), &fresh.headers["x-cache"], &fresh.headers["age"]),
        (200, &"MISS".parse().unwrap(), &"0".parse().unwrap())
    );
    cluster.kill_server(0);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let kept = get("/v1/health/service/web?passing=1").await;
    assert_eq!(
        (kept.status.as_u16(), &kept.headers["x-cache"], &kept.headers["x-known-leader"]),
        (200, &"HIT".parse().unwrap(), &"false".parse().unwrap())
    );
    assert!(kept.headers["age"].to_str().expect("text").parse::<u64>().expect("seconds") >= 1);
    assert_eq!(kept.body, fresh.body);

    let never_asked = get("/v1/health/service/other").await;
    assert_eq!(never_asked.status.as_u16(), 503);
    let services: Value = serde_json::from_slice(&get("/v1/agent/services").await.body).expect("JSON");
    assert_eq!(services["web"]["SiderState"], "registered");
    let checks: Value = serde_json::from_slice(&get("/v1/agent/checks").await.body).expect("JSON");
    assert_eq!((&checks["service:web"]["Status"], &checks["service:web"]["Type"]), (&json!("passing"), &json!("http")));
    assert!(
        String::from_utf8_lossy(&get("/metrics").await.body).contains("sider_agent_services{state=\"registered\"} 1")
    );
    assert_eq!(get("/livez").await.status.as_u16(), 200);
    let unknown = get("/v1/kv/x").await;
    assert!(unknown.status.as_u16() == 404 && unknown.text().contains("everything else is asked of a server"));
    assert!(agent.logged().contains("find it: curl"), "{}", agent.logged());
}
