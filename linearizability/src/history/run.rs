//! The directory of a run: the history, and the optional white-box records of its servers.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::model::History;
use super::parse::{HistoryError, open_regular, read_history};

/// A recorded run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub history: History,
    /// By name; empty if only a history file was given.
    pub nodes: Vec<NodeRecord>,
}

/// What one server recorded about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRecord {
    pub node: String,
    pub applied: Vec<Applied>,
    pub roles: Vec<RoleChange>,
    pub watches: Vec<WatchSample>,
    pub proposals: Vec<Proposal>,
}

/// A line of `applied.jsonl`: one applied log entry, or an installed snapshot (`kind` is `install`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Applied {
    /// ns.
    pub time: u64,
    pub term: u64,
    /// Position in Raft's log; not an Index.
    pub log: u64,
    /// The Index after the entry.
    pub xi: u64,
    /// 32 hex digits.
    pub hash: String,
    pub kind: String,
    pub incarnation: u64,
}

/// A line of `roles.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RoleChange {
    /// ns.
    pub time: u64,
    pub term: u64,
    pub role: Role,
    pub incarnation: u64,
}

/// Role of a server in Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Leader,
    Follower,
    Candidate,
    Learner,
    Stopped,
}

/// A line of `watches.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WatchSample {
    /// ns.
    pub time: u64,
    /// Polls waiting.
    pub parked: u64,
}

/// A line of `propose.jsonl`: an expiry that the server proposed, and the role it had then.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Proposal {
    /// ns.
    pub time: u64,
    pub kind: String,
    pub role: Role,
}

/// Why a run cannot be judged at all. Each message is whole: what caused it stands in it, once.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{path}: {cause}")]
    History { path: PathBuf, cause: HistoryError },
    #[error("cannot read {path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("{path}, line {line}: {cause}")]
    WhiteBox { path: PathBuf, line: usize, cause: serde_json::Error },
}

impl RunError {
    fn of_history(path: &Path, cause: HistoryError) -> Self {
        match cause {
            HistoryError::Io { cause, .. } => Self::Io { path: path.into(), cause },
            cause => Self::History { path: path.into(), cause },
        }
    }
}

/// Loads a history file, or the directory of a run.
///
/// # Errors
/// A missing or damaged history; a damaged white-box record. Missing white-box records are no error.
pub fn load_run(path: &Path) -> Result<Run, RunError> {
    if !path.is_dir() {
        let history = read_history(path).map_err(|cause| RunError::of_history(path, cause))?;
        return Ok(Run { history, nodes: Vec::new() });
    }
    let file = path.join("history.jsonl");
    let history = read_history(&file).map_err(|cause| RunError::of_history(&file, cause))?;
    Ok(Run { history, nodes: load_nodes(&path.join("nodes"))? })
}

fn load_nodes(directory: &Path) -> Result<Vec<NodeRecord>, RunError> {
    let io = |cause| RunError::Io { path: directory.into(), cause };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        // Records that are there and cannot be read are not records that were never made.
        Err(cause) => return Err(io(cause)),
    };
    let mut nodes = Vec::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            nodes.push(NodeRecord {
                node: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                applied: load_lines(&path.join("applied.jsonl"))?,
                roles: load_lines(&path.join("roles.jsonl"))?,
                watches: load_lines(&path.join("watches.jsonl"))?,
                proposals: load_lines(&path.join("propose.jsonl"))?,
            });
        }
    }
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(nodes)
}

fn load_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, RunError> {
    let mut text = Vec::new();
    match open_regular(path).and_then(|mut file| file.read_to_end(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(RunError::Io { path: path.into(), cause }),
    }
    let lines = text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|cause| RunError::WhiteBox { path: path.into(), line: at + 1, cause })
        })
        .collect()
}
