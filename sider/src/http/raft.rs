//! Membership and leadership, and who is who.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sider_client::wire::{RaftConfiguration, RaftServer};

use super::call::Call;
use super::error::ApiError;
use super::{Api, decode, reply};

/// `POST /v1/raft/join`: answers when the new server votes.
pub(super) async fn join(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let (id, addr) = decode::cluster::join(&call.body(&api).await?)?;
    api.node.join(id, addr).await?;
    configuration(State(api)).await
}

/// `POST /v1/raft/remove`.
pub(super) async fn remove(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let (id, force) = decode::cluster::remove(&call.body(&api).await?)?;
    api.node.remove(id, force).await?;
    configuration(State(api)).await
}

/// `POST /v1/raft/transfer`.
pub(super) async fn transfer(State(api): State<Arc<Api>>, call: Call) -> Result<Response, ApiError> {
    let to = decode::cluster::transfer(&call.body(&api).await?)?;
    api.node.transfer(to).await?;
    configuration(State(api)).await
}

/// `GET /v1/raft/configuration`.
pub(super) async fn configuration(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let cluster = api.node.cluster();
    let servers = cluster.members.into_iter().map(|member| RaftServer {
        node: member.name.clone(),
        id: member.name,
        address: member.addr,
        leader: member.leader,
        voter: member.voter,
        last_index: None,
    });
    reply::json(&RaftConfiguration { servers: servers.collect(), index: cluster.config_log })
}

/// `GET /v1/status/leader`: its Raft address, or an empty text.
pub(super) async fn leader(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    reply::json(&api.node.cluster().leader.unwrap_or_default())
}

/// `GET /v1/status/peers`: the Raft addresses of the servers that vote.
pub(super) async fn peers(State(api): State<Arc<Api>>) -> Result<Response, ApiError> {
    let members = api.node.cluster().members;
    let voters: Vec<String> = members.into_iter().filter(|member| member.voter).map(|member| member.addr).collect();
    reply::json(&voters)
}
