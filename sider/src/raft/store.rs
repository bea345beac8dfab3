//! Opens a data directory: its lock, its two LMDB environments, and the identity of the server that owns it.
//!
//! Log and snapshots are two environments, so that the sync of a large snapshot never stands in front of a log write.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use heed::types::{Bytes, Str, U64};
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, WithoutTls};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::record;
use super::types::MemberId;
use crate::host::{Host, mint};

/// Keys are log positions, in order.
pub type Positions = U64<heed::byteorder::BE>;

/// Who the server of this directory is. Written once, when the directory is new; the cluster when it joins one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The name it was started with.
    pub name: String,
    /// Minted at random.
    pub id: MemberId,
    /// The cluster it belongs to, once it belongs to one.
    pub cluster: Option<u128>,
    /// It founded that cluster (`-raft-bootstrap`): a crash before the first entry does not leave it waiting for a join.
    pub founder: bool,
    /// Log position of the configuration that left it out: it must not serve again.
    pub removed_at: Option<u64>,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("data directory {0} is held by another process: stop that server, or give this one its own -raft-dir")]
    Held(PathBuf),
    /// It belongs to a server of another name.
    #[error(
        "data directory {dir} belongs to server {found:?}, this one is {wanted:?}: give each server its own -raft-dir, or start with -raft-id {found}"
    )]
    OtherServer {
        /// The directory.
        dir: PathBuf,
        /// Its owner.
        found: String,
        /// Who was started.
        wanted: String,
    },
    /// Its server was removed from the cluster.
    #[error(
        "server {name:?} was removed from its cluster (configuration at log {at}): to bring it back, empty {dir} and join it again"
    )]
    Removed {
        /// The directory.
        dir: PathBuf,
        /// The server.
        name: String,
        /// Position of the configuration.
        at: u64,
    },
    /// The operating system or LMDB refuses, or a record is damaged.
    #[error("data directory {dir}: {source}")]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What they say.
        source: io::Error,
    },
}

/// An open environment of one file.
#[derive(Clone)]
pub struct Environment {
    /// LMDB.
    pub env: Env<WithoutTls>,
    /// Records by position.
    pub by_position: Database<'static, Positions, Bytes>,
    /// Records by name.
    pub by_name: Database<'static, Str, Bytes>,
    /// Its directory.
    pub dir: PathBuf,
}

/// An open data directory.
pub struct Store {
    /// Log, vote, identity.
    pub log: Environment,
    /// Snapshots.
    pub snapshots: Environment,
    /// Who this server is.
    pub identity: Identity,
    /// True if the directory was new.
    pub fresh: bool,
    /// Released with the store, last.
    pub lock: File,
}

/// Name of the identity's record.
pub const IDENTITY: &str = "identity";

/// Opens (or makes) the data directory `dir` of the server `name`.
///
/// # Errors
/// See [`OpenError`].
pub fn open(dir: &Path, name: &str, map_size: usize, disk: &dyn Disk, host: &Host) -> Result<Store, OpenError> {
    let io_error = |source: io::Error| OpenError::Io { dir: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(io_error)?;
    let lock = File::create(dir.join("LOCK")).map_err(io_error)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Held(dir.to_owned())),
        Err(TryLockError::Error(e)) => return Err(io_error(e)),
    }
    let log = open_environment(&dir.join("log"), map_size, disk).map_err(io_error)?;
    let snapshots = open_environment(&dir.join("snap"), map_size, disk).map_err(io_error)?;
    let (identity, fresh) = read_or_mint(&log, name, host).map_err(io_error)?;
    if identity.name != name {
        return Err(OpenError::OtherServer { dir: dir.to_owned(), found: identity.name, wanted: name.to_owned() });
    }
    if let Some(at) = identity.removed_at {
        return Err(OpenError::Removed { dir: dir.to_owned(), name: identity.name, at });
    }
    Ok(Store { log, snapshots, identity, fresh, lock })
}

fn open_environment(dir: &Path, map_size: usize, disk: &dyn Disk) -> io::Result<Environment> {
    std::fs::create_dir_all(dir)?;
    let data = dir.join("data.mdb");
    let fresh = !data.exists();
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_size).max_dbs(2).max_readers(64);
    let flags = if disk.syncs() { EnvFlags::empty() } else { EnvFlags::NO_SYNC };
    #[expect(
        unsafe_code,
        reason = "LMDB maps a file that another process could change; the directory's lock keeps others of our kind out"
    )]
    // SAFETY: the lock file is held, each path is opened once per process, and NO_SYNC is used by the simulation only.
    let env = unsafe { options.flags(flags).open(dir) }.map_err(from_heed)?;
    let txn = env.write_txn().map_err(from_heed)?;
    let (by_position, by_name) = env
        .create_databases_and_commit(txn, |databases, txn| {
            let by_position = databases.create_database::<Positions, Bytes>(txn, Some("by-position"))?;
            let by_name = databases.create_database::<Str, Bytes>(txn, Some("by-name"))?;
            Ok(CommitOrAbort::<_, ()>::Commit((by_position, by_name)))
        })
        .map_err(from_heed)?
        .unwrap_commit();
    if fresh {
        write_ahead(&data, disk.write_ahead_bytes())?;
        if disk.syncs() {
            // A file is only there after a loss of power if its directory was synced, and so on upwards.
            [dir, dir.parent().unwrap_or(dir)].into_iter().try_for_each(|dir| File::open(dir)?.sync_all())?;
        }
    }
    Ok(Environment { env, by_position, by_name, dir: dir.to_owned() })
}

/// Appends zeros to a new environment's file: LMDB's file may be longer than its pages. `fallocate` would leave
/// unwritten extents, whose first write costs as much as growing.
fn write_ahead(path: &Path, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let mut file = File::options().append(true).open(path)?;
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..bytes / (1 << 20) {
        file.write_all(&zeros)?;
    }
    file.sync_all()
}

fn read_or_mint(log: &Environment, name: &str, host: &Host) -> io::Result<(Identity, bool)> {
    let stored = {
        let txn = log.env.read_txn().map_err(from_heed)?;
        log.by_name.get(&txn, IDENTITY).map_err(from_heed)?.map(|bytes| record::decode(&IDENTITY, bytes)).transpose()?
    };
    if let Some(identity) = stored {
        return Ok((identity, false));
    }
    let id = host.rng(|rng| u64::try_from(mint(rng) >> 64).expect("the upper half has 64 bits")).max(1);
    let identity = Identity { name: name.to_owned(), id, cluster: None, founder: false, removed_at: None };
    let mut txn = log.env.write_txn().map_err(from_heed)?;
    log.by_name.put(&mut txn, IDENTITY, &record::encode(&identity)).map_err(from_heed)?;
    txn.commit().map_err(from_heed)?;
    Ok((identity, true))
}

/// LMDB's errors as I/O errors; a full map is a full disk.
pub fn from_heed(error: heed::Error) -> io::Error {
    match error {
        heed::Error::Io(error) => error,
        heed::Error::Mdb(heed::MdbError::MapFull) => {
            io::Error::new(io::ErrorKind::StorageFull, "the LMDB map is full: start with a larger -raft-map-mib")
        }
        other => io::Error::other(other.to_string()),
    }
}
