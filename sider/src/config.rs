//! What a server is told. Values are valid: whoever builds a `Config` (flags, scenario) has parsed them.

use std::path::PathBuf;
use std::time::Duration;

use sider_registry::model::Name;

/// One server's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server's name in the cluster (`-raft-id`).
    pub name: Name,
    /// Directory of its log, vote, snapshots and identity (`-raft-dir`).
    pub dir: PathBuf,
    /// Make a new cluster of this server alone when the directory is empty (`-raft-bootstrap`).
    pub bootstrap: bool,
    /// Where peers reach its Raft port (`host:port`).
    pub raft_addr: String,
    /// Consensus.
    pub raft: RaftConfig,
    /// HTTP.
    pub http: HttpConfig,
}

/// Timing and compaction of consensus.
#[derive(Debug, Clone)]
pub struct RaftConfig {
    /// Between two heartbeats of the leader; also the deadline of one append.
    pub heartbeat: Duration,
    /// Shortest election time-out.
    pub election_min: Duration,
    /// Longest election time-out, and the length of the leader's lease.
    pub election_max: Duration,
    /// Applied entries after which a snapshot is built.
    pub snapshot_entries: u64,
    /// Time after which a snapshot is built when there are new entries.
    pub snapshot_interval: Duration,
    /// Entries kept in the log behind the snapshot, for followers that lag a little.
    pub log_keep: u64,
    /// Address space of each of the two LMDB files, in bytes: what they can grow to.
    pub map_size: usize,
}

impl Default for RaftConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(500),
            election_max: Duration::from_millis(1000),
            snapshot_entries: 8192,
            snapshot_interval: Duration::from_secs(20),
            log_keep: 4096,
            map_size: sider_registry::limits::MAP_BYTES_DEFAULT,
        }
    }
}

/// Bounds of the HTTP side that an operator may set.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Connections of one client address at a time.
    pub connections_per_address: usize,
    /// Connections altogether.
    pub connections: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connections_per_address: sider_registry::limits::HTTP_CONNECTIONS_PER_ADDRESS,
            connections: sider_registry::limits::HTTP_CONNECTIONS,
        }
    }
}
