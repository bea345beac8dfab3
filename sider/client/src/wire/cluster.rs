//! Bodies of the cluster's own endpoints: `/v1/raft/*` and `/v1/status/*`.

use serde::{Deserialize, Serialize};

/// Answer of `GET /v1/raft/configuration`, in the shape of Consul's `/v1/operator/raft/configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RaftConfiguration {
    /// Servers by name, learners included.
    pub servers: Vec<RaftServer>,
    /// Raft log position of the configuration. It is no Index of the registry.
    #[serde(default)]
    pub index: u64,
}

/// One server of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RaftServer {
    /// The server's name (`-raft-id`).
    #[serde(rename = "ID")]
    pub id: String,
    /// The same name: Consul's clients show this one.
    #[serde(default)]
    pub node: String,
    /// Where peers reach its Raft port (`host:port`).
    pub address: String,
    /// True for the leader, as the answering server knows it.
    #[serde(default)]
    pub leader: bool,
    /// False for a learner that still catches up.
    #[serde(default)]
    pub voter: bool,
    /// The last log position known to be replicated there; the leader alone knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_index: Option<u64>,
}

/// Body of `POST /v1/raft/join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The new server's name.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its Raft address (`host:port`).
    #[serde(rename = "Addr")]
    pub addr: String,
}

/// Body of `POST /v1/raft/remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveRequest {
    /// The server's name.
    #[serde(rename = "ID")]
    pub id: String,
    /// Remove it even if the quorum may be lost with it.
    #[serde(rename = "Force", default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Body of `POST /v1/raft/transfer`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TransferRequest {
    /// The new leader's name; absent: the server chooses the one that is furthest.
    #[serde(rename = "ID", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}
