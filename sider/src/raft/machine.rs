//! The state machine: applies committed entries to the registry, answers the writer, then tells watches and deadlines.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use sider_registry::command::Event;
use sider_registry::model::Index;
use sider_registry::{Registry, snapshot};
use tokio::sync::watch;

use super::snapshots::Snapshots;
use super::types::{Entry, LogId, MemberId, Response, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use crate::expirer::Expirer;
use crate::watch::{WatchKey, Watches};

/// How far a server has applied: the log position, and the Index of the registry after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Log positions applied: all below this one.
    pub next_log: u64,
    /// The registry's Index.
    pub index: Index,
}

/// The replicated state as this server has it.
pub struct State {
    replicated: RwLock<Replicated>,
    progress: watch::Sender<Progress>,
    watches: Watches,
    expirer: Expirer,
}

#[derive(Clone, Default)]
struct Replicated {
    registry: Registry,
    applied: Option<LogId>,
    membership: StoredMembership,
}

impl State {
    /// The state of `snapshot`, or an empty one.
    ///
    /// # Errors
    /// The snapshot is damaged.
    pub fn restore(snapshot: Option<&Snapshot>, watches: Watches, expirer: Expirer) -> io::Result<Self> {
        let replicated = snapshot.map(decode).transpose()?.unwrap_or_default();
        let progress = watch::Sender::new(replicated.progress());
        Ok(Self { replicated: RwLock::new(replicated), progress, watches, expirer })
    }

    /// Looks at the registry. Keep it short: the next entry waits.
    pub fn read<R>(&self, look: impl FnOnce(&Registry) -> R) -> R {
        look(&self.replicated.read().unwrap_or_else(PoisonError::into_inner).registry)
    }

    /// How far this server has applied, and a signal when it moves.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The configuration that was applied last.
    #[must_use]
    pub fn membership(&self) -> StoredMembership {
        self.replicated.read().unwrap_or_else(PoisonError::into_inner).membership.clone()
    }

    fn apply(&self, entry: Entry) -> io::Result<(Response, Vec<Event>)> {
        let mut guard = self.replicated.write().unwrap_or_else(PoisonError::into_inner);
        let replicated = &mut *guard;
        let at = entry.log_id;
        assert!(replicated.applied.is_none_or(|last| last.index + 1 == at.index), "entries are applied in order");
        let (kind, response, events): (_, _, Vec<Event>) = match entry.payload {
            EntryPayload::Blank => ("noop", None, Vec::new()),
            EntryPayload::Membership(membership) => {
                trace_voters(at, membership.get_joint_config());
                replicated.membership = StoredMembership::new(Some(at), membership);
                ("membership", None, Vec::new())
            }
            EntryPayload::Normal(proposal) => {
                let request = proposal.request().map_err(|e| {
                    super::record::damaged(&format_args!("log entry {}", at.index), format_args!("not a command ({e})"))
                })?;
                let kind = kind_of(&request.command);
                let applied = replicated.registry.apply(&request);
                (kind, Some(applied.outcome), applied.events)
            }
        };
        replicated.applied = Some(at);
        self.expirer.observe(&events);
        trace_applied(kind, at, &replicated.registry);
        self.progress.send_replace(replicated.progress());
        Ok((response, events))
    }

    fn install(&self, replicated: Replicated) {
        let mut guard = self.replicated.write().unwrap_or_else(PoisonError::into_inner);
        *guard = replicated;
        self.expirer.resign();
        if let Some(at) = guard.applied {
            trace_applied("install", at, &guard.registry);
        }
        self.progress.send_replace(guard.progress());
        drop(guard);
        self.watches.announce_all(|key| {
            self.read(|registry| match key {
                WatchKey::Service(service) => registry.service_index(service),
                WatchKey::Catalog(namespace) => registry.catalog_index(namespace),
            })
        });
    }

    fn announce(&self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            match event {
                Event::Service { service, index } => self.watches.announce(&WatchKey::Service(service), index),
                Event::Catalog { namespace, index } => self.watches.announce(&WatchKey::Catalog(namespace), index),
                Event::TtlArmed { .. } | Event::TtlDisarmed { .. } => {}
            }
        }
    }

    fn copy(&self) -> Replicated {
        self.replicated.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Replicated {
    fn progress(&self) -> Progress {
        Progress { next_log: self.applied.map_or(0, |id| id.index + 1), index: self.registry.index() }
    }
}

fn kind_of(command: &sider_registry::Command) -> &'static str {
    use sider_registry::Command;
    match command {
        Command::Register { .. } => "register",
        Command::Deregister { .. } | Command::DeregisterId { .. } => "deregister",
        Command::Report { .. } => "report",
        Command::Expire { .. } => "expire",
    }
}

/// The fact that REP-1 is judged by: equal hash at equal position on every server.
fn trace_applied(kind: &'static str, at: LogId, registry: &Registry) {
    tracing::trace!(
        target: "sider::applied",
        kind,
        term = at.leader_id.term,
        log = at.index,
        index = registry.index().0,
        hash = format_args!("{:032x}", registry.state_hash()),
    );
}

/// The fact that MEM-2 is judged by: whose majorities commit from here on. Voters are parted by commas, the two halves of a
/// joint configuration by a bar.
fn trace_voters(at: LogId, joint: &[BTreeSet<MemberId>]) {
    let half = |voters: &BTreeSet<MemberId>| voters.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let voters = joint.iter().map(half).collect::<Vec<_>>().join("|");
    tracing::trace!(target: "sider::voters", term = at.leader_id.term, log = at.index, voters = voters.as_str());
}

fn decode(stored: &Snapshot) -> io::Result<Replicated> {
    let registry = snapshot::decode(&stored.snapshot)
        .map_err(|e| super::record::damaged(&format_args!("snapshot {}", stored.meta), format_args!("{e}")))?;
    Ok(Replicated { registry, applied: stored.meta.last_log_id, membership: stored.meta.last_membership.clone() })
}

/// openraft's side of the state machine.
#[derive(Clone)]
pub struct Machine {
    state: Arc<State>,
    snapshots: Snapshots,
}

impl Machine {
    /// Applies to `state`, keeps snapshots in `snapshots`.
    #[must_use]
    pub fn new(state: Arc<State>, snapshots: Snapshots) -> Self {
        Self { state, snapshots }
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let replicated = self.state.replicated.read().unwrap_or_else(PoisonError::into_inner);
        Ok((replicated.applied, replicated.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        /// Watchers wait at most for so many entries of one batch.
        const ANNOUNCE_EVERY: usize = 64;
        let mut told = Vec::new();
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            let (response, events) = self.state.apply(entry)?;
            // The writer is answered before the watchers are woken: ten thousand wake-ups take a while.
            if let Some(responder) = responder {
                responder.send(response);
            }
            told.extend(events);
            if told.len() >= ANNOUNCE_EVERY {
                self.state.announce(&mut told);
            }
        }
        self.state.announce(&mut told);
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, data: Bytes) -> io::Result<()> {
        let snapshot = Snapshot { meta: meta.clone(), snapshot: data };
        let replicated = decode(&snapshot)?;
        tracing::trace!(target: "sider::point", point = "snapshot.before_install");
        self.snapshots.save(&snapshot).await?;
        self.state.install(replicated);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        self.snapshots.newest()
    }
}

impl RaftSnapshotBuilder<TypeConfig> for Machine {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        // A copy shares its records with the live registry, so writes go on while it is encoded.
        let Replicated { registry, applied, membership } = self.state.copy();
        let meta = SnapshotMeta { last_log_id: applied, last_membership: membership };
        let snapshot = Snapshot { meta, snapshot: snapshot::encode(&registry).into() };
        self.snapshots.save(&snapshot).await?;
        Ok(snapshot)
    }
}
