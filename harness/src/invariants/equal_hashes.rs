//! REP-1: the state machine is a pure function of the log, so equal positions have equal state hashes: on every server,
//! after every restart, and after an installed snapshot.

use std::collections::BTreeMap;

use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};

/// See the module.
#[derive(Debug, Default)]
pub struct EqualHashes {
    /// First seen at each position: hash, and by whom.
    seen: BTreeMap<u64, (String, String)>,
}

impl Invariant for EqualHashes {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        let FactKind::Applied { log, hash, .. } = &fact.kind else { return None };
        let (first, by) = self.seen.entry(*log).or_insert_with(|| (hash.clone(), fact.node.clone()));
        (first != hash).then(|| {
            let summary = format!("at log {log} the state of {} has hash {hash}, that of {by} {first}", fact.node);
            Finding::new(Property::Rep1, fact.time, summary)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{applied, findings};
    use super::*;

    #[test]
    fn different_states_at_one_position_are_found() {
        let equal = [applied("n1", 1, 5, 3, "aa"), applied("n2", 1, 5, 3, "aa"), applied("n1", 2, 5, 3, "aa")];
        assert_eq!(findings(EqualHashes::default(), &equal), []);
        let different = [applied("n1", 1, 5, 3, "aa"), applied("n2", 1, 5, 3, "bb")];
        assert_eq!(findings(EqualHashes::default(), &different).len(), 1);
    }
}
