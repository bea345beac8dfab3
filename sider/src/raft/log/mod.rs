//! Log and vote in LMDB: entries are readable when [`LogStore::append`] returns and counted when they are synced.
//!
//! One writer drains one queue, first in first out: whatever waits is committed in one transaction and one sync (group
//! commit). Votes go through the same queue, so a vote never overtakes an append.

mod tail;
mod writer;

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::{LogState, OptionalSend};
use serde::Serialize;
use sider_registry::limits;
use tokio::sync::{mpsc, oneshot};

pub use writer::LogStats;

use super::disk::Disk;
use super::record;
use super::store::{Environment, from_heed};
use super::types::{Entry, LogId, MemberId, TypeConfig, Vote};
use crate::host::Host;
use tail::Tail;
use writer::{Job, Writer};

const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
const PURGED: &str = "purged";

/// The log of one server. Clones share it.
#[derive(Clone)]
pub struct LogStore {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Job>,
}

struct Shared {
    /// Whose log it is.
    id: MemberId,
    environment: Environment,
    tail: Mutex<Tail>,
    vote: Mutex<Option<Vote>>,
    stats: LogStats,
    map_bytes: usize,
}

impl Shared {
    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vote(&self) -> MutexGuard<'_, Option<Vote>> {
        self.vote.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fact that MEM-2 and MEM-4 are judged by: with what is committed now, the log of this identity ends at `last`.
    fn trace_end(&self, point: &'static str, last: Option<LogId>) {
        let (term, log) = last.map_or((0, 0), |last| (last.leader_id.term, last.index));
        tracing::trace!(target: "sider::point", point, id = self.id, term, log);
    }
}

/// Names a log entry in errors.
struct EntryName<'a> {
    dir: &'a Path,
    index: u64,
}

impl std::fmt::Display for EntryName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "log entry {} in {}", self.index, self.dir.display())
    }
}

impl LogStore {
    /// Opens the log of the server `id`, reads every record once, and starts its writer.
    ///
    /// # Errors
    /// A record is damaged or missing: the error names it.
    pub fn open(environment: Environment, disk: Arc<dyn Disk>, host: &Host, id: MemberId) -> io::Result<Self> {
        let (purged, vote) = (read_named(&environment, PURGED)?, read_named(&environment, VOTE)?);
        let last = verify(&environment, purged)?;
        let map_bytes = environment.env.info().map_size;
        let shared = Arc::new(Shared {
            id,
            environment,
            map_bytes,
            tail: Mutex::new(Tail::new(purged, last)),
            vote: Mutex::new(vote),
            stats: LogStats::default(),
        });
        shared.trace_end("log.open", last);
        let (queue, jobs) = mpsc::channel(limits::LOG_QUEUE_MAX);
        let writer = Writer { shared: Arc::clone(&shared), disk: Arc::clone(&disk), host: host.clone() };
        disk.run(host, "sider-log", Box::pin(writer.run(jobs)));
        Ok(Self { shared, queue })
    }

    /// Resolves when the writer has ended: nothing is written any more.
    pub async fn failed(&self) {
        self.queue.closed().await;
    }

    /// Three quarters of the file are in use: what comes must wait until a snapshot has made room.
    #[must_use]
    pub fn nearly_full(&self) -> bool {
        self.used_bytes() > self.shared.map_bytes / 4 * 3
    }

    /// A quarter of the file is in use: time for a snapshot, however few the entries are.
    #[must_use]
    pub fn wants_snapshot(&self) -> bool {
        self.used_bytes() > self.shared.map_bytes / 4
    }

    fn used_bytes(&self) -> usize {
        self.shared.stats.used_bytes.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Counters of the writer.
    #[must_use]
    pub fn stats(&self) -> &LogStats {
        &self.shared.stats
    }

    /// Stores `value` under `name` in the log's environment and returns when it is synced.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn put(&self, name: &'static str, value: &impl Serialize) -> io::Result<()> {
        self.and_wait(|done| Job::Put { name, bytes: record::encode(value), done }).await
    }

    async fn and_wait(&self, job: impl FnOnce(oneshot::Sender<io::Result<()>>) -> Job) -> io::Result<()> {
        let (done, waits) = oneshot::channel();
        self.send(job(done)).await?;
        waits.await.map_err(|_| writer::stopped())?
    }

    async fn send(&self, job: Job) -> io::Result<()> {
        self.queue.send(job).await.map_err(|_| writer::stopped())
    }

    fn read_range(&self, from: u64, to: u64) -> io::Result<Vec<Entry>> {
        let (mut entries, cached) = {
            let tail = self.shared.tail();
            let cached = tail.from(from, to);
            let on_disk = cached.first().map_or_else(|| to.min(tail.end()), |entry| entry.log_id.index);
            drop(tail);
            (self.read_disk(from, on_disk)?, cached)
        };
        entries.extend(cached);
        Ok(entries)
    }

    fn read_disk(&self, from: u64, to: u64) -> io::Result<Vec<Entry>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let environment = &self.shared.environment;
        let txn = environment.env.read_txn().map_err(from_heed)?;
        let found = environment.by_position.range(&txn, &(from..to)).map_err(from_heed)?;
        found
            .map(|pair| {
                let (index, bytes) = pair.map_err(from_heed)?;
                record::decode(&EntryName { dir: &environment.dir, index }, bytes)
            })
            .collect()
    }
}

/// Reads every entry once: a damaged or missing one is found now and not when a follower asks for it.
fn verify(environment: &Environment, purged: Option<LogId>) -> io::Result<Option<LogId>> {
    let txn = environment.env.read_txn().map_err(from_heed)?;
    let mut last = purged;
    for pair in environment.by_position.iter(&txn).map_err(from_heed)? {
        let (index, bytes) = pair.map_err(from_heed)?;
        let name = EntryName { dir: &environment.dir, index };
        let entry: Entry = record::decode(&name, bytes)?;
        let wanted = last.map_or(index, |id| id.index + 1);
        if index != wanted || entry.log_id.index != index {
            return Err(record::damaged(
                &name,
                format_args!("it holds entry {}, entry {wanted} follows", entry.log_id.index),
            ));
        }
        last = Some(entry.log_id);
    }
    Ok(last)
}

fn read_named<T: serde::de::DeserializeOwned>(environment: &Environment, name: &'static str) -> io::Result<Option<T>> {
    let txn = environment.env.read_txn().map_err(from_heed)?;
    let bytes = environment.by_name.get(&txn, name).map_err(from_heed)?;
    bytes.map(|bytes| record::decode(&format_args!("{name} in {}", environment.dir.display()), bytes)).transpose()
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(to) => *to,
            Bound::Unbounded => u64::MAX,
        };
        self.read_range(from, to)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(*self.shared.vote())
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let tail = self.shared.tail();
        Ok(LogState { last_purged_log_id: tail.purged, last_log_id: tail.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.put(VOTE, vote).await?;
        // The fact that REP-2 (one vote a term) and MEM-4 are judged by.
        let (term, candidate) = (vote.leader_id.term, vote.leader_id.voted_for);
        tracing::trace!(target: "sider::vote", id = self.shared.id, term, candidate, committed = vote.committed);
        *self.shared.vote() = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else { return Ok(()) };
        // A hint that saves a restarted server some waiting: it rides on the next sync, and is not waited for.
        self.send(Job::Hint { name: COMMITTED, bytes: record::encode(&committed) }).await
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        read_named(&self.shared.environment, COMMITTED)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let records = entries.iter().map(|entry| (entry.log_id.index, record::encode(entry))).collect();
        let last = entries.last().map(|entry| entry.log_id);
        self.shared.tail().push(entries);
        self.send(Job::Append { records, last, callback }).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |id| id.index + 1);
        self.shared.tail().truncate(from, last);
        self.and_wait(|done| Job::Truncate { from, done }).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.shared.tail().purge(upto);
        self.send(Job::Purge { upto: upto.index, bytes: record::encode(&upto) }).await
    }
}

#[cfg(test)]
mod tests;
