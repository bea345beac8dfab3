//! Proposals, here or forwarded. Every answer says whether something may have happened (SPEC section 3).

use std::sync::atomic::Ordering;
use std::time::Duration;

use sider_registry::command::CheckReport;
use sider_registry::{Command, Outcome, Request, limits};

use super::WriteError;
use super::core::Core;
use crate::raft::peer::{Call, CallError, Reply};
use crate::raft::types::{Member, MemberId, Proposal};

/// What a client wants written.
#[derive(Debug, Clone)]
pub(crate) enum Intent {
    Propose(Command),
    /// Reports go another way on the leader: a renewal writes nothing.
    Report(Vec<CheckReport>),
}

impl Core {
    /// Carries the write out, through the leader if this server is not it.
    pub async fn write(&self, intent: Intent, key: Option<String>) -> Result<Outcome, WriteError> {
        let _place = InFlight::take(self)?;
        let deadline = self.host().now() + limits::WRITE_TIMEOUT;
        loop {
            if let Some(why) = self.not_serving() {
                return Err(WriteError::NotReady(why));
            }
            let remaining = deadline.saturating_sub(self.host().now());
            let attempt = match self.leader() {
                Some((id, _)) if id == self.id => self.write_here(intent.clone(), key.clone(), remaining).await,
                Some((id, member)) => self.forward(id, &member, &intent, key.as_ref(), remaining).await,
                None => Err(WriteError::NoLeader("no server leads now".to_owned())),
            };
            let again = match &attempt {
                // Provably nothing happened: another try is the first.
                Err(WriteError::NoLeader(_)) => true,
                // The registry remembers the key and answers what it answered before.
                Err(WriteError::Unknown(_)) => key.is_some(),
                _ => false,
            };
            if !again || self.host().now() >= deadline {
                return match attempt {
                    Ok(Outcome::Rejected(rejection)) => Err(WriteError::Rejected(rejection)),
                    other => other,
                };
            }
            self.pause_for_leader(deadline.saturating_sub(self.host().now())).await;
        }
    }

    /// Carries it out on this server, which must lead.
    pub async fn write_here(
        &self,
        intent: Intent,
        key: Option<String>,
        within: Duration,
    ) -> Result<Outcome, WriteError> {
        match intent {
            Intent::Propose(command) => self.propose(command, key, within).await,
            Intent::Report(reports) => self.report_here(reports, key, within).await,
        }
    }

    /// Proposes a command on this server.
    ///
    /// The check of leadership comes before openraft is asked and proves that nothing was proposed. No error of
    /// openraft's after that proves anything: the entry may stand in a log that wins.
    pub async fn propose(
        &self,
        command: Command,
        key: Option<String>,
        within: Duration,
    ) -> Result<Outcome, WriteError> {
        if !self.leads() {
            return Err(WriteError::NoLeader("this server does not lead any more".to_owned()));
        }
        if self.parts.log.nearly_full() {
            return Err(WriteError::NotReady("its log is nearly full: see -raft-map-mib".to_owned()));
        }
        if !self.lease_holds() {
            // openraft refuses writes without a lease, as a new leader has none until a quorum has answered it, and its
            // refusal proves nothing. A round before the proposal does, and brings the lease.
            self.read_index(within).await.map_err(|error| WriteError::NoLeader(error.to_string()))?;
        }
        let request = Request { command, key, at: self.host().wall() };
        let write = self.parts.raft.client_write(Proposal::new(&request));
        match self.host().timeout(within, write).await {
            Ok(Ok(response)) => Ok(response.data.expect("a command answers with an outcome")),
            Ok(Err(error)) => Err(WriteError::Unknown(error.to_string())),
            Err(_) => Err(WriteError::Unknown(format!("not committed within {within:?}"))),
        }
    }

    async fn forward(
        &self,
        id: MemberId,
        member: &Member,
        intent: &Intent,
        key: Option<&String>,
        within: Duration,
    ) -> Result<Outcome, WriteError> {
        let key = key.cloned();
        let call = match intent.clone() {
            Intent::Propose(command) => Call::Propose { command, key },
            Intent::Report(reports) => Call::Report { reports, key },
        };
        match self.forward_link(id, member).call(&call, within).await {
            Ok(Reply::Write(result)) => result,
            Ok(Reply::Refused(refusal)) => Err(WriteError::NoLeader(refusal.to_string())),
            Ok(_) => Err(WriteError::Unknown("the leader answered another question".to_owned())),
            Err(CallError::NotSent(why)) => Err(WriteError::NoLeader(why)),
            Err(error) => Err(WriteError::Unknown(error.to_string())),
        }
    }
}

/// One of the bounded places for writes under way.
struct InFlight<'a>(&'a Core);

impl<'a> InFlight<'a> {
    fn take(core: &'a Core) -> Result<Self, WriteError> {
        if core.writes.fetch_add(1, Ordering::Relaxed) >= limits::WRITES_IN_FLIGHT_MAX {
            core.writes.fetch_sub(1, Ordering::Relaxed);
            return Err(WriteError::Overloaded(limits::WRITES_IN_FLIGHT_MAX));
        }
        Ok(Self(core))
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.writes.fetch_sub(1, Ordering::Relaxed);
    }
}
