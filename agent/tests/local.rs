//! The local view in virtual time: clients that do not read, and a host without free files.

mod memory_net;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use memory_net::{MemoryNet, Mood};
use sider_agent::config::{AgentConfig, Target};
use sider_agent::core::Measured;
use sider_agent::probe::Probe;
use sider_agent::store::CellStore;
use sider_agent::{Setup, limits};
use sider_client::seam::{BoxFuture, BoxStream, Listen};
use sider_registry::model::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

struct NoProbes;

impl Probe for NoProbes {
    fn run(&self, target: Target, _timeout: Duration) -> BoxFuture<'static, Measured> {
        panic!("nothing is to be looked at: {target:?}")
    }
}

fn start(local: impl Listen) -> mpsc::Sender<sider_agent::Signal> {
    start_on(&MemoryNet::new(), local)
}

fn start_on(net: &MemoryNet, local: impl Listen) -> mpsc::Sender<sider_agent::Signal> {
    let config = AgentConfig::parse(r#"{"services": [{"name": "web", "port": 80}]}"#).expect("is right");
    let (signals, received) = mpsc::channel(1);
    let setup = Setup {
        config: config.on_node(&Name::new("host-a").expect("a name")),
        dial: Arc::new(net.clone()),
        probes: Arc::new(NoProbes),
        store: Box::new(CellStore::default()),
        local: Some(Box::new(local)),
        seed: 1,
        on_registered: None,
    };
    tokio::spawn(sider_agent::run(setup, received));
    signals
}

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// A listener that hands out what it is sent.
struct Door(mpsc::Receiver<DuplexStream>);

impl Listen for Door {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async {
            let stream = self.0.recv().await.expect("the test holds the sender");
            Ok((Box::new(stream) as BoxStream, NOWHERE))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(NOWHERE)
    }
}

async fn ask(door: &mpsc::Sender<DuplexStream>, path: &str) -> DuplexStream {
    let (mut near, far) = duplex(256);
    door.send(far).await.expect("the agent runs");
    // Fails when the agent is full and has closed it.
    let _ = near.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes()).await;
    near
}

async fn answer(mut stream: DuplexStream) -> String {
    let mut text = String::new();
    // Fails when the agent is full and has closed it.
    let _ = timeout(Duration::from_secs(1), stream.read_to_string(&mut text)).await.expect("an answer or an end");
    text
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_read_lose_their_places() {
    let (door, streams) = mpsc::channel(1);
    let _agent = start(Door(streams));
    let mut idle = Vec::new();
    for _ in 0..limits::LOCAL_CONNECTIONS_MAX {
        idle.push(ask(&door, "/metrics").await);
    }
    assert_eq!(answer(ask(&door, "/livez").await).await, "", "all places are taken");
    sleep(limits::LOCAL_WRITE_TIMEOUT + Duration::from_secs(1)).await;
    assert!(answer(ask(&door, "/livez").await).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test(start_paused = true)]
async fn a_portals_page_is_no_answer_of_the_cluster() {
    let (door, streams) = mpsc::channel(1);
    let net = MemoryNet::new();
    net.set("127.0.0.1:8500", Mood::Portal);
    let _agent = start_on(&net, Door(streams));
    let text = answer(ask(&door, "/v1/health/service/web").await).await;
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("no Sider server gives"), "{text}");
}

/// No file is free: every accept fails at once.
struct Exhausted(Arc<AtomicUsize>);

impl Listen for Exhausted {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(io::Error::other("too many open files")) })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(NOWHERE)
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_fails_is_not_asked_without_end() {
    let tries = Arc::new(AtomicUsize::new(0));
    let _agent = start(Exhausted(Arc::clone(&tries)));
    sleep(Duration::from_secs(2)).await;
    let tries = tries.load(Ordering::Relaxed);
    assert!((2..=40).contains(&tries), "{tries} accepts in 2 s");
}
