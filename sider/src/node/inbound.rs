//! Answers to peers.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use openraft::errors::RaftError;
use sider_client::seam::BoxFuture;
use sider_registry::limits;

use super::core::{Core, Incoming};
use super::write::Intent;
use crate::raft::peer::frame::Frame;
use crate::raft::peer::listen::Answer;
use crate::raft::peer::message::{Hello, SnapshotPiece};
use crate::raft::peer::{Call, Refusal, Reply};
use crate::raft::types::{MemberId, Snapshot, TypeConfig};

impl Answer for Core {
    fn answer(self: Arc<Self>, frame: Frame) -> BoxFuture<'static, Reply> {
        Box::pin(async move {
            let call = match rmp_serde::from_slice(&frame.payload) {
                Ok(call) => call,
                Err(error) => {
                    return Reply::Refused(Refusal::NotUnderstood { name: self.name(), why: error.to_string() });
                }
            };
            if matches!(call, Call::Hello) {
                return Reply::Hello(self.hello());
            }
            match self.admit(&frame).await {
                Ok(()) => self.carry_out(frame.from, call).await,
                Err(refusal) => Reply::Refused(refusal),
            }
        })
    }

    fn sender(&self) -> (MemberId, u128) {
        (self.id, self.parts.cluster.get().copied().unwrap_or(0))
    }
}

impl Core {
    fn hello(&self) -> Hello {
        Hello { name: self.name(), id: self.id, cluster: self.parts.cluster.get().copied() }
    }

    /// A frame is looked at only if it comes from this cluster and is meant for this very server.
    async fn admit(&self, frame: &Frame) -> Result<(), Refusal> {
        if let Some(why) = self.not_serving() {
            return Err(Refusal::Stopping { name: self.name(), why });
        }
        if frame.to != self.id {
            tracing::warn!(
                from = format_args!("{:016x}", frame.from),
                meant = format_args!("{:016x}", frame.to),
                "refused a call for another server under this address"
            );
            return Err(Refusal::OtherServer { name: self.name(), id: self.id });
        }
        let mine = match self.parts.cluster.get() {
            Some(mine) => *mine,
            None if frame.cluster == 0 => 0,
            None => self.adopt(frame.cluster).await.map_err(|error| self.stopping_for(&error))?,
        };
        if mine == frame.cluster && mine != 0 {
            return Ok(());
        }
        tracing::warn!(
            from = format_args!("{:016x}", frame.from),
            cluster = format_args!("{:032x}", frame.cluster),
            "refused a server of another cluster"
        );
        Err(Refusal::OtherCluster { name: self.name(), cluster: mine })
    }

    async fn carry_out(&self, from: MemberId, call: Call) -> Reply {
        let raft = &self.parts.raft;
        match call {
            Call::Append(request) => self.raft_reply(raft.append_entries(request).await, Reply::Append),
            Call::Vote(request) => self.raft_reply(raft.vote(request).await, Reply::Vote),
            Call::PreVote(request) => self.raft_reply(raft.pre_vote(request).await, Reply::Vote),
            Call::Transfer(request) => match raft.handle_transfer_leader(request).await {
                Ok(response) => Reply::Transfer(response),
                Err(error) => Reply::Refused(self.stopping_for(&error)),
            },
            Call::Snapshot(piece) => self.receive(piece).await,
            Call::Hello => Reply::Hello(self.hello()),
            Call::WhoLeads => Reply::Leader(self.leader()),
            Call::ReadIndex => self.read_index_for(from).await,
            Call::Propose { command, key } => self.write_for(Intent::Propose(command), key).await,
            Call::Report { reports, key } => self.write_for(Intent::Report(reports), key).await,
            Call::Admin(change) => Reply::Admin(self.admin_here(change).await),
        }
    }

    fn raft_reply<T>(&self, result: Result<T, RaftError<TypeConfig>>, reply: impl FnOnce(T) -> Reply) -> Reply {
        match result {
            Ok(response) => reply(response),
            Err(error) => Reply::Refused(self.stopping_for(&error)),
        }
    }

    fn stopping_for(&self, error: &impl std::fmt::Display) -> Refusal {
        Refusal::Stopping { name: self.name(), why: error.to_string() }
    }

    /// A read index for another server. Only a member gets one (MEM-3): the answer comes from a confirmed leader.
    async fn read_index_for(&self, from: MemberId) -> Reply {
        if !self.leads() {
            return Reply::Refused(Refusal::NotLeader { name: self.name() });
        }
        let next_log = match self.read_index(self.parts.timing.election_max).await {
            Ok(next_log) => next_log,
            Err(error) => return Reply::ReadIndex(Err(error)),
        };
        let metrics = self.metrics();
        let effective = metrics.membership_config.get_node(&from);
        match effective.or_else(|| metrics.committed_membership_config.get_node(&from)) {
            Some(_) => Reply::ReadIndex(Ok(next_log)),
            None => {
                let at = metrics.committed_membership_config.log_id().map_or(0, |id| id.index);
                Reply::Refused(Refusal::NotMember { at })
            }
        }
    }

    async fn write_for(&self, intent: Intent, key: Option<String>) -> Reply {
        if !self.leads() {
            return Reply::Refused(Refusal::NotLeader { name: self.name() });
        }
        Reply::Write(self.write_here(intent, key, limits::WRITE_TIMEOUT).await)
    }

    /// A snapshot whose sender has gone is not kept for ever.
    pub fn forget_stale_snapshot(&self) {
        let mut slot = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.host().now();
        slot.take_if(|incoming| now.saturating_sub(incoming.touched) > limits::SNAPSHOT_CHUNK_TIMEOUT * 2);
    }

    /// Takes a piece of a snapshot; the last one installs it.
    async fn receive(&self, piece: SnapshotPiece) -> Reply {
        let refuse = |why: &str| Reply::Refused(Refusal::NotUnderstood { name: self.name(), why: why.to_owned() });
        if usize::try_from(piece.total).is_ok_and(|total| total > limits::SNAPSHOT_LEN_MAX) {
            return refuse("the snapshot is over the bound");
        }
        let whole = {
            let mut slot = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
            if piece.offset == 0 {
                let (vote, meta) = (piece.vote, piece.meta.clone());
                *slot = Some(Incoming { vote, meta, bytes: bytes::BytesMut::new(), touched: Duration::ZERO });
            }
            let fits = |incoming: &&mut Incoming| {
                incoming.vote == piece.vote
                    && incoming.meta == piece.meta
                    && incoming.bytes.len() as u64 == piece.offset
            };
            let Some(incoming) = slot.as_mut().filter(fits) else {
                return refuse("a piece that does not follow the one before: begin again");
            };
            incoming.touched = self.host().now();
            incoming.bytes.extend_from_slice(&piece.bytes);
            if (incoming.bytes.len() as u64) < piece.total {
                return Reply::Received;
            }
            slot.take()
        };
        let Some(Incoming { vote, meta, bytes, .. }) = whole else { return refuse("the snapshot was taken already") };
        let snapshot = Snapshot { meta, snapshot: bytes.freeze() };
        tracing::info!(bytes = snapshot.snapshot.len(), "installing a snapshot");
        match self.parts.raft.install_full_snapshot(vote, snapshot).await {
            Ok(response) => Reply::Installed(response),
            Err(error) => Reply::Refused(self.stopping_for(&error)),
        }
    }
}
