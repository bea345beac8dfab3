//! The cluster as an omniscient observer sees it, from white-box facts.

use std::collections::{BTreeMap, BTreeSet};

use linearizability::history::Role;

use crate::record::facts::{Fact, FactKind};
use crate::sim::cluster::Cluster;

/// How far a server has applied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Position in Raft's log.
    pub log: u64,
    /// The registry's Index.
    pub index: u64,
    /// State hash.
    pub hash: String,
}

/// See the module.
#[derive(Debug, Default)]
pub struct View {
    roles: BTreeMap<String, (u64, Role)>,
    applied: BTreeMap<String, Applied>,
    parked: BTreeMap<String, u64>,
    terms_led: BTreeSet<u64>,
    /// Position of the last configuration that was applied anywhere.
    configured: u64,
    /// Terms that had a leader in clusters that are gone.
    led_before: u64,
}

impl View {
    /// Takes a fact in.
    pub fn observe(&mut self, fact: &Fact) {
        match &fact.kind {
            FactKind::Role { term, role } => {
                self.roles.insert(fact.node.clone(), (*term, *role));
                match role {
                    Role::Leader => {
                        self.terms_led.insert(*term);
                    }
                    Role::Stopped => {
                        self.applied.remove(&fact.node);
                        self.parked.remove(&fact.node);
                    }
                    Role::Follower | Role::Candidate | Role::Learner => {}
                }
            }
            FactKind::Applied { log, index, hash, .. } => {
                let applied = Applied { log: *log, index: *index, hash: hash.clone() };
                self.applied.insert(fact.node.clone(), applied);
            }
            FactKind::Watch { parked } => {
                self.parked.insert(fact.node.clone(), *parked);
            }
            FactKind::NewCluster => *self = Self { led_before: self.terms_led(), ..Self::default() },
            FactKind::Voters { log, .. } => self.configured = self.configured.max(*log),
            FactKind::Expire { .. } | FactKind::Point { .. } | FactKind::Vote { .. } | FactKind::Wiped => {}
        }
    }

    /// Who leads, as far as anybody does: the running server that leads in the highest term.
    #[must_use]
    pub fn leader(&self, cluster: &Cluster) -> Option<String> {
        let leading = self.roles.iter().filter(|(name, (_, role))| *role == Role::Leader && cluster.is_up(name));
        leading.max_by_key(|(_, (term, _))| *term).map(|(name, _)| name.clone())
    }

    /// `node` thinks that it leads, and another leads a later term.
    #[must_use]
    pub fn is_deposed(&self, node: &str) -> bool {
        let later = |term: u64| self.terms_led.last().is_some_and(|last| *last > term);
        self.roles.get(node).is_some_and(|(term, role)| *role == Role::Leader && later(*term))
    }

    /// Terms that had a leader.
    #[must_use]
    pub fn terms_led(&self) -> u64 {
        self.led_before + self.terms_led.len() as u64
    }

    /// Position of the last configuration that was applied anywhere.
    #[must_use]
    pub fn configured(&self) -> u64 {
        self.configured
    }

    /// `node` votes, as far as it says itself.
    #[must_use]
    pub fn is_voter(&self, node: &str) -> bool {
        matches!(self.role(node).1, Role::Leader | Role::Follower | Role::Candidate)
    }

    /// How far `node` has applied, since it was started.
    #[must_use]
    pub fn applied(&self, node: &str) -> Option<&Applied> {
        self.applied.get(node)
    }

    /// Polls parked at `node`.
    #[must_use]
    pub fn parked(&self, node: &str) -> u64 {
        self.parked.get(node).copied().unwrap_or(0)
    }

    /// Why `members` have not converged, or none if they have: one of them leads, the newest term everywhere, equal
    /// positions and hashes.
    #[must_use]
    pub fn not_converged(&self, members: &[String], cluster: &Cluster) -> Option<String> {
        let leaders: Vec<&String> = members.iter().filter(|name| self.role(name).1 == Role::Leader).collect();
        match leaders.as_slice() {
            [leader] => self.not_following(leader, members, cluster),
            _ => Some(format!("leaders: {leaders:?}; exactly one is right")),
        }
    }

    /// Why `members` do not follow `leader`, who may be one of them or another: they must be in its term, at its position,
    /// with its hash.
    #[must_use]
    pub fn not_following(&self, leader: &str, members: &[String], cluster: &Cluster) -> Option<String> {
        if let Some(down) = members.iter().find(|name| !cluster.is_running(name)) {
            return Some(format!("{down} does not run"));
        }
        let term = self.role(leader).0;
        let follows = |name: &String| name == leader || self.role(name) == (term, Role::Follower);
        if let Some(other) = members.iter().find(|name| !follows(name)) {
            let (of, role) = self.role(other);
            return Some(format!("{leader} leads term {term}, {other} is {role:?} in term {of}"));
        }
        let Some(first) = self.applied(leader) else {
            return Some(format!("{leader} leads and has applied nothing yet"));
        };
        let other = members.iter().find(|name| self.applied(name) != Some(first))?;
        let behind = self.applied(other).cloned().unwrap_or_default();
        Some(format!(
            "{leader} applied log {} ({}), {other} log {} ({})",
            first.log, first.hash, behind.log, behind.hash
        ))
    }

    fn role(&self, node: &str) -> (u64, Role) {
        self.roles.get(node).copied().unwrap_or((0, Role::Stopped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_voter_from_what_it_says_until_it_stops() {
        let mut view = View::default();
        let mut say = |role: Role| {
            let kind = FactKind::Role { term: 1, role };
            view.observe(&Fact { time: 0, node: "n1".into(), incarnation: 1, kind });
            view.is_voter("n1")
        };
        assert!(say(Role::Follower));
        assert!(!say(Role::Stopped));
        assert!(!say(Role::Learner), "its disk was emptied and it has not joined again");
        assert!(say(Role::Candidate));
    }
}
