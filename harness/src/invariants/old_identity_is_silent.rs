//! MEM-4: a server whose disk was emptied votes, and counts for a commit, under its old identity no more.

use std::collections::{BTreeMap, BTreeSet};

use linearizability::verdict::Property;

use super::{Finding, Invariant};
use crate::record::facts::{Fact, FactKind};

/// See the module.
#[derive(Debug, Default)]
pub struct OldIdentityIsSilent {
    /// Identities that each server's disk has had since it was emptied last.
    now: BTreeMap<String, BTreeSet<u64>>,
    /// Those from before.
    gone: BTreeMap<u64, String>,
    /// New identities on disks that were emptied.
    minted: BTreeSet<u64>,
}

impl Invariant for OldIdentityIsSilent {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        let id = match fact.kind {
            FactKind::Wiped => {
                let gone = self.now.remove(&fact.node).unwrap_or_default();
                self.gone.extend(gone.into_iter().map(|id| (id, fact.node.clone())));
                return None;
            }
            FactKind::Vote { id, .. } => id,
            FactKind::Point { end: Some(end), .. } => end.id,
            _ => return None,
        };
        if let Some(before) = self.gone.get(&id) {
            let summary = format!("{} speaks as {id:016x}, the identity of {before} before it was wiped", fact.node);
            return Some(Finding::new(Property::Mem4, fact.time, summary));
        }
        if self.gone.values().any(|wiped| *wiped == fact.node) {
            self.minted.insert(id);
        }
        self.now.entry(fact.node.clone()).or_default().insert(id);
        None
    }

    fn checked(&self) -> Option<(Property, u64)> {
        Some((Property::Mem4, self.minted.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{findings, vote};
    use super::*;

    fn wiped(node: &str) -> Fact {
        Fact { time: 1, node: node.into(), incarnation: 1, kind: FactKind::Wiped }
    }

    #[test]
    fn a_wiped_server_that_votes_as_before_is_found_and_one_with_a_new_identity_is_not() {
        let fine = [vote("n1", 7, 1, 7), wiped("n1"), vote("n1", 9, 2, 9)];
        assert_eq!(findings(OldIdentityIsSilent::default(), &fine), []);
        let old = [vote("n1", 7, 1, 7), wiped("n1"), vote("n1", 7, 1, 8)];
        assert_eq!(findings(OldIdentityIsSilent::default(), &old).len(), 1);
    }
}
