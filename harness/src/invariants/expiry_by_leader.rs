//! TTL-4: only a server that leads proposes an expiry. A leader that has been deposed and has not heard of it may still
//! propose: its proposal cannot be committed, and the fence protects what it names.

use std::collections::BTreeMap;

use linearizability::history::Role;
use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};

/// See the module.
#[derive(Debug, Default)]
pub struct ExpiryByLeader {
    roles: BTreeMap<String, Role>,
}

impl Invariant for ExpiryByLeader {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        match fact.kind {
            FactKind::Role { role, .. } => {
                self.roles.insert(fact.node.clone(), role);
                None
            }
            FactKind::Expire { count } => {
                let role = self.roles.get(&fact.node).copied().unwrap_or(Role::Follower);
                (role != Role::Leader).then(|| {
                    let summary = format!("{} proposed {count} expiries as {role:?}", fact.node);
                    Finding::new(Property::Ttl4, fact.time, summary)
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{findings, role};
    use super::*;

    fn expire(node: &str) -> Fact {
        Fact { time: 1, node: node.into(), incarnation: 1, kind: FactKind::Expire { count: 2 } }
    }

    #[test]
    fn an_expiry_of_a_follower_is_found() {
        assert_eq!(findings(ExpiryByLeader::default(), &[role("n1", 1, 1, Role::Leader), expire("n1")]), []);
        assert_eq!(findings(ExpiryByLeader::default(), &[role("n1", 1, 1, Role::Follower), expire("n1")]).len(), 1);
    }
}
