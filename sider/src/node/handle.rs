//! The handle that HTTP holds.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use sider_registry::command::CheckReport;
use sider_registry::model::{Index, Name};
use sider_registry::{Command, Outcome, Registry, limits};

use super::core::Core;
use super::write::Intent;
use super::{AdminError, ClusterView, Freshness, MemberView, RaftNumbers, ReadError, WriteError};
use crate::host::Host;
use crate::raft::log::LogStats;
use crate::raft::peer::message::Admin;
use crate::watch::Watches;

/// One server's node. Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Core>);

impl Node {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    /// The server's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.0.parts.name
    }

    /// The machine it runs on.
    #[must_use]
    pub fn host(&self) -> &Host {
        self.0.host()
    }

    /// Proposes a command, through the leader if this server is not it. `Outcome::Rejected` is an error here.
    ///
    /// # Errors
    /// Each says whether something may have happened; within [`limits::WRITE_TIMEOUT`].
    pub async fn write(&self, command: Command, key: Option<String>) -> Result<Outcome, WriteError> {
        self.0.write(Intent::Propose(command), key).await
    }

    /// Reports statuses. One that repeats a check's status is a renewal and writes nothing to the log.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn report(&self, reports: Vec<CheckReport>, key: Option<String>) -> Result<Outcome, WriteError> {
        self.0.write(Intent::Report(reports), key).await
    }

    /// After it the local state is at least as new as everything acknowledged before the call.
    ///
    /// # Errors
    /// Nobody confirmed leadership, or the local state did not catch up, within [`limits::READ_TIMEOUT`].
    pub async fn read_barrier(&self) -> Result<(), ReadError> {
        self.0.barrier(limits::READ_TIMEOUT).await
    }

    /// May a stale read be answered? A server that has just started may have less than it answered before (W-3), so it
    /// must have been in step with a leader once.
    ///
    /// # Errors
    /// It has not, or it serves no more.
    pub fn stale_ready(&self) -> Result<(), ReadError> {
        match self.0.not_serving() {
            Some(why) => Err(ReadError::NotReady(why)),
            None if self.0.caught_up() => Ok(()),
            None => Err(ReadError::NotReady("this server has not caught up with a leader since it started".to_owned())),
        }
    }

    /// Waits until the local Index is at least `index`.
    ///
    /// # Errors
    /// It is not within `within`.
    pub async fn wait_index(&self, index: Index, within: Duration) -> Result<(), ReadError> {
        self.0.wait_index(index, within).await
    }

    /// How old the local state may be.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        let last_contact = self.0.since_confirmed().unwrap_or(Duration::MAX);
        let known_leader = self.0.leader().is_some() && last_contact < self.0.parts.timing.election_max * 2;
        Freshness { last_contact, known_leader }
    }

    /// Looks at the local registry. Keep it short: the next write waits.
    pub fn read<R>(&self, look: impl FnOnce(&Registry) -> R) -> R {
        self.0.parts.state.read(look)
    }

    /// Parked polls.
    #[must_use]
    pub fn watches(&self) -> &Watches {
        &self.0.parts.watches
    }

    /// Adds a server: learner, caught up, voter. Repeating it is harmless.
    ///
    /// # Errors
    /// Refused with the reason, or of unknown outcome.
    pub async fn join(&self, name: Name, addr: String) -> Result<(), AdminError> {
        self.0.admin(Admin::Join { name: name.into(), addr }).await
    }

    /// Takes a server out. Refuses what would lose the quorum unless `force`.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub async fn remove(&self, name: Name, force: bool) -> Result<(), AdminError> {
        self.0.admin(Admin::Remove { name: name.into(), force }).await
    }

    /// Hands leadership to `to`, or to the most up-to-date voter.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub async fn transfer(&self, to: Option<Name>) -> Result<(), AdminError> {
        self.0.admin(Admin::Transfer { to: to.map(Into::into) }).await
    }

    /// The cluster as this server sees it.
    #[must_use]
    pub fn cluster(&self) -> ClusterView {
        let metrics = self.0.metrics();
        let config = &metrics.membership_config;
        let voters: Vec<_> = config.voter_ids().collect();
        let mut members: Vec<MemberView> = config
            .nodes()
            .map(|(id, member)| MemberView {
                name: member.name.clone(),
                id: *id,
                addr: member.addr.clone(),
                voter: voters.contains(id),
                leader: metrics.current_leader == Some(*id),
            })
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        ClusterView {
            leader: members.iter().find(|member| member.leader).map(|member| member.addr.clone()),
            members,
            config_log: config.log_id().map_or(0, |id| id.index),
            joint: config.get_joint_config().len() > 1,
        }
    }

    /// Raft's numbers.
    #[must_use]
    pub fn raft(&self) -> RaftNumbers {
        let metrics = self.0.parts.raft.data_metrics();
        let data = metrics.borrow_watched();
        let index = |id: Option<crate::raft::types::LogId>| id.map_or(0, |id| id.index);
        RaftNumbers {
            term: self.0.metrics().vote.leader_id.term,
            leads: self.0.leads(),
            last_log: index(data.last_log),
            committed: index(data.cluster_committed),
            applied: index(data.last_applied),
            snapshot: index(data.snapshot),
            purged: index(data.purged),
        }
    }

    /// Counters of the log's writer.
    #[must_use]
    pub fn log_stats(&self) -> &LogStats {
        self.0.parts.log.stats()
    }

    /// Checks with a running deadline: none on a follower.
    #[must_use]
    pub fn armed_deadlines(&self) -> usize {
        self.0.parts.expirer.armed()
    }

    /// Ready for consistent reads and writes.
    ///
    /// # Errors
    /// The reasons why not, for people.
    pub fn readiness(&self) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        reasons.extend(self.0.not_serving());
        if self.0.parts.cluster.get().is_none() {
            reasons.push(format!(
                "this server belongs to no cluster yet: POST /v1/raft/join {{\"ID\":\"{}\",\"Addr\":\"<its raft address>\"}} to a member",
                self.name().as_str()
            ));
        } else if self.0.leader().is_none() {
            reasons.push("no leader is known".to_owned());
        }
        if !self.0.caught_up() {
            reasons.push("it has not caught up with a leader since it started".to_owned());
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
}
