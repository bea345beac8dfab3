//! The commands that the models write, and the names in them. Knows nothing of any model.

use std::collections::BTreeMap;
use std::time::Duration;

use sider_registry::Command;
use sider_registry::Registry;
use sider_registry::command::{CheckReport, Expiry};
use sider_registry::model::{
    Check, CheckId, CheckKey, CheckKind, CheckSpec, Index, Instance, InstanceId, InstanceKey, InstanceSpec, Name,
    Namespace, ServiceKey, ServiceName, Status, Weights,
};

/// The service of that name in the default namespace.
///
/// # Panics
/// The name is not one.
#[must_use]
pub fn service(name: &str) -> ServiceKey {
    let service = ServiceName::parse(name).expect("a name of a model is valid");
    ServiceKey { namespace: Namespace::default(), service }
}

/// Its only instance.
fn instance(service_name: &str) -> InstanceKey {
    let ServiceKey { namespace, service } = service(service_name);
    InstanceKey { namespace, service, id: InstanceId::parse("1").expect("a name of a model is valid") }
}

/// The only check of that instance.
///
/// # Panics
/// The name is not one.
#[must_use]
pub fn check(service: &str) -> CheckKey {
    let id = CheckId::parse(service).expect("a name of a model is valid");
    CheckKey { namespace: Namespace::default(), id }
}

/// Registers the service's only instance with one passing ttl check.
#[must_use]
pub fn register(service: &str, ttl: Duration) -> Command {
    let spec = InstanceSpec {
        key: instance(service),
        node: Name::new("node").expect("a name of a model is valid"),
        address: String::new(),
        port: 0,
        tags: Vec::new(),
        meta: BTreeMap::new(),
        weights: Weights::default(),
    };
    let kind = CheckKind::Ttl { ttl };
    let id = Some(check(service).id);
    let check = CheckSpec { id, name: String::new(), kind, initial: Some(Status::Passing) };
    Command::Register { instance: spec, checks: vec![check] }
}

/// Takes the service's only instance out.
#[must_use]
pub fn deregister(service: &str) -> Command {
    Command::Deregister { key: instance(service) }
}

/// Reports a status of its check.
#[must_use]
pub fn report(service: &str, status: Status) -> Command {
    Command::Report { reports: vec![CheckReport { check: check(service), status, output: String::new() }] }
}

/// Expires its check, if its ModifyIndex is still `seen`.
#[must_use]
pub fn expire(service: &str, seen: Index) -> Command {
    Command::Expire { expiries: vec![Expiry { check: check(service), seen }] }
}

/// The whole body that a reader of the service gets.
#[must_use]
pub fn body(registry: &Registry, key: &ServiceKey) -> Vec<(Instance, Vec<Check>)> {
    let instances = registry.instances(key);
    instances.map(|(instance, checks)| (instance.clone(), checks.into_iter().cloned().collect())).collect()
}
