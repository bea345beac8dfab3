//! The last two snapshots, in an LMDB environment of their own: synced before they are named to anybody.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sider_registry::limits;
use tokio::sync::{mpsc, oneshot};

use super::disk::Disk;
use super::record;
use super::store::{Environment, from_heed};
use super::types::{Snapshot, SnapshotMeta};
use crate::host::Host;

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored {
    meta: SnapshotMeta,
    state: Bytes,
}

struct Save {
    position: u64,
    bytes: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

/// The snapshots of one server. Clones share them.
#[derive(Clone)]
pub struct Snapshots {
    environment: Environment,
    queue: mpsc::Sender<Save>,
}

impl Snapshots {
    /// Starts the writer.
    #[must_use]
    pub fn open(environment: Environment, disk: Arc<dyn Disk>, host: &Host) -> Self {
        let (queue, jobs) = mpsc::channel(limits::SNAPSHOTS_KEPT);
        disk.run(host, "sider-snap", Box::pin(write_all(environment.clone(), Arc::clone(&disk), jobs)));
        Self { environment, queue }
    }

    /// Stores a snapshot and returns when it is synced; older ones beyond [`limits::SNAPSHOTS_KEPT`] go.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn save(&self, snapshot: &Snapshot) -> io::Result<()> {
        let stored = Stored { meta: snapshot.meta.clone(), state: snapshot.snapshot.clone() };
        let position = snapshot.meta.last_log_id.map_or(0, |id| id.index);
        let (done, waits) = oneshot::channel();
        let stopped = || io::Error::other("the snapshot writer has stopped after an earlier error");
        self.queue.send(Save { position, bytes: record::encode(&stored), done }).await.map_err(|_| stopped())?;
        waits.await.map_err(|_| stopped())?
    }

    /// The newest snapshot.
    ///
    /// # Errors
    /// It is damaged: the error names it. An older one is never served in its place, since the log behind it is gone.
    pub fn newest(&self) -> io::Result<Option<Snapshot>> {
        let txn = self.environment.env.read_txn().map_err(from_heed)?;
        let Some((position, bytes)) = self.environment.by_position.last(&txn).map_err(from_heed)? else {
            return Ok(None);
        };
        let name = format!("snapshot {position} in {}", self.environment.dir.display());
        let Stored { meta, state } = record::decode(&name, bytes)?;
        Ok(Some(Snapshot { meta, snapshot: state }))
    }
}

async fn write_all(environment: Environment, disk: Arc<dyn Disk>, mut jobs: mpsc::Receiver<Save>) {
    while let Some(Save { position, bytes, done }) = jobs.recv().await {
        let result = write(&environment, disk.as_ref(), position, &bytes).await;
        let failed = result.is_err();
        let _gone = done.send(result);
        if failed {
            return; // any storage error is final
        }
    }
}

async fn write(environment: &Environment, disk: &dyn Disk, position: u64, bytes: &[u8]) -> io::Result<()> {
    tracing::trace!(target: "sider::point", point = "snapshot.before_commit", position);
    disk.before_commit(&environment.dir).await?;
    commit(environment, position, bytes)?;
    disk.after_commit(&environment.dir).await
}

fn commit(environment: &Environment, position: u64, bytes: &[u8]) -> io::Result<()> {
    let mut txn = environment.env.write_txn().map_err(from_heed)?;
    let positions = environment.by_position.iter(&txn).map_err(from_heed)?.map(|pair| pair.map(|(at, _)| at));
    let positions: Vec<u64> = positions.collect::<Result<_, _>>().map_err(from_heed)?;
    for old in positions.iter().rev().filter(|old| **old != position).skip(limits::SNAPSHOTS_KEPT - 1) {
        environment.by_position.delete(&mut txn, old).map_err(from_heed)?;
    }
    environment.by_position.put(&mut txn, &position, bytes).map_err(from_heed)?;
    txn.commit().map_err(from_heed)
}
