//! The cluster itself: who leads, who belongs to it, and changes of that.

use std::time::Duration;

use http::Method;
use sider_registry::limits;

use super::writes::ignore;
use super::{Ack, Call, Client, Outcome, Read, ReadError};
use crate::wire::{JoinRequest, RaftConfiguration, RemoveRequest, TransferRequest};

impl Client {
    /// The leader's Raft address as the asked server knows it; empty when it knows none.
    ///
    /// # Errors
    /// No server answered.
    pub async fn status_leader(&self) -> Result<Read<String>, ReadError> {
        self.read_call(self.get("/v1/status/leader".into(), Duration::ZERO)).await
    }

    /// The Raft addresses of the voters.
    ///
    /// # Errors
    /// No server answered.
    pub async fn peers(&self) -> Result<Read<Vec<String>>, ReadError> {
        self.read_call(self.get("/v1/status/peers".into(), Duration::ZERO)).await
    }

    /// The cluster's members.
    ///
    /// # Errors
    /// No server answered.
    pub async fn configuration(&self) -> Result<Read<RaftConfiguration>, ReadError> {
        self.read_call(self.get("/v1/raft/configuration".into(), Duration::ZERO)).await
    }

    /// Takes a new server in: learner first, voter when it has caught up. Idempotent.
    pub async fn join(&self, id: &str, raft_address: &str) -> Outcome<Ack<()>> {
        let request = JoinRequest { id: id.to_owned(), addr: raft_address.to_owned() };
        self.membership_call("/v1/raft/join", &request).await
    }

    /// Takes a server out of the cluster. Refused when the quorum may be lost with it, unless `force`.
    pub async fn remove(&self, id: &str, force: bool) -> Outcome<Ack<()>> {
        self.membership_call("/v1/raft/remove", &RemoveRequest { id: id.to_owned(), force }).await
    }

    /// Hands leadership to the server `to`, or to the one that is furthest.
    pub async fn transfer(&self, to: Option<&str>) -> Outcome<Ack<()>> {
        self.membership_call("/v1/raft/transfer", &TransferRequest { id: to.map(str::to_owned) }).await
    }

    /// Membership takes as long as catching up does.
    async fn membership_call(&self, path: &str, body: &impl serde::Serialize) -> Outcome<Ack<()>> {
        let call = self.put(path.into(), body, None);
        let timeout = call.timeout + limits::JOIN_TIMEOUT;
        self.write_call(Call { method: Method::POST, timeout, ..call }, ignore).await
    }
}
