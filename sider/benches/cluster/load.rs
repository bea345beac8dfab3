//! Clients that ask one thing as fast as they are answered.

use std::sync::Arc;
use std::time::Duration;

use sider_client::client::{Client, Consistency, Outcome, Query};
use sider_client::wire::{CheckRegistration, RegisterRequest};
use sider_registry::model::{InstanceId, InstanceKey, InstanceSpec, Name, Namespace, ServiceName, Weights};
use tokio::time::Instant;

use crate::processes::Cluster;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// A constant answer: what HTTP alone costs here.
    Constant,
    /// A new instance each time round 10 000 ids.
    Register,
    /// A renewal of a passing ttl check.
    Renew,
    /// A service of ten instances.
    Read {
        /// From the local state.
        stale: bool,
    },
}

/// What came of it.
pub struct Rate {
    pub done: usize,
    pub failed: usize,
    pub took: Duration,
    latencies: Vec<Duration>,
}

impl Rate {
    /// The latency that so many percent stay below.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Runs `clients` clients for `during`, on the leader (reads: round the servers).
pub async fn run(cluster: &Cluster, load: Load, clients: usize, during: Duration) -> Rate {
    let leader = cluster.leader().await;
    prepare(&cluster.client(leader)).await;
    let servers = cluster.running();
    let begun = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|number| {
            let server = if matches!(load, Load::Read { .. }) { servers[number % servers.len()] } else { leader };
            tokio::spawn(one(Arc::new(cluster.client(server)), load, number, begun + during))
        })
        .collect();
    let mut rate = Rate { done: 0, failed: 0, took: Duration::ZERO, latencies: Vec::new() };
    for task in tasks {
        let (latencies, failed) = task.await.expect("a client that does not panic");
        rate.done += latencies.len();
        rate.failed += failed;
        rate.latencies.extend(latencies);
    }
    rate.took = begun.elapsed();
    rate.latencies.sort();
    rate
}

/// Time until a write is acknowledged by somebody who still runs.
pub async fn until_acknowledged(cluster: &Cluster, killed: usize) -> Duration {
    let begun = Instant::now();
    let others: Vec<Client> =
        cluster.running().into_iter().filter(|n| *n != killed).map(|n| cluster.client(n)).collect();
    for try_number in 0..10_000 {
        let client = &others[try_number % others.len()];
        let request = registration("failover", &format!("i{try_number}"), Vec::new());
        if matches!(client.register(&request, None).await, Outcome::Ok(_)) {
            return begun.elapsed();
        }
    }
    panic!("no write was acknowledged in 10000 tries");
}

async fn prepare(client: &Client) {
    for n in 0..10 {
        let ttl = CheckRegistration {
            kind: "ttl",
            ttl: Some("1h".to_owned()),
            status: Some(sider_registry::model::Status::Passing),
            ..CheckRegistration::default()
        };
        let outcome = client.register(&registration("ten", &format!("ten-{n}"), vec![ttl]), None).await;
        assert!(matches!(outcome, Outcome::Ok(_)), "{outcome:?}");
    }
}

async fn one(client: Arc<Client>, load: Load, number: usize, until: Instant) -> (Vec<Duration>, usize) {
    let (mut latencies, mut failed) = (Vec::new(), 0);
    for round in 0.. {
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        if ask(&client, load, number, round).await {
            latencies.push(begun.elapsed());
        } else {
            failed += 1;
        }
    }
    (latencies, failed)
}

async fn ask(client: &Client, load: Load, number: usize, round: usize) -> bool {
    match load {
        Load::Constant => crate::processes::get(client, "/livez").await,
        Load::Register => {
            let mut request =
                registration(&format!("svc-{}", round % 100), &format!("i-{number}-{}", round % 150), Vec::new());
            request.meta.insert("round".to_owned(), round.to_string());
            matches!(client.register(&request, None).await, Outcome::Ok(_))
        }
        Load::Renew => {
            let check = format!("service:ten-{}", number % 10);
            matches!(client.renew("default", &check, None).await, Outcome::Ok(_))
        }
        Load::Read { stale } => {
            let consistency = if stale { Consistency::Stale } else { Consistency::Default };
            let query = Query { consistency, ..Query::default() };
            client.read("ten", &query).await.is_ok_and(|read| read.body.len() == 10)
        }
    }
}

fn registration(service: &str, id: &str, checks: Vec<CheckRegistration>) -> RegisterRequest {
    let spec = InstanceSpec {
        key: InstanceKey {
            namespace: Namespace::default(),
            service: ServiceName::parse(service).expect("a valid name"),
            id: InstanceId::parse(id).expect("a valid id"),
        },
        node: Name::new("bench").expect("a valid name"),
        address: "10.0.0.1".to_owned(),
        port: 8080,
        tags: vec!["v1".to_owned()],
        meta: [("zone".to_owned(), "a".repeat(200))].into(),
        weights: Weights::default(),
    };
    RegisterRequest { checks, ..RegisterRequest::new(&spec, &[]) }
}
