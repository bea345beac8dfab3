//! MEM-2: what is committed stands, synced, on a majority of the voters; of both halves of a joint configuration.
//!
//! The server says where its log will end with each commit, and the simulated disk, not the server, when that commit is synced.
//! Looked at when the first server applies an entry: it was committed before. The configuration that commits an entry is the
//! leader's last, which may stand behind the entry: who fails the one in force waits for the next, which is applied soon. A log
//! counts for an entry if its last entry is as far and of no lower term; a log of a deposed leader may pass by that, so this finds
//! less than there may be, and nothing that is right.

use std::collections::{BTreeMap, VecDeque};

use linearizability::verdict::Property;

use super::{Finding, Invariant, TheEnd};
use crate::record::facts::{Fact, FactKind, LogEnd};
use crate::sim::disk::DISK_SYNCED;

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
    /// Commits of each server that wait for their sync, oldest first.
    waiting: BTreeMap<String, VecDeque<LogEnd>>,
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

    fn point(&mut self, node: &str, point: &str, end: Option<&LogEnd>) {
        let waiting = self.waiting.entry(node.to_owned()).or_default();
        match (point, end) {
            (DISK_SYNCED, _) => {
                if let Some(end) = waiting.pop_front() {
                    self.note(end.id, (end.term, end.log));
                }
            }
            // A start: what was written before it either is there or is not.
            ("log.open", Some(end)) => {
                waiting.clear();
                self.ids.insert(node.to_owned(), end.id);
                self.note(end.id, (end.term, end.log));
            }
            (_, Some(end)) => waiting.push_back(*end),
            (_, None) => {}
        }
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
            FactKind::Point { point, end } => {
                self.point(&fact.node, point, end.as_ref());
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
        self.at_loss()
    }

    fn at_loss(&mut self) -> Option<Finding> {
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

    fn point(node: &str, point: &str, end: Option<LogEnd>) -> Fact {
        fact(node, FactKind::Point { point: point.into(), end })
    }

    fn synced(node: &str, id: u64, term: u64, log: u64) -> [Fact; 2] {
        [point(node, "log.before_commit", Some(LogEnd { id, term, log })), point(node, DISK_SYNCED, None)]
    }

    fn voters(log: u64, joint: &[&[u64]]) -> Fact {
        fact("n1", FactKind::Voters { log, joint: joint.iter().map(|set| set.to_vec()).collect() })
    }

    /// Three voters, the first two of whom have entry 5; it is applied. Then `more`.
    fn found_in(more: Vec<Fact>) -> Vec<Finding> {
        let start =
            [vec![voters(1, &[&[1, 2, 3]])], synced("n1", 1, 1, 5).into(), synced("n2", 2, 1, 5).into()].concat();
        findings(CommitsOnQuorum::default(), &[start, vec![applied("n1", 1, 5, 5, "")], more].concat())
    }

    #[test]
    fn an_entry_on_a_majority_is_right() {
        assert_eq!(found_in(vec![voters(6, &[&[1, 2, 3]])]), []);
    }

    #[test]
    fn an_entry_that_only_a_minority_has_is_found() {
        let more = [synced("n1", 1, 1, 6).into(), vec![applied("n1", 1, 6, 6, ""), voters(7, &[&[1, 2, 3]])]].concat();
        let found = found_in(more);
        assert_eq!(found.len(), 1);
        assert!(found[0].summary.contains("entry 6 of term 1"), "{}", found[0].summary);
    }

    #[test]
    fn a_doubt_does_not_go_with_the_cluster() {
        let mut invariant = CommitsOnQuorum::default();
        let facts = [vec![voters(1, &[&[1, 2, 3]])], synced("n1", 1, 1, 5).into(), vec![applied("n1", 1, 5, 5, "")]];
        assert!(facts.concat().iter().all(|fact| invariant.observe(fact).is_none()));
        assert!(invariant.at_loss().is_some_and(|found| found.summary.contains("entry 5 of term 1")));
        assert_eq!(invariant.at_loss(), None);
    }

    #[test]
    fn an_entry_that_is_written_and_not_synced_is_found() {
        let unsynced = point("n2", "log.before_commit", Some(LogEnd { id: 2, term: 1, log: 6 }));
        let more = [synced("n1", 1, 1, 6).into(), vec![unsynced, applied("n1", 1, 6, 6, "")]].concat();
        assert_eq!(found_in([more, vec![voters(7, &[&[1, 2, 3]])]].concat()).len(), 1);
    }

    #[test]
    fn both_halves_of_a_joint_configuration_must_have_it() {
        let joint: &[&[u64]] = &[&[1, 2, 3], &[1, 4, 5]];
        let more = [vec![voters(5, joint)], synced("n1", 1, 1, 6).into(), synced("n2", 2, 1, 6).into()].concat();
        assert_eq!(found_in([more, vec![applied("n1", 1, 6, 6, ""), voters(7, joint)]].concat()).len(), 1);
    }

    #[test]
    fn what_the_next_configuration_commits_is_right() {
        // The leader removed servers 2 and 3 before entry 6 was committed: its own log is the quorum.
        let more = [synced("n1", 1, 1, 7).into(), vec![applied("n1", 1, 6, 6, ""), voters(7, &[&[1]])]].concat();
        assert_eq!(found_in(more), []);
    }
}
