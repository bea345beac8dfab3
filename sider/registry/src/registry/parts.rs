//! The state in the form of a snapshot, and back. What comes back is verified whole: a snapshot whose checksum holds may
//! still have been written by a server that was wrong, and a wrong state must not spread.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::records::{Projection, Records};
use super::tombstones::Tombstones;
use super::window::{Remembered, Window};
use super::{Bounds, Registry};
use crate::model::{Check, CheckKey, Index, Instance, Namespace, ServiceKey};

/// Everything that a registry is, in one canonical order. What is derived from it is not here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parts {
    index: Index,
    instances: Vec<Arc<Instance>>,
    checks: Vec<Arc<Check>>,
    services: Vec<(ServiceKey, Index)>,
    catalogs: Vec<(Namespace, Index)>,
    services_gone: Gone<ServiceKey>,
    namespaces_gone: Gone<Namespace>,
    window: Vec<Arc<Remembered>>,
    window_next: u64,
}

/// [`Tombstones`] as parts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gone<K> {
    floor: Index,
    entries: Vec<(K, Index)>,
}

impl Registry {
    pub(crate) fn to_parts(&self) -> Parts {
        let instances = self.records.services().flat_map(|(_, service)| service.instances.values());
        Parts {
            index: self.index,
            instances: instances.cloned().collect(),
            checks: self.records.checks().values().cloned().collect(),
            services: self.records.services().map(|(key, service)| (key.clone(), service.index)).collect(),
            catalogs: self.records.catalogs().iter().map(|(key, catalog)| (key.clone(), catalog.index)).collect(),
            services_gone: Gone::of(&self.services_gone),
            namespaces_gone: Gone::of(&self.namespaces_gone),
            window: self.window.iter().cloned().collect(),
            window_next: self.window.next(),
        }
    }

    /// The registry of these parts, or the invariant that they break.
    pub(crate) fn from_parts(parts: Parts) -> Result<Self, String> {
        let index = parts.index;
        let records = records(index, parts.instances, parts.checks, &parts.services, &parts.catalogs)?;
        let live_service = |key: &ServiceKey| records.service(key).is_some();
        let services_gone = parts.services_gone.restored(index, "service", live_service)?;
        let live_namespace = |key: &Namespace| records.catalogs().contains_key(key);
        let namespaces_gone = parts.namespaces_gone.restored(index, "namespace", live_namespace)?;
        let window = restored_window(parts.window, parts.window_next)?;
        Ok(Self { index, records, services_gone, namespaces_gone, window, bounds: Bounds::default() })
    }
}

fn records(
    index: Index,
    instances: Vec<Arc<Instance>>,
    checks: Vec<Arc<Check>>,
    services: &[(ServiceKey, Index)],
    catalogs: &[(Namespace, Index)],
) -> Result<Records, String> {
    let mut records = Records::default();
    in_order("instances", instances.iter().map(|instance| &instance.spec.key))?;
    for instance in instances {
        changed_within(&instance.spec.key, instance.create_index, instance.modify_index, index)?;
        let (Projection::Moved | Projection::Same) = records.put_instance(instance);
    }
    in_order("checks", checks.iter().map(|check| (&check.instance.namespace, &check.id)))?;
    for check in checks {
        changed_within(&check.key(), check.create_index, check.modify_index, index)?;
        let holder = records.instance(&check.instance);
        if !holder.is_some_and(|instance| instance.checks.contains(&check.id)) {
            return Err(format!("check {} is not one of instance {}", check.key(), check.instance));
        }
        records.put_check(check);
    }
    every_check_is_there(&records)?;
    in_order("services", services.iter().map(|(key, _)| key))?;
    in_order("catalogs", catalogs.iter().map(|(key, _)| key))?;
    if services.len() != records.service_count() || catalogs.len() != records.catalogs().len() {
        return Err("the lists of services and namespaces are not those of the instances".to_owned());
    }
    for (key, at) in services {
        let Some(service) = records.service(key) else { return Err(format!("service {key} has no instance")) };
        let newest = service.instances.values().map(|instance| instance.modify_index).max().unwrap_or_default();
        if *at < newest || *at > index {
            return Err(format!("service {key} has index {at}, which is not from {newest} to {index}"));
        }
        records.settle_service(key, *at);
    }
    for (namespace, at) in catalogs {
        if !records.catalogs().contains_key(namespace) {
            return Err(format!("namespace {namespace} has no service"));
        }
        if *at == Index::default() || *at > index {
            return Err(format!("the catalog of {namespace} has index {at}, which is not from 1 to {index}"));
        }
        records.settle_catalog(namespace, *at);
    }
    Ok(records)
}

/// Every id that an instance names stands for a check of its own; together they are all checks.
fn every_check_is_there(records: &Records) -> Result<(), String> {
    let mut named = 0;
    for instance in records.services().flat_map(|(_, service)| service.instances.values()) {
        let key = &instance.spec.key;
        for id in &instance.checks {
            let check = records.check(&CheckKey { namespace: key.namespace.clone(), id: id.clone() });
            if check.is_none_or(|check| check.instance != *key) {
                return Err(format!("instance {key} names check {id}, which it does not have"));
            }
            named += 1;
        }
    }
    if named == records.checks().len() { Ok(()) } else { Err("an instance names a check twice".to_owned()) }
}

fn changed_within(what: &dyn std::fmt::Display, create: Index, modify: Index, index: Index) -> Result<(), String> {
    if Index::default() < create && create <= modify && modify <= index {
        return Ok(());
    }
    Err(format!("{what} was made at {create} and changed at {modify}, which is no order within 1 to {index}"))
}

/// One order, without repetition: equal states are equal bytes.
fn in_order<K: Ord>(what: &str, keys: impl Iterator<Item = K>) -> Result<(), String> {
    if keys.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(format!("the {what} are not in the order of their keys")) }
}

fn restored_window(entries: Vec<Arc<Remembered>>, next: u64) -> Result<Window, String> {
    let Some(first) = next.checked_sub(entries.len() as u64) else {
        return Err(format!("{} keys are remembered, but only {next} were ever given", entries.len()));
    };
    let mut window = Window::starting_at(first);
    for entry in entries {
        if entry.sequence != window.next() || window.recall(&entry.key).is_some() {
            return Err(format!("the remembered key {:?} is out of its order or stands twice", entry.key));
        }
        window.push(entry);
    }
    Ok(window)
}

impl<K: Ord + Clone + Serialize + std::fmt::Display> Gone<K> {
    fn of(tombstones: &Tombstones<K>) -> Self {
        let entries = tombstones.iter().map(|(key, index)| (key.clone(), index)).collect();
        Self { floor: tombstones.floor(), entries }
    }

    fn restored(self, now: Index, what: &str, live: impl Fn(&K) -> bool) -> Result<Tombstones<K>, String> {
        in_order("tombstones", self.entries.iter().map(|(key, _)| key))?;
        if self.floor > now {
            return Err(format!("the floor {} is above the Index {now}", self.floor));
        }
        let bound = self.entries.len();
        let mut tombstones = Tombstones::with_floor(self.floor);
        for (key, index) in self.entries {
            if live(&key) || index < self.floor || index > now || index == Index::default() {
                return Err(format!("{what} {key} has a tombstone at {index}, where there can be none"));
            }
            tombstones.bury(key, index, bound);
        }
        Ok(tombstones)
    }
}
