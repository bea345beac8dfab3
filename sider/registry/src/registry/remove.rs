//! Deregistration: of one instance, or of every instance with an id at one index (LIN-4).

use super::Registry;
use super::change::Change;
use crate::command::{Outcome, Rejection};
use crate::model::{InstanceId, InstanceKey, Namespace};

impl Registry {
    pub(super) fn deregister(&mut self, key: &InstanceKey, change: &mut Change) -> Result<Outcome, Rejection> {
        if self.records.instance(key).is_none() {
            return Err(Rejection::UnknownInstance {
                namespace: key.namespace.to_string(),
                service: key.service.to_string(),
                id: key.id.to_string(),
            });
        }
        self.take_instance(key, change);
        Ok(Outcome::Deregistered { index: change.index, count: 1 })
    }

    pub(super) fn deregister_id(
        &mut self,
        namespace: &Namespace,
        id: &InstanceId,
        change: &mut Change,
    ) -> Result<Outcome, Rejection> {
        let holders = self.records.holders(namespace, id).cloned();
        let keys: Vec<InstanceKey> =
            holders.map(|service| InstanceKey { namespace: namespace.clone(), service, id: id.clone() }).collect();
        if keys.is_empty() {
            return Err(Rejection::UnknownId { namespace: namespace.to_string(), id: id.to_string() });
        }
        for key in &keys {
            self.take_instance(key, change);
        }
        let count = u32::try_from(keys.len()).expect("the number of instances is bounded");
        Ok(Outcome::Deregistered { index: change.index, count })
    }
}
