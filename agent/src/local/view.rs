//! This host's instances and checks, in the shapes of Consul's `/v1/agent/services` and `/v1/agent/checks`, with what only
//! the agent knows in fields that begin with `Sider`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sider_client::wire::DATACENTER;
use sider_client::wire::health::shown_status;
use sider_registry::model::{CheckKind, Status};

use crate::core::{Check, Core, Goal, Instance, status_name};
use crate::metrics::state_of;

/// Instances by id; by `namespace/service/id` where two share an id.
pub(super) fn services(core: &Core) -> Value {
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    for instance in core.instances() {
        *holders.entry(instance.key.id.0.as_str()).or_default() += 1;
    }
    let mut services = Map::new();
    for instance in core.instances() {
        let key = &instance.key;
        let id = key.id.0.as_str();
        let shared = holders.get(id).is_some_and(|count| *count > 1);
        let name = if shared { full_name(instance) } else { id.to_owned() };
        let mut shown = json!({
            "ID": id,
            "Service": key.service.0.as_str(),
            "Namespace": key.namespace.0.as_str(),
            "Datacenter": DATACENTER,
            "EnableTagOverride": false,
            "SiderState": state_of(instance),
        });
        if let Goal::Present { instance: spec, .. } = &instance.goal {
            shown["Tags"] = json!(spec.tags);
            shown["Meta"] = json!(spec.meta);
            shown["Address"] = json!(spec.address);
            shown["Port"] = json!(spec.port);
            shown["Weights"] = json!({"Passing": spec.weights.passing, "Warning": spec.weights.warning});
        }
        if let Some(reason) = &instance.refused {
            shown["SiderReason"] = json!(reason);
        }
        services.insert(name, shown);
    }
    Value::Object(services)
}

/// Checks by id; by `namespace/service/id#n` before the registration was answered.
pub(super) fn checks(core: &Core) -> Value {
    let mut checks = Map::new();
    for instance in core.instances() {
        for (n, check) in core.checks_of(instance).enumerate() {
            let name = match &check.id {
                Some(id) => id.as_str().to_owned(),
                None => format!("{}#{}", full_name(instance), n + 1),
            };
            checks.insert(name.clone(), shown(instance, check, &name));
        }
    }
    Value::Object(checks)
}

fn shown(instance: &Instance, check: &Check, name: &str) -> Value {
    let kind = match &check.config.spec.kind {
        CheckKind::Ttl { .. } => "ttl",
        CheckKind::Http { .. } => "http",
        CheckKind::Tcp { .. } => "tcp",
        CheckKind::Cmd { .. } => "cmd",
    };
    // Before the first verdict the registry has it as critical too.
    let (status, _) = shown_status(check.status.unwrap_or(Status::Critical));
    json!({
        "CheckID": name,
        "Name": check.config.spec.name,
        "Status": status_name(status),
        "Output": check.output,
        "ServiceID": instance.key.id.0.as_str(),
        "ServiceName": instance.key.service.0.as_str(),
        "Namespace": instance.key.namespace.0.as_str(),
        "Type": kind,
        "SiderMeasured": check.status.is_some(),
        "SiderAcknowledged": check.acknowledged.map(status_name),
    })
}

fn full_name(instance: &Instance) -> String {
    let key = &instance.key;
    format!("{}/{}/{}", key.namespace.0.as_str(), key.service.0.as_str(), key.id.0.as_str())
}
