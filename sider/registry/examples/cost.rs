//! What the registry costs with 10 000 instances: `cargo run --release -p sider-registry --example cost`.

#![expect(clippy::disallowed_types, reason = "it measures real time")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use sider_registry::command::CheckReport;
use sider_registry::model::{
    CheckId, CheckKey, CheckKind, CheckSpec, InstanceId, InstanceKey, InstanceSpec, Name, Namespace, ServiceName,
    Status, Timestamp, Weights,
};
use sider_registry::{Command, Registry, Request, snapshot};

const INSTANCES: usize = 10_000;

fn main() {
    for services in [1, 100, INSTANCES] {
        println!("{INSTANCES} instances with one ttl check each, in {services} services");
        measure(services);
    }
}

fn measure(services: usize) {
    let mut registry = Registry::new();
    let registers: Vec<Request> = (0..INSTANCES).map(|n| request(register(n, services, 80))).collect();
    each("register, new", &registers, |request| registry.apply(request));
    each("register, identical", &registers, |request| registry.apply(request));
    let moved: Vec<Request> = (0..INSTANCES).map(|n| request(register(n, services, 81))).collect();
    each("register, another port", &moved, |request| registry.apply(request));
    let passing: Vec<Request> = (0..INSTANCES).map(|n| request(report(n))).collect();
    each("report, another status", &passing, |request| registry.apply(request));
    each("report, the same status", &passing, |request| registry.apply(request));

    let copy = once("clone", || registry.clone());
    once("first report after it", || registry.apply(&request(down(0))));
    let bytes = once("encode the copy", || snapshot::encode(&copy));
    println!("  {:<26} {:>9} bytes, {} each", "snapshot", bytes.len(), bytes.len() / INSTANCES);
    let restored = once("decode", || snapshot::decode(&bytes)).expect("a snapshot that was just written");
    assert_eq!(restored.state_hash(), copy.state_hash());
    once("state hash", || registry.state_hash());
    once("state hash from scratch", || registry.recompute_hash());
}

fn each<T>(what: &str, requests: &[Request], mut apply: impl FnMut(&Request) -> T) {
    let begin = Instant::now();
    for request in requests {
        black_box(apply(request));
    }
    show(what, begin.elapsed() / u32::try_from(requests.len()).expect("few"));
}

fn once<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = black_box(run());
    show(what, begin.elapsed());
    result
}

fn show(what: &str, took: Duration) {
    println!("  {what:<26} {:>9.2} us", took.as_secs_f64() * 1e6);
}

fn request(command: Command) -> Request {
    Request { command, key: None, at: Timestamp(0) }
}

fn register(n: usize, services: usize, port: u16) -> Command {
    let key = InstanceKey {
        namespace: Namespace::default(),
        service: ServiceName::parse(format!("service-{}", n % services)).expect("a valid name"),
        id: InstanceId::parse(format!("instance-{n}")).expect("a valid name"),
    };
    let kind = CheckKind::Ttl { ttl: Duration::from_secs(15) };
    Command::Register {
        instance: InstanceSpec {
            key,
            node: Name::new("node1").expect("a valid name"),
            address: format!("10.0.{}.{}", n / 256, n % 256),
            port,
            tags: vec!["v1".to_owned(), "eu-west".to_owned()],
            meta: BTreeMap::from([("version".to_owned(), "1.2.3".to_owned())]),
            weights: Weights::default(),
        },
        checks: vec![CheckSpec { id: None, name: String::new(), kind, initial: None }],
    }
}

fn report(n: usize) -> Command {
    status(n, Status::Passing)
}

fn down(n: usize) -> Command {
    status(n, Status::Warning)
}

fn status(n: usize, status: Status) -> Command {
    let id = CheckId::parse(format!("service:instance-{n}")).expect("a valid id");
    let check = CheckKey { namespace: Namespace::default(), id };
    Command::Report { reports: vec![CheckReport { check, status, output: "alive".to_owned() }] }
}
