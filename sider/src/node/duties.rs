//! What a server does unasked: expiries while it leads, contact with the leader, snapshots by time.

use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver as _;
use sider_registry::command::Expiry;
use sider_registry::{Command, Request, limits};
use tokio::task::JoinHandle;

use super::core::Core;
use super::hand_over::hand_over;
use crate::raft::types::Proposal;

/// Starts all duties; they end when the node stops. One that ends before is a bug, and the server must not go on
/// without it.
pub(crate) fn start(core: &Arc<Core>) -> Vec<JoinHandle<()>> {
    let host = core.host().clone();
    vec![
        host.spawn(until_stop(Arc::clone(core), follow_roles(Arc::clone(core)))),
        host.spawn(until_stop(Arc::clone(core), expire(Arc::clone(core)))),
        host.spawn(until_stop(Arc::clone(core), keep_contact(Arc::clone(core)))),
        host.spawn(until_stop(Arc::clone(core), build_snapshots(Arc::clone(core)))),
        host.spawn(until_stop(Arc::clone(core), hand_over(Arc::clone(core)))),
    ]
}

async fn until_stop(core: Arc<Core>, duty: impl Future<Output = ()>) {
    let mut stopping = core.stopping.subscribe();
    tokio::select! {
        biased;
        _ = stopping.wait_for(|stop| *stop) => {}
        () = duty => {}
    }
}

/// Arms the deadlines when this server begins to lead a term, drops them when it ends.
async fn follow_roles(core: Arc<Core>) {
    let mut changes = core.parts.raft.server_metrics();
    let mut last = None;
    loop {
        let (term, state) = {
            let metrics = core.metrics();
            core.parts.links.learn(metrics.membership_config.nodes().map(|(id, member)| (id, member.addr.as_str())));
            (metrics.vote.leader_id.term, metrics.state)
        };
        if last != Some((term, state)) {
            tracing::trace!(target: "sider::role", term, role = role(state));
            if state == ServerState::Leader {
                tracing::info!(term, "this server leads");
                // Under the registry's lock: what is applied later arms its deadlines itself.
                core.parts.state.read(|registry| core.parts.expirer.lead(term, registry.ttl_checks()));
            } else {
                if matches!(last, Some((_, ServerState::Leader))) {
                    tracing::info!(term, "this server leads no more");
                }
                core.parts.expirer.resign();
            }
            last = Some((term, state));
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn role(state: ServerState) -> &'static str {
    match state {
        ServerState::Leader => "leader",
        ServerState::Follower => "follower",
        ServerState::Candidate => "candidate",
        ServerState::Learner => "learner",
        ServerState::Shutdown => "stopped",
    }
}

/// Proposes what is due, one batch at a time.
async fn expire(core: Arc<Core>) {
    loop {
        let (term, due) = core.parts.expirer.due().await;
        tracing::trace!(target: "sider::expire", count = due.len());
        if propose_expiries(&core, term, &due).await {
            core.parts.expirer.settle(&due);
        } else {
            // The leadership has ended, and the deadlines are dropped as soon as that is noticed. Until then more may
            // be due at once, and a loop without a pause would keep the only thread from noticing it.
            core.host().sleep(core.parts.timing.heartbeat).await;
        }
    }
}

/// Proposes until it is applied, without a deadline of its own: as long as the outcome is open, a renewal must not be
/// acknowledged beside it. A repeated proposal is harmless, since each expiry is fenced, and when it is applied the earlier
/// one is applied or gone. False: this server does not lead `term` any more. In a later term of its own these checks have
/// been given a full ttl, which their fences do not show.
async fn propose_expiries(core: &Core, term: u64, due: &[Expiry]) -> bool {
    while core.leads() && core.metrics().vote.leader_id.term == term {
        let request =
            Request { command: Command::Expire { expiries: due.to_vec() }, key: None, at: core.host().wall() };
        match core.parts.raft.client_write(Proposal::new(&request)).await {
            Ok(_) => return true,
            Err(error) => {
                tracing::debug!(%error, "an expiry was not committed");
                core.host().sleep(core.parts.timing.heartbeat).await;
            }
        }
    }
    false
}

/// A round with the leader now and then: it bounds the age of stale reads by proof, tells a restarted server that it
/// has caught up, and a removed one that it was removed.
async fn keep_contact(core: Arc<Core>) {
    let within = core.parts.timing.election_max;
    loop {
        if let Err(error) = core.barrier(within).await {
            tracing::debug!(%error, "no contact with a leader");
            core.ask_around().await;
        }
        core.forget_stale_snapshot();
        core.finish_joint().await;
        let between = if core.caught_up() { within / 2 } else { core.parts.timing.heartbeat };
        core.host().sleep(between).await;
    }
}

/// A snapshot after every interval with new entries, or when the log fills its file; the other rule (so many entries) is
/// openraft's.
async fn build_snapshots(core: Arc<Core>) {
    let interval: Duration = core.parts.timing.snapshot_interval;
    let mut since = Duration::ZERO;
    loop {
        let pause = interval.min(limits::LOG_LOOK_INTERVAL);
        core.host().sleep(pause).await;
        since += pause;
        if since < interval && !core.parts.log.wants_snapshot() {
            continue;
        }
        since = Duration::ZERO;
        let (applied, snapshot) = {
            let metrics = core.parts.raft.data_metrics();
            let metrics = metrics.borrow_watched();
            (metrics.last_applied, metrics.snapshot)
        };
        if applied > snapshot
            && let Err(error) = core.parts.raft.trigger().snapshot().await
        {
            tracing::debug!(%error, "no snapshot");
        }
    }
}
