//! Registration. An identical one changes nothing and takes no index.

use super::Registry;
use super::change::Change;
use crate::command::{Outcome, Rejection};
use crate::limits;
use crate::model::{Check, CheckId, CheckKey, CheckSpec, Instance, InstanceSpec, Status};

impl Registry {
    pub(super) fn register(
        &mut self,
        spec: &InstanceSpec,
        checks: &[CheckSpec],
        change: &mut Change,
    ) -> Result<Outcome, Rejection> {
        within("the list of checks of one instance", checks.len(), limits::CHECKS_PER_INSTANCE_MAX)?;
        let old = self.records.instance(&spec.key).cloned();
        if old.is_none() {
            self.admit(spec)?;
        }
        let (check_ids, qualified) = self.check_ids(&spec.key, checks)?;
        let written: Vec<Check> = (check_ids.iter().zip(checks))
            .filter_map(|(id, check)| self.check_to_write(spec, id, check, change))
            .collect();
        let same = |old: &Instance| old.spec == *spec && old.checks == check_ids && written.is_empty();
        if old.as_deref().is_some_and(same) {
            return Ok(Outcome::Registered { index: self.index, changed: false, check_ids });
        }

        within("the registry, in bytes", self.records.digest().bytes() + 1, self.bounds.bytes)?;

        let kept = |id: &&CheckId| !check_ids.contains(id);
        for gone in old.iter().flat_map(|old| old.checks.iter()).filter(kept) {
            self.take_check(CheckKey { namespace: spec.key.namespace.clone(), id: gone.clone() }, change);
        }
        for check in written {
            self.put_check(check, change);
        }
        let create_index = old.map_or(change.index, |old| old.create_index);
        let checks = check_ids.clone();
        let modify_index = change.index;
        self.put_instance(Instance { spec: spec.clone(), checks, qualified, create_index, modify_index }, change);
        Ok(Outcome::Registered { index: change.index, changed: true, check_ids })
    }

    /// Whether there is room for a new instance.
    fn admit(&self, spec: &InstanceSpec) -> Result<(), Rejection> {
        let service = spec.key.service_key();
        let of_service = self.records.service(&service).map_or(0, |service| service.instances.len());
        within("the registry", self.records.instance_count() + 1, self.bounds.instances)?;
        within(&format!("service {service}"), of_service + 1, self.bounds.instances_per_service)
    }

    /// The record of a check as this registration makes it; none if it stands like that already.
    fn check_to_write(&self, spec: &InstanceSpec, id: &CheckId, asked: &CheckSpec, change: &Change) -> Option<Check> {
        let name = match asked.name.as_str() {
            "" => format!("Service '{}' check", spec.key.service),
            given => given.to_owned(),
        };
        let key = CheckKey { namespace: spec.key.namespace.clone(), id: id.clone() };
        let old = self.records.check(&key).filter(|old| old.kind.type_name() == asked.kind.type_name());
        match old {
            Some(old) if old.name == name && old.kind == asked.kind => None,
            Some(old) => {
                Some(Check { name, kind: asked.kind.clone(), modify_index: change.index, ..old.as_ref().clone() })
            }
            None => Some(Check {
                id: id.clone(),
                instance: spec.key.clone(),
                name,
                kind: asked.kind.clone(),
                status: asked.initial.unwrap_or(Status::Critical),
                output: String::new(),
                changed_at: change.at,
                create_index: change.index,
                modify_index: change.index,
            }),
        }
    }
}

/// Refuses what would pass a bound.
pub(super) fn within(what: &str, wanted: usize, bound: usize) -> Result<(), Rejection> {
    if wanted <= bound {
        return Ok(());
    }
    Err(Rejection::Full { what: what.to_owned(), limit: bound as u64 })
}
