//! Changes of membership and leadership, on the leader. One at a time.

use std::collections::{BTreeMap, BTreeSet};

use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{ChangeMembers, Instant as _};
use sider_registry::limits;

use super::AdminError;
use super::core::Core;
use crate::raft::peer::message::{Admin, Hello};
use crate::raft::peer::{Call, CallError, Purpose, Refusal, Reply};
use crate::raft::types::{Member, MemberId, TypeConfig};

impl Core {
    /// Carries the change out, through the leader if this server is not it.
    pub async fn admin(&self, change: Admin) -> Result<(), AdminError> {
        if let Some(why) = self.not_serving() {
            return Err(AdminError::NotReady(why));
        }
        let within = limits::JOIN_TIMEOUT + limits::WRITE_TIMEOUT;
        match self.leader() {
            None => Err(AdminError::NoLeader("no server leads now".to_owned())),
            Some((id, _)) if id == self.id => self.admin_here(change).await,
            Some((id, member)) => match self.forward_link(id, &member).call(&Call::Admin(change), within).await {
                Ok(Reply::Admin(result)) => result,
                Ok(Reply::Refused(refusal)) => Err(AdminError::NoLeader(refusal.to_string())),
                Ok(_) => Err(AdminError::Unknown("the leader answered another question".to_owned())),
                Err(CallError::NotSent(why)) => Err(AdminError::NoLeader(why)),
                Err(error) => Err(AdminError::Unknown(error.to_string())),
            },
        }
    }

    /// Carries it out on this server, which must lead.
    pub async fn admin_here(&self, change: Admin) -> Result<(), AdminError> {
        if !self.leads() {
            return Err(AdminError::NoLeader("this server does not lead any more".to_owned()));
        }
        let Ok(_turn) = self.admin.try_lock() else {
            return Err(AdminError::Refused(
                "another change of membership is under way: repeat this one after it".to_owned(),
            ));
        };
        match change {
            Admin::Join { name, addr } => self.join(name, addr).await,
            Admin::Remove { name, force } => self.remove(&name, force).await,
            Admin::Transfer { to } => self.transfer(to).await,
        }
    }

    async fn join(&self, name: String, addr: String) -> Result<(), AdminError> {
        let hello = self.ask_who(&addr).await?;
        self.may_join(&name, &addr, &hello)?;
        let metrics = self.metrics();
        let known = metrics.membership_config.get_node(&hello.id).cloned();
        let member = Member { name, addr };
        if known.as_ref() != Some(&member) && known.is_some() {
            let moved = ChangeMembers::SetNodes(BTreeMap::from([(hello.id, member.clone())]));
            self.change(moved, true).await?;
        } else if known.is_none() {
            let add = self.parts.raft.add_learner(hello.id, member, false);
            match self.host().timeout(limits::WRITE_TIMEOUT, add).await {
                Ok(added) => drop(added.map_err(|error| refused(&error))?),
                Err(_) => return Err(AdminError::Unknown("it was not made a learner in time".to_owned())),
            }
        }
        let committed = self.metrics().committed_membership_config;
        if committed.voter_ids().any(|id| id == hello.id) && committed.get_joint_config().len() == 1 {
            return Ok(()); // a repeated join finds it done
        }
        self.learner_has_all(hello.id).await?;
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([hello.id])), true).await
    }

    /// Waits until the learner has all that this leader has now. Not openraft's own wait, which calls a server caught up
    /// that has received nothing as long as the log is short: made a voter, and dying then, it takes the quorum along.
    async fn learner_has_all(&self, learner: MemberId) -> Result<(), AdminError> {
        let mut data = self.parts.raft.data_metrics();
        let goal = data.borrow_watched().last_log;
        let reached = async {
            loop {
                let all = data.borrow_watched().replication.clone().unwrap_or_default();
                if all.get(&learner).copied().flatten() >= goal {
                    return Ok(());
                }
                if !self.leads() || data.changed().await.is_err() {
                    return Err(AdminError::NoLeader("this server does not lead any more".to_owned()));
                }
            }
        };
        let still = || Err(AdminError::Unknown("it is a learner and still catches up: repeat the join".to_owned()));
        self.host().timeout(limits::JOIN_TIMEOUT, reached).await.unwrap_or_else(|_| still())
    }

    async fn ask_who(&self, addr: &str) -> Result<Hello, AdminError> {
        let link = self.parts.links.get(0, addr, Purpose::Forward);
        match link.call(&Call::Hello, limits::PEER_DIAL_TIMEOUT).await {
            Ok(Reply::Hello(hello)) => Ok(hello),
            Ok(Reply::Refused(Refusal::Stopping { why, .. })) => {
                Err(AdminError::Refused(format!("the server at {addr} stops: {why}")))
            }
            Ok(other) => {
                Err(AdminError::Refused(format!("the server at {addr} answered {other:?}: is it of this version?")))
            }
            Err(error) => Err(AdminError::Refused(format!(
                "no Sider server answers at {addr} ({error}): Addr is the new server's -raft-bind as the others reach it"
            ))),
        }
    }

    /// Who answers at the address must be who was named, free to join, and no stranger under a known name.
    fn may_join(&self, name: &str, addr: &str, hello: &Hello) -> Result<(), AdminError> {
        let refuse = |why: String| Err(AdminError::Refused(why));
        if hello.name != name {
            return refuse(format!("the server at {addr} is {:?}, not {name:?}: ID is its -raft-id", hello.name));
        }
        if hello.cluster.is_some_and(|cluster| Some(&cluster) != self.parts.cluster.get()) {
            return refuse(format!(
                "server {name:?} belongs to another cluster: empty its data directory and start it without -raft-bootstrap"
            ));
        }
        let metrics = self.metrics();
        let members: BTreeMap<_, _> = metrics.membership_config.nodes().collect();
        if members.len() >= limits::MEMBERS_MAX && !members.contains_key(&hello.id) {
            return refuse(format!("the cluster has {} servers, the bound: remove one first", limits::MEMBERS_MAX));
        }
        match members.iter().find(|(id, member)| member.name == name && ***id != hello.id) {
            Some((id, _)) => refuse(format!(
                "{name:?} is a member under another identity ({id:016x}): its disk was wiped or replaced. \
                 First POST /v1/raft/remove {{\"ID\":{name:?}}}, then join it again"
            )),
            None => Ok(()),
        }
    }

    async fn remove(&self, name: &str, force: bool) -> Result<(), AdminError> {
        let metrics = self.metrics();
        let found = metrics.membership_config.nodes().find(|(_, member)| member.name == name);
        let Some((id, _)) = found.map(|(id, member)| (*id, member.clone())) else {
            return Err(AdminError::UnknownMember(name.to_owned()));
        };
        let voters: BTreeSet<MemberId> = metrics.membership_config.voter_ids().collect();
        if !voters.contains(&id) {
            return self.change(ChangeMembers::RemoveNodes(BTreeSet::from([id])), false).await;
        }
        let rest: BTreeSet<MemberId> = voters.into_iter().filter(|voter| *voter != id).collect();
        if rest.is_empty() {
            return Err(AdminError::Refused(format!("{name:?} is the last voter: a cluster of nobody keeps no word")));
        }
        let alive = rest.iter().filter(|voter| **voter == self.id || self.answers(**voter)).count();
        if alive <= rest.len() / 2 && !force {
            return Err(AdminError::Refused(format!(
                "without {name:?} {} voters are left, of which {alive} answer: the quorum would be lost. \
                 Bring them back first, or send \"Force\":true",
                rest.len()
            )));
        }
        self.change(ChangeMembers::RemoveVoters(BTreeSet::from([id])), false).await
    }

    /// The peer answered a heartbeat within the last two leases.
    pub fn answers(&self, peer: MemberId) -> bool {
        let metrics = self.parts.raft.data_metrics();
        let heartbeat = metrics.borrow_watched().heartbeat.as_ref().and_then(|all| all.get(&peer).copied()).flatten();
        heartbeat.is_some_and(|at| at.elapsed() < self.parts.timing.election_max * 2)
    }

    async fn transfer(&self, to: Option<String>) -> Result<(), AdminError> {
        let metrics = self.metrics();
        let id = match to {
            Some(name) => {
                let mut members = metrics.membership_config.nodes();
                let found = members.find(|(_, member)| member.name == name).map(|(id, _)| *id);
                found.ok_or(AdminError::UnknownMember(name))?
            }
            None => self.most_up_to_date().ok_or_else(|| AdminError::Refused("no other voter answers".to_owned()))?,
        };
        if id == self.id {
            return Ok(());
        }
        if metrics.membership_config.voter_ids().all(|voter| voter != id) {
            return Err(AdminError::Refused("only a voter can lead: this one is a learner".to_owned()));
        }
        // Once somebody is asked, nobody writes until there is another leader.
        if !self.answers(id) {
            return Err(AdminError::Refused("this server does not answer its leader: it cannot lead now".to_owned()));
        }
        tracing::trace!(target: "sider::point", point = "transfer.before_ask");
        self.ask_to_lead(id).await.map_err(|error| AdminError::Unknown(error.to_string()))?;
        let mut changes = self.parts.raft.server_metrics();
        let moved = async {
            while self.metrics().current_leader != Some(id) {
                if changes.changed().await.is_err() {
                    return Err(AdminError::Unknown("consensus has stopped on the server that led".to_owned()));
                }
            }
            Ok(())
        };
        let within = self.parts.timing.election_max * 2;
        let late = || Err(AdminError::Unknown(format!("it did not lead within {within:?}")));
        self.host().timeout(within, moved).await.unwrap_or_else(|_| late())
    }

    /// The voter, other than this server, with the longest replicated log.
    pub fn most_up_to_date(&self) -> Option<MemberId> {
        let metrics = self.metrics();
        let voters: BTreeSet<MemberId> = metrics.membership_config.voter_ids().filter(|id| *id != self.id).collect();
        let replication = self.parts.raft.data_metrics().borrow_watched().replication.clone().unwrap_or_default();
        voters.into_iter().filter(|voter| self.answers(*voter)).max_by_key(|voter| {
            (replication.get(voter).copied().flatten().map(|id| id.index), std::cmp::Reverse(*voter))
        })
    }

    /// Finishes a change that an earlier leader left half-way (a joint configuration). Not retained are exactly the voters
    /// that no new configuration names: whoever was being removed, and nobody when the cluster was growing.
    pub async fn finish_joint(&self) {
        let metrics = self.metrics();
        let joint = metrics.membership_config.membership().get_joint_config().len() > 1;
        if !joint || !self.leads() {
            return;
        }
        let Ok(_turn) = self.admin.try_lock() else { return };
        tracing::info!("finishing a change of membership that an earlier leader began");
        if let Err(error) = self.change(ChangeMembers::AddVoterIds(BTreeSet::new()), false).await {
            tracing::debug!(%error, "the change is not finished yet");
        }
    }

    async fn change(&self, change: ChangeMembers<MemberId, Member>, retain: bool) -> Result<(), AdminError> {
        let changed = self.host().timeout(limits::WRITE_TIMEOUT, self.parts.raft.change_membership(change, retain));
        match changed.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(AdminError::Unknown(format!("not committed within {:?}", limits::WRITE_TIMEOUT))),
        }
    }
}

fn refused(error: &RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> AdminError {
    match error.api_error() {
        Some(ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_))) => {
            AdminError::Refused("a change of membership is under way: repeat this one after it".to_owned())
        }
        Some(ClientWriteError::ChangeMembershipError(error)) => AdminError::Refused(error.to_string()),
        _ => AdminError::Unknown(error.to_string()),
    }
}
