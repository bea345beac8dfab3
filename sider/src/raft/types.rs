//! openraft's type config: who a member is, what a log entry holds, what applying it answers.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sider_registry::{Outcome, Request};

use crate::host::SiderRuntime;

/// A server's identity: minted at random with its data directory, so a server whose disk was wiped is another member
/// and can never vote under its old identity (MEM-4). The name an operator gives is in [`Member`].
pub type MemberId = u64;

/// What the configuration knows of a member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Member {
    /// The name given by the operator (`-raft-id`).
    pub name: String,
    /// Where its Raft port is reached.
    pub addr: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.addr)
    }
}

/// A registry request, encoded once by the leader and carried as bytes through log, wire and disk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proposal(Bytes);

impl Proposal {
    /// Encodes a request.
    #[must_use]
    pub fn new(request: &Request) -> Self {
        Self(rmp_serde::to_vec_named(request).expect("a request has a msgpack form").into())
    }

    /// Bytes of the encoded request.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a request has a form.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Decodes it again.
    ///
    /// # Errors
    /// The bytes are not a request: a damaged log entry that its checksum did not catch, or one of another version.
    pub fn request(&self) -> Result<Request, rmp_serde::decode::Error> {
        rmp_serde::from_slice(&self.0)
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proposal({} bytes)", self.0.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What applying an entry answers: the registry's outcome, or nothing for entries of Raft's own.
pub type Response = Option<Outcome>;

openraft::declare_raft_types!(
    /// Sider's Raft.
    pub TypeConfig:
        D = Proposal,
        R = Response,
        NodeId = MemberId,
        Node = Member,
        LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = SiderRuntime,
);

/// A log position with its leader.
pub type LogId = openraft::alias::LogIdOf<TypeConfig>;
/// A vote.
pub type Vote = openraft::alias::VoteOf<TypeConfig>;
/// A log entry.
pub type Entry = openraft::alias::EntryOf<TypeConfig>;
/// A configuration with the position of the entry that set it.
pub type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
/// What a snapshot covers.
pub type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;
/// A snapshot with its bytes.
pub type Snapshot = openraft::alias::SnapshotOf<TypeConfig, Bytes>;
/// The consensus handle.
pub type Raft = openraft::Raft<TypeConfig, super::machine::Machine>;
