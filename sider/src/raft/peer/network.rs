//! openraft's network over [`Links`].

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use sider_registry::limits;

use super::link::{CallError, Link, Links, Pending, Purpose};
use super::message::{Call, Reply, SnapshotPiece};
use crate::raft::types::{LogId, Member, MemberId, Snapshot, TypeConfig, Vote};

/// Makes openraft's clients.
pub struct Network {
    me: MemberId,
    links: Links,
    /// Time for one append, the follower's sync included. openraft offers the heartbeat interval, which a busy disk
    /// exceeds now and then; an append given up too early is sent again and again.
    append_within: Duration,
}

impl Network {
    /// A network of `me`.
    #[must_use]
    pub fn new(me: MemberId, links: Links, append_within: Duration) -> Self {
        Self { me, links, append_within }
    }

    fn peer(&self, target: MemberId, node: &Member, purpose: Purpose) -> Peer {
        let (links, addr) = (self.links.clone(), node.addr.clone());
        Peer { me: self.me, target, addr, purpose, links, append_within: self.append_within }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: MemberId, node: &Member) -> Peer {
        self.peer(target, node, Purpose::Log)
    }

    async fn new_heartbeat_client(&mut self, target: MemberId, node: &Member) -> Peer {
        self.peer(target, node, Purpose::Heartbeat)
    }

    async fn new_snapshot_client(&mut self, target: MemberId, node: &Member) -> Peer {
        self.peer(target, node, Purpose::Snapshot)
    }
}

/// One peer, for one purpose.
pub struct Peer {
    me: MemberId,
    target: MemberId,
    /// Where it was when openraft made this client; the configuration may say something newer.
    addr: String,
    purpose: Purpose,
    links: Links,
    append_within: Duration,
}

type Rpc<T> = Result<T, RPCError<TypeConfig>>;

impl Peer {
    fn link(&self) -> Arc<Link> {
        self.links.to_member(self.target, &self.addr, self.purpose)
    }

    async fn ask<T>(
        &self,
        action: RPCTypes,
        call: Call,
        within: Duration,
        pick: impl FnOnce(Reply) -> Option<T>,
    ) -> Rpc<T> {
        let reply = self.link().call(&call, within).await.map_err(|e| self.error(action, e))?;
        self.pick(reply, pick)
    }

    fn pick<T>(&self, reply: Reply, pick: impl FnOnce(Reply) -> Option<T>) -> Rpc<T> {
        if let Reply::Refused(refusal) = &reply {
            tracing::debug!(peer = self.addr, %refusal, "a peer refused a call");
            return Err(RPCError::Unreachable(Unreachable::from_string(refusal)));
        }
        pick(reply).ok_or_else(|| RPCError::Network(NetworkError::from_string("an answer to another question")))
    }

    fn error(&self, action: RPCTypes, error: CallError) -> RPCError<TypeConfig> {
        match error {
            CallError::NotSent(why) => RPCError::Unreachable(Unreachable::from_string(why)),
            CallError::Lost(why) => RPCError::Network(NetworkError::from_string(why)),
            CallError::Timeout(timeout) => {
                RPCError::Timeout(Timeout { action, id: self.me, target: self.target, timeout })
            }
        }
    }
}

/// What an append's answer is measured against.
struct Sent {
    prev: Option<LogId>,
    last: Option<LogId>,
    pending: Result<Pending, CallError>,
}

impl Peer {
    /// openraft drops a heartbeat after its interval: this end must give up before, or it never learns that a connection
    /// is dead. Entries get the time of a sync.
    fn append_within(&self, option: &RPCOption) -> Duration {
        if self.purpose == Purpose::Heartbeat { option.soft_ttl() } else { self.append_within }
    }

    async fn begin_append(&self, request: AppendEntriesRequest<TypeConfig>, within: Duration) -> Sent {
        let prev = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        let pending = self.link().begin(&Call::Append(request), within).await;
        Sent { prev, last, pending }
    }

    /// The answer, and whether the stream of appends may go on after it.
    async fn end_append(&self, sent: Sent) -> (Rpc<StreamAppendResult<TypeConfig>>, bool) {
        let answered = async {
            let reply = sent.pending?.answer().await?;
            Ok::<Reply, CallError>(reply)
        };
        let response = match answered.await {
            Ok(reply) => self.pick(reply, append_response),
            Err(error) => Err(self.error(RPCTypes::AppendEntries, error)),
        };
        match response {
            Err(error) => (Err(error), false),
            Ok(AppendEntriesResponse::Conflict) if sent.prev.is_none() => {
                let error =
                    NetworkError::from_string("a conflict with the empty beginning of the log, which cannot be");
                (Err(RPCError::Network(error)), false)
            }
            Ok(response) => {
                let partial = matches!(&response, AppendEntriesResponse::PartialSuccess(upto) if *upto != sent.last);
                let result = response.into_stream_result(sent.prev, sent.last);
                let goes_on = result.is_ok() && !partial;
                (Ok(result), goes_on)
            }
        }
    }
}

fn append_response(reply: Reply) -> Option<AppendEntriesResponse<TypeConfig>> {
    match reply {
        Reply::Append(response) => Some(response),
        _ => None,
    }
}

fn vote_response(reply: Reply) -> Option<VoteResponse<TypeConfig>> {
    match reply {
        Reply::Vote(response) => Some(response),
        _ => None,
    }
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = bytes::Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<TypeConfig>> {
        let within = self.append_within(&option);
        self.ask(RPCTypes::AppendEntries, Call::Append(request), within, append_response).await
    }

    /// Pipelined: appends are sent as they come, answers are taken in order.
    ///
    /// Two traps, both measured to turn a failover of 0.3 s into many seconds: the input must be polled before an error may
    /// be returned (openraft sleeps its back-off there), and a clean end of the input is a clean end of the answers.
    fn stream_append<'s, S>(
        &'s mut self,
        mut input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Rpc<BoxStream<'s, Rpc<StreamAppendResult<TypeConfig>>>>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let Some(first) = input.next().await else {
                return Ok(stream::empty().boxed());
            };
            let within = self.append_within(&option);
            let peer: &'s Self = self;
            let answers = stream::once(ready(first))
                .chain(input)
                .then(move |request| peer.begin_append(request, within))
                .map(move |sent| peer.end_append(sent))
                .buffered(limits::APPENDS_IN_FLIGHT_MAX)
                .boxed();
            let until_error = stream::unfold(Some(answers), |answers| async move {
                let mut answers = answers?;
                let (answer, goes_on) = answers.next().await?;
                Some((answer, goes_on.then_some(answers)))
            });
            Ok(until_error.boxed())
        })
    }

    async fn vote(&mut self, request: VoteRequest<TypeConfig>, option: RPCOption) -> Rpc<VoteResponse<TypeConfig>> {
        self.ask(RPCTypes::Vote, Call::Vote(request), option.soft_ttl(), vote_response).await
    }

    async fn pre_vote(&mut self, request: VoteRequest<TypeConfig>, option: RPCOption) -> Rpc<VoteResponse<TypeConfig>> {
        self.ask(RPCTypes::Vote, Call::PreVote(request), option.soft_ttl(), vote_response).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let send = self.send_snapshot(vote, snapshot);
        let mut cancel = pin!(cancel.fuse());
        tokio::select! {
            biased;
            closed = &mut cancel => Err(StreamingError::Closed(closed)),
            sent = send => sent.map_err(StreamingError::from),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse<TypeConfig>> {
        self.ask(RPCTypes::TransferLeader, Call::Transfer(request), option.soft_ttl(), |reply| match reply {
            Reply::Transfer(response) => Some(response),
            _ => None,
        })
        .await
    }
}

impl Peer {
    /// Piece by piece, each acknowledged: memory on the way is one piece, and a slow follower slows only this.
    async fn send_snapshot(&self, vote: Vote, snapshot: Snapshot) -> Rpc<SnapshotResponse<TypeConfig>> {
        let whole = snapshot.snapshot;
        let mut offset = 0;
        loop {
            let end = whole.len().min(offset + limits::SNAPSHOT_CHUNK_LEN);
            let piece = SnapshotPiece {
                vote,
                meta: snapshot.meta.clone(),
                offset: offset as u64,
                total: whole.len() as u64,
                bytes: whole.slice(offset..end),
            };
            let within = if end == whole.len() { install_within(whole.len()) } else { limits::SNAPSHOT_CHUNK_TIMEOUT };
            let answer = self.ask(RPCTypes::InstallSnapshot, Call::Snapshot(piece), within, |reply| match reply {
                Reply::Installed(response) => Some(Some(response)),
                Reply::Received => Some(None),
                _ => None,
            });
            if let Some(response) = answer.await? {
                return Ok(response);
            }
            if end == whole.len() {
                return Err(RPCError::Network(NetworkError::from_string(
                    "the snapshot was received but not installed",
                )));
            }
            offset = end;
        }
    }
}

/// Time for the last piece, which is answered when the snapshot is installed. In proportion to its length: a follower
/// that was cut off under a small one is not waited for as long as under the largest.
fn install_within(bytes: usize) -> Duration {
    let seconds = u64::try_from(bytes / limits::SNAPSHOT_INSTALL_RATE).unwrap_or(u64::MAX);
    (limits::SNAPSHOT_CHUNK_TIMEOUT + Duration::from_secs(seconds)).min(limits::SNAPSHOT_TIMEOUT)
}
