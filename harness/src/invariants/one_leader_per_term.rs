//! MEM-1: at most one server leads a term. The same server may lead its term again after a restart only with a new vote,
//! which is a new term: `enable_leader_restore` is off (see `scenarios/regressions/same-term-restore.toml`).

use std::collections::BTreeMap;

use linearizability::history::Role;
use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};

/// See the module.
#[derive(Debug, Default)]
pub struct OneLeaderPerTerm {
    /// Who led which term, in which incarnation.
    led: BTreeMap<u64, (String, u64)>,
}

impl Invariant for OneLeaderPerTerm {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        let FactKind::Role { term, role: Role::Leader } = fact.kind else { return None };
        let now = (fact.node.clone(), fact.incarnation);
        let first = self.led.entry(term).or_insert_with(|| now.clone());
        (*first != now).then(|| {
            let summary = format!(
                "{} (start {}) leads term {term}, which {} (start {}) led before",
                now.0, now.1, first.0, first.1
            );
            Finding::new(Property::Mem1, fact.time, summary)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{findings, role};
    use super::*;

    #[test]
    fn two_leaders_of_one_term_are_found_and_one_that_is_seen_twice_is_not() {
        let fine = [role("n1", 1, 1, Role::Leader), role("n1", 1, 1, Role::Leader), role("n2", 1, 2, Role::Leader)];
        assert_eq!(findings(OneLeaderPerTerm::default(), &fine), []);
        let two = [role("n1", 1, 3, Role::Leader), role("n2", 1, 3, Role::Leader)];
        assert_eq!(findings(OneLeaderPerTerm::default(), &two).len(), 1);
    }

    #[test]
    fn a_leader_that_is_restored_into_its_own_term_is_found() {
        let restored = [role("n1", 1, 3, Role::Leader), role("n1", 2, 3, Role::Leader)];
        assert_eq!(findings(OneLeaderPerTerm::default(), &restored).len(), 1);
    }
}
