//! Answers of a node: errors that say whether something may have happened, and views for people and machines.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sider_registry::Rejection;

/// Why a write has no plain answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum WriteError {
    /// Provably nothing happened: the registry looked at it and refused.
    #[error("{0}")]
    Rejected(Rejection),
    /// Provably nothing happened: nobody leads, so it was not proposed.
    #[error("no leader: {0}")]
    NoLeader(String),
    /// Provably nothing happened: too much is under way on this server.
    #[error("overloaded: {0} writes are under way; try again later")]
    Overloaded(usize),
    /// Provably nothing happened: this server does not serve (it starts, stops, or was removed from the cluster).
    #[error("not ready: {0}")]
    NotReady(String),
    /// It may have happened, or may happen later.
    #[error(
        "unknown outcome: {0}; it may have happened: read before you repeat it, or repeat it with the same X-Idempotency-Key"
    )]
    Unknown(String),
}

/// Why a linearizable read cannot be answered here and now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    /// Nobody confirmed leadership in time.
    #[error("no leader: {0}; ask another server, or read with ?stale")]
    NoLeader(String),
    /// The local state did not reach the needed point in time.
    #[error("this server lags: {0}; ask another server")]
    Lagging(String),
    /// This server does not serve yet, or not any more.
    #[error("not ready: {0}")]
    NotReady(String),
}

/// Why a change of membership or leadership was not made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AdminError {
    /// The request makes no sense for this cluster: what is wrong and what would be right.
    #[error("{0}")]
    Refused(String),
    /// No such member.
    #[error("unknown server {0:?}: GET /v1/raft/configuration lists the members")]
    UnknownMember(String),
    /// Nobody leads.
    #[error("no leader: {0}")]
    NoLeader(String),
    /// This server does not serve.
    #[error("not ready: {0}")]
    NotReady(String),
    /// It may have happened, or may happen later.
    #[error("unknown outcome: {0}; look at GET /v1/raft/configuration before you repeat it")]
    Unknown(String),
}

/// How old a stale read may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Time since this server was last known to be in step with a leader that a quorum followed; never below the true lag. Zero on a confirmed leader.
    pub last_contact: Duration,
    /// This server knows a leader now.
    pub known_leader: bool,
}

/// The cluster as one server sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// Raft address of the leader, if one is known.
    pub leader: Option<String>,
    /// Members in order of their names.
    pub members: Vec<MemberView>,
    /// Log position of the configuration.
    pub config_log: u64,
    /// True while a change of membership is half-way (joint configuration).
    pub joint: bool,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Its name (`-raft-id`).
    pub name: String,
    /// Its identity: minted with its data directory, so a wiped server is another one.
    pub id: u64,
    /// Its Raft address.
    pub addr: String,
    /// Votes.
    pub voter: bool,
    /// Leads, as far as this server knows.
    pub leader: bool,
}

/// Raft's numbers, for metrics and logs. All log positions; none is an Index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RaftNumbers {
    /// Current term.
    pub term: u64,
    /// This server leads.
    pub leads: bool,
    /// Last entry in the log.
    pub last_log: u64,
    /// Last entry known to be committed.
    pub committed: u64,
    /// Last entry applied.
    pub applied: u64,
    /// Last entry inside a snapshot.
    pub snapshot: u64,
    /// Last entry purged.
    pub purged: u64,
}
