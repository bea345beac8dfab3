//! The whole agent in virtual time, over a network in memory and with scripted probes: what it does when servers are cut
//! off, hang or forget, and that one seed is one run.

mod memory_net;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use memory_net::{MemoryNet, Mood};
use serde_json::json;
use sider_agent::config::{AgentConfig, Target};
use sider_agent::core::Measured;
use sider_agent::probe::Probe;
use sider_agent::store::{CellStore, Store};
use sider_agent::{Ended, Setup, Signal};
use sider_client::seam::BoxFuture;
use sider_registry::model::{Name, Status};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Everything passes, a little later.
struct Fine;

impl Probe for Fine {
    fn run(&self, _target: Target, _timeout: Duration) -> BoxFuture<'static, Measured> {
        Box::pin(async {
            sleep(Duration::from_millis(3)).await;
            Measured { status: Status::Passing, output: "fine".into() }
        })
    }
}

struct Running {
    signals: mpsc::Sender<Signal>,
    task: JoinHandle<Ended>,
}

fn start(net: &MemoryNet, seed: u64, store: &CellStore) -> Running {
    start_with(net, seed, store.clone())
}

fn start_with(net: &MemoryNet, seed: u64, store: impl Store) -> Running {
    let config = json!({"servers": ["http://a:1", "http://b:1", "http://c:1"], "services": [
        {"name": "web", "port": 80, "checks": [
            {"type": "ttl", "ttl": "15s"}, {"type": "http", "path": "/", "interval": "10s"}]},
        {"name": "db", "port": 5432}]});
    let config = AgentConfig::parse(&config.to_string()).expect("is right");
    let (signals, received) = mpsc::channel(1);
    let setup = Setup {
        config: config.on_node(&Name::new("host-a").expect("a name")),
        dial: Arc::new(net.clone()),
        probes: Arc::new(Fine),
        store: Box::new(store),
        local: None,
        seed,
        on_registered: None,
    };
    Running { signals, task: tokio::spawn(sider_agent::run(setup, received)) }
}

async fn trace(seed: u64) -> Vec<String> {
    let net = MemoryNet::new();
    let agent = start(&net, seed, &CellStore::default());
    sleep(Duration::from_secs(20)).await;
    net.set("a:1", Mood::CutOff);
    net.set("b:1", Mood::Wedged);
    sleep(Duration::from_secs(60)).await;
    agent.task.abort();
    net.net().log.clone()
}

#[tokio::test(start_paused = true)]
async fn one_seed_is_one_run() {
    let first = trace(11).await;
    assert!(first.len() > 8, "{first:?}");
    assert_eq!(first, trace(11).await);
    assert_ne!(first, trace(12).await);
}

#[tokio::test(start_paused = true)]
async fn cut_off_for_longer_than_the_ttl_it_comes_back_without_a_second_registration() {
    let net = MemoryNet::new();
    let _agent = start(&net, 1, &CellStore::default());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(net.count("register"), 2);
    for server in ["a:1", "b:1", "c:1"] {
        net.set(server, Mood::CutOff);
    }
    let renewals = net.count("renew");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(net.count("renew"), renewals);
    for server in ["a:1", "b:1", "c:1"] {
        net.set(server, Mood::Fine);
    }
    sleep(Duration::from_secs(4)).await;
    assert!(net.count("renew") > renewals, "it renews as soon as it can: {:?}", net.net().log);
    assert_eq!(net.count("register"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wedged_server_is_left_before_the_ttl_is_over() {
    let net = MemoryNet::new();
    let _agent = start(&net, 1, &CellStore::default());
    sleep(Duration::from_secs(5)).await;
    let used = net.net().log.last().and_then(|line| line.split(' ').nth(1).map(str::to_owned)).expect("a server");
    net.set(&used, Mood::Wedged);
    let renewals = net.count("renew web:1");
    sleep(Duration::from_secs(10)).await;
    assert!(net.count("renew web:1") > renewals, "{:?}", net.net().log);
}

#[tokio::test(start_paused = true)]
async fn a_portal_in_the_list_of_servers_costs_no_renewal() {
    for seed in 1..=6 {
        let net = MemoryNet::new();
        net.set("a:1", Mood::Portal);
        let _agent = start(&net, seed, &CellStore::default());
        sleep(Duration::from_secs(60)).await;
        assert_eq!(net.count("register"), 2);
        assert!(net.count("renew web:1") >= 5, "{:?}", net.net().log);
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_lost_everything_get_it_back() {
    let net = MemoryNet::new();
    let _agent = start(&net, 1, &CellStore::default());
    sleep(Duration::from_secs(5)).await;
    net.net().registered.clear();
    sleep(Duration::from_secs(15)).await;
    assert_eq!(net.net().registered, [("db".to_owned(), 0), ("web".to_owned(), 2)].into());
}

#[tokio::test(start_paused = true)]
async fn a_crash_deregisters_nothing_and_a_stop_everything() {
    let net = MemoryNet::new();
    let store = CellStore::default();
    let crashed = start(&net, 1, &store);
    sleep(Duration::from_secs(5)).await;
    crashed.task.abort();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(net.count("deregister"), 0);
    assert_eq!(net.net().registered.len(), 2);

    let stopped = start(&net, 2, &store);
    sleep(Duration::from_secs(5)).await;
    stopped.signals.send(Signal::Stop).await.expect("it runs");
    assert_eq!(stopped.task.await.expect("it ends"), Ended::Clean);
    assert_eq!(net.count("deregister"), 2);
    assert_eq!(net.net().registered.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_servers_ends_in_bounded_time() {
    let net = MemoryNet::new();
    let agent = start(&net, 1, &CellStore::default());
    sleep(Duration::from_secs(5)).await;
    for server in ["a:1", "b:1", "c:1"] {
        net.set(server, Mood::CutOff);
    }
    let begun = tokio::time::Instant::now();
    agent.signals.send(Signal::Stop).await.expect("it runs");
    assert_eq!(agent.task.await.expect("it ends"), Ended::Incomplete);
    assert!(begun.elapsed() <= sider_agent::limits::STOP_TIMEOUT + Duration::from_millis(10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_memory_is_set_aside_and_the_agent_begins_without() {
    let net = MemoryNet::new();
    let mut store = CellStore::default();
    store.save(b"{\"format\": 1, \"instan".to_vec()).await.expect("a cell");
    let _agent = start(&net, 1, &store);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(net.net().registered.len(), 2);
    let saved = store.load().expect("a cell").expect("saved anew");
    assert!(String::from_utf8_lossy(&saved).contains("\"web\""));
}

/// A disk that takes what it is given and never says that it has it.
struct HungDisk;

impl Store for HungDisk {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn save(&mut self, _blob: Vec<u8>) -> BoxFuture<'static, io::Result<()>> {
        Box::pin(std::future::pending())
    }
    fn set_aside(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_delays_no_renewal_and_the_end_by_a_bound() {
    let net = MemoryNet::new();
    let agent = start_with(&net, 1, HungDisk);
    sleep(Duration::from_secs(60)).await;
    assert!(net.count("renew web:1") >= 5, "{:?}", net.net().log);
    let begun = tokio::time::Instant::now();
    agent.signals.send(Signal::Stop).await.expect("it runs");
    assert_eq!(agent.task.await.expect("it ends"), Ended::Clean);
    assert_eq!(net.net().registered.len(), 0);
    let bound = sider_agent::limits::SAVE_AT_END_TIMEOUT + Duration::from_millis(500);
    assert!(begun.elapsed() <= bound, "{:?}", begun.elapsed());
}

/// A disk that is full for a while.
struct FullDisk(Arc<Mutex<(u32, CellStore)>>);

impl Store for FullDisk {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn save(&mut self, blob: Vec<u8>) -> BoxFuture<'static, io::Result<()>> {
        let mut disk = self.0.lock().expect("no panic under the lock");
        disk.0 += 1;
        if disk.0 <= 2 {
            return Box::pin(std::future::ready(Err(io::Error::from(io::ErrorKind::StorageFull))));
        }
        disk.1.save(blob)
    }
    fn set_aside(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_full_disk_did_not_take_is_saved_when_there_is_room() {
    let net = MemoryNet::new();
    let disk = Arc::new(Mutex::new((0, CellStore::default())));
    let agent = start_with(&net, 1, FullDisk(Arc::clone(&disk)));
    sleep(3 * sider_agent::limits::SAVE_RETRY_PAUSE).await;
    agent.task.abort();
    let saved = disk.lock().expect("no panic under the lock").1.load().expect("a cell").expect("there is room now");
    assert!(String::from_utf8_lossy(&saved).contains("\"web\""));
}
