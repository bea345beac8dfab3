//! What one server asks another.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};
use sider_registry::command::CheckReport;
use sider_registry::{Command, Outcome};

use crate::node::{AdminError, ReadError, WriteError};
use crate::raft::types::{Member, MemberId, SnapshotMeta, TypeConfig, Vote};

/// Most messages are shorter, and written without growing their buffer.
pub(super) const MESSAGE_BYTES: usize = 512;

/// A call.
#[derive(Debug, Serialize, Deserialize)]
pub enum Call {
    /// Raft: replicate, or heartbeat.
    Append(AppendEntriesRequest<TypeConfig>),
    /// Raft: vote for me.
    Vote(VoteRequest<TypeConfig>),
    /// Raft: would you vote for me.
    PreVote(VoteRequest<TypeConfig>),
    /// Raft: lead instead of me.
    Transfer(TransferLeaderRequest<TypeConfig>),
    /// Raft: a piece of a snapshot; the one that completes it installs it.
    Snapshot(SnapshotPiece),
    /// Who are you.
    Hello,
    /// Who leads, as far as you know.
    WhoLeads,
    /// To the leader: confirm that you lead, and up to where I must have applied to answer a read.
    ReadIndex,
    /// To the leader: propose this.
    Propose {
        /// What.
        command: Command,
        /// Idempotency key.
        key: Option<String>,
    },
    /// To the leader: these checks have these statuses.
    Report {
        /// Which.
        reports: Vec<CheckReport>,
        /// Idempotency key.
        key: Option<String>,
    },
    /// To the leader: change the membership or the leadership.
    Admin(Admin),
}

/// A piece of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub struct SnapshotPiece {
    /// The sender's vote.
    pub vote: Vote,
    /// What the snapshot covers.
    pub meta: SnapshotMeta,
    /// Where the piece begins.
    pub offset: u64,
    /// Length of the whole.
    pub total: u64,
    /// The piece.
    pub bytes: Bytes,
}

/// A change of membership or leadership.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Admin {
    /// Add a server.
    Join {
        /// Its name.
        name: String,
        /// Its Raft address.
        addr: String,
    },
    /// Take a server out.
    Remove {
        /// Its name.
        name: String,
        /// Even if too few of the remaining ones answer.
        force: bool,
    },
    /// Hand leadership over.
    Transfer {
        /// To whom; none: the most up-to-date voter.
        to: Option<String>,
    },
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// To `Append`.
    Append(AppendEntriesResponse<TypeConfig>),
    /// To `Vote` and `PreVote`.
    Vote(VoteResponse<TypeConfig>),
    /// To `Transfer`.
    Transfer(TransferLeaderResponse<TypeConfig>),
    /// To the last `Snapshot` piece.
    Installed(SnapshotResponse<TypeConfig>),
    /// To the others.
    Received,
    /// To `Hello`.
    Hello(Hello),
    /// To `WhoLeads`.
    Leader(Option<(MemberId, Member)>),
    /// To `ReadIndex`: all log positions below must be applied.
    ReadIndex(Result<u64, ReadError>),
    /// To `Propose` and `Report`.
    Write(Result<Outcome, WriteError>),
    /// To `Admin`.
    Admin(Result<(), AdminError>),
    /// The call was not looked at.
    Refused(Refusal),
}

/// Who a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: MemberId,
    /// Its cluster, if it belongs to one.
    pub cluster: Option<u128>,
}

/// Why a call was not looked at: provably nothing happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Two clusters.
    #[error("server {name:?} belongs to another cluster ({cluster:032x})")]
    OtherCluster {
        /// Who refuses.
        name: String,
        /// Its cluster.
        cluster: u128,
    },
    /// Another server listens there than the one that was meant: its disk was wiped, or the address was given away.
    #[error(
        "server {name:?} at this address is {id:016x}, not the one that was meant: if its disk was wiped, remove it from the cluster and join it again"
    )]
    OtherServer {
        /// Who refuses.
        name: String,
        /// Its identity.
        id: MemberId,
    },
    /// The asked server leads no more, or never did.
    #[error("server {name:?} does not lead")]
    NotLeader {
        /// Who refuses.
        name: String,
    },
    /// The sender is not in the leader's configuration.
    #[error("you are not a member of this cluster (configuration at log {at})")]
    NotMember {
        /// Log position of the configuration.
        at: u64,
    },
    /// The server stops.
    #[error("server {name:?} is stopping: {why}")]
    Stopping {
        /// Who refuses.
        name: String,
        /// Why.
        why: String,
    },
    /// The payload does not decode: two versions of the protocol.
    #[error("server {name:?} does not understand the call: {why}")]
    NotUnderstood {
        /// Who refuses.
        name: String,
        /// Why.
        why: String,
    },
}
