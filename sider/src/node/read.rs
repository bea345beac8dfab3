//! Rounds of ReadIndex (Raft thesis section 6.4): one round serves every read that was waiting when it began.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use openraft::ReadPolicy;
use sider_registry::limits;
use sider_registry::model::Index;
use tokio::sync::{mpsc, oneshot};

use super::ReadError;
use super::core::Core;
use crate::raft::machine::Progress;
use crate::raft::peer::{Call, Refusal, Reply};
use crate::raft::types::MemberId;

/// A confirmed round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// When it began, on the host's clock.
    begun: Duration,
    /// All log positions below must be applied.
    next_log: u64,
    /// Who leads.
    by: MemberId,
}

type Waiter = oneshot::Sender<Result<Round, ReadError>>;

/// Where reads ask for a round.
pub(crate) struct Rounds(mpsc::Sender<Waiter>);

impl Rounds {
    pub fn new() -> (Self, mpsc::Receiver<Waiter>) {
        let (queue, requests) = mpsc::channel(limits::READS_WAITING_MAX);
        (Self(queue), requests)
    }
}

impl Core {
    /// After it the local state is at least as new as everything that was acknowledged before the call.
    pub async fn barrier(&self, within: Duration) -> Result<(), ReadError> {
        self.confirmed_by(within).await.map(drop)
    }

    /// The same, and it was this server that leads: another leader has deadlines of its own.
    pub async fn barrier_here(&self, within: Duration) -> Result<(), ReadError> {
        match self.confirmed_by(within).await? {
            by if by == self.id => Ok(()),
            _ => Err(ReadError::NoLeader("this server does not lead any more".to_owned())),
        }
    }

    async fn confirmed_by(&self, within: Duration) -> Result<MemberId, ReadError> {
        let deadline = self.host().now() + within;
        loop {
            if let Some(why) = self.not_serving() {
                return Err(ReadError::NotReady(why));
            }
            let error = match self.try_barrier(deadline).await {
                Ok(by) => return Ok(by),
                Err(error) => error,
            };
            // A round that was not confirmed read nothing: another try is free.
            let now = self.host().now();
            if now >= deadline || !matches!(error, ReadError::NoLeader(_)) {
                return Err(error);
            }
            self.pause_for_leader(deadline - now).await;
        }
    }

    async fn try_barrier(&self, deadline: Duration) -> Result<MemberId, ReadError> {
        let (waiter, answer) = oneshot::channel();
        self.rounds.0.try_send(waiter).map_err(|_| ReadError::NotReady("too many reads wait already".to_owned()))?;
        let remaining = deadline.saturating_sub(self.host().now());
        let round = match self.host().timeout(remaining, answer).await {
            Ok(Ok(round)) => round?,
            Ok(Err(_)) => return Err(ReadError::NotReady("this server is stopping".to_owned())),
            Err(_) => return Err(ReadError::NoLeader("leadership was not confirmed in time".to_owned())),
        };
        self.applied(deadline, |progress| progress.next_log >= round.next_log).await.map_err(|has| {
            ReadError::Lagging(format!("it has applied {} of {} log entries", has.next_log, round.next_log))
        })?;
        self.confirm(round.begun);
        Ok(round.by)
    }

    /// Waits until the local Index is at least `index`.
    pub async fn wait_index(&self, index: Index, within: Duration) -> Result<(), ReadError> {
        self.applied(self.host().now() + within, |progress| progress.index >= index)
            .await
            .map_err(|has| ReadError::Lagging(format!("its Index is {}, asked was {index}", has.index)))
    }

    async fn applied(&self, deadline: Duration, enough: impl Fn(&Progress) -> bool) -> Result<(), Progress> {
        let mut progress = self.parts.state.progress();
        let remaining = deadline.saturating_sub(self.host().now());
        let waited = self.host().timeout(remaining, progress.wait_for(&enough)).await.is_ok_and(|seen| seen.is_ok());
        if waited { Ok(()) } else { Err(*progress.borrow()) }
    }

    /// One round: from this server if it leads, else from the leader it knows.
    async fn round(&self) -> Result<Round, ReadError> {
        let begun = self.host().now();
        tracing::trace!(target: "sider::point", point = "read.before_confirm");
        let within = self.parts.timing.election_max;
        let Some((id, member)) = self.leader() else {
            return Err(ReadError::NoLeader("no server leads now".to_owned()));
        };
        if id == self.id {
            return Ok(Round { begun, next_log: self.read_index(within).await?, by: id });
        }
        // The leader gives up first: an answer that says why is worth more than a broken connection.
        let patience = within + self.parts.timing.heartbeat;
        match self.forward_link(id, &member).call(&Call::ReadIndex, patience).await {
            Ok(Reply::ReadIndex(next_log)) => Ok(Round { begun, next_log: next_log?, by: id }),
            Ok(Reply::Refused(Refusal::NotMember { at })) => {
                self.told_not_member(at).await;
                Err(ReadError::NotReady("this server is not a member of the cluster".to_owned()))
            }
            Ok(Reply::Refused(refusal)) => Err(ReadError::NoLeader(refusal.to_string())),
            Ok(_) => Err(ReadError::NoLeader("the leader answered another question".to_owned())),
            Err(error) => Err(ReadError::NoLeader(error.to_string())),
        }
    }

    /// Asks the members that this server knows of who leads, and the leader whether this server is a member: one that
    /// was removed while it was away hears from nobody else (MEM-3).
    pub async fn ask_around(&self) {
        let heartbeat = self.parts.timing.heartbeat;
        for (id, member) in self.parts.state.membership().nodes().filter(|(id, _)| **id != self.id) {
            let answer = self.forward_link(*id, member).call(&Call::WhoLeads, heartbeat * 2).await;
            let Ok(Reply::Leader(Some((leader, at)))) = answer else { continue };
            let patience = self.parts.timing.election_max + heartbeat;
            let answer = self.forward_link(leader, &at).call(&Call::ReadIndex, patience).await;
            if let Ok(Reply::Refused(Refusal::NotMember { at })) = answer {
                self.told_not_member(at).await;
            }
            return;
        }
    }

    /// Confirms that this server leads: a quorum answered after the call. Never by lease: a leader whose clock is slow
    /// would answer from the past.
    pub async fn read_index(&self, within: Duration) -> Result<u64, ReadError> {
        let confirm = self.parts.raft.get_read_linearizer(ReadPolicy::ReadIndex);
        match self.host().timeout(within, confirm).await {
            Ok(Ok(linearizer)) => Ok(linearizer.read_log_id().index() + 1),
            Ok(Err(error)) => Err(ReadError::NoLeader(error.to_string())),
            Err(_) => Err(ReadError::NoLeader(format!("no quorum answered within {within:?}"))),
        }
    }
}

/// Runs rounds until the node is gone. A few at a time: one that hangs on a dead leader does not hold up the next.
pub(crate) async fn run(core: Arc<Core>, mut requests: mpsc::Receiver<Waiter>) {
    const AT_A_TIME: usize = 4;
    let mut under_way = FuturesUnordered::new();
    let mut stopping = core.stopping.subscribe();
    loop {
        let mut waiting = Vec::new();
        tokio::select! {
            biased;
            _ = stopping.changed() => return,
            Some(()) = under_way.next(), if !under_way.is_empty() => continue,
            count = requests.recv_many(&mut waiting, limits::READS_WAITING_MAX), if under_way.len() < AT_A_TIME => {
                if count == 0 {
                    return;
                }
            }
        }
        let core = &core;
        under_way.push(async move {
            let round = core.round().await;
            for waiter in waiting {
                // Whoever asked may have gone.
                drop(waiter.send(round.clone()));
            }
        });
    }
}
