//! What all of a node shares.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use openraft::async_runtime::WatchReceiver as _;
use openraft::metrics::RaftServerMetrics;
use openraft::{Instant as _, ServerState};
use sider_registry::model::Name;
use tokio::sync::watch;

use super::read::Rounds;
use crate::config::RaftConfig;
use crate::expirer::Expirer;
use crate::host::Host;
use crate::raft::log::LogStore;
use crate::raft::machine::State;
use crate::raft::peer::{Links, Purpose};
use crate::raft::store::{IDENTITY, Identity};
use crate::raft::types::{Member, MemberId, Raft, SnapshotMeta, TypeConfig, Vote};
use crate::watch::Watches;

/// What a node is made of.
pub(crate) struct Parts {
    pub name: Name,
    pub identity: Identity,
    pub cluster: Arc<OnceLock<u128>>,
    pub timing: RaftConfig,
    pub host: Host,
    pub raft: Raft,
    pub log: LogStore,
    pub state: Arc<State>,
    pub watches: Watches,
    pub expirer: Expirer,
    pub links: Links,
}

/// See the module.
pub(crate) struct Core {
    pub parts: Parts,
    pub id: MemberId,
    /// One change at a time, until it is on disk.
    identity: tokio::sync::Mutex<Identity>,
    pub rounds: Rounds,
    /// Begin of the last confirmed round whose read index is applied here, on the host's clock.
    confirmed: Mutex<Option<Duration>>,
    /// This server has been in step with a leader once since it started.
    caught_up: AtomicBool,
    /// A configuration that was applied here named this server.
    was_member: AtomicBool,
    pub writes: AtomicUsize,
    /// One change of membership at a time.
    pub admin: tokio::sync::Mutex<()>,
    /// Who was asked last to lead in place of this server, and in which term of it.
    pub asked: Mutex<Option<(u64, MemberId)>>,
    /// The snapshot that is being received.
    pub incoming: Mutex<Option<Incoming>>,
    /// Log position of the configuration that left this server out.
    pub removed: watch::Sender<Option<u64>>,
    /// True once the server stops.
    pub stopping: watch::Sender<bool>,
}

/// A snapshot of which pieces have arrived.
pub(crate) struct Incoming {
    pub vote: Vote,
    pub meta: SnapshotMeta,
    pub bytes: BytesMut,
    /// When the last piece came, on the host's clock.
    pub touched: Duration,
}

impl Core {
    pub fn new(parts: Parts) -> Arc<Self> {
        let (rounds, requests) = Rounds::new();
        let core = Arc::new(Self {
            id: parts.identity.id,
            identity: tokio::sync::Mutex::new(parts.identity.clone()),
            rounds,
            confirmed: Mutex::new(None),
            caught_up: AtomicBool::new(false),
            was_member: AtomicBool::new(false),
            writes: AtomicUsize::new(0),
            admin: tokio::sync::Mutex::new(()),
            asked: Mutex::new(None),
            incoming: Mutex::new(None),
            removed: watch::Sender::new(None),
            stopping: watch::Sender::new(false),
            parts,
        });
        core.parts.host.spawn(super::read::run(Arc::clone(&core), requests));
        core
    }

    pub fn host(&self) -> &Host {
        &self.parts.host
    }

    pub fn name(&self) -> String {
        self.parts.name.as_str().to_owned()
    }

    /// openraft's view of the cluster now.
    pub fn metrics(&self) -> RaftServerMetrics<TypeConfig> {
        self.parts.raft.server_metrics().borrow_watched().clone()
    }

    /// The leader this server knows of, if any.
    pub fn leader(&self) -> Option<(MemberId, Member)> {
        let metrics = self.metrics();
        let id = metrics.current_leader?;
        let member = metrics.membership_config.get_node(&id).cloned()?;
        Some((id, member))
    }

    pub fn leads(&self) -> bool {
        self.metrics().state == ServerState::Leader
    }

    /// A quorum answered this leader within the first half of its lease.
    pub fn lease_holds(&self) -> bool {
        let acked = self.parts.raft.data_metrics().borrow_watched().last_quorum_acked;
        acked.is_some_and(|at| at.elapsed() < self.parts.timing.election_max / 2)
    }

    /// The link on which requests of clients go to a peer.
    pub fn forward_link(&self, id: MemberId, member: &Member) -> Arc<crate::raft::peer::Link> {
        self.parts.links.get(id, &member.addr, Purpose::Forward)
    }

    /// Everything acknowledged before `begun` is in the local state now.
    pub fn confirm(&self, begun: Duration) {
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        *confirmed = confirmed.max(Some(begun));
        self.caught_up.store(true, Ordering::Relaxed);
        if self.parts.state.membership().get_node(&self.id).is_some() {
            self.was_member.store(true, Ordering::Relaxed);
        }
    }

    /// Time since the local state is known to have been the newest; none: never since the start.
    pub fn since_confirmed(&self) -> Option<Duration> {
        let confirmed = *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        confirmed.map(|at| self.host().now().saturating_sub(at))
    }

    pub fn caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Relaxed)
    }

    /// A confirmed leader says that this server is not in the configuration at `at`.
    pub async fn told_not_member(&self, at: u64) {
        let known =
            self.was_member.load(Ordering::Relaxed) || self.parts.state.membership().get_node(&self.id).is_some();
        if !known || self.removed.borrow().is_some() {
            return; // a server that is about to join was never a member
        }
        tracing::error!(at, "this server was removed from the cluster");
        let mut identity = self.identity.lock().await;
        identity.removed_at = Some(at);
        if let Err(error) = self.parts.log.put(IDENTITY, &*identity).await {
            tracing::error!(%error, "cannot note that this server was removed");
        }
        self.removed.send_replace(Some(at));
    }

    /// Joins `cluster`: noted on disk before anything of it is answered.
    /// Answers the cluster that it belongs to then: another one may have been first.
    pub async fn adopt(&self, cluster: u128) -> io::Result<u128> {
        let mut identity = self.identity.lock().await;
        if let Some(mine) = self.parts.cluster.get() {
            return Ok(*mine);
        }
        identity.cluster = Some(cluster);
        self.parts.log.put(IDENTITY, &*identity).await?;
        tracing::info!(cluster = format_args!("{cluster:032x}"), "joined a cluster");
        Ok(*self.parts.cluster.get_or_init(|| cluster))
    }

    /// Why this server serves nothing, if it does not.
    pub fn not_serving(&self) -> Option<String> {
        if let Some(at) = *self.removed.borrow() {
            return Some(format!("this server was removed from the cluster (configuration at log {at})"));
        }
        self.stopping.borrow().then(|| "this server is stopping".to_owned())
    }

    /// Waits a little for a leader: until somebody else leads, or a heartbeat's time.
    pub async fn pause_for_leader(&self, at_most: Duration) {
        let seen = |core: &Self| {
            let metrics = core.metrics();
            (metrics.vote.leader_id.term, metrics.current_leader)
        };
        let before = seen(self);
        let mut metrics = self.parts.raft.server_metrics();
        // A fresh receiver has "changed" already: without the look in between, whoever waits here would never wait.
        let moved = async {
            while seen(self) == before {
                if metrics.changed().await.is_err() {
                    // Consensus has stopped and nothing moves any more; whoever ends the server must get his turn.
                    std::future::pending().await
                }
            }
        };
        let wait = self.parts.timing.heartbeat.min(at_most);
        // Either way the caller looks again.
        let _elapsed = self.host().timeout(wait, moved).await;
    }
}
