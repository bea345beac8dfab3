//! Random requests over few names, so that they meet: the same ids in several services, keys used twice, fences that stand.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{select, subsequence};
use sider_registry::command::{CheckReport, Expiry};
use sider_registry::model::{
    CheckId, CheckKey, CheckKind, CheckSpec, Index, InstanceId, InstanceKey, InstanceSpec, Name, Namespace,
    ServiceName, Status, Timestamp, Weights,
};
use sider_registry::registry::Bounds;
use sider_registry::{Command, Request};

pub const NAMESPACES: [&str; 2] = ["default", "test"];
pub const SERVICES: [&str; 3] = ["db", "mail", "web"];
const IDS: [&str; 3] = ["a", "b", "web"];
/// Chosen by clients; some have the form of derived ones.
const CHECK_IDS: [&str; 4] = ["up", "service:a", "service:b:2", "service:web/a"];
/// What reports and expiries aim at.
const TARGETS: [&str; 9] = [
    "up",
    "service:a",
    "service:b",
    "service:web",
    "service:a:1",
    "service:b:2",
    "service:web/a",
    "service:db/a",
    "nobody",
];

/// Bounds that short runs reach.
pub const TIGHT: Bounds =
    Bounds { instances: 8, instances_per_service: 3, tombstones: 2, keys: 3, bytes: usize::MAX, key_bytes: usize::MAX };

pub fn namespace(name: &str) -> Namespace {
    Namespace::parse(name).expect("a valid name")
}

pub fn requests(most: usize) -> impl Strategy<Value = Vec<Request>> {
    vec(request(), 1..most)
}

fn request() -> impl Strategy<Value = Request> {
    let key =
        prop_oneof![4 => Just(None), 1 => select(vec!["k1", "k2", "k3", "k4", "k5"]).prop_map(|k| Some(k.to_owned()))];
    (command(), key, 0..50_u64).prop_map(|(command, key, at)| Request { command, key, at: Timestamp(at) })
}

fn command() -> impl Strategy<Value = Command> {
    let register =
        (instance(), vec(check(), 0..4)).prop_map(|(instance, checks)| Command::Register { instance, checks });
    let deregister_id =
        (some_namespace(), instance_id()).prop_map(|(namespace, id)| Command::DeregisterId { namespace, id });
    prop_oneof![
        6 => register,
        3 => instance_key().prop_map(|key| Command::Deregister { key }),
        1 => deregister_id,
        6 => vec(report(), 0..4).prop_map(|reports| Command::Report { reports }),
        3 => vec(expiry(), 0..4).prop_map(|expiries| Command::Expire { expiries }),
    ]
}

fn some_namespace() -> impl Strategy<Value = Namespace> {
    prop_oneof![3 => Just(NAMESPACES[0]), 1 => Just(NAMESPACES[1])].prop_map(namespace)
}

fn instance_id() -> impl Strategy<Value = InstanceId> {
    select(IDS.to_vec()).prop_map(|id| InstanceId::parse(id).expect("a valid name"))
}

fn instance_key() -> impl Strategy<Value = InstanceKey> {
    let service = select(SERVICES.to_vec()).prop_map(|name| ServiceName::parse(name).expect("a valid name"));
    let parts = (some_namespace(), service, instance_id());
    parts.prop_map(|(namespace, service, id)| InstanceKey { namespace, service, id })
}

fn instance() -> impl Strategy<Value = InstanceSpec> {
    let tags = subsequence(vec!["v1".to_owned(), "v2".to_owned()], 0..=2);
    (instance_key(), tags, 0..2_u16, any::<bool>()).prop_map(|(key, tags, port, zone)| InstanceSpec {
        key,
        node: Name::new("n1").expect("a valid name"),
        address: String::new(),
        port,
        tags,
        meta: zone.then(|| ("zone".to_owned(), "a".to_owned())).into_iter().collect::<BTreeMap<_, _>>(),
        weights: Weights::default(),
    })
}

fn check() -> impl Strategy<Value = CheckSpec> {
    let id = prop_oneof![3 => Just(None), 1 => select(CHECK_IDS.to_vec()).prop_map(Some)];
    let ttl = (1..3_u64).prop_map(|s| CheckKind::Ttl { ttl: Duration::from_secs(s) });
    let tcp = Just(CheckKind::Tcp { target: None, interval: Duration::from_secs(1), timeout: Duration::from_secs(1) });
    let initial = prop_oneof![2 => Just(None), 1 => status().prop_map(Some)];
    (id, prop_oneof![3 => ttl, 1 => tcp], initial).prop_map(|(id, kind, initial)| CheckSpec {
        id: id.map(|id| CheckId::parse(id).expect("a valid id")),
        name: String::new(),
        kind,
        initial,
    })
}

fn status() -> impl Strategy<Value = Status> {
    select(Status::ALL.to_vec())
}

fn check_key() -> impl Strategy<Value = CheckKey> {
    let id = select(TARGETS.to_vec()).prop_map(|id| CheckId::parse(id).expect("a valid id"));
    (some_namespace(), id).prop_map(|(namespace, id)| CheckKey { namespace, id })
}

fn report() -> impl Strategy<Value = CheckReport> {
    (check_key(), status(), "[ab]{0,2}").prop_map(|(check, status, output)| CheckReport { check, status, output })
}

fn expiry() -> impl Strategy<Value = Expiry> {
    (check_key(), 0..30_u64).prop_map(|(check, seen)| Expiry { check, seen: Index(seen) })
}
