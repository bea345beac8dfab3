//! White-box facts: what the servers say about themselves in tracing events of the targets `sider::*`.

use std::collections::{BTreeMap, VecDeque};

use linearizability::history::{Applied, NodeRecord, Proposal, Role, RoleChange, WatchSample};

/// Log lines kept of each server, for the report of a failure.
const LAST_LINES: usize = 40;

/// Something that a server did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// ns.
    pub time: u64,
    /// Which server.
    pub node: String,
    /// How often that server had been started.
    pub incarnation: u64,
    /// What.
    pub kind: FactKind,
}

/// What a server did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactKind {
    /// Applied a log entry, or installed a snapshot (`install`).
    Applied {
        /// Term of the entry.
        term: u64,
        /// Position in Raft's log.
        log: u64,
        /// The registry's Index after it.
        index: u64,
        /// State hash after it.
        hash: String,
        /// What the entry was.
        kind: String,
    },
    /// Changed its role.
    Role {
        /// Its term.
        term: u64,
        /// Its role.
        role: Role,
    },
    /// Proposed expiries.
    Expire {
        /// How many.
        count: u64,
    },
    /// Parked polls, whenever the number changes.
    Watch {
        /// How many.
        parked: u64,
    },
    /// Reached a named point of its code.
    Point {
        /// Its name.
        point: String,
        /// Where its log ends, if the point tells.
        end: Option<LogEnd>,
    },
    /// Saved a vote, which counts from then on.
    Vote {
        /// Identity of the voter.
        id: u64,
        /// Term.
        term: u64,
        /// Identity of the candidate.
        candidate: u64,
        /// Whether it is known to have won: then this is no vote for it, but what its first message taught.
        won: bool,
    },
    /// Applied a configuration.
    Voters {
        /// Position in Raft's log.
        log: u64,
        /// Identities of the voters; two sets in a joint configuration.
        joint: Vec<Vec<u64>>,
    },
    /// Its disk was emptied.
    Wiped,
    /// No server did it: from here on there is another cluster, whose terms, log and Index begin anew.
    NewCluster,
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Identity of its server.
    pub id: u64,
    /// Term of the last entry; 0: there is none.
    pub term: u64,
    /// Position of the last entry.
    pub log: u64,
}

/// What each server did, and what is new since the last look.
#[derive(Debug, Default)]
pub struct Facts {
    new: Vec<Fact>,
    incarnations: BTreeMap<String, u64>,
    records: BTreeMap<String, NodeRecord>,
    roles: BTreeMap<String, Role>,
    last_lines: BTreeMap<String, VecDeque<String>>,
}

impl Facts {
    /// `node` starts for the n-th time.
    pub fn started(&mut self, node: &str, incarnation: u64) {
        self.incarnations.insert(node.to_owned(), incarnation);
        self.roles.remove(node);
    }

    /// Takes a fact of `node`.
    pub fn take(&mut self, time: u64, node: &str, kind: FactKind) {
        let incarnation = self.incarnations.get(node).copied().unwrap_or(0);
        if !self.records.contains_key(node) {
            self.records.insert(node.to_owned(), NodeRecord { node: node.to_owned(), ..NodeRecord::default() });
        }
        let record = self.records.get_mut(node).expect("it was put there");
        match &kind {
            FactKind::Applied { term, log, index, hash, kind } => record.applied.push(Applied {
                time,
                term: *term,
                log: *log,
                xi: *index,
                hash: hash.clone(),
                kind: kind.clone(),
                incarnation,
            }),
            FactKind::Role { term, role } => {
                self.roles.insert(node.to_owned(), *role);
                record.roles.push(RoleChange { time, term: *term, role: *role, incarnation });
            }
            FactKind::Expire { .. } => {
                let role = self.roles.get(node).copied().unwrap_or(Role::Follower);
                record.proposals.push(Proposal { time, kind: "expire".into(), role });
            }
            FactKind::Watch { parked } => record.watches.push(WatchSample { time, parked: *parked }),
            FactKind::Point { .. }
            | FactKind::Vote { .. }
            | FactKind::Voters { .. }
            | FactKind::Wiped
            | FactKind::NewCluster => {}
        }
        self.new.push(Fact { time, node: node.to_owned(), incarnation, kind });
    }

    /// The process of `node` is gone.
    pub fn stopped(&mut self, time: u64, node: &str) {
        let last = self.records.get(node).and_then(|record| record.roles.last());
        let term = last.map_or(0, |change| change.term);
        self.take(time, node, FactKind::Role { term, role: Role::Stopped });
    }

    /// A new cluster takes the place of the old one, whose records are handed out.
    pub(super) fn new_cluster(&mut self, time: u64) -> Vec<NodeRecord> {
        self.roles.clear();
        self.new.push(Fact { time, node: String::new(), incarnation: 0, kind: FactKind::NewCluster });
        std::mem::take(&mut self.records).into_values().collect()
    }

    /// Keeps a log line of `node`.
    pub fn log_line(&mut self, node: &str, line: String) {
        let lines = self.last_lines.entry(node.to_owned()).or_default();
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last log lines of each server.
    #[must_use]
    pub const fn last_lines(&self) -> &BTreeMap<String, VecDeque<String>> {
        &self.last_lines
    }

    /// What is new since the last call.
    pub fn drain(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.new)
    }

    /// Everything, by server.
    #[must_use]
    pub fn records(&self) -> Vec<NodeRecord> {
        self.records.values().cloned().collect()
    }
}
