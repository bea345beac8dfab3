//! Instances and checks, with everything that is derived from them: tags and their counts, who holds which instance id,
//! the number of checks by status. Each change of a record passes through here and takes its part of the state hash along.
//! Knows nothing of commands, and gives no index to anything: [`super::change`] does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::digest::Digest;
use crate::model::{
    Check, CheckKey, Index, Instance, InstanceId, InstanceKey, Namespace, ServiceKey, ServiceName, Status,
};

/// Every live record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records {
    services: BTreeMap<ServiceKey, Arc<Service>>,
    checks: BTreeMap<CheckKey, Arc<Check>>,
    catalogs: BTreeMap<Namespace, Catalog>,
    /// Which services of a namespace hold an instance of this id.
    holders: BTreeMap<(Namespace, InstanceId), Arc<BTreeSet<ServiceName>>>,
    instances: usize,
    /// Checks by status, in the order of [`Status::ALL`].
    statuses: [usize; 4],
    digest: Digest,
}

/// A service with at least one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Zero until the command that made the service is settled.
    pub(super) index: Index,
    pub(super) instances: BTreeMap<InstanceId, Arc<Instance>>,
    /// How many instances carry each tag.
    pub(super) tags: BTreeMap<String, usize>,
}

/// A namespace with at least one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Catalog {
    /// Zero until the command that made the namespace is settled.
    pub(super) index: Index,
    pub(super) services: usize,
}

/// Whether the list of names and tags of the namespace is another now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Projection {
    Moved,
    Same,
}

impl Records {
    pub(super) fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.services.get(key).map(Arc::as_ref)
    }

    pub(super) fn services(&self) -> impl Iterator<Item = (&ServiceKey, &Service)> {
        self.services.iter().map(|(key, service)| (key, service.as_ref()))
    }

    pub(super) fn services_of(&self, namespace: &Namespace) -> impl Iterator<Item = (&ServiceName, &Service)> {
        let first = ServiceKey { namespace: namespace.clone(), service: ServiceName::before_all() };
        let of_namespace = self.services.range(first..).take_while(move |(key, _)| key.namespace == *namespace);
        of_namespace.map(|(key, service)| (&key.service, service.as_ref()))
    }

    pub(super) fn catalogs(&self) -> &BTreeMap<Namespace, Catalog> {
        &self.catalogs
    }

    pub(super) fn instance(&self, key: &InstanceKey) -> Option<&Arc<Instance>> {
        self.services.get(&key.service_key())?.instances.get(&key.id)
    }

    pub(super) fn check(&self, key: &CheckKey) -> Option<&Arc<Check>> {
        self.checks.get(key)
    }

    pub(super) fn checks(&self) -> &BTreeMap<CheckKey, Arc<Check>> {
        &self.checks
    }

    /// The services of the namespace that hold an instance with this id.
    pub(super) fn holders(&self, namespace: &Namespace, id: &InstanceId) -> impl Iterator<Item = &ServiceName> {
        self.holders.get(&(namespace.clone(), id.clone())).into_iter().flat_map(|services| services.iter())
    }

    pub(super) fn service_count(&self) -> usize {
        self.services.len()
    }

    pub(super) fn instance_count(&self) -> usize {
        self.instances
    }

    pub(super) fn status_counts(&self) -> [usize; 4] {
        self.statuses
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Puts an instance in, in place of the one with its key.
    pub(super) fn put_instance(&mut self, instance: Arc<Instance>) -> Projection {
        let key = instance.spec.key.clone();
        let mut projection = Projection::Same;
        self.digest.add("instance", instance.as_ref());
        let service = self.services.entry(key.service_key()).or_insert_with(|| {
            self.catalogs.entry(key.namespace.clone()).or_default().services += 1;
            projection = Projection::Moved;
            Arc::default()
        });
        let service = Arc::make_mut(service);
        // The new tags are counted before the old ones go: a tag that stays is never at zero in between.
        for tag in &instance.spec.tags {
            let count = service.tags.entry(tag.clone()).or_default();
            *count += 1;
            if *count == 1 {
                projection = Projection::Moved;
            }
        }
        match service.instances.insert(key.id.clone(), instance) {
            Some(old) => {
                self.digest.remove("instance", old.as_ref());
                if service.uncount_tags(&old) == Projection::Moved {
                    projection = Projection::Moved;
                }
            }
            None => {
                self.instances += 1;
                let holders = self.holders.entry((key.namespace, key.id)).or_default();
                Arc::make_mut(holders).insert(key.service);
            }
        }
        projection
    }

    /// Takes an instance out that is there. Its checks are taken out one by one by whoever calls.
    pub(super) fn take_instance(&mut self, key: &InstanceKey) -> (Arc<Instance>, Projection) {
        let service = self.services.get_mut(&key.service_key()).expect("the caller found the instance");
        let service = Arc::make_mut(service);
        let instance = service.instances.remove(&key.id).expect("the caller found the instance");
        let mut projection = service.uncount_tags(&instance);
        if service.instances.is_empty() {
            projection = Projection::Moved;
        }
        self.digest.remove("instance", instance.as_ref());
        self.instances -= 1;
        let place = (key.namespace.clone(), key.id.clone());
        let holders = Arc::make_mut(self.holders.get_mut(&place).expect("every instance has a holder"));
        holders.remove(&key.service);
        if holders.is_empty() {
            self.holders.remove(&place);
        }
        (instance, projection)
    }

    /// Puts a check in, in place of the one with its key.
    pub(super) fn put_check(&mut self, check: Arc<Check>) {
        self.digest.add("check", check.as_ref());
        self.statuses[place(check.status)] += 1;
        if let Some(old) = self.checks.insert(check.key(), check) {
            self.forget_check(&old);
        }
    }

    /// Takes a check out that is there.
    pub(super) fn take_check(&mut self, key: &CheckKey) {
        let old = self.checks.remove(key).expect("the instance names only checks that are there");
        self.forget_check(&old);
    }

    fn forget_check(&mut self, old: &Check) {
        self.digest.remove("check", old);
        self.statuses[place(old.status)] -= 1;
    }

    /// Gives a service its index. False if it has no instance any more: then it is out.
    pub(super) fn settle_service(&mut self, key: &ServiceKey, index: Index) -> bool {
        let service =
            Arc::make_mut(self.services.get_mut(key).expect("a changed service is there until it is settled"));
        if service.index != Index::default() {
            assert!(service.index < index, "a service's index rises");
            self.digest.remove("service", &(key, service.index));
        }
        if service.instances.is_empty() {
            assert!(service.tags.is_empty(), "tags go with their instances");
            self.services.remove(key);
            let catalog = self.catalogs.get_mut(&key.namespace).expect("every service stands in a catalog");
            catalog.services -= 1;
            return false;
        }
        service.index = index;
        self.digest.add("service", &(key, index));
        true
    }

    /// Gives a namespace's catalog its index. False if it has no service any more: then it is out. After its services.
    pub(super) fn settle_catalog(&mut self, namespace: &Namespace, index: Index) -> bool {
        let catalog = self.catalogs.get_mut(namespace).expect("a changed catalog is there until it is settled");
        if catalog.index != Index::default() {
            assert!(catalog.index < index, "a catalog's index rises");
            self.digest.remove("catalog", &(namespace, catalog.index));
        }
        if catalog.services == 0 {
            self.catalogs.remove(namespace);
            return false;
        }
        catalog.index = index;
        self.digest.add("catalog", &(namespace, index));
        true
    }
}

impl Service {
    fn uncount_tags(&mut self, instance: &Instance) -> Projection {
        let mut projection = Projection::Same;
        for tag in &instance.spec.tags {
            let count = self.tags.get_mut(tag).expect("every tag of an instance is counted");
            *count -= 1;
            if *count == 0 {
                self.tags.remove(tag);
                projection = Projection::Moved;
            }
        }
        projection
    }
}

fn place(status: Status) -> usize {
    match status {
        Status::Critical => 0,
        Status::Unknown => 1,
        Status::Warning => 2,
        Status::Passing => 3,
    }
}
