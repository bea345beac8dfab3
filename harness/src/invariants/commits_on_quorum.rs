//! MEM-2: what is committed stands, synced, on a majority of the voters; of both halves of a joint configuration.
//!
//! Looked at when the first server applies an entry: it was committed before. The configuration that commits an entry is the
//! leader's last, which may stand behind the entry: who fails the one in force waits for the next, which is applied soon. A log
//! counts for an entry if its last entry is as far and of no lower term; a log of a deposed leader may pass by that, so this finds
//! less than there may be, and nothing that is right.

use std::collections::BTreeMap;

use linearizability::verdict::Property;

use super::{Finding, Invariant, TheEnd};
use crate::record::facts::{Fact, FactKind};

/// An entry that the configuration in force did not commit.
#[derive(Debug)]
struct Doubt {
    finding: Finding,
    term: u64,
    log: u64,
    /// Term and position up to which each identity was synced when it was applied.
    synced: BTreeMap<u64, (u64, u64)>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct CommitsOnQuorum {
    /// Of each identity: term and position of the last entry that is synced.
    synced: BTreeMap<u64, (u64, u64)>,
    /// The identity of each server.
    ids: BTreeMap<String, u64>,
    /// Highest position that was applied anywhere.
    applied: Option<u64>,
    joint: Vec<Vec<u64>>,
    configured: Option<u64>,
    doubt: Option<Doubt>,
    checked: u64,
}

impl CommitsOnQuorum {
    fn note(&mut self, id: u64, upto: (u64, u64)) {
        let known = self.synced.entry(id).or_default();
        *known = (*known).max(upto);
    }

    fn first_applied(&mut self, fact: &Fact, term: u64, log: u64) {
        self.applied = Some(log);
        if self.joint.is_empty() {
            return;
        }
        self.checked += 1;
        if self.doubt.is_none() && !is_quorum(&self.joint, &self.synced, term, log) {
            let far = |(id, (term, log)): (&u64, &(u64, u64))| format!("{id:016x} up to {log} of term {term}");
            let far: Vec<String> = self.synced.iter().map(far).collect();
            let summary = format!(
                "{} applied entry {log} of term {term}, which no majority of {} had synced: {}",
                fact.node,
                names(&self.joint),
                far.join(", ")
            );
            let finding = Finding::new(Property::Mem2, fact.time, summary);
            self.doubt = Some(Doubt { finding, term, log, synced: self.synced.clone() });
        }
    }

    /// A later configuration may have committed what the one before it did not.
    fn configure(&mut self, log: u64, joint: &[Vec<u64>]) -> Option<Finding> {
        if self.configured.is_some_and(|known| known >= log) {
            return None;
        }
        self.configured = Some(log);
        self.joint = joint.to_vec();
        let doubt = self.doubt.take()?;
        (!is_quorum(joint, &doubt.synced, doubt.term, doubt.log)).then_some(doubt.finding)
    }
}

fn is_quorum(joint: &[Vec<u64>], synced: &BTreeMap<u64, (u64, u64)>, term: u64, log: u64) -> bool {
    let has = |id: &&u64| synced.get(id).is_some_and(|(last_term, last)| *last >= log && *last_term >= term);
    joint.iter().all(|voters| 2 * voters.iter().filter(has).count() > voters.len())
}

fn names(joint: &[Vec<u64>]) -> String {
    let set = |voters: &Vec<u64>| {
        let names: Vec<String> = voters.iter().map(|id| format!("{id:016x}")).collect();
        format!("[{}]", names.join(", "))
    };
    joint.iter().map(set).collect::<Vec<_>>().join(" and ")
}

impl Invariant for CommitsOnQuorum {
    fn observe(&mut self, fact: &Fact) -> Option<Finding> {
        match &fact.kind {
            FactKind::Point { synced: Some(synced), .. } => {
                self.ids.insert(fact.node.clone(), synced.id);
                self.note(synced.id, (synced.term, synced.log));
                None
            }
            // A snapshot is synced before it is installed.
            FactKind::Applied { term, log, kind, .. } if kind == "install" => {
                if let Some(id) = self.ids.get(&fact.node).copied() {
                    self.note(id, (*term, *log));
                }
                None
            }
            FactKind::Applied { term, log, .. } => {
                if self.applied.is_none_or(|applied| applied < *log) {
                    self.first_applied(fact, *term, *log);
                }
                None
            }
            FactKind::Voters { log, joint } => self.configure(*log, joint),
            _ => None,
        }
    }

    fn at_end(&mut self, _: &TheEnd<'_>) -> Option<Finding> {
        self.doubt.take().map(|doubt| doubt.finding)
    }

    fn checked(&self) -> Option<(Property, u64)> {
        Some((Property::Mem2, self.checked))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{applied, fact, findings};
    use super::*;
    use crate::record::facts::Synced;

    fn synced(node: &str, id: u64, term: u64, log: u64) -> Fact {
        let synced = Some(Synced { id, term, log });
        fact(node, FactKind::Point { point: "log.after_commit".into(), synced })
    }

    fn voters(log: u64, joint: &[&[u64]]) -> Fact {
        fact("n1", FactKind::Voters { log, joint: joint.iter().map(|set| set.to_vec()).collect() })
    }

    /// Three voters, the first two of whom have entry 5; it is applied.
    fn start() -> Vec<Fact> {
        vec![voters(1, &[&[1, 2, 3]]), synced("n1", 1, 1, 5), synced("n2", 2, 1, 5), applied("n1", 1, 5, 5, "")]
    }

    #[test]
    fn an_entry_on_a_majority_is_right() {
        let facts = [start(), vec![voters(6, &[&[1, 2, 3]])]].concat();
        assert_eq!(findings(CommitsOnQuorum::default(), &facts), []);
    }

    #[test]
    fn an_entry_that_only_a_minority_has_synced_is_found() {
        let facts =
            [start(), vec![synced("n1", 1, 1, 6), applied("n1", 1, 6, 6, ""), voters(7, &[&[1, 2, 3]])]].concat();
        let found = findings(CommitsOnQuorum::default(), &facts);
        assert_eq!(found.len(), 1);
        assert!(found[0].summary.contains("entry 6 of term 1"), "{}", found[0].summary);
    }

    #[test]
    fn both_halves_of_a_joint_configuration_must_have_it() {
        let joint: &[&[u64]] = &[&[1, 2, 3], &[1, 4, 5]];
        let facts = [start(), vec![voters(5, joint), synced("n1", 1, 1, 6), synced("n2", 2, 1, 6)]].concat();
        let facts = [facts, vec![applied("n1", 1, 6, 6, ""), voters(7, joint)]].concat();
        assert_eq!(findings(CommitsOnQuorum::default(), &facts).len(), 1);
    }

    #[test]
    fn what_the_next_configuration_commits_is_right() {
        // The leader removed server 2 and 3 before entry 6 was committed: its own log is the quorum.
        let facts = [start(), vec![synced("n1", 1, 1, 7), applied("n1", 1, 6, 6, ""), voters(7, &[&[1]])]].concat();
        assert_eq!(findings(CommitsOnQuorum::default(), &facts), []);
    }
}
