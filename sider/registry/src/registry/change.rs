//! One command's changes: all of them share one Index, and whoever waits hears of each once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Registry;
use super::records::Projection;
use crate::command::Event;
use crate::model::{Check, CheckKey, Index, Instance, InstanceKey, Namespace, ServiceKey, Timestamp};

/// What a command changes, before it is settled.
#[derive(Debug)]
pub(super) struct Change {
    /// The Index of everything that is changed, if anything is.
    pub(super) index: Index,
    /// When it was proposed.
    pub(super) at: Timestamp,
    services: BTreeSet<ServiceKey>,
    catalogs: BTreeSet<Namespace>,
    /// Checks that were written, each with the deadline it had before the command.
    deadlines: BTreeMap<CheckKey, Option<(Duration, Index)>>,
}

impl Change {
    /// Nothing yet, after a registry at `index`.
    pub(super) fn after(index: Index, at: Timestamp) -> Self {
        let index = Index(index.0 + 1);
        Self { index, at, services: BTreeSet::new(), catalogs: BTreeSet::new(), deadlines: BTreeMap::new() }
    }

    /// Nothing was changed.
    pub(super) fn is_empty(&self) -> bool {
        self.services.is_empty() && self.catalogs.is_empty() && self.deadlines.is_empty()
    }

    fn touch(&mut self, instance: &InstanceKey, projection: Projection) {
        self.services.insert(instance.service_key());
        if projection == Projection::Moved {
            self.catalogs.insert(instance.namespace.clone());
        }
    }
}

impl Registry {
    /// Writes an instance.
    pub(super) fn put_instance(&mut self, instance: Instance, change: &mut Change) {
        assert_eq!(instance.modify_index, change.index, "a changed instance carries the Index of its change");
        let key = instance.spec.key.clone();
        let projection = self.records.put_instance(Arc::new(instance));
        change.touch(&key, projection);
    }

    /// Takes out an instance that is there, with its checks.
    pub(super) fn take_instance(&mut self, key: &InstanceKey, change: &mut Change) {
        let (instance, projection) = self.records.take_instance(key);
        change.touch(key, projection);
        for id in &instance.checks {
            self.take_check(CheckKey { namespace: key.namespace.clone(), id: id.clone() }, change);
        }
    }

    /// Writes a check. The instance is written by the same command: a reader sees both.
    pub(super) fn put_check(&mut self, check: Check, change: &mut Change) {
        assert_eq!(check.modify_index, change.index, "a changed check carries the Index of its change");
        self.note_deadline(check.key(), change);
        self.records.put_check(Arc::new(check));
    }

    /// Takes out a check that is there.
    pub(super) fn take_check(&mut self, key: CheckKey, change: &mut Change) {
        self.note_deadline(key.clone(), change);
        self.records.take_check(&key);
    }

    fn note_deadline(&self, key: CheckKey, change: &mut Change) {
        let before = self.records.check(&key).and_then(|check| check.deadline());
        change.deadlines.entry(key).or_insert(before);
    }

    /// Gives the change its Index, if it changed anything, and tells of it.
    pub(super) fn settle(&mut self, change: Change) -> Vec<Event> {
        if change.is_empty() {
            return Vec::new();
        }
        assert!(!change.services.is_empty(), "whatever a reader can see belongs to a service");
        let index = change.index;
        assert_eq!(index.0, self.index.0 + 1, "one command takes one Index");
        self.index = index;
        let mut events = Vec::with_capacity(change.services.len() + change.catalogs.len() + change.deadlines.len());
        for service in change.services {
            if self.records.settle_service(&service, index) {
                self.services_gone.raise(&service);
            } else {
                self.services_gone.bury(service.clone(), index, self.bounds.tombstones);
            }
            events.push(Event::Service { service, index });
        }
        for namespace in change.catalogs {
            if self.records.settle_catalog(&namespace, index) {
                self.namespaces_gone.raise(&namespace);
            } else {
                self.namespaces_gone.bury(namespace.clone(), index, self.bounds.tombstones);
            }
            events.push(Event::Catalog { namespace, index });
        }
        for (check, before) in change.deadlines {
            let now = self.records.check(&check).and_then(|record| record.deadline());
            match now {
                Some((ttl, modify_index)) if now != before => events.push(Event::TtlArmed { check, ttl, modify_index }),
                None if before.is_some() => events.push(Event::TtlDisarmed { check }),
                _ => {}
            }
        }
        events
    }
}
