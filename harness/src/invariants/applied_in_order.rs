//! REP-2 and W-3: within one start a server applies position after position (a snapshot may skip some), and its Index never
//! goes back.

use std::collections::BTreeMap;

use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};

/// See the module.
#[derive(Debug, Default)]
pub struct AppliedInOrder {
    /// Last position and Index of each server, in which start.
    last: BTreeMap<String, (u64, u64, u64)>,
}

impl Invariant for AppliedInOrder {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        let FactKind::Applied { log, index, kind, .. } = &fact.kind else { return None };
        let before = self.last.insert(fact.node.clone(), (fact.incarnation, *log, *index));
        let (_, last_log, last_index) = before.filter(|(incarnation, ..)| *incarnation == fact.incarnation)?;
        let install = kind == "install";
        if *log <= last_log || (!install && *log != last_log + 1) {
            let summary = format!("{} applied log {log} right after log {last_log}", fact.node);
            return Some(Finding::new(Property::Rep2, fact.time, summary));
        }
        (*index < last_index).then(|| {
            let summary = format!("the Index of {} went back from {last_index} to {index} at log {log}", fact.node);
            Finding::new(Property::W3, fact.time, summary)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{applied, findings};
    use super::*;

    fn ids(facts: &[Fact]) -> Vec<&'static str> {
        findings(AppliedInOrder::default(), facts).iter().map(Finding::id).collect()
    }

    #[test]
    fn gaps_repetitions_and_an_index_that_goes_back_are_found() {
        assert_eq!(ids(&[applied("n1", 1, 1, 1, ""), applied("n1", 1, 2, 1, ""), applied("n1", 2, 1, 1, "")]), [""; 0]);
        assert_eq!(ids(&[applied("n1", 1, 1, 1, ""), applied("n1", 1, 3, 2, "")]), ["REP-2"]);
        assert_eq!(ids(&[applied("n1", 1, 2, 1, ""), applied("n1", 1, 2, 2, "")]), ["REP-2"]);
        assert_eq!(ids(&[applied("n1", 1, 1, 5, ""), applied("n1", 1, 2, 4, "")]), ["W-3"]);
    }
}
