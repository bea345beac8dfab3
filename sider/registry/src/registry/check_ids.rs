//! Which ids the checks of an instance get (SPEC section 2): the client's, or ids derived from the instance's key, so that
//! the same registration gives the same ids on every server and after every restart.

use std::collections::BTreeSet;

use super::Registry;
use crate::command::Rejection;
use crate::model::{CheckId, CheckKey, CheckSpec, InstanceKey};

impl Registry {
    /// The ids of `checks`, in order, and whether derived ones name the service too.
    pub(super) fn check_ids(&self, key: &InstanceKey, checks: &[CheckSpec]) -> Result<(Vec<CheckId>, bool), Rejection> {
        let qualified = match self.records.instance(key) {
            // Once chosen, the form stays: a renewer that knows the id must not lose it by registering again.
            Some(instance) => instance.qualified,
            None => self.plain_form_is_held(key, checks),
        };
        let ids = ids(key, checks, qualified);
        let mut seen = BTreeSet::new();
        for id in &ids {
            if !seen.insert(id) {
                return Err(Rejection::CheckIdTwice { id: id.to_string() });
            }
            if let Some(holder) = self.other_holder(key, id) {
                return Err(Rejection::CheckIdTaken {
                    id: id.to_string(),
                    service: holder.service.to_string(),
                    holder: holder.id.to_string(),
                });
            }
        }
        Ok((ids, qualified))
    }

    /// Whether the plain form belongs to another instance: to one of the same id in another service, even if it has no
    /// checks yet, or to one whose client chose an id of that form.
    fn plain_form_is_held(&self, key: &InstanceKey, checks: &[CheckSpec]) -> bool {
        let by_id = self.records.holders(&key.namespace, &key.id).any(|service| {
            let other = InstanceKey { service: service.clone(), ..key.clone() };
            self.records.instance(&other).is_some_and(|instance| other != *key && !instance.qualified)
        });
        let derived = checks.iter().zip(ids(key, checks, false)).filter(|(spec, _)| spec.id.is_none());
        by_id || derived.into_iter().any(|(_, id)| self.other_holder(key, &id).is_some())
    }

    /// The other instance that holds this check id.
    fn other_holder(&self, key: &InstanceKey, id: &CheckId) -> Option<&InstanceKey> {
        let check = self.records.check(&CheckKey { namespace: key.namespace.clone(), id: id.clone() })?;
        (check.instance != *key).then_some(&check.instance)
    }
}

fn ids(key: &InstanceKey, checks: &[CheckSpec], qualified: bool) -> Vec<CheckId> {
    let prefix = if qualified { format!("service:{}/{}", key.service, key.id) } else { format!("service:{}", key.id) };
    let derive = |n: usize| match checks.len() {
        1 => CheckId::derived(prefix.clone()),
        _ => CheckId::derived(format!("{prefix}:{}", n + 1)),
    };
    checks.iter().enumerate().map(|(n, spec)| spec.id.clone().unwrap_or_else(|| derive(n))).collect()
}
