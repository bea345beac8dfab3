//! The log keeps what it synced, names what is damaged, and stops for good when the disk fails.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openraft::storage::{IOFlushed, RaftLogReader as _, RaftLogStorage as _};
use openraft::type_config::TypeConfigExt as _;
use openraft::{EntryPayload, alias::CommittedLeaderIdOf};
use sider_client::seam::BoxFuture;

use super::LogStore;
use crate::host::{Host, Simulated};
use crate::raft::disk::Disk;
use crate::raft::store::{self, Environment};
use crate::raft::types::{Entry, LogId, TypeConfig, Vote};

/// A disk without sync whose commits fail when told to.
#[derive(Default)]
struct FailingDisk {
    fails: AtomicBool,
}

impl Disk for FailingDisk {
    fn syncs(&self) -> bool {
        false
    }

    fn write_ahead_bytes(&self) -> u64 {
        0
    }

    fn run(&self, host: &Host, _name: &'static str, writer: BoxFuture<'static, ()>) {
        host.spawn(writer);
    }

    fn before_commit<'a>(&'a self, _dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let full = self.fails.load(Ordering::Relaxed);
        let result = if full { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) };
        Box::pin(std::future::ready(result))
    }

    fn after_commit<'a>(&'a self, _dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn host() -> Host {
    Host::new(1, 0, Simulated::default())
}

fn open(dir: &Path, disk: &Arc<FailingDisk>) -> (io::Result<LogStore>, Environment, std::fs::File) {
    let opened = store::open(dir, "n1", 1 << 24, disk.as_ref(), &host()).expect("the directory opens");
    let log = LogStore::open(opened.log.clone(), Arc::clone(disk) as Arc<dyn Disk>, &host(), 1);
    (log, opened.log, opened.lock)
}

fn id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderIdOf::<TypeConfig>::new(term), index)
}

fn blank(term: u64, index: u64) -> Entry {
    Entry { log_id: id(term, index), payload: EntryPayload::Blank }
}

async fn append(log: &mut LogStore, entries: Vec<Entry>) -> io::Result<()> {
    let (told, tells) = TypeConfig::oneshot();
    log.append(entries, IOFlushed::signal(told)).await?;
    tells.await.expect("the writer tells")
}

async fn indexes(log: &mut LogStore) -> Vec<(u64, u64)> {
    let entries = log.try_get_log_entries(..).await.expect("readable");
    entries.iter().map(|entry| (entry.log_id.leader_id.term, entry.log_id.index)).collect()
}

#[tokio::test]
async fn what_was_synced_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FailingDisk::default());
    {
        let (log, ..) = open(dir.path(), &disk);
        let mut log = log.expect("a new log");
        append(&mut log, (0..6).map(|index| blank(1, index)).collect()).await.expect("written");
        log.save_vote(&Vote::new(3, 7)).await.expect("saved");
        log.truncate_after(Some(id(1, 3))).await.expect("cut");
        append(&mut log, vec![blank(2, 4)]).await.expect("written");
        log.purge(id(1, 1)).await.expect("purged");
        log.put("fence", &0).await.expect("the purge before it is done");
        assert_eq!(indexes(&mut log).await, [(1, 2), (1, 3), (2, 4)]);
    }
    tokio::task::yield_now().await; // the writer sees that nobody is left, and closes the environment
    let (log, ..) = open(dir.path(), &disk);
    let mut log = log.expect("it opens again");
    assert_eq!(indexes(&mut log).await, [(1, 2), (1, 3), (2, 4)]);
    assert_eq!(log.read_vote().await.expect("readable"), Some(Vote::new(3, 7)));
    let state = log.get_log_state().await.expect("known");
    assert_eq!((state.last_purged_log_id, state.last_log_id), (Some(id(1, 1)), Some(id(2, 4))));
}

#[tokio::test]
async fn a_damaged_entry_is_named_and_the_log_does_not_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FailingDisk::default());
    {
        let (log, environment, _lock) = open(dir.path(), &disk);
        append(&mut log.expect("a new log"), (0..4).map(|index| blank(1, index)).collect()).await.expect("written");
        let mut txn = environment.env.write_txn().expect("a transaction");
        let mut bytes = environment.by_position.get(&txn, &2).expect("readable").expect("there").to_vec();
        *bytes.last_mut().expect("not empty") ^= 1;
        environment.by_position.put(&mut txn, &2, &bytes).expect("put back");
        txn.commit().expect("committed");
    }
    tokio::task::yield_now().await;
    let (log, ..) = open(dir.path(), &disk);
    let error = log.err().expect("refused").to_string();
    assert!(error.contains("log entry 2") && error.contains("checksum"), "{error}");
}

#[tokio::test]
async fn a_missing_entry_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FailingDisk::default());
    {
        let (log, environment, _lock) = open(dir.path(), &disk);
        append(&mut log.expect("a new log"), (0..4).map(|index| blank(1, index)).collect()).await.expect("written");
        let mut txn = environment.env.write_txn().expect("a transaction");
        environment.by_position.delete(&mut txn, &2).expect("deleted");
        txn.commit().expect("committed");
    }
    tokio::task::yield_now().await;
    let (log, ..) = open(dir.path(), &disk);
    assert!(log.err().expect("refused").to_string().contains("entry 2 follows"));
}

#[tokio::test]
async fn after_a_full_disk_nothing_more_is_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FailingDisk::default());
    let (log, _environment, _lock) = open(dir.path(), &disk);
    let mut log = log.expect("a new log");
    append(&mut log, vec![blank(1, 0)]).await.expect("written");
    disk.fails.store(true, Ordering::Relaxed);
    assert_eq!(append(&mut log, vec![blank(1, 1)]).await.map_err(|e| e.kind()), Err(io::ErrorKind::StorageFull));
    disk.fails.store(false, Ordering::Relaxed);
    assert!(append(&mut log, vec![blank(1, 2)]).await.is_err(), "it would stand behind a hole");
    assert!(log.save_vote(&Vote::new(9, 9)).await.is_err());
}

#[tokio::test]
async fn a_second_server_on_the_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(FailingDisk::default());
    let _first = open(dir.path(), &disk);
    let second = store::open(dir.path(), "n1", 1 << 24, disk.as_ref(), &host());
    assert!(matches!(second, Err(store::OpenError::Held(_))));
}
