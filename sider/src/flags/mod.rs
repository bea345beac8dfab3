//! The command line of `sds-server`: flags into a [`Config`], or one line that says which flag is wrong and what would
//! be right.
//!
//! Flags are written with one dash, as the founding document does, or with two. Knows nothing of sockets or files:
//! addresses are only read here, and bound by `main`.

mod address;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use sider::config::{Config, HttpConfig, RaftConfig};
use sider::limits;
use sider_client::duration;
use sider_registry::model::Name;

pub(crate) use address::BindAddr;

/// Where clients ask when no flag says otherwise: loopback, because a server without flags is for trying out.
const HTTP_DEFAULT: &str = "127.0.0.1:8500";
const RAFT_DEFAULT: &str = "127.0.0.1:8501";
/// The shortest heartbeat or time-out: below it a busy machine misses its own.
const PERIOD_MIN: Duration = Duration::from_millis(10);

/// A service registry: instances register, prove that they are healthy, and are found.
#[derive(Debug, Parser)]
#[command(name = "sds-server", version, after_help = EXAMPLES, max_term_width = 110)]
struct Flags {
    /// Where clients ask; ":8500" listens on all interfaces [default: 127.0.0.1:8500]
    #[arg(long, value_name = "HOST:PORT", value_parser = BindAddr::parse)]
    http: Option<BindAddr>,
    /// This server's name in the cluster [default: node1]
    #[arg(long, value_name = "NAME", value_parser = name)]
    raft_id: Option<Name>,
    /// Where the other servers ask; ":8501" listens on all interfaces [default: 127.0.0.1:8501]
    #[arg(long, value_name = "HOST:PORT", value_parser = BindAddr::parse)]
    raft_bind: Option<BindAddr>,
    /// What the other servers are told to connect to [default: the address of -raft-bind]
    #[arg(long, value_name = "HOST:PORT", value_parser = address::advertised)]
    raft_advertise: Option<String>,
    /// Where log, votes and snapshots are kept [default: data/<raft-id>]
    #[arg(long, value_name = "DIR")]
    raft_dir: Option<PathBuf>,
    /// Begin a new cluster with this server alone, if the directory is empty; the others join it. True where none of
    /// -raft-id, -raft-bind, -raft-dir and -raft-advertise is given, else false
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    raft_bootstrap: Option<bool>,
    /// Between two heartbeats of the leader
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = period)]
    raft_heartbeat: Duration,
    /// Silence of the leader after which a server may stand for election: at least
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = period)]
    raft_election_min: Duration,
    /// The same: at most
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = period)]
    raft_election_max: Duration,
    /// Log entries after which a snapshot is built
    #[arg(long, value_name = "N", default_value_t = RaftConfig::default().snapshot_entries, value_parser = clap::value_parser!(u64).range(1..))]
    raft_snapshot_entries: u64,
    /// Time after which a snapshot is built if there is anything new
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = period)]
    raft_snapshot_interval: Duration,
    /// Log entries kept behind the snapshot for servers that lag a little
    #[arg(long, value_name = "N", default_value_t = RaftConfig::default().log_keep)]
    raft_log_keep: u64,
    /// What each of the two data files may grow to, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(16..=1_048_576))]
    raft_map_mib: u32,
    /// Client connections altogether
    #[arg(long, value_name = "N", default_value_t = limits::HTTP_CONNECTIONS)]
    http_connections: usize,
    /// Connections of one client address
    #[arg(long, value_name = "N", default_value_t = limits::HTTP_CONNECTIONS_PER_ADDRESS)]
    http_connections_per_address: usize,
    /// What is logged, on standard error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
    /// How it is logged
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

const EXAMPLES: &str = "\
Examples:
  A single server on loopback, data in data/node1:
    sds-server

  A cluster of three (here on one machine; elsewhere give each its own -raft-advertise):
    sds-server -http :8500 -raft-id node1 -raft-bind :8501 -raft-bootstrap true
    sds-server -http :9500 -raft-id node2 -raft-bind :9501
    sds-server -http :10500 -raft-id node3 -raft-bind :10501
  and tell the first about the others:
    curl -X POST http://127.0.0.1:8500/v1/raft/join -d '{\"ID\":\"node2\",\"Addr\":\"127.0.0.1:9501\"}'
    curl -X POST http://127.0.0.1:8500/v1/raft/join -d '{\"ID\":\"node3\",\"Addr\":\"127.0.0.1:10501\"}'

Exit codes:
  0 stopped by SIGTERM or SIGINT; 64 a wrong flag; 65 data damaged; 69 an address is in use;
  70 anything else; 73 the data directory is held by another process or cannot be made; 74 the disk failed or is full";

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) http: BindAddr,
    pub(crate) raft: BindAddr,
    /// What peers are told, if a flag says so; else the bound address.
    pub(crate) advertise: Option<String>,
    pub(crate) log_level: LogLevel,
    pub(crate) log_format: LogFormat,
}

/// What to do instead of starting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// Print this and be done: help or version.
    Print(String),
    /// Refuse with this line.
    Refuse(String),
}

/// Reads a command line; the first word is the program.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Start, Instead> {
    let flags = Flags::try_parse_from(words.into_iter().map(two_dashes)).map_err(|error| {
        if error.use_stderr() {
            Instead::Refuse(one_line(&error.to_string()))
        } else {
            Instead::Print(error.to_string())
        }
    })?;
    flags.start().map_err(Instead::Refuse)
}

impl Flags {
    fn start(self) -> Result<Start, String> {
        let alone = self.raft_id.is_none()
            && self.raft_bind.is_none()
            && self.raft_dir.is_none()
            && self.raft_advertise.is_none();
        let name = match self.raft_id {
            Some(name) => name,
            None => Name::new("node1").map_err(|error| error.to_string())?,
        };
        if !(self.raft_heartbeat < self.raft_election_min && self.raft_election_min < self.raft_election_max) {
            return Err("-raft-heartbeat, -raft-election-min and -raft-election-max must grow in this order, \
                        like 100ms, 500ms, 1s"
                .to_owned());
        }
        let raft = RaftConfig {
            heartbeat: self.raft_heartbeat,
            election_min: self.raft_election_min,
            election_max: self.raft_election_max,
            snapshot_entries: self.raft_snapshot_entries,
            snapshot_interval: self.raft_snapshot_interval,
            log_keep: self.raft_log_keep,
            map_size: usize::try_from(self.raft_map_mib).map_err(|error| format!("-raft-map-mib: {error}"))? << 20,
        };
        let http = HttpConfig {
            connections: self.http_connections,
            connections_per_address: self.http_connections_per_address,
        };
        let config = Config {
            dir: self.raft_dir.unwrap_or_else(|| PathBuf::from("data").join(name.as_str())),
            name,
            bootstrap: self.raft_bootstrap.unwrap_or(alone),
            // Known once the port is bound.
            raft_addr: String::new(),
            raft,
            http,
        };
        Ok(Start {
            config,
            http: bind_addr(self.http, HTTP_DEFAULT)?,
            raft: bind_addr(self.raft_bind, RAFT_DEFAULT)?,
            advertise: self.raft_advertise,
            log_level: self.log_level,
            log_format: self.log_format,
        })
    }
}

fn bind_addr(given: Option<BindAddr>, default: &str) -> Result<BindAddr, String> {
    given.map_or_else(|| BindAddr::parse(default), Ok)
}

/// `-http` is `--http`; a single letter stays what it is.
fn two_dashes(word: OsString) -> OsString {
    match word.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => format!("-{text}").into(),
        _ => word,
    }
}

/// clap explains over several lines; an operator's log wants one.
fn one_line(error: &str) -> String {
    let lines = error
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("For more information") && !line.starts_with("Usage:"));
    let text = lines.collect::<Vec<_>>().join("; ").replace("; [possible", " [possible");
    format!("{}; sds-server --help lists the flags", text.trim_start_matches("error: "))
}

fn name(text: &str) -> Result<Name, String> {
    Name::new(text).map_err(|error| error.problem)
}

fn period(text: &str) -> Result<Duration, String> {
    let parsed = duration::parse(text).map_err(|error| error.to_string())?;
    if (PERIOD_MIN..=limits::CHECK_PERIOD_MAX).contains(&parsed) {
        return Ok(parsed);
    }
    let (min, max) = (duration::format(PERIOD_MIN), duration::format(limits::CHECK_PERIOD_MAX));
    Err(format!("a duration from {min} to {max} is expected, like 100ms"))
}

#[cfg(test)]
mod tests;
