//! REP-2: the term of a server never goes back, restarts included, since its vote is synced before it counts. A server whose
//! disk was emptied is another server: it begins again in term 0. One that merely forgot its vote is not.

use std::collections::BTreeMap;

use linearizability::history::Role;
use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};

/// See the module.
#[derive(Debug, Default)]
pub struct TermsRise {
    last: BTreeMap<String, u64>,
}

impl Invariant for TermsRise {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        if fact.kind == FactKind::Wiped {
            self.last.remove(&fact.node);
            return None;
        }
        let FactKind::Role { term, role } = fact.kind else { return None };
        if role == Role::Stopped {
            return None;
        }
        let before = self.last.insert(fact.node.clone(), term).unwrap_or(0);
        (term < before).then(|| {
            Finding::new(
                Property::Rep2,
                fact.time,
                format!("the term of {} went back from {before} to {term}", fact.node),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fact, findings, role};
    use super::*;

    #[test]
    fn a_term_that_goes_back_over_a_restart_is_found() {
        let fine =
            [role("n1", 1, 1, Role::Follower), role("n1", 1, 2, Role::Candidate), role("n1", 2, 2, Role::Follower)];
        assert_eq!(findings(TermsRise::default(), &fine), []);
        let back = [role("n1", 1, 4, Role::Follower), role("n1", 2, 3, Role::Follower)];
        assert_eq!(findings(TermsRise::default(), &back).len(), 1);
    }

    #[test]
    fn only_a_server_whose_disk_was_emptied_begins_again() {
        let begins = [role("n1", 2, 0, Role::Learner), role("n1", 2, 1, Role::Learner)];
        let last = role("n1", 1, 4, Role::Follower);
        let wiped = [&[last.clone(), fact("n1", FactKind::Wiped)], &begins[..]].concat();
        assert_eq!(findings(TermsRise::default(), &wiped), []);
        assert_eq!(findings(TermsRise::default(), &[&[last], &begins[..]].concat()).len(), 1);
    }
}
