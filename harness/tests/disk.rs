//! The simulated disk under a real LMDB environment: a crash keeps what was written, a loss of power keeps what was synced
//! and may lose the one commit that was under way, never more.

use std::path::Path;
use std::time::Duration;

use harness::scenario::model::DiskError;
use harness::seeds::Seeds;
use harness::sim::disk::SimDisk;
use heed::types::{Str, U32};
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions};
use sider::raft::Disk;

type Numbers = U32<heed::byteorder::BE>;

#[expect(unsafe_code, reason = "LMDB maps a file; nobody else opens this one")]
fn open(dir: &Path) -> (Env, Database<'static, Numbers, Str>) {
    std::fs::create_dir_all(dir).expect("a directory");
    let mut options = EnvOpenOptions::new();
    options.map_size(4 << 20).max_dbs(1);
    // SAFETY: one open environment at a time, in a directory of this test.
    let env = unsafe { options.flags(EnvFlags::NO_SYNC).open(dir) }.expect("an environment");
    let txn = env.write_txn().expect("a transaction");
    let database = env
        .create_databases_and_commit(txn, |databases, txn| {
            let numbers = databases.create_database::<Numbers, Str>(txn, Some("numbers"))?;
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(numbers))
        })
        .expect("a database")
        .unwrap_commit();
    (env, database)
}

fn numbers(dir: &Path) -> Vec<u32> {
    let (env, database) = open(dir);
    let txn = env.read_txn().expect("a transaction");
    database.iter(&txn).expect("an iterator").map(|entry| entry.expect("an entry").0).collect()
}

fn put(env: &Env, database: Database<'static, Numbers, Str>, number: u32) {
    let mut txn = env.write_txn().expect("a transaction");
    database.put(&mut txn, &number, &format!("nonce\u{aa}{number:08}-and-some-more-bytes")).expect("a put");
    txn.commit().expect("a commit");
}

/// Runs `body` in paused virtual time.
fn virtually<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(body)
}

fn disk(dir: &Path, seed: u64) -> SimDisk {
    SimDisk::new(dir.to_owned(), (Duration::from_millis(1), Duration::from_millis(9)), Seeds(seed).stream("disk", 0))
}

/// Commits 0..4 whole, and 5 without the end of its sync; answers what is there after a loss of power.
fn after_power_loss(seed: u64) -> Vec<u32> {
    let root = tempfile::tempdir().expect("a temporary directory");
    let log = root.path().join("log");
    let disk = disk(root.path(), seed);
    virtually(async {
        let (env, database) = open(&log);
        for number in 0..5 {
            disk.before_commit(&log).await.expect("a sound disk");
            put(&env, database, number);
            disk.after_commit(&log).await.expect("a sound disk");
        }
        disk.before_commit(&log).await.expect("a sound disk");
        put(&env, database, 5);
    });
    disk.after_power_loss().expect("a memory file system");
    numbers(&log)
}

#[test]
fn a_loss_of_power_takes_the_commit_under_way_or_nothing() {
    let outcomes: Vec<Vec<u32>> = (0..12).map(after_power_loss).collect();
    assert!(outcomes.iter().all(|left| *left == [0, 1, 2, 3, 4] || *left == [0, 1, 2, 3, 4, 5]), "{outcomes:?}");
    assert!(outcomes.iter().any(|left| left.len() == 5), "in no seed was the commit lost");
    assert!(outcomes.iter().any(|left| left.len() == 6), "in no seed did the commit survive");
}

#[test]
fn a_crash_keeps_what_was_written() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let log = root.path().join("log");
    let disk = disk(root.path(), 1);
    virtually(async {
        let (env, database) = open(&log);
        disk.before_commit(&log).await.expect("a sound disk");
        put(&env, database, 1);
    });
    disk.after_crash();
    assert_eq!(numbers(&log), [1]);
}

#[test]
fn a_lying_disk_loses_what_it_acknowledged_and_an_honest_one_does_not() {
    for (lies, left) in [(true, vec![1]), (false, vec![1, 2])] {
        let root = tempfile::tempdir().expect("a temporary directory");
        let log = root.path().join("log");
        let disk = disk(root.path(), 1);
        virtually(async {
            let (env, database) = open(&log);
            for number in [1, 2] {
                disk.before_commit(&log).await.expect("a sound disk");
                put(&env, database, number);
                disk.after_commit(&log).await.expect("a sound disk");
                if number == 1 {
                    disk.set_lying(lies);
                }
            }
        });
        assert_eq!(numbers(&log), [1, 2], "while the machine has power nobody can tell");
        disk.after_power_loss().expect("a memory file system");
        assert_eq!(numbers(&log), left, "lies: {lies}");
    }
}

#[test]
fn an_injected_error_is_an_error_before_anything_is_written() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let log = root.path().join("log");
    let disk = disk(root.path(), 1);
    virtually(async {
        let _open = open(&log);
        disk.set_error(Some(DiskError::Io));
        assert!(disk.before_commit(&log).await.is_err());
        disk.set_error(Some(DiskError::Full));
        let full = disk.before_commit(&log).await.expect_err("a full disk");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        disk.set_error(None);
        assert!(disk.before_commit(&log).await.is_ok());
    });
}

#[test]
fn a_flipped_byte_changes_one_record_and_leaves_lmdb_readable() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let log = root.path().join("log");
    let disk = disk(root.path(), 1);
    let read = || {
        let (env, database) = open(&log);
        let txn = env.read_txn().expect("a transaction");
        database.iter(&txn).expect("an iterator").map(|entry| entry.expect("an entry").1.to_owned()).collect::<Vec<_>>()
    };
    {
        let (env, database) = open(&log);
        (1..4).for_each(|number| put(&env, database, number));
    }
    let before = read();
    assert_eq!(disk.flip_byte().expect("a memory file system").map(|(name, _)| name), Some("log"));
    let after = read();
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert_eq!((before.len(), changed), (3, 1), "{before:?} {after:?}");
}
