//! The one writer of the log: drains the queue, commits what it found in one transaction, then tells everybody.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use openraft::storage::IOFlushed;
use sider_registry::limits;
use tokio::sync::{mpsc, oneshot};

use super::{PURGED, Shared};
use crate::host::Host;
use crate::raft::disk::Disk;
use crate::raft::store::from_heed;
use crate::raft::types::{LogId, TypeConfig};

/// What can be asked of the writer. Jobs are carried out in order.
pub(super) enum Job {
    Append {
        records: Vec<(u64, Vec<u8>)>,
        /// The last of them.
        last: Option<LogId>,
        callback: IOFlushed<TypeConfig>,
    },
    Put {
        name: &'static str,
        bytes: Vec<u8>,
        done: oneshot::Sender<io::Result<()>>,
    },
    /// Worth no sync of its own: written with whatever comes next.
    Hint {
        name: &'static str,
        bytes: Vec<u8>,
    },
    Truncate {
        from: u64,
        done: oneshot::Sender<io::Result<()>>,
    },
    Purge {
        upto: u64,
        bytes: Vec<u8>,
    },
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct LogStats {
    /// Commits, each with one sync.
    pub commits: AtomicU64,
    /// Entries in them.
    pub entries: AtomicU64,
    /// Time in them, in microseconds.
    pub micros: AtomicU64,
    /// Pages in use, in bytes.
    pub used_bytes: AtomicUsize,
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub disk: Arc<dyn Disk>,
    pub host: Host,
}

impl Writer {
    pub async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::new();
        while jobs.recv_many(&mut batch, limits::LOG_BATCH_MAX).await > 0 {
            if batch.iter().all(|job| matches!(job, Job::Hint { .. })) {
                // Only the newest is of use, and a lost one costs a restarted server a moment.
                batch.drain(..batch.len() - 1);
                continue;
            }
            let begun = self.host.now();
            let result = self.commit(&batch).await;
            let micros = u64::try_from((self.host.now() - begun).as_micros()).unwrap_or(u64::MAX);
            self.shared.stats.micros.fetch_add(micros, Ordering::Relaxed);
            self.shared.stats.commits.fetch_add(1, Ordering::Relaxed);
            let failed = result.is_err();
            for job in batch.drain(..) {
                self.tell(job, &result);
            }
            if failed {
                // Any storage error is final: what comes now would stand behind a hole. The queue's end tells them.
                return;
            }
        }
    }

    async fn commit(&self, batch: &[Job]) -> io::Result<()> {
        let dir = &self.shared.environment.dir;
        let last = batch.iter().rev().find_map(|job| if let Job::Append { last, .. } = job { *last } else { None });
        self.shared.trace_end("log.before_commit", last);
        self.disk.before_commit(dir).await?;
        self.write(batch)?;
        self.disk.after_commit(dir).await?;
        tracing::trace!(target: "sider::point", point = "log.after_commit", jobs = batch.len());
        Ok(())
    }

    fn write(&self, batch: &[Job]) -> io::Result<()> {
        let environment = &self.shared.environment;
        let mut txn = environment.env.write_txn().map_err(from_heed)?;
        for job in batch {
            match job {
                Job::Append { records, .. } => {
                    for (index, bytes) in records {
                        environment.by_position.put(&mut txn, index, bytes).map_err(from_heed)?;
                    }
                }
                Job::Put { name, bytes, .. } | Job::Hint { name, bytes } => {
                    environment.by_name.put(&mut txn, name, bytes).map_err(from_heed)?;
                }
                Job::Truncate { from, .. } => {
                    environment.by_position.delete_range(&mut txn, &(*from..)).map_err(from_heed)?;
                }
                Job::Purge { upto, bytes } => {
                    environment.by_position.delete_range(&mut txn, &(..=*upto)).map_err(from_heed)?;
                    environment.by_name.put(&mut txn, PURGED, bytes).map_err(from_heed)?;
                }
            }
        }
        let pages = environment.by_position.stat(&txn).map_err(from_heed)?;
        let used = (pages.branch_pages + pages.leaf_pages + pages.overflow_pages) * pages.page_size as usize;
        self.shared.stats.used_bytes.store(used, Ordering::Relaxed);
        txn.commit().map_err(from_heed)
    }

    fn tell(&self, job: Job, result: &io::Result<()>) {
        let again = || result.as_ref().copied().map_err(|e| io::Error::new(e.kind(), e.to_string()));
        match job {
            Job::Append { records, last, callback } => {
                if let (Ok(()), Some(last)) = (result, last) {
                    self.shared.stats.entries.fetch_add(records.len() as u64, Ordering::Relaxed);
                    self.shared.tail().synced(last.index + 1);
                }
                callback.io_completed(again());
            }
            Job::Put { done, .. } | Job::Truncate { done, .. } => {
                // Whoever asked may have gone; the work is done all the same.
                let _gone = done.send(again());
            }
            Job::Hint { .. } | Job::Purge { .. } => {
                if let Err(error) = result {
                    tracing::error!(%error, "the log cannot be written");
                }
            }
        }
    }
}

/// The writer ended after an earlier error.
pub(super) fn stopped() -> io::Error {
    io::Error::other("the log's writer has stopped after an earlier error")
}
