//! What the registry holds, in Consul's shapes.

use sider_client::duration;
use sider_client::wire::health::shown_status;
use sider_client::wire::{
    CheckDefinition, DATACENTER, DEFAULT_NAMESPACE, HealthCheck, NodeInfo, ServiceEntry, ServiceInfo, WeightsInfo,
};
use sider_registry::model::{Check, CheckKind, Instance};

/// One instance with its checks.
pub(super) fn entry(instance: &Instance, checks: &[&Check]) -> ServiceEntry {
    let spec = &instance.spec;
    let node = NodeInfo {
        id: String::new(),
        node: spec.node.as_str().to_owned(),
        address: spec.address.clone(),
        datacenter: DATACENTER.to_owned(),
        meta: Default::default(),
    };
    let namespace = spec.key.namespace.0.as_str();
    let service = ServiceInfo {
        id: spec.key.id.0.as_str().to_owned(),
        service: spec.key.service.0.as_str().to_owned(),
        tags: spec.tags.clone(),
        address: spec.address.clone(),
        meta: spec.meta.clone(),
        port: spec.port,
        weights: WeightsInfo { passing: spec.weights.passing, warning: spec.weights.warning },
        enable_tag_override: false,
        namespace: (namespace != DEFAULT_NAMESPACE).then(|| namespace.to_owned()),
        create_index: instance.create_index,
        modify_index: instance.modify_index,
    };
    let mut checks: Vec<HealthCheck> = checks.iter().map(|check| self::check(instance, check)).collect();
    checks.sort_by(|a, b| a.check_id.cmp(&b.check_id));
    ServiceEntry { node, service, checks }
}

fn check(instance: &Instance, check: &Check) -> HealthCheck {
    let spec = &instance.spec;
    let (status, sider_status) = shown_status(check.status);
    let (interval, timeout) = match &check.kind {
        CheckKind::Ttl { .. } => (String::new(), String::new()),
        CheckKind::Http { interval, timeout, .. }
        | CheckKind::Tcp { interval, timeout, .. }
        | CheckKind::Cmd { interval, timeout, .. } => (duration::format(*interval), duration::format(*timeout)),
    };
    HealthCheck {
        node: spec.node.as_str().to_owned(),
        check_id: check.id.as_str().to_owned(),
        name: check.name.clone(),
        status,
        sider_status,
        notes: String::new(),
        output: check.output.clone(),
        service_id: spec.key.id.0.as_str().to_owned(),
        service_name: spec.key.service.0.as_str().to_owned(),
        service_tags: spec.tags.clone(),
        kind: check.kind.type_name().to_owned(),
        interval,
        timeout,
        definition: CheckDefinition::default(),
        create_index: check.create_index,
        modify_index: check.modify_index,
    }
}
