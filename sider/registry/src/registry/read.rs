//! What readers see. Everything here answers from one state: whoever holds the reference reads one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Registry;
use super::digest::Digest;
use crate::model::{Check, CheckKey, Index, Instance, InstanceKey, Namespace, ServiceKey, ServiceName, Status};

/// How much there is, for gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Namespaces with a service.
    pub namespaces: usize,
    /// Services with an instance.
    pub services: usize,
    /// Instances.
    pub instances: usize,
    /// Checks by status, worst first, as in [`Status::ALL`].
    pub checks: [(Status, usize); 4],
    /// Services that are gone and whose index is remembered one by one.
    pub tombstones: usize,
    /// Remembered idempotency keys.
    pub keys: usize,
}

impl Registry {
    /// The Index: how many commands have changed something that a reader sees. 0 for an empty registry.
    #[must_use]
    pub fn index(&self) -> Index {
        self.index
    }

    /// The Index of the last change to the service, at least 1. It outlives the last instance and never goes back. A
    /// service that was never there, or is forgotten, has the index of the oldest that is forgotten.
    #[must_use]
    pub fn service_index(&self, key: &ServiceKey) -> Index {
        self.records.service(key).map_or_else(|| self.services_gone.index(key), |service| service.index)
    }

    /// The Index of the last change to the namespace's list of service names and tags, at least 1. Otherwise like
    /// [`Self::service_index`].
    #[must_use]
    pub fn catalog_index(&self, namespace: &Namespace) -> Index {
        let catalog = self.records.catalogs().get(namespace);
        catalog.map_or_else(|| self.namespaces_gone.index(namespace), |catalog| catalog.index)
    }

    /// The instances of a service by id, each with its checks in the order of its registration.
    pub fn instances(&self, key: &ServiceKey) -> impl Iterator<Item = (&Instance, Vec<&Check>)> {
        let instances = self.records.service(key).into_iter().flat_map(|service| service.instances.values());
        instances.map(|instance| (instance.as_ref(), self.checks_of(instance).collect()))
    }

    /// One instance.
    #[must_use]
    pub fn instance(&self, key: &InstanceKey) -> Option<&Instance> {
        self.records.instance(key).map(|instance| instance.as_ref())
    }

    /// The checks of an instance of this registry, in the order of its registration.
    pub fn checks_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = &'a Check> {
        let namespace = &instance.spec.key.namespace;
        instance.checks.iter().map(|id| {
            let key = CheckKey { namespace: namespace.clone(), id: id.clone() };
            self.check(&key).expect("an instance names only checks that are there")
        })
    }

    /// Health of an instance of this registry: that of its worst check, passing without any.
    #[must_use]
    pub fn health(&self, instance: &Instance) -> Status {
        Status::worst(self.checks_of(instance).map(|check| check.status))
    }

    /// One check.
    #[must_use]
    pub fn check(&self, key: &CheckKey) -> Option<&Check> {
        self.records.check(key).map(|check| check.as_ref())
    }

    /// The services of a namespace, each with the tags of its instances.
    #[must_use]
    pub fn services(&self, namespace: &Namespace) -> BTreeMap<&ServiceName, BTreeSet<&str>> {
        let services = self.records.services_of(namespace);
        services.map(|(name, service)| (name, service.tags.keys().map(String::as_str).collect())).collect()
    }

    /// The namespaces that have a service, by name.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.records.catalogs().keys()
    }

    /// Every service that has an instance, with their number, by key. Costs O(services taken).
    pub fn instance_counts(&self) -> impl Iterator<Item = (&ServiceKey, usize)> {
        self.records.services().map(|(key, service)| (key, service.instances.len()))
    }

    /// Every check that has a deadline (type ttl, not critical), with its ttl and its ModifyIndex, by key.
    pub fn ttl_checks(&self) -> impl Iterator<Item = (CheckKey, Duration, Index)> {
        self.records.checks().iter().filter_map(|(key, check)| {
            let (ttl, modify_index) = check.deadline()?;
            Some((key.clone(), ttl, modify_index))
        })
    }

    /// How much there is. Costs O(1).
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counted = self.records.status_counts();
        Counts {
            namespaces: self.records.catalogs().len(),
            services: self.records.service_count(),
            instances: self.records.instance_count(),
            checks: std::array::from_fn(|n| (Status::ALL[n], counted[n])),
            tombstones: self.services_gone.len(),
            keys: self.window.len(),
        }
    }

    /// Hash of the whole state: equal on every server that has applied the same log (REP-1). Costs O(1).
    #[must_use]
    pub fn state_hash(&self) -> u128 {
        let mut scalars = Digest::default();
        let floors = (self.services_gone.floor(), self.namespaces_gone.floor());
        scalars.add("scalars", &(self.index, floors, self.window.next()));
        let gone = self.services_gone.digest().and(self.namespaces_gone.digest());
        scalars.and(self.records.digest()).and(gone).and(self.window.digest()).value()
    }

    /// [`Self::state_hash`] from scratch, from the records alone. Costs O(all).
    ///
    /// # Panics
    /// The state breaks an invariant, which it cannot unless this crate is wrong.
    #[must_use]
    pub fn recompute_hash(&self) -> u128 {
        let rebuilt = Self::from_parts(self.to_parts()).expect("a live state keeps its invariants");
        rebuilt.state_hash()
    }
}
